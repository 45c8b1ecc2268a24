import { describe, expect, it } from "vitest";
import {
  complete,
  fieldOptions,
  isListed,
  type Option,
  placeAt,
  valueOptions,
} from "../src/views/list/completion.ts";

/** "|" stands for the caret. */
function at(text: string) {
  const caret = text.indexOf("|");
  return placeAt(text.replace("|", ""), caret);
}

const option = (insert: string, done: boolean): Option => ({ insert, label: "", hint: "", done });

describe("the place of a completion", () => {
  it.each([
    ["|", "", ""],
    ["sta|", "", "sta"],
    ["status:5xx us|", "", "us"],
    ["-us|", "", "us"],
    ["user:a|", "user", "a"],
    ["org:|", "company", ""],
    ['user:"ada lo|"', "user", "ada lo"],
    ["method:GET,P|", "method", "P"],
    ["method:G|,POST", "method", "G"],
    ["st|atus:5xx", "", "st"],
  ])("in %s is field %j and beginning %j", (text, field, beginning) => {
    expect(at(text)).toMatchObject({ field, beginning });
  });

  it("knows what else the filter says", () => {
    expect(at("status:5xx user:a| /items").others).toBe("status:5xx /items");
  });
});

describe("what is offered", () => {
  it("is every field that begins so, also by another name", () => {
    expect(fieldOptions("s").map((one) => one.label)).toContain("session:");
    expect(fieldOptions("verb").map((one) => one.label)).toEqual(["method:"]);
    expect(fieldOptions("xyz")).toEqual([]);
  });

  it("is what is stored, and then what the language knows", () => {
    const labels = valueOptions(at("status:|"), [{ value: "404", count: 7 }], String).map(
      ({ label, hint }) => `${label} ${hint}`.trim(),
    );
    expect(labels.slice(0, 2)).toEqual(["404 7", "5xx"]);
  });

  it("is quoted where it must be", () => {
    const [first] = valueOptions(at("user:|"), [{ value: "ada lovelace", count: 1 }], String);
    expect(first?.insert).toBe('"ada lovelace"');
  });

  it("is asked for only of fields that have a list", () => {
    expect([isListed("user"), isListed("body"), isListed("nonsense")]).toEqual([
      true,
      false,
      false,
    ]);
  });
});

describe("a completion", () => {
  it.each([
    ["sta|", option("status:", false), "status:", 7],
    ["-us|", option("user:", false), "-user:", 6],
    ["user:a|", option("ada", true), "user:ada ", 9],
    ["user:a| /items", option("ada", true), "user:ada /items", 8],
    ["method:GET,P|", option("POST", true), "method:GET,POST ", 16],
    ["method:G|,POST", option("GET", true), "method:GET,POST", 10],
    ["st|atus:5xx", option("session:", false), "session:5xx", 8],
    ['user:"ada lo|"', option('"ada lovelace"', true), 'user:"ada lovelace" ', 20],
  ])("of %s", (text, chosen, expected, caret) => {
    expect(complete(text.replace("|", ""), at(text), chosen)).toEqual({ text: expected, caret });
  });
});
