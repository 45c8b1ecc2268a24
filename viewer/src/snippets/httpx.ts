// A call as Python with HTTPX, https://www.python-httpx.org/api/, alone or as a test for pytest.

import { type Content, contentOf } from "../call/body.ts";
import { toUtf8 } from "../call/bytes.ts";
import { type CallEvent, type Header, type Message, mediaType } from "../call/event.ts";
import { hasMask } from "../call/masks.ts";
import { isLatin } from "./curl.ts";
import { isPyJson, isWellFormed, pyBytes, pyText, pyValue } from "./python.ts";
import { PLACEHOLDER, partText, type Replay, type ReplayBody } from "./replay.ts";

/** Characters of an answer that a test compares whole. */
const MOST_COMPARED = 4_000;

/** Return a script that sends what *replay* says and prints the answer. */
export function httpx(replay: Replay): string {
  return [
    ...replay.remarks.map((remark) => `# ${remark}\n`),
    "import httpx\n\n",
    ...call(replay, 0),
    "print(response.status_code, response.reason_phrase)\n",
    "print(response.text)\n",
  ].join("");
}

/** Return a test that sends it and wants the answer that was recorded. */
export function pytest(replay: Replay, event: CallEvent, status: number | null): string {
  const checks = assertions(event.response, status);
  const any = checks.some((check) => /\bANY\b/.test(check));
  return [
    ...replay.remarks.map((remark) => `# ${remark}\n`),
    ...(any ? ["from unittest.mock import ANY\n\n"] : []),
    "import httpx\n\n\n",
    `def test_${testName(replay)}() -> None:\n`,
    ...call(replay, 4),
    ...(checks.length ? ["\n"] : []),
    ...checks,
  ].join("");
}

function testName(replay: Replay): string {
  const path = (replay.target.split("?")[0] ?? "").replace(/%[0-9A-Fa-f]{2}/g, "_");
  const words = `${replay.method} ${path}`.toLowerCase().replace(/[^a-z0-9]+/g, "_");
  return words.replace(/^_+|_+$/g, "").slice(0, 60) || "call";
}

/** What `httpx` sends as it stands; it would encode anything else, or resolve the dots. */
const PLAIN_TARGET =
  /^\/(?:[\w.~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*(?:\?(?:[\w.~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})+)?$/;

function isPlain(target: string): boolean {
  const path = target.split("?")[0] ?? "";
  return PLAIN_TARGET.test(target) && !/\/\.{1,2}(?:\/|$)/.test(path) && !path.startsWith("//");
}

function call(replay: Replay, indent: number): string[] {
  const plain = isPlain(replay.target);
  const at = plain ? indent : indent + 4;
  const pad = " ".repeat(at);
  const given = [
    pyText(replay.method),
    pyText(plain ? `${replay.origin}${replay.target}` : `${replay.origin}/`),
    ...headerLines(replay.headers, at + 4),
    ...bodyLines(replay.body, at + 4),
  ];
  if (!plain) given.push(`extensions={"target": ${pyBytes(toUtf8(replay.target))}}`);
  const inner = given.map((line) => `${pad}    ${line},\n`).join("");
  if (plain) return [`${pad}response = httpx.request(\n${inner}${pad})\n`];
  return [
    `${" ".repeat(indent)}with httpx.Client() as client:\n`,
    `${pad}response = client.request(\n${inner}${pad})\n`,
  ];
}

function headerLines(headers: readonly Header[], indent: number): string[] {
  if (!headers.length) return [];
  const pad = " ".repeat(indent);
  const names = new Set(headers.map((header) => header.name.toLowerCase()));
  const repeated = names.size < headers.length;
  const lines = headers.map(({ name, value }) => {
    const text = headerValue(value);
    // HTTPX wants both as bytes, or both as texts.
    const key = text.startsWith("b") ? `b${pyText(name)}` : pyText(name);
    return repeated ? `${pad}    (${key}, ${text}),\n` : `${pad}    ${key}: ${text},\n`;
  });
  const [open, close] = repeated ? "[]" : "{}";
  return [`headers=${open}\n${lines.join("")}${pad}${close}`];
}

function headerValue(value: string): string {
  if (/^\p{ASCII}*$/u.test(value)) return pyText(value);
  return pyBytes(isLatin(value) ? [...value].map((one) => one.charCodeAt(0)) : toUtf8(value));
}

function bodyLines(body: ReplayBody, indent: number): string[] {
  switch (body.kind) {
    case "none":
      return [];
    case "bytes":
      return [`content=${pyBytes(body.bytes)}`];
    case "json":
      return isPyJson(body.value)
        ? [`json=${pyValue(body.value, indent, indent + 5)}`]
        : [`content=${textLiteral(body.text)}`];
    case "text":
      return [`content=${textLiteral(body.text)}`];
    case "parts": {
      const pad = " ".repeat(indent);
      const lines = body.parts.map((part) => {
        const { file } = part;
        const type = file && /^[\w.+-]+\/[\w.+-]+$/.test(file.type) ? `, "${file.type}"` : "";
        const value = file
          ? `(${pyText(file.name)}, b"${PLACEHOLDER}"${type})`
          : `(None, ${textLiteral(partText(part))})`;
        return `${pad}    (${pyText(part.name)}, ${value}),\n`;
      });
      return [`files=[\n${lines.join("")}${pad}]`];
    }
  }
}

/** A text that is sent: as text, but as its bytes where Python could not encode it. */
function textLiteral(text: string): string {
  return isWellFormed(text) ? pyText(text) : pyBytes(toUtf8(text));
}

function assertions(response: Message | null, status: number | null): string[] {
  if (!response || status === null) return [];
  const found = [`    assert response.status_code == ${status}\n`];
  const type = mediaType(response.type);
  if (/^[\w.+-]+\/[\w.+-]+$/.test(type)) {
    found.push(`    assert response.headers["Content-Type"].startswith(${pyText(type)})\n`);
  }
  const whole = !response.omitted && response.cutFrom === null;
  return whole ? [...found, ...bodyAssertion(contentOf(response), response.noted)] : found;
}

function bodyAssertion(content: Content, noted: boolean): string[] {
  if (content.kind === "json" && isPyJson(content.value)) {
    const code = pyValue(content.value, 4, 30, noted);
    return code.length <= MOST_COMPARED ? [`    assert response.json() == ${code}\n`] : [];
  }
  if (
    content.kind === "text" &&
    content.text.length <= MOST_COMPARED &&
    !hasMask(content.text, noted)
  ) {
    return [`    assert response.text == ${textLiteral(content.text)}\n`];
  }
  return [];
}
