// A call as a command of curl: https://curl.se/docs/manpage.html.

import type { Part } from "../call/body.ts";
import { toBase64, toUtf8 } from "../call/bytes.ts";
import { PLACEHOLDER, partText, type Replay, type ReplayBody } from "./replay.ts";
import { byteWord, fitsArgument, word } from "./shell.ts";

/** Bytes of one argument that Linux passes on are 128 KiB; quoting may make more of them. */
const LONGEST_ARGUMENT = 30_000;

/** Return a command for bash, zsh and their like that sends what *replay* says. */
export function curl(replay: Replay): string {
  const { target } = replay;
  const url = `${replay.origin}${target}`;
  const options = [word(url)];
  if (/[[\]{}]/.test(url)) options.push("--globoff");
  if (/(?:^|\/)\.{1,2}(?:\/|$|\?)/.test(target.split("?")[0] ?? "")) options.push("--path-as-is");
  const body = replay.method === "HEAD" ? ({ kind: "none" } as const) : replay.body;
  options.push(...methodOptions(replay.method, body));
  options.push(...headerOptions(replay, body));
  const { input, options: data } = dataOptions(body);
  options.push(...data);
  return `${input}curl ${options.join(" \\\n  ")}`;
}

function methodOptions(method: string, body: ReplayBody): string[] {
  if (method === "HEAD") return ["--head"];
  if (method === (body.kind === "none" ? "GET" : "POST")) return [];
  return [`--request ${word(method)}`];
}

function headerOptions(replay: Replay, body: ReplayBody): string[] {
  const names = new Set(replay.headers.map((header) => header.name.toLowerCase()));
  const found = replay.headers.map(({ name, value }) => {
    const line = value ? `${name}: ${value}` : `${name};`;
    return `--header ${isLatin(value) ? byteWord(line) : word(line)}`;
  });
  // curl would call any data a form.
  if (body.kind !== "none" && body.kind !== "parts" && !names.has("content-type")) {
    found.push("--header Content-Type:");
  }
  if (names.has("accept-encoding")) found.push("--compressed");
  return found;
}

/** Header values are bytes, each recorded as the character of its number. */
export function isLatin(value: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: any byte is meant
  return /^[\u0000-\u00ff]*$/.test(value);
}

/** Return what is piped into a command, and the options that make it a body. */
function dataOptions(body: ReplayBody): { input: string; options: string[] } {
  switch (body.kind) {
    case "none":
      return { input: "", options: [] };
    case "parts":
      return { input: "", options: body.parts.map(formOption) };
    case "bytes":
      return { input: piped(body.bytes), options: ["--data-binary @-"] };
    default:
      if (!fitsArgument(body.text) || body.text.length > LONGEST_ARGUMENT) {
        return { input: piped(toUtf8(body.text)), options: ["--data-binary @-"] };
      }
      return { input: "", options: [`--data-raw ${word(body.text)}`] };
  }
}

/** Have the shell itself write the bytes: it has no limit for that, and NUL is no end there. */
export function piped(content: Uint8Array): string {
  return `printf %s ${word(toBase64(content))} | base64 --decode | `;
}

/** A file is never read from where the recorded name says: that name is somebody else's. */
function formOption(part: Part): string {
  if (!part.file) return `--form-string ${word(`${part.name}=${partText(part)}`)}`;
  const name = part.file.name ? `;filename="${escaped(part.file.name)}"` : "";
  const type = /^[\w.+-]+\/[\w.+-]+$/.test(part.file.type) ? `;type=${part.file.type}` : "";
  return `--form ${word(`${part.name}=@${PLACEHOLDER}${name}${type}`)}`;
}

function escaped(text: string): string {
  return text.replace(/["\\]/g, "\\$&");
}
