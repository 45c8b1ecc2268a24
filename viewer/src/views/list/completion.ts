// What may stand at the caret of the filter: a field, or a value of a field.

import type { Value } from "../../api.ts";
import { FIELDS, type Field, fullName, quoted, terms } from "../../filter/terms.ts";

export interface Place {
  /** The part of the text that a completion replaces. */
  readonly start: number;
  readonly end: number;
  /** The field whose value is wanted, or "" where a field is. */
  readonly field: string;
  /** What is written of it up to the caret, without quotes and sign. */
  readonly beginning: string;
  /** The filter without the term at the caret: what the values are asked for with. */
  readonly others: string;
}

export interface Option {
  /** What is put in place of the part. */
  readonly insert: string;
  readonly label: string;
  readonly hint: string;
  /** Whether the term is complete with it. */
  readonly done: boolean;
}

/** Return what is being written at *caret*. */
export function placeAt(text: string, caret: number): Place {
  const all = terms(text);
  const term = all.find((one) => one.start <= caret && caret <= one.end);
  const others = all
    .filter((one) => one !== term)
    .map((one) => text.slice(one.start, one.end))
    .join(" ");
  if (!term) return { start: caret, end: caret, field: "", beginning: "", others };
  if (!term.field || caret < term.valueStart) {
    const start = term.negated ? term.start + 1 : term.start;
    const end = term.field ? term.valueStart : term.end;
    return { start, end, field: "", beginning: text.slice(start, Math.max(start, caret)), others };
  }
  // In a list such as GET,POST only the part at the caret is completed.
  const written = text.slice(term.valueStart, caret);
  const comma = written.startsWith('"') ? -1 : written.lastIndexOf(",");
  const start = term.valueStart + comma + 1;
  const after = text.slice(caret, term.end).indexOf(",");
  const end = after < 0 || written.startsWith('"') ? term.end : caret + after;
  const beginning = text.slice(start, caret).replace(/^"/, "").replace(/\\(.)/g, "$1");
  return { start, end, field: term.field, beginning, others };
}

/** Return the fields that may be meant. */
export function fieldOptions(beginning: string): Option[] {
  const begun = beginning.toLowerCase();
  const meant = fullName(begun);
  const fits = (field: Field) => field.name.startsWith(begun) || field.name === meant;
  return FIELDS.filter(fits).map((field) => ({
    insert: `${field.name}:`,
    label: `${field.name}:`,
    hint: field.hint,
    done: false,
  }));
}

/** Whether the server knows values of this field to choose from. */
export function isListed(field: string): boolean {
  return FIELDS.find((one) => one.name === field)?.listed ?? false;
}

/** Return the values that may be meant: what is stored first, then what the language offers. */
export function valueOptions(
  place: Place,
  stored: readonly Value[],
  count: (n: number) => string,
): Option[] {
  const field = FIELDS.find((one) => one.name === place.field);
  const found = stored.map(({ value, count: many }) => ({
    insert: quoted(value),
    label: value,
    hint: count(many),
    done: true,
  }));
  const known = new Set(stored.map(({ value }) => value));
  const samples = (field?.samples ?? [])
    .filter((value) => value.startsWith(place.beginning) && !known.has(value))
    .map((value) => ({ insert: value, label: value, hint: meaning(value), done: true }));
  return [...found, ...samples];
}

/** Return the text with the option put in, and where the caret stands then. */
export function complete(
  text: string,
  place: Place,
  option: Option,
): { text: string; caret: number } {
  const before = text.slice(0, place.start);
  const rest = text.slice(place.end);
  const gap = option.done && !/^[\s,]/.test(rest) ? " " : "";
  const head = `${before}${option.insert}${gap}`;
  return { text: head + rest, caret: head.length };
}

function meaning(value: string): string {
  if (value === "none") return "absent";
  return value === "*" ? "any, but not absent" : "";
}
