import { describe, expect, it } from "vitest";
import { ago, date, dateTime, moment, PRESETS, rangeLabel, utc } from "../src/time.ts";

const NOW = Date.UTC(2026, 10, 20, 12, 0, 0);

describe("a moment in the address", () => {
  it.each([
    ["-15m", NOW - 900_000],
    ["-24h", NOW - 86_400_000],
    ["-7d", NOW - 7 * 86_400_000],
    ["-30s", NOW - 30_000],
    ["0", 0],
    ["1700000000000", 1_700_000_000_000],
    ["1700000000000.125", 1_700_000_000_000.125],
  ])("%s is understood", (text, expected) => {
    expect(moment(text, NOW)).toBe(expected);
  });

  it.each([
    "",
    "now",
    "-",
    "-1",
    "-1w",
    "15m",
    "1e9",
    "-1.5h",
    " 5",
    "99999999999999999",
    "1.1234",
  ])("%j means none", (text) => {
    expect(moment(text, NOW)).toBeNull();
  });

  it("is never later than what the collector takes", () => {
    expect(moment("253402300799999", NOW)).toBe(253_402_300_799_999);
    expect(moment("253402300800000", NOW)).toBeNull();
  });

  it("is understood in every preset", () => {
    for (const { from } of PRESETS) expect(moment(from, NOW)).not.toBeNull();
  });
});

describe("a range in words", () => {
  it("is the name of a preset where there is one", () => {
    expect(rangeLabel("-1h", "")).toBe("Last hour");
    expect(rangeLabel("0", "")).toBe("All time");
  });

  it("names a length that is no preset", () => {
    expect(rangeLabel("-45m", "")).toBe("Last 45 m");
  });

  it("says the day once if it is one day", () => {
    const from = new Date(2026, 10, 20, 9, 30).getTime();
    expect(rangeLabel(String(from), String(from + 3_600_000))).toBe(
      "2026-11-20 09:30:00 – 10:30:00",
    );
  });

  it("says both days if they are two", () => {
    const from = new Date(2026, 10, 20, 23, 30).getTime();
    const label = rangeLabel(String(from), String(from + 3_600_000));
    expect(label).toBe("2026-11-20 23:30:00 – 2026-11-21 00:30:00");
  });

  it("shows milliseconds where seconds would say nothing", () => {
    const from = new Date(2026, 10, 20, 9, 30).getTime();
    expect(rangeLabel(String(from + 5), String(from + 40))).toBe(
      "2026-11-20 09:30:00.005 – 09:30:00.040",
    );
  });
});

describe("a time as text", () => {
  it("keeps microseconds in UTC", () => {
    expect(utc(Date.UTC(2026, 10, 20, 21, 6, 10, 709) + 0.123)).toBe("2026-11-20T21:06:10.709123Z");
    expect(utc(Date.UTC(2026, 10, 20, 21, 6, 10, 709))).toBe("2026-11-20T21:06:10.709Z");
  });

  it("is empty where no date can be", () => {
    expect(utc(Number.NaN)).toBe("");
    expect(utc(1e300)).toBe("");
  });

  it("is local with two digits each", () => {
    const at = new Date(2026, 0, 2, 3, 4, 5, 6).getTime();
    expect(dateTime(at, true)).toBe("2026-01-02 03:04:05.006");
    expect(date(at)).toBe("2026-01-02");
  });

  it.each([
    [0, "now"],
    [12_000, "12 s ago"],
    [180_000, "3 min ago"],
    [5 * 3_600_000, "5 h ago"],
    [3 * 86_400_000, "3 d ago"],
    [-5000, "now"],
  ])("%i ms before is %s", (before, expected) => {
    expect(ago(NOW - before, NOW)).toBe(expected);
  });
});
