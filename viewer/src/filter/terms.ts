// The filter text cut into its terms, as the server cuts it; what a term means only the server says.

export interface Term {
  /** Offsets in the text: the term is text.slice(start, end). */
  readonly start: number;
  readonly end: number;
  readonly negated: boolean;
  /** The word before the colon, in lower case, or "" for a bare word. */
  readonly field: string;
  /** Where the value begins. */
  readonly valueStart: number;
  /** The value as written, quotes and all. */
  readonly raw: string;
}

export interface Field {
  readonly name: string;
  readonly hint: string;
  /** Whether the server knows values of it to choose from. */
  readonly listed: boolean;
  /** Values worth offering whatever is stored. */
  readonly samples?: readonly string[];
}

/** Every field of the filter language, the most useful first. */
export const FIELDS: readonly Field[] = [
  {
    name: "status",
    hint: "404, 5xx, >=400, 400-499, none",
    listed: true,
    samples: ["5xx", "4xx", "2xx", ">=400", "none"],
  },
  { name: "method", hint: "GET, POST …", listed: true },
  { name: "route", hint: "the template, /items/{id}", listed: true },
  { name: "path", hint: "the path as called; * stands for anything", listed: true },
  {
    name: "duration",
    hint: ">200ms, 100ms-1s",
    listed: false,
    samples: [">100ms", ">500ms", ">1s", "100ms-1s"],
  },
  { name: "user", hint: "who called", listed: true, samples: ["none", "*"] },
  { name: "company", hint: "the caller's company", listed: true, samples: ["none", "*"] },
  { name: "session", hint: "one session", listed: true },
  { name: "body", hint: "words in the bodies", listed: false },
  { name: "is", hint: "error, slow", listed: false, samples: ["error", "slow"] },
  { name: "error", hint: "the exception's type", listed: true, samples: ["*", "none"] },
  { name: "host", hint: "the host that was called", listed: true },
  { name: "ip", hint: "the caller's address", listed: true },
  { name: "trace", hint: "a trace id", listed: false },
  { name: "source", hint: "moesif, umami, swetrix …", listed: true },
  { name: "size", hint: "of the response, >10kb", listed: false, samples: [">10kb", ">1mb"] },
  {
    name: "request_size",
    hint: "of the request, >10kb",
    listed: false,
    samples: [">10kb", ">1mb"],
  },
  { name: "id", hint: "one call", listed: false },
];

const ALIASES: Readonly<Record<string, string>> = {
  verb: "method",
  dur: "duration",
  org: "company",
  response_size: "size",
};

/** Return the full name of a field, lower case. */
export function fullName(name: string): string {
  const lower = name.toLowerCase();
  return Object.hasOwn(ALIASES, lower) ? (ALIASES[lower] ?? lower) : lower;
}

/** Cut *text* into terms; an open quote reaches to the end. */
export function terms(text: string): Term[] {
  const found: Term[] = [];
  let at = 0;
  while (at < text.length) {
    if (isSpace(text[at])) {
      at += 1;
      continue;
    }
    const start = at;
    at = endOf(text, start);
    found.push(termOf(text, start, at));
  }
  return found;
}

function isSpace(character: string | undefined): boolean {
  return character !== undefined && /\s/.test(character);
}

function endOf(text: string, start: number): number {
  let quoted = false;
  let at = start;
  for (; at < text.length; at += 1) {
    const character = text[at];
    if (character === "\\" && quoted) at += 1;
    else if (character === '"') quoted = !quoted;
    else if (!quoted && isSpace(character)) break;
  }
  return Math.min(at, text.length);
}

function termOf(text: string, start: number, end: number): Term {
  const match = /^(-?)([A-Za-z_]+):/.exec(text.slice(start, end));
  if (!match) {
    const negated = text[start] === "-" && end > start + 1;
    const valueStart = negated ? start + 1 : start;
    return { start, end, negated, field: "", valueStart, raw: text.slice(valueStart, end) };
  }
  const valueStart = start + match[0].length;
  return {
    start,
    end,
    negated: match[1] === "-",
    field: fullName(match[2] ?? ""),
    valueStart,
    raw: text.slice(valueStart, end),
  };
}

/** Write a value so that the server reads exactly it: bare if that is safe, else quoted. */
export function quoted(value: string): string {
  if (/^[A-Za-z0-9/{}<>:._~@+%&=?#$!;[\]|^-]+$/.test(value) && !/^(none|-.*)$/i.test(value)) {
    return value;
  }
  return `"${value.replace(/["\\]/g, "\\$&")}"`;
}

/** Return the term that says that *field* is *value*; absent ones are `none`. */
export function termFor(field: string, value: string | number | null, negated = false): string {
  const sign = negated ? "-" : "";
  if (value === null || value === "") return `${sign}${field}:none`;
  return `${sign}${field}:${typeof value === "number" ? value : quoted(value)}`;
}

/**
 * Add the term "*field* is *value*" to a filter, or "is not". The opposite term, if it stands there,
 * is taken away; a term that is there already is not added again.
 */
export function withTerm(
  text: string,
  field: string,
  value: string | number | null,
  negated = false,
): string {
  const wanted = termFor(field, value, negated);
  const opposite = termFor(field, value, !negated);
  const kept = terms(text)
    .map((term) => text.slice(term.start, term.end))
    .filter((term) => term !== opposite);
  if (!kept.includes(wanted)) kept.push(wanted);
  return kept.join(" ");
}
