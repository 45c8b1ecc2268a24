// Numbers of overviews: rates, sums of a series, and which endpoints are worth a look.

import type { Endpoint, Point, Series } from "../../api.ts";

const UNITS: readonly (readonly [string, number])[] = [
  ["s", 1000],
  ["min", 60_000],
  ["h", 3_600_000],
  ["day", 86_400_000],
];

/** How often: "12/s", "4.5/min", "3/h", in the unit that leaves a number above 1. */
export function rate(many: number, ms: number): string {
  if (!(ms > 0) || many === 0) return many === 0 ? "0/s" : "";
  const found = UNITS.find(([, unit]) => (many * unit) / ms >= 0.995) ?? UNITS[3];
  if (!found) return "";
  const value = (many * found[1]) / ms;
  const text = value < 9.95 ? value.toFixed(1).replace(/\.0$/, "") : grouped(value);
  return `${text}/${found[0]}`;
}

function grouped(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ",");
}

export interface Total {
  readonly count: number;
  readonly client: number;
  readonly server: number;
}

/** Add up the points of a series. */
export function total(points: readonly Point[]): Total {
  let count = 0;
  let client = 0;
  let server = 0;
  for (const point of points) {
    count += point.count;
    client += point.client_errors;
    server += point.server_errors;
  }
  return { count, client, server };
}

/** Where values stand that no line leads to or from: they show as points only. */
export function alone(values: ArrayLike<number | null | undefined>): number[] {
  const known = (index: number) => (values[index] ?? null) !== null;
  const all = Array.from({ length: values.length }, (_, index) => index);
  return all.filter((index) => known(index) && !known(index - 1) && !known(index + 1));
}

/** How long a series is, in milliseconds. */
export function lengthOf(series: Series): number {
  return Math.max(1, series.to - series.from);
}

/** The steps that the collector knows, in milliseconds. */
const STEPS = [1, 5, 15, 60, 300, 900, 3600, 21_600, 86_400].map((seconds) => seconds * 1000);

/** The shortest step with at most *most* steps in *ms*; the longest there is for more. */
export function stepFor(ms: number, most: number): number {
  return STEPS.find((step) => ms / step <= most) ?? 86_400_000;
}

/** The share of calls that an endpoint failed at, 0 to 1: its own errors count before all. */
export function failing(endpoint: Endpoint): number {
  return endpoint.count ? endpoint.server_errors / endpoint.count : 0;
}

/** Calls below which a share or a quantile of an endpoint says little. */
const FEW = 5;

/** The endpoints whose p95 is longest, of those that were called more than a few times. */
export function slowest(endpoints: readonly Endpoint[], most = 3): Endpoint[] {
  return endpoints
    .filter((one) => one.p95 !== null && one.count >= FEW)
    .sort((a, b) => (b.p95 ?? 0) - (a.p95 ?? 0))
    .slice(0, most);
}

/** The endpoints with the largest share of server errors; none without any. */
export function mostFailing(endpoints: readonly Endpoint[], most = 3): Endpoint[] {
  return endpoints
    .filter((one) => one.server_errors > 0 && one.count >= FEW)
    .sort((a, b) => failing(b) - failing(a) || b.server_errors - a.server_errors)
    .slice(0, most);
}
