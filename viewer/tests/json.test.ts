import { describe, expect, it } from "vitest";
import { Exact, numberOf, parsed, pathOf, pointer, valueAt, written } from "../src/call/json.ts";
import { dice, oddJson } from "./dice.ts";

describe("a number", () => {
  it.each(["12345678901234567890", "1.10", "1.0", "-0", "1e400", "1E5", "0.1", "-12", "5e-324"])(
    "stays as it was written: %s",
    (source) => {
      expect(written(parsed(`{"a":[${source}]}`))).toBe(`{"a":[${source}]}`);
    },
  );

  it("is only kept apart where JavaScript would write it otherwise", () => {
    expect(parsed("[1,2.5]")).toEqual([1, 2.5]);
    expect(parsed("[1.0]")).toEqual([new Exact("1.0")]);
  });

  it("can be worked with however it was kept", () => {
    expect([12, new Exact("12.0"), "12", null].map(numberOf)).toEqual([12, 12, null, null]);
  });

  it("in a text is text", () => {
    expect(parsed('{"a":"1.0","b\\"":1.0,"c":"\\\\"}')).toEqual({
      a: "1.0",
      'b"': new Exact("1.0"),
      c: "\\",
    });
  });
});

describe("a JSON text", () => {
  it("comes back as it was, whatever is in it", () => {
    const random = dice(1);
    for (let round = 0; round < 500; round += 1) {
      const text = JSON.stringify(oddJson(random));
      expect(written(parsed(text))).toBe(text);
      expect(written(parsed(text), 2)).toBe(JSON.stringify(JSON.parse(text), null, 2));
    }
  });

  it("is refused if it is none, at once also when it is long", () => {
    expect(() => parsed(`["${'\\"'.repeat(500_000)}`)).toThrow(SyntaxError);
    expect(() => parsed("1 2")).toThrow(SyntaxError);
  });

  it("is refused if it is nested too deep to be drawn", () => {
    expect(() => parsed("[".repeat(5_000) + "]".repeat(5_000))).toThrow(RangeError);
  });

  it("may name anything, also what objects have from their birth", () => {
    const text = '{"__proto__":{"a":1},"constructor":2,"toString":3}';
    expect(written(parsed(text))).toBe(text);
    expect(valueAt(parsed(text), "/__proto__/a")).toBe(1);
    expect(valueAt(parsed("{}"), "/constructor")).toBeUndefined();
  });
});

describe("a place", () => {
  const root = parsed('{"a/b":[{"~":1}],"plain":{"odd name":2,"":3}}');

  it("is a JSON pointer", () => {
    expect(pointer(pointer("", "a/b"), 0)).toBe("/a~1b/0");
    expect(valueAt(root, "/a~1b/0/~0")).toBe(1);
    expect(valueAt(root, "/plain/")).toBe(3);
    expect(valueAt(root, "/nowhere/else")).toBeUndefined();
  });

  it.each([
    ["", "$"],
    ["/a~1b/0/~0", '$["a/b"][0]["~"]'],
    ["/plain/odd name", '$.plain["odd name"]'],
  ])("%s is written as %s", (place, path) => {
    expect(pathOf(root, place)).toBe(path);
  });
});
