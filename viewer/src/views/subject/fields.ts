// A document as lines of name and value.

export interface Field {
  /** The way to the value: `metadata.plan`. */
  readonly name: string;
  readonly value: string;
}

/** Lines of a document that are shown, and characters of a value. */
const MOST = 100;
const LONGEST = 1000;

/** Return the values of a document by their way; lists, and what is deeper than two, as JSON. */
export function fields(document: Readonly<Record<string, unknown>>): Field[] {
  const found: Field[] = [];
  const add = (name: string, value: unknown, depth: number) => {
    if (found.length >= MOST) return;
    if (isObject(value) && depth < 2 && Object.keys(value).length) {
      for (const [key, inner] of Object.entries(value)) add(`${name}.${key}`, inner, depth + 1);
    } else {
      found.push({ name, value: text(value) });
    }
  };
  for (const [key, value] of Object.entries(document)) add(key, value, 0);
  return found;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  const whole = typeof value === "string" ? value : JSON.stringify(value);
  return whole.length > LONGEST ? `${whole.slice(0, LONGEST)} …` : whole;
}
