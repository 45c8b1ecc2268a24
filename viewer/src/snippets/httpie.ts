// A call as a command of HTTPie: https://httpie.io/docs/cli.

import type { Part } from "../call/body.ts";
import { toUtf8 } from "../call/bytes.ts";
import type { Header } from "../call/event.ts";
import { isLatin, piped } from "./curl.ts";
import { PLACEHOLDER, partText, type Replay } from "./replay.ts";
import { fitsArgument, word } from "./shell.ts";

const LONGEST_ARGUMENT = 30_000;

/** What it sends as it stands; it would encode anything else, and decode what need not be encoded. */
const PLAIN_TARGET =
  /^(?:[\w.~!$&'()*+,;=:@/?[\]-]|%(?!2[DdEe]|3\d|4[1-9A-Fa-f]|5[0-9AaFf]|6[1-9A-Fa-f]|7[0-9AaEe])[0-9A-Fa-f]{2})*$/;

/**
 * Return a command for bash, zsh and their like, or null: HTTPie changes some addresses on their
 * way, and cannot write some headers and fields, such as those with a backslash, or with bytes that
 * are no UTF-8.
 */
export function httpie(replay: Replay): string | null {
  const url = `${replay.origin}${replay.target}`;
  if (!PLAIN_TARGET.test(replay.target)) return null;
  const options: string[] = [];
  if (/(?:^|\/)\.{1,2}(?:\/|$|\?)/.test(replay.target.split("?")[0] ?? "")) {
    options.push("--path-as-is");
  }
  const { body } = replay;
  const items = replay.headers.map(headerItem);
  let input = "";
  if (body.kind === "parts") {
    options.push("--multipart");
    items.push(...body.parts.map(partItem));
  } else if (body.kind === "bytes") {
    input = piped(body.bytes);
  } else if (body.kind !== "none") {
    if (fitsArgument(body.text) && body.text.length <= LONGEST_ARGUMENT && body.text !== "") {
      options.push(`--raw=${word(body.text)}`);
    } else {
      input = piped(toUtf8(body.text));
    }
  }
  const names = new Set(replay.headers.map((header) => header.name.toLowerCase()));
  if (body.kind !== "none" && body.kind !== "parts" && !names.has("content-type")) {
    items.push("Content-Type:");
  }
  if (items.includes(null)) return null;
  if (!input) options.unshift("--ignore-stdin");
  const first = ["http", ...options, word(replay.method), word(url)].join(" ");
  return input + [first, ...items].join(" \\\n  ");
}

/** The characters that HTTPie's separators are made of; a backslash takes their meaning. */
const SPECIAL = /[:;=@]/g;

function headerItem({ name, value }: Header): string | null {
  if (/\\/.test(value) || (/\P{ASCII}/u.test(value) && isLatin(value))) return null;
  if (!value) return word(`${name};`);
  return word(`${name}:${value.replace(/^[:;=@]+/, (run) => run.replace(SPECIAL, "\\$&"))}`);
}

function partItem(part: Part): string | null {
  if (/\\/.test(part.name) || part.name.startsWith("-") || !part.name) return null;
  const name = part.name.replace(SPECIAL, "\\$&");
  if (part.file) {
    const type = /^[\w.+-]+\/[\w.+-]+$/.test(part.file.type) ? `;type=${part.file.type}` : "";
    return word(`${name}@${PLACEHOLDER}${type}`);
  }
  const text = partText(part);
  if (/\\/.test(text) || !fitsArgument(text) || text.length > LONGEST_ARGUMENT) return null;
  return word(`${name}=${text.replace(/^[:;=@]+/, (run) => run.replace(SPECIAL, "\\$&"))}`);
}
