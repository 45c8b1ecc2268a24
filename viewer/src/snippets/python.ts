// Values as Python writes them: https://docs.python.org/3/reference/lexical_analysis.html#literals.

import { childrenOf, Exact, isContainer, type Json } from "../call/json.ts";
import { hasMask } from "../call/masks.ts";
import { hasHidden } from "./shell.ts";

/** Characters of a line of code. */
const WIDTH = 88;
/** Levels of lists and dicts that are written as such: Python's parser has a limit of its own. */
const DEEPEST = 40;
const LONGEST_NUMBER = 300;

/** A text as a literal; what does not show is an escape. */
export function pyText(text: string): string {
  let found = "";
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (character === "\\" || character === '"') found += `\\${character}`;
    else if (character === "\n") found += "\\n";
    else if (character === "\r") found += "\\r";
    else if (character === "\t") found += "\\t";
    else if (code < 0x20 || code === 0x7f) found += `\\x${digits(code, 2)}`;
    else if ((code >= 0xd800 && code <= 0xdfff) || (hasHidden(character) && code <= 0xffff))
      found += `\\u${digits(code, 4)}`;
    else if (hasHidden(character)) found += `\\U${digits(code, 8)}`;
    else found += character;
  }
  return `"${found}"`;
}

/** Bytes as a literal. */
export function pyBytes(content: Iterable<number>): string {
  const found: string[] = [];
  for (const byte of content) {
    if (byte === 0x5c || byte === 0x22) found.push(`\\${String.fromCharCode(byte)}`);
    else if (byte === 0x0a) found.push("\\n");
    else if (byte >= 0x20 && byte < 0x7f) found.push(String.fromCharCode(byte));
    else found.push(`\\x${digits(byte, 2)}`);
  }
  return `b"${found.join("")}"`;
}

/** Whether every surrogate in *text* is half of a pair. */
export function isWellFormed(text: string): boolean {
  return !/\p{Cs}/u.test(text);
}

/** Whether `json.dumps` gives back exactly this value when it is written as Python. */
export function isPyJson(value: Json, depth = 0): boolean {
  if (value instanceof Exact) {
    return value.source.length <= LONGEST_NUMBER && Number.isFinite(Number(value.source));
  }
  if (typeof value === "string") return isWellFormed(value);
  if (!isContainer(value)) return true;
  return (
    depth < DEEPEST &&
    childrenOf(value).every(
      ([name, child]) =>
        (typeof name === "number" || isWellFormed(name)) && isPyJson(child, depth + 1),
    )
  );
}

/**
 * Write a JSON value as Python: on one line if it fits behind *used* characters, else on several,
 * the inner ones indented by *indent* and four spaces more. With *any*, a masked text becomes `ANY`.
 */
export function pyValue(
  value: Json,
  indent: number,
  used = indent,
  any: boolean | null = null,
): string {
  const flat = flatValue(value, any, WIDTH - used);
  if (flat !== null || !isContainer(value)) return flat ?? scalar(value, any);
  const inner = " ".repeat(indent + 4);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const lines = childrenOf(value).map(([name, child]) => {
    const label = typeof name === "string" ? `${pyText(name)}: ` : "";
    return `${inner}${label}${pyValue(child, indent + 4, indent + 5 + label.length, any)},\n`;
  });
  return `${open}\n${lines.join("")}${" ".repeat(indent)}${close}`;
}

/** The value on one line of at most *room* characters, null if that is too little. */
function flatValue(value: Json, any: boolean | null, room: number): string | null {
  if (!isContainer(value)) {
    const text = scalar(value, any);
    return text.length <= room ? text : null;
  }
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const parts: string[] = [];
  let left = room - 2;
  for (const [name, child] of childrenOf(value)) {
    const label = typeof name === "string" ? `${pyText(name)}: ` : "";
    const text = flatValue(child, any, left - label.length);
    if (text === null) return null;
    parts.push(label + text);
    left -= label.length + text.length + 2;
    if (left < -2) return null;
  }
  return `${open}${parts.join(", ")}${close}`;
}

function scalar(value: Json, any: boolean | null): string {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (value instanceof Exact) return value.source === "-0" ? "-0.0" : value.source;
  if (typeof value === "number") return String(value);
  if (any !== null && hasMask(value, any)) return "ANY";
  return pyText(value as string);
}

function digits(code: number, length: number): string {
  return code.toString(16).padStart(length, "0");
}
