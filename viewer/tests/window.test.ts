import { describe, expect, it } from "vitest";
import { inSight, MOST_ROWS, scrollFor } from "../src/views/list/window.ts";

describe("the rows in sight", () => {
  it.each([
    ["at the top", 0, 280, 1000, 0, 12],
    ["in the middle", 2800, 280, 1000, 98, 112],
    ["half a row down", 2814, 280, 1000, 98, 113],
    ["at the end", 27_720, 280, 1000, 988, 1000],
    ["beyond the end", 99_999, 280, 1000, 1000, 1000],
    ["pulled above the top", -50, 280, 1000, 0, 12],
    ["of an empty list", 0, 280, 0, 0, 0],
    ["of a list shorter than its place", 0, 280, 3, 0, 3],
    ["without any room", 280, -26, 1000, 8, 12],
  ])("%s", (_name, scrolled, height, total, first, end) => {
    expect(inSight(scrolled, height, 28, total, 2)).toEqual({ first, end });
  });

  it("never makes a list higher than browsers draw, even with high rows", () => {
    expect(MOST_ROWS * 50).toBeLessThanOrEqual(17_500_000);
  });
});

describe("scrolling to a row", () => {
  it.each([
    ["above is at the top then", 3, 280, 84],
    ["in sight is no move", 12, 280, 280],
    ["below is at the bottom then", 30, 280, 588],
  ])("%s", (_name, index, scrolled, expected) => {
    expect(scrollFor(index, scrolled, 280, 28)).toBe(expected);
  });
});
