// What the middleware says in single words, in sentences for people.

import type { Side } from "./event.ts";
import { namesIn } from "./json.ts";

const OMITTED: Readonly<Record<string, string>> = {
  disabled: "Bodies of this side are not recorded here; capture_{side}_body turns them on.",
  not_read: "The app did not read it, so nothing of it was seen.",
  over_limit: "It is longer than max_body_bytes.",
  incomplete: "It did not pass whole: one side stopped before its end.",
  queue_full: "Memory for calls that wait was full, and bodies make room first.",
  unsupported_encoding: "Its Content-Encoding is not known, and what cannot be read is not masked.",
  bad_encoding: "It is not in the Content-Encoding that its header names.",
  opaque_type: "It is of a binary type in which secrets cannot be found.",
  unparsable: "It is not what its Content-Type says, and what cannot be parsed cannot be masked.",
  secret_in_binary: "A secret was found in binary data, where it cannot be cut out.",
  not_kept: "An allow-list is set (keep_fields), and it has no words for this kind of body.",
  pattern_too_slow: "A pattern of mask_patterns took too long on it.",
  too_deep: "It is nested deeper than the masking goes.",
  too_large: "It has more values than the masking goes through.",
  mask_body: "The app's mask_body hook left it out.",
  mask_body_failed: "The app's mask_body hook failed on it.",
  event_too_large: "With it the event would be over the limit for one event, 1 MB.",
  file: "It was sent as a file by the server, past the app.",
};

/** Why a body stayed home. */
export function omittedWords(reason: string, side: Side): string {
  const words = Object.hasOwn(OMITTED, reason) ? OMITTED[reason] : undefined;
  return words?.replace("{side}", side) ?? `The sender says: ${reason}.`;
}

const REDUCED: Readonly<Record<string, string>> = {
  mask_failed: "the masking failed on it",
  last_gate: "a masked value was still found in it before it left",
  event_too_large: "it was over the limit for one event even without bodies",
};

/** Why an event holds only verb, route, status, times and sizes. */
export function reducedWords(reason: string): string {
  const words = Object.hasOwn(REDUCED, reason) ? REDUCED[reason] : reason;
  return `Only verb, route, status, times and sizes were sent, because ${words}.`;
}

/** A rule of the masking, for people: "header:cookie" is "header name: cookie". */
export function ruleWords(rule: string): string {
  const at = rule.indexOf(":");
  const [kind, rest] = at < 0 ? [rule, ""] : [rule.slice(0, at), rule.slice(at + 1)];
  const words = { header: "header name", field: "field name", query: "parameter" }[kind] ?? kind;
  return rest ? `${words}: ${rest}` : words;
}

/** Where a note points, for people: "/request/headers/Cookie" is "request header Cookie". */
export function placeWords(path: string): string {
  const names = namesIn(path);
  const [side = "", part = "", ...inner] = names;
  if (part === "headers") return `${side} header ${inner.join("/")}`;
  if (part === "body") return inner.length ? `${side} body: ${inner.join(" › ")}` : `${side} body`;
  if (part === "uri" || part.startsWith("uri?")) {
    const name = [part.slice(4), ...inner].filter(Boolean).join("/");
    return name ? `address, parameter ${name}` : "address";
  }
  return names.filter(Boolean).join(" › ");
}
