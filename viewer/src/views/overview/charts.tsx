// Three charts of the same time beside each other: calls, share of errors, durations.

import { type Signal, useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type uPlot from "uplot";
import type { Point, Series } from "../../api.ts";
import { count, duration, percent, plural, short } from "../../format.ts";
import { dark } from "../../theme.ts";
import { clock, date, dateTime } from "../../time.ts";
import { showRange } from "../list/rangepicker.tsx";
import { lengthOf, rate, total } from "./numbers.ts";
import type { Shape, Steps } from "./plots.ts";

const HEIGHT = 132;

/** Most steps that are drawn, whatever the server says. */
const MOST = 2000;

export function Charts(props: {
  readonly series: Series | null;
  readonly label: string;
}): JSX.Element {
  const { series, label } = props;
  const pointed = useSignal<number | null>(null);
  const shown = useMemo(() => (series ? shapes(series) : null), [series]);
  const point = pointed.value === null ? undefined : series?.points[pointed.value];
  return (
    <section class="overview-charts" aria-label={`Over time: ${label}`}>
      <Chart
        title="Calls"
        said={series ? <Calls series={series} point={point} /> : null}
        steps={shown}
        shape={shown?.calls ?? null}
        pointed={pointed}
      />
      <Chart
        title="Errors"
        said={series ? <Errors series={series} point={point} /> : null}
        steps={shown}
        shape={shown?.errors ?? null}
        pointed={pointed}
      />
      <Chart
        title="Duration"
        said={series ? <Durations series={series} point={point} /> : null}
        steps={shown}
        shape={shown?.durations ?? null}
        pointed={pointed}
      />
      <p class="overview-charts-when dim">{series ? when(series, point) : ""}</p>
    </section>
  );
}

interface Shapes extends Steps {
  readonly calls: Shape;
  readonly errors: Shape;
  readonly durations: Shape;
}

function shapes(series: Series): Shapes {
  const points = series.points.slice(0, MOST);
  const share = (part: (point: Point) => number) =>
    points.map((point) => (point.count ? (100 * part(point)) / point.count : null));
  return {
    times: points.map((point) => point.time),
    step: series.step,
    calls: {
      bars: true,
      least: 4,
      format: short,
      lines: [
        { color: "--bar-ok", values: points.map((point) => point.count) },
        {
          color: "--bar-client",
          values: points.map((point) => point.client_errors + point.server_errors),
        },
        { color: "--bar-server", values: points.map((point) => point.server_errors) },
      ],
    },
    errors: {
      bars: false,
      least: 5,
      format: (value) => `${Math.round(value)} %`,
      lines: [
        { color: "--bar-client", values: share((point) => point.client_errors) },
        { color: "--bar-server", values: share((point) => point.server_errors) },
      ],
    },
    durations: {
      bars: false,
      least: 1,
      powers: true,
      format: power,
      lines: [
        { color: "--dim", values: points.map((point) => above(point.p50)) },
        { color: "--slow", values: points.map((point) => above(point.p95)) },
        { color: "--slowest", values: points.map((point) => above(point.p99)) },
      ],
    },
  };
}

/** A duration as a chart of powers can show it: there is no nothing in it. */
function above(ms: number | null): number | null {
  return ms === null ? null : Math.max(ms, 0.001);
}

/** A power of ten of milliseconds: "10 ms", "1 s", "1000 s". */
function power(ms: number): string {
  return ms < 60_000 ? duration(ms).replace(/\.0+(?= )/, "") : `${Math.round(ms / 1000)} s`;
}

type Saying = { readonly series: Series; readonly point: Point | undefined };

function Calls({ series, point }: Saying): JSX.Element {
  const many = point ? point.count : total(series.points).count;
  const time = point ? series.step : lengthOf(series);
  return (
    <>
      <span>{plural(many, "call")}</span>
      <span class="dim">{rate(many, time)}</span>
    </>
  );
}

function Errors({ series, point }: Saying): JSX.Element {
  const sums = total(point ? [point] : series.points);
  return (
    <>
      <span>
        <i class="chart-hue client" /> 4xx {percent(sums.client, sums.count)}
      </span>
      <span>
        <i class="chart-hue server" /> 5xx {percent(sums.server, sums.count)}
      </span>
    </>
  );
}

function Durations({ series, point }: Saying): JSX.Element {
  const text = (value: number | null) => (point ? ` ${duration(value) || "–"}` : "");
  return (
    <>
      <span>
        <i class="chart-hue p50" /> p50{text(point?.p50 ?? null)}
      </span>
      <span>
        <i class="chart-hue p95" /> p95{text(point?.p95 ?? null)}
      </span>
      <span>
        <i class="chart-hue p99" /> p99{text(point?.p99 ?? null)}
      </span>
      {series.points.length ? null : <span class="dim">nothing was measured</span>}
    </>
  );
}

function when(series: Series, point: Point | undefined): string {
  if (!point) return `in steps of ${stepText(series.step)}; drag to choose a time`;
  const end = point.time + series.step;
  if (series.step >= 86_400_000) return date(point.time);
  const last = date(point.time) === date(end) ? clock(end) : dateTime(end);
  return `${dateTime(point.time)} – ${last}`;
}

function stepText(ms: number): string {
  if (ms < 60_000) return `${ms / 1000} s`;
  if (ms < 3_600_000) return `${ms / 60_000} min`;
  return ms < 86_400_000 ? `${ms / 3_600_000} h` : `${count(ms / 86_400_000)} day`;
}

function Chart(props: {
  readonly title: string;
  readonly said: ComponentChildren;
  readonly steps: Steps | null;
  readonly shape: Shape | null;
  readonly pointed: Signal<number | null>;
}): JSX.Element {
  const { title, said, steps, shape, pointed } = props;
  const place = useRef<HTMLDivElement>(null);
  useChart(place, steps, shape, pointed);
  return (
    <figure class="overview-chart">
      <figcaption>
        <h3>{title}</h3>
        <span class="overview-chart-said">{said}</span>
      </figcaption>
      <div ref={place} class="plot" aria-hidden="true" />
    </figure>
  );
}

/** Draw *shape* into *place*, once; newer numbers go into the chart that is there. */
function useChart(
  place: { readonly current: HTMLDivElement | null },
  steps: Steps | null,
  shape: Shape | null,
  pointed: Signal<number | null>,
): void {
  const chart = useRef<uPlot | null>(null);
  const newest = useRef<{ readonly steps: Steps; readonly shape: Shape } | null>(null);
  newest.current = steps && shape ? { steps, shape } : null;
  const ready = newest.current !== null;
  const night = dark.value;
  useEffect(() => {
    const element = place.current;
    if (!element || !ready) return undefined;
    let gone = false;
    let observer: ResizeObserver | undefined;
    void import("./plots.ts").then(({ plot }) => {
      const now = newest.current;
      if (gone || !now) return;
      const made = plot(element, now.steps, now.shape, HEIGHT, {
        onPoint: (index) => (pointed.value = index),
        onRange: showRange,
      });
      chart.current = made;
      observer = new ResizeObserver(() =>
        made.setSize({ width: element.clientWidth, height: HEIGHT }),
      );
      observer.observe(element);
    });
    return () => {
      gone = true;
      observer?.disconnect();
      chart.current?.destroy();
      chart.current = null;
    };
  }, [ready, night]);
  useEffect(() => {
    const made = chart.current;
    if (!made || !steps || !shape) return;
    void import("./plots.ts").then(({ update }) => update(made, steps, shape));
  }, [steps, shape]);
}
