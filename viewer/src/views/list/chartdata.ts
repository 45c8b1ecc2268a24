// A series as the chart draws it: every step there, the classes of status one upon the other.

import type { Series } from "../../api.ts";

export interface Bars {
  /** Where each step begins, in milliseconds. */
  readonly times: readonly number[];
  readonly all: readonly number[];
  /** Errors of both sides; the server's own stand in front of them. */
  readonly errors: readonly number[];
  readonly server: readonly number[];
  readonly step: number;
}

export interface Sums {
  readonly calls: number;
  readonly client: number;
  readonly server: number;
}

/** The most steps that are drawn, whatever the server says. */
const MOST = 2000;

/** Fill the gaps: a step without calls has none. */
export function bars(series: Series): Bars {
  const step = Math.max(1, series.step);
  const first = Math.floor(series.from / step) * step;
  const many = Math.min(MOST, Math.max(1, Math.ceil((series.to - first) / step)));
  const times = Array.from({ length: many }, (_, index) => first + index * step);
  const all = times.map(() => 0);
  const errors = times.map(() => 0);
  const server = times.map(() => 0);
  for (const point of series.points) {
    const index = Math.floor((point.time - first) / step);
    if (!(index >= 0 && index < many)) continue;
    all[index] = (all[index] ?? 0) + point.count;
    errors[index] = (errors[index] ?? 0) + point.client_errors + point.server_errors;
    server[index] = (server[index] ?? 0) + point.server_errors;
  }
  return { times, all, errors, server, step };
}

/** Add up the steps from *first* to *last*, both included. */
export function sums(bars: Bars, first = 0, last = bars.times.length - 1): Sums {
  const add = (values: readonly number[]) =>
    values.slice(first, last + 1).reduce((sum, value) => sum + value, 0);
  const server = add(bars.server);
  return { calls: add(bars.all), client: add(bars.errors) - server, server };
}
