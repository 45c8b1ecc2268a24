// JSON whose numbers stay as they were written: an order number of 19 digits must not change on its
// way to the reader, and 1.10 is not 1.1 where somebody looks for the difference.

/** A number that JavaScript would write otherwise than it was written. */
export class Exact {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

export type Json = null | boolean | number | string | Exact | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Levels of nesting that are shown; the collector takes no more either. */
const DEEPEST = 300;

/**
 * Return the value of a JSON text.
 *
 * @throws SyntaxError if it is none.
 * @throws RangeError if it is nested deeper than 300 levels.
 */
export function parsed(text: string): Json {
  // First as it is: the search for numbers is quick only in what is JSON, and marks in it could
  // make some of what is none.
  const value = JSON.parse(text) as Json;
  if (isDeeper(value, DEEPEST)) throw new RangeError("nested too deep");
  // What a text in the event cannot begin with, for nobody knows it beforehand.
  const sign = `${Math.random().toString(36).slice(2)}:`;
  let found = false;
  const marked = text.replace(TOKEN, (token) => {
    if (token.startsWith('"') || String(Number(token)) === token) return token;
    found = true;
    return `"${sign}${token}"`;
  });
  if (!found) return value;
  return JSON.parse(marked, (_, each: unknown) =>
    typeof each === "string" && each.startsWith(sign) ? new Exact(each.slice(sign.length)) : each,
  ) as Json;
}

function isDeeper(value: Json, most: number): boolean {
  let level = [value];
  for (let depth = 0; level.length; depth += 1) {
    if (depth > most) return true;
    level = level.filter(isContainer).flatMap((each) => Object.values(each) as Json[]);
  }
  return false;
}

/** Write a value as JSON, in one line or with *indent* spaces a level. */
export function written(value: Json, indent = 0): string {
  if (!isContainer(value)) return value instanceof Exact ? value.source : JSON.stringify(value);
  const found: string[] = [];
  write(value, indent, "\n", found);
  return found.join("");
}

function write(value: Json, indent: number, line: string, found: string[]): void {
  if (!isContainer(value)) {
    found.push(value instanceof Exact ? value.source : JSON.stringify(value));
    return;
  }
  const isList = Array.isArray(value);
  const inner = indent ? line + " ".repeat(indent) : "";
  let separator = isList ? "[" : "{";
  for (const [name, child] of childrenOf(value)) {
    found.push(separator, inner);
    if (typeof name === "string") found.push(JSON.stringify(name), indent ? ": " : ":");
    write(child, indent, inner || line, found);
    separator = ",";
  }
  // Nothing was written yet if it is empty.
  if (separator === ",") found.push(indent ? line : "", isList ? "]" : "}");
  else found.push(isList ? "[]" : "{}");
}

export type Kind = "string" | "number" | "boolean" | "null" | "array" | "object";

export function kindOf(value: Json): Kind {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (value instanceof Exact) return "number";
  return typeof value as Kind;
}

export function isContainer(value: Json): value is readonly Json[] | JsonObject {
  return value !== null && typeof value === "object" && !(value instanceof Exact);
}

/** The members of an object or the items of an array, by name or index. */
export function childrenOf(value: Json): (readonly [string | number, Json])[] {
  if (!isContainer(value)) return [];
  if (Array.isArray(value)) return value.map((item: Json, index) => [index, item] as const);
  return Object.entries(value as JsonObject);
}

/** How many children there are, without making a list of them. */
export function sizeOf(value: Json): number {
  if (!isContainer(value)) return 0;
  return Array.isArray(value) ? value.length : Object.keys(value).length;
}

/** *value* as an object, an empty one if it is another thing. */
export function objectOf(value: unknown): JsonObject {
  const json = value as Json;
  return json !== undefined && isContainer(json) && !Array.isArray(json)
    ? (json as JsonObject)
    : {};
}

/** *value* as a number, null if it is another thing. */
export function numberOf(value: unknown): number | null {
  const number = value instanceof Exact ? Number(value.source) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : null;
}

/** *value* as a text, "" if it is another thing. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** A member that an object has itself. */
export function member(value: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

/** The JSON pointer (RFC 6901) of a child of what is at *parent*. */
export function pointer(parent: string, name: string | number): string {
  const text = typeof name === "number" ? String(name) : name;
  return `${parent}/${text.replace(/~/g, "~0").replace(/\//g, "~1")}`;
}

/** The names in a JSON pointer. */
export function namesIn(place: string): string[] {
  return place
    .split("/")
    .slice(1)
    .map((name) => name.replace(/~1/g, "/").replace(/~0/g, "~"));
}

/** The value at a JSON pointer in *root*, undefined if there is none. */
export function valueAt(root: Json, place: string): Json | undefined {
  let value: Json | undefined = root;
  for (const name of namesIn(place)) {
    if (value === undefined || !isContainer(value)) return undefined;
    value = Array.isArray(value) ? value[Number(name)] : member(value as JsonObject, name);
  }
  return value;
}

/** A place as people write it: `$.items[0].name`, `$["odd name"]`. */
export function pathOf(root: Json, place: string): string {
  let text = "$";
  let value: Json | undefined = root;
  for (const name of namesIn(place)) {
    if (Array.isArray(value)) text += `[${name}]`;
    else text += /^[A-Za-z_$][\w$]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
    if (value === undefined || !isContainer(value)) continue;
    value = Array.isArray(value) ? value[Number(name)] : member(value as JsonObject, name);
  }
  return text;
}
