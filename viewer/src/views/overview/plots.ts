// Charts over time: uPlot set up for bars or lines; several of them share their pointer.

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { clock, date } from "../../time.ts";
import { alone } from "./numbers.ts";

export interface Line {
  /** A colour of tokens.css, such as `--ok`. */
  readonly color: string;
  readonly values: readonly (number | null)[];
}

export interface Shape {
  readonly bars: boolean;
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
  /** The least that the axis shows, so that next to nothing does not look like much. */
  readonly least: number;
  /** Whether ten times as much is one step up: durations of one chart differ that much. */
  readonly powers?: boolean;
}

export interface Steps {
  /** Where each step begins, in milliseconds. */
  readonly times: readonly number[];
  readonly step: number;
}

export interface Chosen {
  /** The step that is pointed at, or null. */
  onPoint(index: number | null): void;
  /** Milliseconds, from and to. */
  onRange(from: number, to: number): void;
}

/** Pixels below which a drag is none. */
const CLICK = 4;

/** What each chart shows now. */
const shownIn = new WeakMap<uPlot, Steps>();

export function plot(
  place: HTMLElement,
  steps: Steps,
  shape: Shape,
  height: number,
  chosen: Chosen,
): uPlot {
  const style = getComputedStyle(place);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const bars = uPlot.paths.bars?.({ size: [0.82, 28], align: 0 });
  const font = `11px ${style.fontFamily}`;
  const axis: uPlot.Axis = { stroke: color("--dim"), font, ticks: { show: false }, gap: 4 };
  const made = new uPlot(
    {
      width: place.clientWidth,
      height,
      ms: 1,
      padding: [8, 12, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        points: { show: !shape.bars, size: 6 },
        drag: { x: true, y: false, setScale: false },
        sync: {
          key: "overview",
          scales: ["x", null],
          // A drag belongs to one chart; the others only follow the pointer.
          filters: { pub: (type) => type === "mousemove" || type === "mouseleave" },
        },
      },
      scales: {
        x: { time: true, range: (self) => extent(shownIn.get(self) ?? steps) },
        y: shape.powers
          ? { distr: 3, range: (_self, low, high) => wide(low, high, shape.least) }
          : { range: (_self, _low, high) => [0, Math.max(shape.least, (high ?? 0) * 1.08)] },
      },
      axes: [
        { ...axis, size: 22, space: 80, grid: { show: false }, values: labels },
        {
          ...axis,
          size: 54,
          space: 28,
          grid: { stroke: color("--grid"), width: 1, ...(shape.powers ? { filter: tens } : {}) },
          ...(shape.powers ? { filter: tens } : {}),
          values: (_self, splits) => splits.map((one) => (one === null ? "" : shape.format(one))),
        },
      ],
      series: [
        {},
        ...shape.lines.map((line): uPlot.Series => {
          if (!shape.bars) {
            const dots = { size: 4, fill: color(line.color), filter: points };
            return { stroke: color(line.color), width: 1.5, points: dots };
          }
          const filled = { fill: color(line.color), width: 0, points: { show: false } };
          return bars ? { ...filled, paths: bars } : filled;
        }),
      ],
      hooks: {
        setCursor: [(self) => chosen.onPoint(self.cursor.idx ?? null)],
        setSelect: [(self) => select(self, chosen)],
      },
    },
    data(steps, shape),
    place,
  );
  shownIn.set(made, steps);
  return made;
}

/** Show newer numbers in a chart that is there. */
export function update(chart: uPlot, steps: Steps, shape: Shape): void {
  if (shownIn.get(chart) === steps) return;
  shownIn.set(chart, steps);
  chart.setData(data(steps, shape));
}

function extent({ times, step }: Steps): [number, number] {
  return [times[0] ?? 0, (times.at(-1) ?? 0) + step];
}

/** What uPlot draws: each value stands in the middle of its step. */
function data(steps: Steps, shape: Shape): uPlot.AlignedData {
  const middles = steps.times.map((time) => time + steps.step / 2);
  return [middles, ...shape.lines.map((line) => [...line.values])];
}

/** Which values get a point where there is no room for *all* of them. */
function points(chart: uPlot, line: number, all: boolean): number[] | null {
  return all ? null : alone(chart.data[line] ?? []);
}

/** From a power of ten to a power of ten, at least one apart. */
function wide(low: number | null, high: number | null, least: number): [number, number] {
  const from = 10 ** Math.floor(Math.log10(Math.max(low ?? least, 0.001)));
  const to = 10 ** Math.ceil(Math.log10(Math.max(high ?? least, 0.001)));
  return [from, Math.max(to, 10 * from)];
}

function tens(_chart: uPlot, splits: number[]): (number | null)[] {
  return splits.map((one) =>
    Number.isInteger(Math.round(1e6 * Math.log10(one)) / 1e6) ? one : null,
  );
}

function select(chart: uPlot, chosen: Chosen): void {
  const { left, width } = chart.select;
  if (width < CLICK) return;
  const from = chart.posToVal(left, "x");
  const to = chart.posToVal(left + width, "x");
  chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  chosen.onRange(from, to);
}

/** Times of day; the date where a new day begins. */
function labels(chart: uPlot, splits: number[]): string[] {
  const step = (splits[1] ?? 0) - (splits[0] ?? 0);
  let day = date(chart.data[0][0] ?? splits[0] ?? 0);
  return splits.map((time) => {
    const today = date(time);
    const changed = today !== day;
    day = today;
    if (changed || step >= 86_400_000) return today.slice(5);
    return step < 60_000 ? clock(time) : clock(time).slice(0, 5);
  });
}
