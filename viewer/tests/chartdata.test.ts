import { describe, expect, it } from "vitest";
import type { Point, Series } from "../src/api.ts";
import { bars, sums } from "../src/views/list/chartdata.ts";

const point = (time: number, count: number, client_errors = 0, server_errors = 0): Point => ({
  time,
  count,
  client_errors,
  server_errors,
  p50: null,
  p95: null,
  p99: null,
});

const series = (points: Point[]): Series => ({ step: 1000, from: 10_500, to: 14_200, points });

describe("the bars of a series", () => {
  it("have no gaps, and begin with a whole step", () => {
    const made = bars(series([point(11_000, 3), point(13_000, 5, 2, 1)]));
    expect(made.times).toEqual([10_000, 11_000, 12_000, 13_000, 14_000]);
    expect(made.all).toEqual([0, 3, 0, 5, 0]);
    expect(made.errors).toEqual([0, 0, 0, 3, 0]);
    expect(made.server).toEqual([0, 0, 0, 1, 0]);
  });

  it("leave out what is outside", () => {
    expect(sums(bars(series([point(1000, 9), point(99_000, 9), point(12_000, 1)])))).toEqual({
      calls: 1,
      client: 0,
      server: 0,
    });
  });

  it("are bounded whatever the server says", () => {
    expect(bars({ step: 0, from: 0, to: 1e12, points: [] }).times).toHaveLength(2000);
    expect(bars({ step: 1000, from: 5, to: 5, points: [] }).times).toHaveLength(1);
  });

  it("can be added up for one step", () => {
    const made = bars(series([point(11_000, 3, 1), point(13_000, 5, 2, 1)]));
    expect(sums(made)).toEqual({ calls: 8, client: 3, server: 1 });
    expect(sums(made, 3, 3)).toEqual({ calls: 5, client: 2, server: 1 });
  });
});
