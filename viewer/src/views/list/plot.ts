// The chart itself: uPlot, set up for bars of three classes and a range chosen by a drag.

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { short } from "../../format.ts";
import { clock, date } from "../../time.ts";
import type { Bars } from "./chartdata.ts";

export interface Chosen {
  /** The step that is pointed at, or null. */
  onPoint(index: number | null): void;
  /** Milliseconds, from and to. */
  onRange(from: number, to: number): void;
}

/** What each chart holds beside uPlot's own data. */
const shownIn = new WeakMap<uPlot, Bars>();

/** Pixels below which a drag is a click. */
const CLICK = 4;

export function plot(place: HTMLElement, bars: Bars, height: number, chosen: Chosen): uPlot {
  const style = getComputedStyle(place);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const paths = uPlot.paths.bars?.({ size: [0.82, 28], align: 1 });
  const series = (fill: string): uPlot.Series => ({
    fill,
    width: 0,
    points: { show: false },
    ...(paths ? { paths } : {}),
  });
  const font = `11px ${style.fontFamily}`;
  const axis = { stroke: color("--dim"), font, ticks: { show: false }, gap: 4 };
  const chart = new uPlot(
    {
      width: place.clientWidth,
      height,
      ms: 1,
      padding: [6, 18, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
      scales: {
        x: { time: true, range: (self) => extent(shownIn.get(self) ?? bars) },
        y: { range: (_self, _low, high) => [0, Math.max(4, high * 1.08)] },
      },
      axes: [
        { ...axis, size: 22, space: 90, grid: { show: false }, values: labels },
        {
          ...axis,
          size: 40,
          space: 26,
          grid: { stroke: color("--grid"), width: 1 },
          incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6, 1e7],
          values: (_self, splits) => splits.map(short),
        },
      ],
      series: [
        {},
        series(color("--bar-ok")),
        series(color("--bar-client")),
        series(color("--bar-server")),
      ],
      hooks: {
        setCursor: [(self) => chosen.onPoint(pointed(self))],
        setSelect: [(self) => select(self, chosen)],
      },
    },
    dataOf(bars),
    place,
  );
  shownIn.set(chart, bars);
  chart.setData(dataOf(bars));
  chart.over.addEventListener("click", (event) => click(chart, event, chosen));
  return chart;
}

/** Show newer numbers in the chart that is there. */
export function update(chart: uPlot, bars: Bars): void {
  if (shownIn.get(chart) === bars) return;
  shownIn.set(chart, bars);
  chart.setData(dataOf(bars));
}

function dataOf({ times, all, errors, server }: Bars): uPlot.AlignedData {
  return [[...times], [...all], [...errors], [...server]];
}

function extent({ times, step }: Bars): [number, number] {
  return [times[0] ?? 0, (times.at(-1) ?? 0) + step];
}

/** The step under the pointer: uPlot's own index is the nearest beginning, not the bar. */
function pointed(chart: uPlot): number | null {
  const { left } = chart.cursor;
  return left === undefined || left < 0 ? null : stepAt(chart, left);
}

function stepAt(chart: uPlot, left: number): number | null {
  const bars = shownIn.get(chart);
  if (!bars) return null;
  const index = Math.floor((chart.posToVal(left, "x") - (bars.times[0] ?? 0)) / bars.step);
  return index >= 0 && index < bars.times.length ? index : null;
}

function select(chart: uPlot, chosen: Chosen): void {
  const { left, width } = chart.select;
  if (width < CLICK) return;
  const from = chart.posToVal(left, "x");
  const to = chart.posToVal(left + width, "x");
  chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  chosen.onRange(from, to);
}

function click(chart: uPlot, event: MouseEvent, chosen: Chosen): void {
  if (chart.select.width >= CLICK) return;
  const bars = shownIn.get(chart);
  const index = stepAt(chart, event.offsetX);
  const begin = index === null ? undefined : bars?.times[index];
  if (bars && begin !== undefined) chosen.onRange(begin, begin + bars.step);
}

/** Times of day; the date where a new day begins. */
function labels(chart: uPlot, splits: number[]): string[] {
  const step = (splits[1] ?? 0) - (splits[0] ?? 0);
  let day = date(shownIn.get(chart)?.times[0] ?? splits[0] ?? 0);
  return splits.map((time) => {
    const today = date(time);
    const changed = today !== day;
    day = today;
    if (changed || step >= 86_400_000) return today.slice(5);
    return step < 60_000 ? clock(time) : clock(time).slice(0, 5);
  });
}
