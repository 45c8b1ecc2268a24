import { describe, expect, it } from "vitest";
import { childrenOf, isContainer, type Json, parsed } from "../src/call/json.ts";
import { canonical, changesIn, jsonDiff } from "../src/views/compare/jsondiff.ts";
import { pairDiff } from "../src/views/compare/pairdiff.ts";
import { matches } from "../src/views/compare/sequence.ts";
import { shortened, textDiff } from "../src/views/compare/textdiff.ts";
import { dice, oddJson } from "./dice.ts";

const items = (random: () => number, most: number) =>
  Array.from({ length: Math.floor(random() * most) }, () => String(Math.floor(random() * 4)));

/** The length of the longest common subsequence, the slow and certain way. */
function longest(a: readonly string[], b: readonly string[]): number {
  let before = new Array<number>(b.length + 1).fill(0);
  for (const one of a) {
    const next = [0];
    b.forEach((other, j) => {
      const straight = (before[j] ?? 0) + 1;
      next.push(one === other ? straight : Math.max(before[j + 1] ?? 0, next[j] ?? 0));
    });
    before = next;
  }
  return before.at(-1) ?? 0;
}

describe("what two sequences have in common", () => {
  it("is as much as there can be, in order, and equal", () => {
    const random = dice(5);
    for (let round = 0; round < 2_000; round += 1) {
      const [a, b] = [items(random, 14), items(random, 14)];
      const found = matches(a, b);
      let [lastI, lastJ] = [-1, -1];
      for (const [i, j] of found) {
        expect(i > lastI && j > lastJ).toBe(true);
        expect(a[i]).toBe(b[j]);
        [lastI, lastJ] = [i, j];
      }
      expect(found.length).toBe(longest(a, b));
    }
  });

  it("is looked for within bounds: of very different ones only the ends", () => {
    const a = ["begin", ...Array.from({ length: 3_000 }, (_, i) => `a${i}`), "end"];
    const b = ["begin", ...Array.from({ length: 3_000 }, (_, i) => `b${i}`), "end"];
    expect(matches(a, b)).toEqual([
      [0, 0],
      [3_001, 3_001],
    ]);
  });
});

describe("two JSON values", () => {
  const told = (before: string, after: string) =>
    jsonDiff(parsed(before), parsed(after))
      .filter((line) => line.change !== "same" && line.change !== "inside")
      .map((line) => `${line.change} ${line.place}`);

  it.each([
    ["the same", '{"a":1,"b":[1,2]}', '{"b":[1,2],"a":1}', []],
    ["a changed value", '{"a":{"b":1}}', '{"a":{"b":2}}', ["changed /a/b"]],
    ["another type", '{"a":1}', '{"a":"1"}', ["changed /a"]],
    ["a number written otherwise", '{"a":1.0}', '{"a":1}', ["changed /a"]],
    ["long numbers", "[12345678901234567890]", "[12345678901234567891]", ["changed /0"]],
    ["a name more and one less", '{"a":1,"b":2}', '{"b":2,"c":3}', ["added /c", "removed /a"]],
    ["an item at the beginning", "[1,2,3]", "[0,1,2,3]", ["added /0"]],
    ["an item from the middle", '[{"i":1},{"i":2},{"i":3}]', '[{"i":1},{"i":3}]', ["removed /1"]],
    ["a change in one item", '[{"i":1,"x":1},9]', '[{"i":1,"x":2},9]', ["changed /0/x"]],
    ["a list and an object", '{"a":[1]}', '{"a":{"0":1}}', ["changed /a"]],
  ])("differ by place: %s", (_, before, after, lines) => {
    expect(told(before, after)).toEqual(lines);
  });

  it("differ wholly where one of them is not there", () => {
    expect(jsonDiff(undefined, 1).map((line) => line.change)).toEqual(["added"]);
    expect(jsonDiff([], undefined).map((line) => line.change)).toEqual(["removed"]);
    expect(jsonDiff(undefined, undefined)).toEqual([]);
  });

  it("have no difference exactly when they are the same, and every leaf is told", () => {
    const random = dice(6);
    for (let round = 0; round < 1_500; round += 1) {
      const before = oddJson(random);
      const after = random() < 0.3 ? (structuredClone(before) as Json) : oddJson(random);
      const lines = jsonDiff(before, after);
      expect(changesIn(lines) === 0).toBe(canonical(before) === canonical(after));
      expect(leavesIn(lines.map((line) => line.after))).toBe(leaves(after));
      expect(leavesIn(lines.map((line) => line.before))).toBe(leaves(before));
      function leavesIn(values: readonly (Json | undefined)[]): number {
        return values
          .filter((value, index) => value !== undefined && lines[index]?.change !== "inside")
          .reduce<number>((sum, value) => sum + leaves(value as Json), 0);
      }
    }
  });

  it("go by their index where they are too long to be aligned", () => {
    const long = Array.from({ length: 4_000 }, (_, index) => index);
    expect(changesIn(jsonDiff(long, [-1, ...long]))).toBe(4_001);
  });
});

function leaves(value: Json): number {
  if (!isContainer(value)) return 1;
  return childrenOf(value).reduce((sum, [, child]) => sum + leaves(child), 0);
}

describe("two texts", () => {
  it("are both told whole by their lines", () => {
    const random = dice(7);
    for (let round = 0; round < 500; round += 1) {
      const [a, b] = [items(random, 20), items(random, 20)];
      const lines = textDiff(a.join("\n"), b.join("\n"));
      const side = (not: string) =>
        lines.filter((line) => line.change !== not).map((one) => one.text);
      expect(side("added")).toEqual(a);
      expect(side("removed")).toEqual(b);
      expect(lines.filter((line) => line.before).map((line) => line.before)).toEqual(
        a.map((_, index) => index + 1),
      );
    }
  });

  it("are shortened to what is near a difference", () => {
    const same = Array.from({ length: 20 }, (_, index) => `line ${index}`);
    const lines = textDiff(
      same.join("\n"),
      [...same.slice(0, 10), "new", ...same.slice(10)].join("\n"),
    );
    expect(
      shortened(lines).map((one) => (one.kind === "lines" ? one.lines.length : -one.many)),
    ).toEqual([-7, 7, -7]);
  });
});

describe("headers", () => {
  it("are compared by name, in any case, repeated ones by their order", () => {
    const before = [
      { name: "Accept", value: "a" },
      { name: "Set-Cookie", value: "1" },
      { name: "Set-Cookie", value: "2" },
      { name: "Old", value: "" },
    ];
    const after = [
      { name: "accept", value: "a" },
      { name: "set-cookie", value: "1" },
      { name: "New", value: "n" },
    ];
    expect(pairDiff(before, after, true)).toEqual([
      { name: "Accept", before: "a", after: "a" },
      { name: "Set-Cookie", before: "1", after: "1" },
      { name: "Set-Cookie", before: "2", after: undefined },
      { name: "Old", before: "", after: undefined },
      { name: "New", before: undefined, after: "n" },
    ]);
  });
});
