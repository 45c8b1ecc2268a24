import { describe, expect, it } from "vitest";
import {
  brief,
  bytes,
  count,
  duration,
  percent,
  plural,
  share,
  short,
  statusClass,
  visible,
} from "../src/format.ts";

describe("a duration", () => {
  it.each([
    [null, ""],
    [Number.NaN, ""],
    [0, "0 µs"],
    [0.84, "840 µs"],
    [0.9994, "999 µs"],
    [0.9996, "1.00 ms"],
    [9.996, "10.0 ms"],
    [12.44, "12.4 ms"],
    [99.96, "100 ms"],
    [999.4, "999 ms"],
    [999.6, "1.00 s"],
    [12_400, "12.4 s"],
    [125_000, "2 min 5 s"],
    [3_599_900, "1 h 0 min"],
    [7_500_000, "2 h 5 min"],
  ])("of %s ms is %j", (ms, expected) => {
    expect(duration(ms)).toBe(expected);
  });
});

describe("a size", () => {
  it.each([
    [null, ""],
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.00 kB"],
    [3210, "3.21 kB"],
    [999_600, "1.00 MB"],
    [45e9, "45.0 GB"],
    [7e15, "7000 TB"],
  ])("of %s bytes is %j", (size, expected) => {
    expect(bytes(size)).toBe(expected);
  });
});

describe("a number", () => {
  it("is grouped", () => {
    expect(count(1_234_567)).toBe("1,234,567");
    expect(plural(1, "call")).toBe("1 call");
    expect(plural(2000, "call")).toBe("2,000 calls");
    expect(plural(2, "company", "companies")).toBe("2 companies");
  });

  it.each([
    [0, "0"],
    [999, "999"],
    [1000, "1k"],
    [1200, "1.2k"],
    [34_000, "34k"],
    [999_600, "1M"],
    [5_600_000, "5.6M"],
  ])("%i is short: %s", (value, expected) => {
    expect(short(value)).toBe(expected);
  });

  it.each([
    [0, 0, ""],
    [0, 5, "0 %"],
    [1, 10_000, "<0.1 %"],
    [42, 1000, "4.2 %"],
    [999, 1000, "100 %"],
  ])("%i of %i is %j", (part, whole, expected) => {
    expect(percent(part, whole)).toBe(expected);
  });
});

describe("the colour of a status", () => {
  it.each([
    [101, "", "info"],
    [204, "", "ok"],
    [304, "", "redirect"],
    [404, "", "client"],
    [503, "", "server"],
    [null, "", "none"],
    [null, "aborted", "server"],
  ] as const)("%s %j is %s", (status, error, expected) => {
    expect(statusClass(status, error)).toBe(expected);
  });
});

describe("the bar of a duration", () => {
  it("is logarithmic and never out of its bounds", () => {
    expect(share(null)).toBe(0);
    expect(share(0.001)).toBe(0.02);
    expect(share(100)).toBeCloseTo(0.5);
    expect(share(10_000)).toBe(1);
    expect(share(1e9)).toBe(1);
  });
});

describe("logged text on one line", () => {
  it("shows what would hide or turn it round", () => {
    expect(visible("a\u202eb\u0000c\r\n\u200bd\ufeff")).toBe(
      "a\\u202eb\\u0000c\\u000d\\u000a\\u200bd\\ufeff",
    );
  });

  it("is cut where a glance is enough", () => {
    expect(brief("x".repeat(1_000_000), 5)).toBe("xxxxx…");
    expect(brief("short")).toBe("short");
  });

  it("leaves everything else as it is", () => {
    const text = "/items/ä 漢字 👩‍🚀 <b>\"'&".replace("\u200d", "");
    expect(visible(text)).toBe(text);
  });
});
