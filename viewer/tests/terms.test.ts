import { describe, expect, it } from "vitest";
import { quoted, termFor, terms, withTerm } from "../src/filter/terms.ts";

describe("the terms of a filter", () => {
  it("stand between spaces, but not between those in quotes", () => {
    const text = 'status:5xx  -user:"a \\" b" /items body:"x y';
    expect(terms(text).map((term) => text.slice(term.start, term.end))).toEqual([
      "status:5xx",
      '-user:"a \\" b"',
      "/items",
      'body:"x y',
    ]);
  });

  it("know their field by its full name, and their value", () => {
    const [first, second, third] = terms("Verb:GET -org:acme -word");
    expect(first).toMatchObject({ field: "method", raw: "GET", negated: false });
    expect(second).toMatchObject({ field: "company", raw: "acme", negated: true });
    expect(third).toMatchObject({ field: "", raw: "word", negated: true });
  });

  it("are none in an empty text", () => {
    expect(terms("  ")).toEqual([]);
  });
});

describe("a value that is put into a filter", () => {
  it.each([
    ["GET", "GET"],
    ["/items/{id}", "/items/{id}"],
    ["a b", '"a b"'],
    ['say "hi"', '"say \\"hi\\""'],
    ["back\\slash", '"back\\\\slash"'],
    ["a,b", '"a,b"'],
    ["50*", '"50*"'],
    ["none", '"none"'],
    ["-x", '"-x"'],
    ["漢字", '"漢字"'],
  ])("%j is written %s", (value, expected) => {
    expect(quoted(value)).toBe(expected);
  });

  it("is `none` where it is absent", () => {
    expect(termFor("status", null)).toBe("status:none");
    expect(termFor("user", "", true)).toBe("-user:none");
    expect(termFor("status", 404)).toBe("status:404");
  });

  it("is added once, and takes its opposite away", () => {
    expect(withTerm("", "user", "ada")).toBe("user:ada");
    expect(withTerm("user:ada", "user", "ada")).toBe("user:ada");
    expect(withTerm("status:5xx -user:ada", "user", "ada")).toBe("status:5xx user:ada");
    expect(withTerm("user:ada x", "user", "ada", true)).toBe("x -user:ada");
  });
});
