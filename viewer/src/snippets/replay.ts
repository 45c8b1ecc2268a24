// What would have to be sent to repeat a call.

import { type Content, contentOf, type Part } from "../call/body.ts";
import { type CallEvent, type Header, mediaType } from "../call/event.ts";
import { type Json, written } from "../call/json.ts";
import { pieces, replacedIn, unmaskedBy } from "../call/masks.ts";
import { addressOf } from "../call/params.ts";

/** What stands in a snippet where a value was masked. */
export const PLACEHOLDER = "REPLACE_ME";

export type ReplayBody =
  | { readonly kind: "none" }
  | { readonly kind: "text"; readonly text: string }
  /** JSON that is exactly *text* when it is written without white space. */
  | { readonly kind: "json"; readonly text: string; readonly value: Json }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "parts"; readonly parts: readonly Part[] };

export interface Replay {
  readonly method: string;
  /** Scheme and host, `http://unknown.invalid` where the call has none. */
  readonly origin: string;
  /** Path and query as they are sent: printable ASCII. */
  readonly target: string;
  readonly headers: readonly Header[];
  readonly body: ReplayBody;
  /** What the reader has to know. Fixed words, nothing that was logged. */
  readonly remarks: readonly string[];
}

/** What a client works out itself, or what concerned one connection only. */
const LEFT_OUT = new Set(
  (
    "content-length transfer-encoding connection keep-alive proxy-connection te trailer upgrade " +
    "expect http2-settings"
  ).split(" "),
);
const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
const HOST = /^(?:[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?$/;

/** Return what repeats the request of *event*. */
export function replayOf(event: CallEvent): Replay {
  const remarks: string[] = [];
  const { origin, target } = addressed(event, remarks);
  const body = bodyOf(event, remarks);
  const headers = headersOf(event, origin, body, remarks);
  const method = TOKEN.test(event.verb) ? event.verb.toUpperCase() : "GET";
  if (method !== event.verb.toUpperCase()) remarks.push("Its verb is none of HTTP.");
  const masked = [target, ...headers.map((header) => header.value), bodyText(body)];
  if (masked.some((text) => text.includes(PLACEHOLDER))) {
    remarks.unshift(`${PLACEHOLDER} stands where a value was masked when the call was recorded.`);
  }
  return { method, origin, target, headers, body, remarks };
}

/** The body as a text, "" where it is none. */
export function bodyText(body: ReplayBody): string {
  if (body.kind === "text" || body.kind === "json") return body.text;
  if (body.kind !== "parts") return "";
  return body.parts.map((part) => (part.file ? PLACEHOLDER : partText(part))).join("\n");
}

/** The value of a field of a multipart form, as it is sent. */
export function partText(part: Part): string {
  return typeof part.value === "string" ? part.value : written(part.value);
}

function addressed(event: CallEvent, remarks: string[]): { origin: string; target: string } {
  const address = addressOf(event.uri);
  let origin = "http://unknown.invalid";
  const known = originOf(address.origin);
  if (known) origin = known;
  else remarks.push("The call has no address of HTTP: put the host in.");
  const { noted } = event.request;
  const plain = (text: string) => encoded(unmaskedBy(text, noted, PLACEHOLDER));
  const path = plain(address.path) || "/";
  const query = address.hasQuery ? `?${plain(address.query)}` : "";
  return { origin, target: `${path.startsWith("/") ? "" : "/"}${path}${query}` };
}

function originOf(origin: string): string | null {
  try {
    const url = new URL(origin);
    if (url.protocol !== "http:" && url.protocol !== "https:") return null;
    return HOST.test(url.host) ? `${url.protocol}//${url.host}` : null;
  } catch {
    return null;
  }
}

/** Percent-encode what cannot stand in the first line of a request. */
function encoded(text: string): string {
  return text.replace(/[^\u0021-\u007e]+/g, (run) =>
    encodeURIComponent(run.replace(/\p{Cs}/gu, "\ufffd")),
  );
}

function headersOf(
  event: CallEvent,
  origin: string,
  body: ReplayBody,
  remarks: string[],
): Header[] {
  const host = origin.slice(origin.indexOf("://") + 3);
  const found: Header[] = [];
  let changed = false;
  for (const { name, value } of event.request.headers) {
    const lowered = name.toLowerCase();
    if (LEFT_OUT.has(lowered) || lowered.startsWith(":")) continue;
    if (lowered === "host" && value.toLowerCase() === host) continue;
    if (lowered === "content-encoding" && body.kind !== "none") continue; // it was undone
    if (lowered === "content-type" && body.kind === "parts") continue; // its boundary is the client's
    if (!TOKEN.test(name)) {
      changed = true;
      continue;
    }
    const known = unmaskedBy(value, event.request.noted, PLACEHOLDER);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: no header can hold them
    const clean = known.replace(/[\u0000-\u0008\u000a-\u001f\u007f]+/g, " ").trim();
    if (clean !== known.trim()) changed = true;
    found.push({ name, value: clean });
  }
  if (changed) remarks.push("Headers that no client can send were changed or left out.");
  return found;
}

function bodyOf(event: CallEvent, remarks: string[]): ReplayBody {
  const { request } = event;
  if (request.omitted || request.cutFrom !== null) {
    remarks.push(
      request.body === undefined
        ? "Its body was not recorded."
        : "Only a part of its body was recorded.",
    );
  }
  const content = contentOf(request);
  if (content.kind === "parts" && content.parts.some((part) => part.file)) {
    remarks.push("Files were not recorded: name yours.");
  }
  if (request.body !== undefined && pieces(request.type, request.noted).some((one) => one.masked)) {
    remarks.push("Its Content-Type was masked.");
  }
  return replayBody(content, request.noted, mediaType(request.type));
}

function replayBody(content: Content, noted: boolean, type: string): ReplayBody {
  const plain = (text: string) => unmaskedBy(text, noted, PLACEHOLDER);
  switch (content.kind) {
    case "none":
      return { kind: "none" };
    case "picture":
    case "bytes":
      return { kind: "bytes", bytes: content.bytes };
    case "parts":
      return {
        kind: "parts",
        parts: content.parts.map((part) => ({
          ...part,
          value: part.file ? part.value : replacedIn(part.value, noted, PLACEHOLDER),
        })),
      };
    case "json": {
      const value = replacedIn(content.value, noted, PLACEHOLDER);
      const compact = written(value);
      if (content.text !== null && plain(content.text) !== compact) {
        return { kind: "text", text: plain(content.text) };
      }
      return type ? { kind: "json", text: compact, value } : { kind: "text", text: compact };
    }
    default:
      return { kind: "text", text: plain(content.text) };
  }
}
