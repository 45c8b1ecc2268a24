import { describe, expect, it } from "vitest";
import type { Json } from "../src/call/json.ts";
import { parsed } from "../src/call/json.ts";
import { Tree } from "../src/views/event/openness.ts";
import { timeScale } from "../src/views/event/timescale.ts";
import { depthFor, hitsIn, wayTo } from "../src/views/event/treerows.ts";

const LONG: Json = { list: Array.from({ length: 1_000 }, (_, id) => ({ id, name: `n${id}` })) };

describe("a JSON tree", () => {
  it("is open at first as deep as a glance reaches", () => {
    expect(depthFor({ a: { b: { c: 1 } } }, 36)).toBeGreaterThanOrEqual(3);
    expect(depthFor(LONG, 36)).toBe(1);
    expect(depthFor("text", 36)).toBe(1);
    expect(new Tree(LONG).lines.value.rows.map((row) => row.place)).toEqual(["", "/list"]);
  });

  it("opens and closes, in portions", () => {
    const tree = new Tree(LONG);
    tree.toggle("/list");
    const { rows } = tree.lines.value;
    expect(rows).toHaveLength(2 + 100 + 1);
    expect(rows.at(-1)).toMatchObject({ place: "/list", more: 900 });
    tree.showMore("/list", "after");
    tree.toggle("/list/1");
    expect(tree.lines.value.cut).toBe(true);
    expect(tree.lines.value.rows).toHaveLength(400);
    tree.drawMore();
    expect(tree.lines.value).toMatchObject({ cut: false });
    expect(tree.lines.value.rows).toHaveLength(2 + 1_000 + 2);
    tree.toggle("");
    expect(tree.lines.value.rows).toHaveLength(1);
  });

  it("opens everything, and never draws more than a browser can bear", () => {
    const tree = new Tree(Array.from({ length: 30_000 }, (_, index) => [index]));
    tree.openAll(true);
    for (let times = 0; times < 50; times += 1) {
      tree.showMore("", "after");
      tree.drawMore();
    }
    expect(tree.lines.value.rows).toHaveLength(10_000);
    expect(tree.mayDraw).toBe(false);
    tree.openAll(false);
    expect(tree.lines.value.rows[1]).toMatchObject({ open: false });
  });

  it("shows what was searched for, wherever it is, with a few lines around it", () => {
    const tree = new Tree(LONG);
    expect(hitsIn(LONG, "N987").places).toEqual(["/list/987/name"]);
    tree.reveal("/list/987/name");
    expect(tree.active.value).toBe("/list/987/name");
    const { rows } = tree.lines.value;
    expect(rows.map((row) => row.place)).toContain("/list/987/name");
    expect(rows).toHaveLength(2 + 1 + 100 + 2);
    expect(rows[2]).toMatchObject({ place: "/list", more: 900, side: "before" });
    tree.showMore("/list", "before");
    expect(tree.lines.value.rows[2]).toMatchObject({ place: "/list/0", more: 0 });
  });

  it("shows it also where more is open than can be drawn", () => {
    const wide = Array.from({ length: 100 }, (_, i) => Array.from({ length: 100 }, () => [i, [i]]));
    const tree = new Tree([wide, "needle"]);
    tree.openAll(true);
    tree.reveal("/1");
    expect(tree.lines.value.rows.map((row) => row.place)).toEqual(["", "/0", "/1"]);
  });

  it("is searched in names and values, in its order, within bounds", () => {
    const root = parsed('{"Card":1,"b":{"x":"my card","y":[true,null,12345678901234567890]}}');
    expect(hitsIn(root, "card").places).toEqual(["/Card", "/b/x"]);
    expect(hitsIn(root, "67890").places).toEqual(["/b/y/2"]);
    expect(hitsIn(root, "").places).toEqual([]);
    const many = hitsIn(
      Array.from({ length: 5_000 }, () => "same"),
      "same",
    );
    expect([many.places.length, many.cut]).toEqual([1_000, true]);
  });

  it("knows the way to a place", () => {
    expect([...wayTo({ z: 1, "a/b": [1, { c: 2 }] }, "/a~1b/1/c")]).toEqual([
      ["", 1],
      ["/a~1b", 1],
      ["/a~1b/1", 0],
    ]);
  });
});

describe("the axis of a session", () => {
  const calls = (...times: number[]) => times.map((time) => ({ time, duration: 10 }));

  it("keeps the order, and everything on it", () => {
    const { marks } = timeScale([
      ...calls(0, 5, 40, 90_000, 90_020),
      { time: 90_100, duration: null },
    ]);
    expect(marks.every(({ left, width }) => left >= 0 && width > 0 && left + width <= 1.0001)).toBe(
      true,
    );
    const lefts = marks.map((mark) => mark.left);
    expect(lefts).toEqual([...lefts].sort((a, b) => a - b));
  });

  it("cuts long silences short and says how long they were", () => {
    const { marks, silences } = timeScale(calls(0, 20, 40, 3_600_000, 3_600_020));
    expect(silences.map((one) => Math.round(one.length))).toEqual([3_599_950]);
    const [, , last, first] = marks;
    expect((first?.left ?? 0) - (last?.left ?? 0)).toBeLessThan(0.5);
    expect(silences[0]?.at).toBeGreaterThan(last?.left ?? 1);
    expect(silences[0]?.at).toBeLessThan(first?.left ?? 0);
  });

  it("says nothing of silences that are drawn as they were", () => {
    expect(timeScale(calls(0, 20, 41, 60)).silences).toEqual([]);
  });

  it("shows calls that overlap where they were", () => {
    const { marks } = timeScale([
      { time: 0, duration: 100 },
      { time: 50, duration: 10 },
    ]);
    expect(marks[1]?.left).toBeCloseTo(0.5);
    expect(marks[1]?.width).toBeCloseTo(0.1);
  });

  it("bears one call, many at once, and none", () => {
    expect(timeScale([]).marks).toEqual([]);
    expect(timeScale([{ time: 5, duration: null }]).marks[0]?.left).toBe(0);
    const same = timeScale(Array.from({ length: 50 }, () => ({ time: 7, duration: 0 })));
    expect(same.marks.every((mark) => Number.isFinite(mark.left + mark.width))).toBe(true);
  });
});
