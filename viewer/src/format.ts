// Numbers as short texts of a steady width.

/** A duration given in milliseconds: "840 µs", "12.4 ms", "1.24 s", "2 min 5 s"; "" for none. */
export function duration(ms: number | null): string {
  if (ms === null || !Number.isFinite(ms)) return "";
  if (ms < 0.9995) return `${Math.round(ms * 1000)} µs`;
  if (ms < 999.5) return `${three(ms)} ms`;
  if (ms < 99_950) return `${three(ms / 1000)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A size given in bytes: "0 B", "812 B", "3.2 kB", "1.4 MB"; "" for none. Decimal, as in `kb`. */
export function bytes(size: number | null): string {
  if (size === null || !Number.isFinite(size)) return "";
  if (size < 1000) return `${Math.round(size)} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = size / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${three(value)} ${units[unit]}`;
}

const grouped = new Intl.NumberFormat("en");

/** A whole number with groups: "1,234,567". */
export function count(value: number): string {
  return grouped.format(value);
}

/** A number in little room: "950", "1k", "1.2k", "34k", "5.6M". */
export function short(value: number): string {
  if (value < 999.5) return String(Math.round(value));
  if (value < 999_500) return `${two(value / 1000)}k`;
  return `${two(value / 1e6)}M`;
}

/** A share of a whole: "0 %", "<0.1 %", "4.2 %", "37 %"; "" if there is no whole. */
export function percent(part: number, whole: number): string {
  if (!(whole > 0)) return "";
  const value = (100 * part) / whole;
  if (value === 0) return "0 %";
  if (value < 0.1) return "<0.1 %";
  return value < 9.95 ? `${value.toFixed(1)} %` : `${Math.round(value)} %`;
}

/** How many: "1 call", "2 calls". */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

export type StatusClass = "none" | "info" | "ok" | "redirect" | "client" | "server";

/** The class of a status, for its colour. A call without an answer counts as the server's fault. */
export function statusClass(status: number | null, error = ""): StatusClass {
  if (status === null) return error ? "server" : "none";
  if (status >= 500) return "server";
  if (status >= 400) return "client";
  if (status >= 300) return "redirect";
  return status >= 200 ? "ok" : "info";
}

/**
 * How much of a bar a duration fills, 0 to 1: logarithmic from 1 ms to 10 s, so that fast and slow
 * calls can be told apart in one column.
 */
export function share(ms: number | null): number {
  if (ms === null || !(ms > 0)) return 0;
  return Math.min(1, Math.max(0.02, Math.log10(Math.max(ms, 1)) / 4));
}

/** Logged text on one line: control characters and direction marks as their code, so none hides. */
export function visible(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The beginning of logged text, on one line: for places where a glance is enough. */
export function brief(text: string, most = 300): string {
  return visible(text.length > most ? `${text.slice(0, most)}…` : text);
}

function three(value: number): string {
  if (value < 9.995) return value.toFixed(2);
  return value < 99.95 ? value.toFixed(1) : String(Math.round(value));
}

function two(value: number): string {
  return value < 9.95 ? value.toFixed(1).replace(".0", "") : String(Math.round(value));
}
