import { describe, expect, it } from "vitest";
import { eventOf } from "../src/call/event.ts";
import { parsed } from "../src/call/json.ts";
import { LANGUAGES, snippet } from "../src/snippets/index.ts";
import { pyBytes, pyText, pyValue } from "../src/snippets/python.ts";
import { byteWord, word } from "../src/snippets/shell.ts";
import { dice, oddJson, oddText } from "./dice.ts";

/** What a shell makes of a word: its bytes. */
function unquoted(text: string): number[] {
  const bytes = (plain: string) => [...new TextEncoder().encode(plain)];
  const found: number[] = [];
  let rest = text;
  while (rest) {
    const match =
      /^\$'((?:[^'\\]|\\[\s\S])*)'/.exec(rest) ??
      /^'([^']*)'/.exec(rest) ??
      /^\\(.)/su.exec(rest) ??
      /^([\w/:.,@%+=-]+)/.exec(rest);
    if (!match) throw new Error(`not quoted: ${rest}`);
    const [whole, inner = ""] = match;
    rest = rest.slice(whole.length);
    if (!whole.startsWith("$")) found.push(...bytes(inner));
    else {
      for (const [part] of inner.matchAll(/\\[0-7]{3}|\\[ntr\\]|[^\\]/gu)) {
        const code = { "\\n": 10, "\\t": 9, "\\r": 13, "\\\\": 92 }[part];
        if (code) found.push(code);
        else if (part.length === 4 && part.startsWith("\\")) {
          found.push(Number.parseInt(part.slice(1), 8));
        } else found.push(...bytes(part));
      }
    }
  }
  return found;
}

describe("a word of a shell", () => {
  it("means exactly the text, whatever is in it", () => {
    const random = dice(2);
    for (let round = 0; round < 5_000; round += 1) {
      const text = oddText(random);
      expect(unquoted(word(text)), JSON.stringify(text)).toEqual([
        ...new TextEncoder().encode(text),
      ]);
    }
  });

  it("means exactly the bytes where each character stands for one", () => {
    for (let code = 0; code < 256; code += 1) {
      const text = `a${String.fromCharCode(code)}1`;
      expect(unquoted(byteWord(text))).toEqual([97, code, 49]);
    }
  });

  it("holds nothing that a terminal obeys or that hides from a reader", () => {
    for (let code = 0; code <= 0xffff; code += 1) {
      if (code >= 0xd800 && code <= 0xdfff) continue;
      const shown = word(String.fromCharCode(code));
      expect(/(?! )[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/u.test(shown)).toBe(false);
    }
  });

  it.each([
    ["", "''"],
    ["plain-1.2/x", "plain-1.2/x"],
    ["it's", "'it'\\''s'"],
    ["a\nb", "$'a\\nb'"],
    ["\u001b[201~", "$'\\033[201~'"],
    ["!!\u0007'", "$'\\041\\041\\007\\047'"],
    ["=ls", "'=ls'"],
    ["~root", "'~root'"],
  ])("%j is quoted as little as may be", (text, quoted) => {
    expect(word(text)).toBe(quoted);
  });
});

describe("a literal of Python", () => {
  it.each([
    ['a"b\\c', '"a\\"b\\\\c"'],
    ["a\n\u0000\u202e🙂\u{e0001}\ud800", '"a\\n\\x00\\u202e🙂\\U000e0001\\ud800"'],
  ])("%j is %s", (text, literal) => {
    expect(pyText(text)).toBe(literal);
  });

  it("of bytes is ASCII", () => {
    expect(pyBytes([0, 34, 92, 97, 255])).toBe('b"\\x00\\"\\\\a\\xff"');
  });

  it("of JSON is on one line if it fits, else on several", () => {
    expect(pyValue(parsed('{"a":[1,1.10,null,true,false]}'), 0)).toBe(
      '{"a": [1, 1.10, None, True, False]}',
    );
    expect(pyValue([["x".repeat(60), "y".repeat(40)]], 0)).toBe(
      `[\n    [\n        "${"x".repeat(60)}",\n        "${"y".repeat(40)}",\n    ],\n]`,
    );
  });

  it("keeps below the width, but for texts that cannot", () => {
    const random = dice(3);
    for (let round = 0; round < 300; round += 1) {
      for (const line of pyValue(oddJson(random, 4), 4).split("\n")) {
        expect(line.length).toBeLessThanOrEqual(120);
      }
    }
  });
});

describe("a snippet", () => {
  const made = (request: object, more: object = {}) =>
    eventOf({ request: { verb: "GET", uri: "https://shop.example/items", ...request }, ...more });

  it("is short where nothing is odd", () => {
    expect(snippet("curl", made({}), 200).code).toBe("curl https://shop.example/items");
    expect(snippet("httpie", made({}), 200).code).toBe(
      "http --ignore-stdin GET https://shop.example/items",
    );
    expect(snippet("httpx", made({}), 200).code).toBe(
      'import httpx\n\nresponse = httpx.request(\n    "GET",\n    "https://shop.example/items",\n)\n' +
        "print(response.status_code, response.reason_phrase)\nprint(response.text)\n",
    );
  });

  it("is a command that can be read", () => {
    const headers = {
      Host: "shop.example",
      "Content-Type": "application/json",
      Authorization: "Bearer ***",
    };
    const { code, remarks } = snippet(
      "curl",
      made({ verb: "POST", headers, body: { item: 7, note: "it's" } }),
      201,
    );
    expect(code).toBe(
      "curl https://shop.example/items \\\n" +
        "  --header 'Content-Type: application/json' \\\n" +
        "  --header 'Authorization: Bearer REPLACE_ME' \\\n" +
        `  --data-raw '{"item":7,"note":"it'\\''s"}'`,
    );
    expect(remarks).toEqual([
      "REPLACE_ME stands where a value was masked when the call was recorded.",
    ]);
  });

  it("says what is missing, in words of its own", () => {
    const metadata = { apilog: { request_body_omitted: "over_limit<script>" } };
    expect(snippet("curl", made({ verb: "X Y" }, { metadata }), null).remarks).toEqual([
      "Its body was not recorded.",
      "Its verb is none of HTTP.",
    ]);
  });

  it("is there in every language for anything that may arrive", () => {
    const random = dice(4);
    for (let round = 0; round < 400; round += 1) {
      const event = eventOf({
        request: {
          verb: oddText(random),
          uri: random() < 0.5 ? oddText(random) : `http://h${oddText(random)}/${oddText(random)}`,
          headers: { [oddText(random)]: oddText(random), Cookie: oddText(random) },
          body: oddJson(random),
          transfer_encoding: random() < 0.3 ? "base64" : null,
        },
        response: { status: 200, body: oddJson(random) },
      });
      for (const { name } of LANGUAGES) {
        const { code, remarks } = snippet(name, event, 200);
        if (name !== "httpie") expect(code).not.toBeNull();
        const hidden = /(?![ \n])[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/u;
        expect(hidden.test(code ?? ""), code ?? "").toBe(false);
        for (const remark of remarks) expect(remark).toMatch(/^[\w ,.:-]+$/);
      }
    }
  });
});
