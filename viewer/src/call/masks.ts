// What masking left in the place of a value, and what it noted about it.

import { isContainer, type Json, type JsonObject, member, objectOf, textOf } from "./json.ts";

export const MASK = "***";

const PSEUDONYM = "(?:hmac|sha256):[0-9a-f]{32}";
const WHOLE = new RegExp(`^(?:\\*\\*\\*|${PSEUDONYM})$`);
const INSIDE = new RegExp(`\\*\\*\\*|${PSEUDONYM}`, "g");
/** A credential of which the scheme stayed. */
const CREDENTIAL = new RegExp(`^[A-Za-z][\\w-]{0,30} (?:\\*\\*\\*|${PSEUDONYM})$`);

export interface Note {
  /** A JSON pointer into the event; in an address the parameter stands after a "?". */
  readonly path: string;
  readonly rule: string;
}

export interface Piece {
  readonly text: string;
  readonly masked: boolean;
}

/** Whether *value* stands in the place of another one. */
export function isMasked(value: Json | undefined): boolean {
  return typeof value === "string" && WHOLE.test(value);
}

/** What was masked in *event*, as the middleware noted it: at most 100 places. */
export function notesOf(event: JsonObject): Note[] {
  const own = objectOf(member(objectOf(member(event, "metadata")), "apilog"));
  const masked = member(own, "masked");
  if (!Array.isArray(masked)) return [];
  return masked.map((each: Json) => {
    const note = objectOf(each);
    return { path: textOf(member(note, "path")), rule: textOf(member(note, "rule")) };
  });
}

/**
 * Cut *text* into what is as it was and what was masked. Only where something was *noted* may three
 * stars inside a text be a mask: elsewhere somebody may have typed them.
 */
export function pieces(text: string, noted: boolean): Piece[] {
  if (WHOLE.test(text)) return [{ text, masked: true }];
  if (!noted && !CREDENTIAL.test(text)) return text ? [{ text, masked: false }] : [];
  const found: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(INSIDE)) {
    if (match.index > end) found.push({ text: text.slice(end, match.index), masked: false });
    end = match.index + match[0].length;
    found.push({ text: match[0], masked: true });
  }
  if (end < text.length) found.push({ text: text.slice(end), masked: false });
  return found;
}

/** Replace every mask in a text; see `pieces` for *noted*. */
export function unmaskedBy(text: string, noted: boolean, placeholder: string): string {
  return pieces(text, noted)
    .map((piece) => (piece.masked ? placeholder : piece.text))
    .join("");
}

/** The same for all texts of a JSON value. Names stay: what they name is masked, not they. */
export function replacedIn(value: Json, noted: boolean, placeholder: string): Json {
  if (typeof value === "string") return unmaskedBy(value, noted, placeholder);
  if (!isContainer(value)) return value;
  if (Array.isArray(value)) {
    return value.map((item: Json) => replacedIn(item, noted, placeholder));
  }
  return Object.fromEntries(
    Object.entries(value as JsonObject).map(([name, child]) => [
      name,
      replacedIn(child, noted, placeholder),
    ]),
  );
}

/** Whether there is a mask in any text of *value*. */
export function hasMask(value: Json, noted: boolean): boolean {
  if (typeof value === "string") return pieces(value, noted).some((piece) => piece.masked);
  if (!isContainer(value)) return false;
  return Object.values(value).some((child: Json) => hasMask(child, noted));
}
