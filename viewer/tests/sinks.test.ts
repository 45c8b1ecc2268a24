// What was logged reaches the page as text only: nothing in the source may turn text into markup,
// script, style or an address.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const SOURCE = fileURLToPath(new URL("../src", import.meta.url));

const FORBIDDEN: readonly (readonly [string, RegExp])[] = [
  ["markup from text", /\b(inner|outer)HTML\b|insertAdjacentHTML|dangerouslySetInnerHTML|srcdoc/],
  ["markup from text", /\bdocument\s*\.\s*write|createContextualFragment|parseFromString|setHTML/],
  ["script from text", /\beval\s*\(|new\s+Function\b|\bFunction\s*\(|javascript:/],
  ["script from text", /set(Timeout|Interval)\s*\(\s*["'`]/],
  ["a script or frame", /createElement\s*\(\s*["'`](script|iframe|object|embed|link|style)/i],
  ["a script or frame", /<(script|iframe|object|embed|base|meta|link|style|img|form\s+action)\b/],
  ["a style as text", /\bstyle\s*=\s*["'`]|cssText|setAttribute\s*\(\s*["'`](style|on)/],
  ["an address from data", /\b(src|xlink:href|formaction|action|poster|background)\s*=\s*[{"']/i],
  ["an address from data", /\.\s*(src|href|action)\s*=[^=]|window\s*\.\s*open|location\s*=[^=]/],
  ["a request past api.ts", /\bfetch\s*\(|\bEventSource\s*\(|XMLHttpRequest|sendBeacon/],
  ["a request past api.ts", /\bWebSocket\b|importScripts|\bimport\s*\(\s*[^"\s]/],
  ["policies of our own", /trustedTypes|createPolicy/],
];

/** Where an `href` is made, each from a path of this page that was looked at. */
const LINKS = new Set(["components/basics.tsx", "save.ts"]);

/** What one file may do all the same, and why. */
const ALLOWED: Readonly<Record<string, string>> = {
  // Requests to our own API.
  "api.ts": "fetch(path, {",
  "views/list/stream.ts": "new EventSource(address)",
  // The address of a blob that it made itself, for a download.
  "save.ts": "link.href = URL.createObjectURL(blob);",
};

function sources(): [string, string][] {
  return readdirSync(SOURCE, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => [name, withoutComments(readFileSync(join(SOURCE, name), "utf8"))]);
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
}

describe("the source of the viewer", () => {
  it.each(sources())("%s has no sink", (name, text) => {
    const looked = text.replace(ALLOWED[name] ?? "", "");
    const found = FORBIDDEN.flatMap(([what, pattern]) => {
      const match = pattern.exec(looked);
      return match ? [`${what}: ${match[0]}`] : [];
    });
    expect(found).toEqual([]);
  });

  it("makes links in one place only", () => {
    const found = sources()
      .filter(([name, text]) => !LINKS.has(name) && /\bhref\s*=(?!=|"#main")/.test(text))
      .map(([name]) => name);
    expect(found).toEqual([]);
  });

  it.each([
    ["element.innerHTML = text"],
    ["<div dangerouslySetInnerHTML={{ __html: text }} />"],
    ['element.insertAdjacentHTML("beforeend", text)'],
    ["document.write(text)"],
    ["<a src={row.path} />"],
    ['<p style="color: red" />'],
    ["anchor.href = row.path"],
    ["window.open(row.path)"],
    ['fetch("https://elsewhere.example")'],
    ["eval(text)"],
  ])("would be refused with %s", (text) => {
    expect(FORBIDDEN.some(([, pattern]) => pattern.test(text))).toBe(true);
  });
});
