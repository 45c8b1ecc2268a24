// The event of a call, read: everything in it is what somebody sent, and may be of any type.

import {
  type Json,
  type JsonObject,
  kindOf,
  member,
  numberOf,
  objectOf,
  textOf,
  written,
} from "./json.ts";
import { type Note, notesOf } from "./masks.ts";

export type Side = "request" | "response";

export interface Header {
  readonly name: string;
  readonly value: string;
}

/** One of the two messages of a call. */
export interface Message {
  readonly side: Side;
  readonly headers: readonly Header[];
  /** Of the header Content-Type, as it was written. */
  readonly type: string;
  /** Undefined where there is none. */
  readonly body: Json | undefined;
  readonly isBase64: boolean;
  /** Why the body, or a part of it, stayed home: a word of the middleware's, or "". */
  readonly omitted: string;
  /** Bytes that the body had before the collector cut it, null if it did not. */
  readonly cutFrom: number | null;
  /** Whether anything in this message was masked. */
  readonly noted: boolean;
}

export interface CallEvent {
  readonly document: JsonObject;
  /** Where it was sent to, as it was written. */
  readonly uri: string;
  readonly verb: string;
  readonly request: Message;
  /** Null if there was no answer. */
  readonly response: Message | null;
  readonly notes: readonly Note[];
  /** What the middleware says of the call: `metadata.apilog`. */
  readonly own: JsonObject;
  /** What the app said of it: the rest of the metadata. */
  readonly metadata: JsonObject;
}

/** Read an event. */
export function eventOf(event: unknown): CallEvent {
  const document = objectOf(event);
  const request = objectOf(member(document, "request"));
  const { apilog, ...metadata } = objectOf(member(document, "metadata"));
  const own = objectOf(apilog);
  const notes = notesOf(document);
  const answered = Object.keys(objectOf(member(document, "response"))).length > 0;
  return {
    document,
    uri: textOf(member(request, "uri")),
    verb: textOf(member(request, "verb")),
    request: messageOf(document, "request", own, notes),
    response: answered ? messageOf(document, "response", own, notes) : null,
    notes,
    own,
    metadata,
  };
}

function messageOf(
  document: JsonObject,
  side: Side,
  own: JsonObject,
  notes: readonly Note[],
): Message {
  const message = objectOf(member(document, side));
  const headers = headersOf(member(message, "headers"));
  const body = member(message, "body");
  return {
    side,
    headers,
    type: headerOf(headers, "content-type"),
    body: body === null ? undefined : body,
    isBase64: textOf(member(message, "transfer_encoding")).toLowerCase() === "base64",
    omitted: textOf(member(own, `${side}_body_omitted`)),
    cutFrom: numberOf(member(own, `${side}_body_cut`)),
    noted: notes.some((note) => note.path.startsWith(`/${side}/`)),
  };
}

/** Header lines in order. `Set-Cookie`, joined with line feeds, is several again. */
export function headersOf(headers: Json | undefined): Header[] {
  return Object.entries(objectOf(headers)).flatMap(([name, value]) => {
    const values = Array.isArray(value) ? (value as readonly Json[]) : [value];
    return values.flatMap((each) => {
      const text = kindOf(each) === "string" ? textOf(each) : written(each);
      const lines = name.toLowerCase() === "set-cookie" ? text.split("\n") : [text];
      return lines.map((line) => ({ name, value: line }));
    });
  });
}

/** The value of the first header of that name (lower case), or "". */
export function headerOf(headers: readonly Header[], name: string): string {
  return headers.find((header) => header.name.toLowerCase() === name)?.value ?? "";
}

/** A media type without parameters, in lower case. */
export function mediaType(type: string): string {
  return (type.split(";", 1)[0] ?? "").trim().toLowerCase();
}
