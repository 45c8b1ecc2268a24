import { describe, expect, it } from "vitest";
import type { Endpoint, Point } from "../src/api.ts";
import {
  alone,
  mostFailing,
  rate,
  slowest,
  stepFor,
  total,
} from "../src/views/overview/numbers.ts";
import { orderOf, orderText, sorted, turned } from "../src/views/overview/sorting.ts";
import { Turns } from "../src/views/overview/turns.ts";

const MINUTE = 60_000;

describe("a rate", () => {
  it.each([
    [0, MINUTE, "0/s"],
    [60, MINUTE, "1/s"],
    [75_000, MINUTE, "1,250/s"],
    [59, MINUTE, "59/min"],
    [90, 60 * MINUTE, "1.5/min"],
    [3, 60 * MINUTE, "3/h"],
    [2, 7 * 24 * 60 * MINUTE, "0.3/day"],
    [5, 0, ""],
  ])("of %d calls in %d ms is %s", (many, ms, text) => {
    expect(rate(many, ms)).toBe(text);
  });
});

describe("a value without neighbours", () => {
  it.each([
    [[], []],
    [[3], [0]],
    [
      [null, 0, null, 2, 3, null, 4],
      [1, 6],
    ],
    [
      [1, undefined, 1],
      [0, 2],
    ],
    [[1, 2, 3], []],
  ])("in %j stands at %j", (values, indexes) => {
    expect(alone(values)).toEqual(indexes);
  });
});

describe("a small chart", () => {
  it.each([
    [60_000, 1000],
    [3_600_000, 60_000],
    [86_400_000, 3_600_000],
    [400 * 86_400_000, 86_400_000],
  ])("of %d ms has steps of %d ms", (ms, step) => {
    expect(stepFor(ms, 64)).toBe(step);
  });
});

const endpoint = (route: string, more: Partial<Endpoint>): Endpoint => ({
  method: "GET",
  route,
  count: 100,
  client_errors: 0,
  server_errors: 0,
  p50: 1,
  p95: 2,
  p99: 3,
  last: 0,
  ...more,
});

describe("what is worth a look", () => {
  const all = [
    endpoint("/fast", { p95: 5 }),
    endpoint("/slow", { p95: 900 }),
    endpoint("/unmeasured", { p95: null }),
    endpoint("/rare", { p95: 9000, count: 1, server_errors: 1 }),
    endpoint("/fails", { server_errors: 50 }),
    endpoint("/fails-more", { server_errors: 60 }),
    endpoint("/misused", { client_errors: 90 }),
  ];
  const names = (found: readonly Endpoint[]) => found.map((one) => one.route);

  it("is slow, and was called more than a few times", () => {
    expect(names(slowest(all, 2))).toEqual(["/slow", "/fast"]);
  });

  it("fails by itself, not because it is asked for nonsense", () => {
    expect(names(mostFailing(all))).toEqual(["/fails-more", "/fails"]);
  });
});

it("adds the points of a series up", () => {
  const point: Point = {
    time: 0,
    count: 10,
    client_errors: 2,
    server_errors: 1,
    p50: null,
    p95: null,
    p99: null,
  };
  expect(total([point, point])).toEqual({ count: 20, client: 4, server: 2 });
});

describe("the order of a table", () => {
  const NAMES = ["calls", "p95"] as const;

  it.each([
    ["", { by: "calls", rising: false }],
    ["p95", { by: "p95", rising: false }],
    ["-p95", { by: "p95", rising: true }],
    ["-nonsense", { by: "calls", rising: false }],
  ])("is read from %j", (text, order) => {
    expect(orderOf(text, NAMES, "calls")).toEqual(order);
  });

  it("stands in the address only where it is not the usual one", () => {
    expect(orderText({ by: "calls", rising: false }, "calls")).toBe("");
    expect(orderText({ by: "calls", rising: true }, "calls")).toBe("-calls");
    expect(orderText({ by: "p95", rising: false }, "calls")).toBe("p95");
  });

  it("turns round with the second click on a column", () => {
    const first = turned({ by: "calls", rising: true }, "p95");
    expect(first).toEqual({ by: "p95", rising: false });
    expect(turned(first, "p95")).toEqual({ by: "p95", rising: true });
  });

  it("has the largest first, or the smallest, and what is unknown last", () => {
    const rows = [2, null, 3, 1];
    expect(sorted(rows, (one) => one, false)).toEqual([3, 2, 1, null]);
    expect(sorted(rows, (one) => one, true)).toEqual([1, 2, 3, null]);
  });

  it("has texts from a to z first", () => {
    expect(sorted(["b", "a", "c"], (one) => one, false)).toEqual(["a", "b", "c"]);
  });
});

describe("taking turns", () => {
  it("lets so many work at a time, in their order, and goes on after a failure", async () => {
    const turns = new Turns(1);
    const { signal } = new AbortController();
    const done: string[] = [];
    let finish = () => {};
    const first = turns.take(() => new Promise<void>((resolve) => (finish = resolve)), signal);
    const second = turns.take(() => Promise.reject(new Error("no")), signal);
    const third = turns.take(async () => void done.push("third"), signal);
    await Promise.resolve();
    expect(done).toEqual([]);
    finish();
    await first;
    await expect(second).rejects.toThrow("no");
    await third;
    expect(done).toEqual(["third"]);
  });

  it("leaves out what nobody wants any more", async () => {
    const control = new AbortController();
    control.abort();
    let worked = false;
    await new Turns(1).take(async () => void (worked = true), control.signal);
    expect(worked).toBe(false);
  });
});
