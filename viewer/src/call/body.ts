// What a body is, found out by looking at it; what the call said about its type is only a hint.

import { fromBase64, fromUtf8, isReadable, toUtf8 } from "./bytes.ts";
import { type Message, mediaType } from "./event.ts";
import {
  isContainer,
  type Json,
  type JsonObject,
  member,
  numberOf,
  objectOf,
  parsed,
  textOf,
  written,
} from "./json.ts";
import { type Param, paramsOf } from "./params.ts";
import { type Picture, pictureOf } from "./pictures.ts";
import { type StreamEvent, streamEvents } from "./stream.ts";

/** A field of a multipart form; of files only this was recorded. */
export interface Part {
  readonly name: string;
  readonly value: Json;
  /** Null where it is no file. */
  readonly file: {
    readonly name: string;
    readonly type: string;
    readonly size: number | null;
    readonly digest: string;
  } | null;
}

export type Content =
  | { readonly kind: "none" }
  | { readonly kind: "json"; readonly value: Json; readonly text: string | null }
  | { readonly kind: "lines"; readonly value: readonly Json[]; readonly text: string }
  | { readonly kind: "form"; readonly params: readonly Param[]; readonly text: string }
  | { readonly kind: "parts"; readonly parts: readonly Part[]; readonly value: Json }
  | { readonly kind: "stream"; readonly events: readonly StreamEvent[]; readonly text: string }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "picture"; readonly picture: Picture; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array<ArrayBuffer> };

/** Characters of a text that is looked at for JSON in it. */
const MOST_PARSED = 2_000_000;
/** Events of a stream, and lines of JSON, that are listed. */
const MOST_LISTED = 5_000;

/** Tell what the body of *message* is. */
export function contentOf(message: Message): Content {
  const { body } = message;
  const type = mediaType(message.type);
  if (body === undefined || body === "") return { kind: "none" };
  if (typeof body !== "string") {
    if (type.startsWith("multipart/") && isObject(body)) {
      return { kind: "parts", parts: partsOf(objectOf(body)), value: body };
    }
    return { kind: "json", value: body, text: null };
  }
  if (!message.isBase64) return textContent(body, type);
  const bytes = fromBase64(body);
  return bytes ? bytesContent(bytes, type) : textContent(body, type);
}

function bytesContent(bytes: Uint8Array<ArrayBuffer>, type: string): Content {
  const picture = pictureOf(bytes);
  if (picture) return { kind: "picture", picture, bytes };
  const text = fromUtf8(bytes);
  return text !== null && isReadable(text) ? textContent(text, type) : { kind: "bytes", bytes };
}

function textContent(text: string, type: string): Content {
  if (type === "text/event-stream") {
    return { kind: "stream", events: streamEvents(text, MOST_LISTED), text };
  }
  const value = text.length <= MOST_PARSED ? jsonIn(text, isJsonType(type)) : undefined;
  if (value !== undefined) return { kind: "json", value, text };
  if (type === "application/x-www-form-urlencoded") {
    return { kind: "form", params: paramsOf(text), text };
  }
  const lines = /ndjson|jsonl|json-lines|json-seq/.test(type) ? jsonLines(text) : null;
  return lines ? { kind: "lines", value: lines, text } : { kind: "text", text };
}

/** The JSON in a text. A bare word or number is some only where the type says so. */
function jsonIn(text: string, declared: boolean): Json | undefined {
  if (!declared && !/^\s*[[{]/.test(text)) return undefined;
  try {
    return parsed(text);
  } catch {
    return undefined;
  }
}

function isJsonType(type: string): boolean {
  return type === "application/json" || type.endsWith("+json") || type === "text/json";
}

/** The values of a text with one JSON value a line; a line that is none stays a text. */
function jsonLines(text: string): Json[] | null {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (!lines.length || lines.length > MOST_LISTED) return null;
  return lines.map((line) => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 7464 begins records with it
    const value = jsonIn(line.replace(/^\u001e/, ""), true);
    return value === undefined ? line : value;
  });
}

function isObject(value: Json): boolean {
  return isContainer(value) && !Array.isArray(value);
}

function partsOf(form: JsonObject): Part[] {
  return Object.entries(form).flatMap(([name, value]) => {
    const values = Array.isArray(value) ? (value as readonly Json[]) : [value];
    return values.map((each) => ({ name, value: each, file: fileOf(each) }));
  });
}

function fileOf(value: Json): Part["file"] {
  const described = objectOf(value);
  const size = numberOf(member(described, "size"));
  if (size === null || !("filename" in described || "digest" in described)) return null;
  return {
    name: textOf(member(described, "filename")),
    type: textOf(member(described, "content_type")),
    size,
    digest: textOf(member(described, "digest")),
  };
}

/** The body as a text, as near to what was sent as is known; null for bytes that are no text. */
export function textIn(content: Content): string | null {
  switch (content.kind) {
    case "none":
      return "";
    case "json":
      return content.text ?? written(content.value);
    case "parts":
      return written(content.value);
    case "picture":
    case "bytes":
      return null;
    default:
      return content.text;
  }
}

/** How many bytes of the body are here. */
export function bytesIn(content: Content): number {
  const text = textIn(content);
  if (text !== null) return toUtf8(text).length;
  return "bytes" in content ? content.bytes.length : 0;
}
