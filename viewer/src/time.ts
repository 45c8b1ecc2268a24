// Times and time ranges. Everywhere milliseconds since 1970, as numbers.

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { health } from "./api.ts";
import { param } from "./url.ts";

export interface Range {
  /** Milliseconds since 1970, inclusive. */
  readonly from: number;
  /** Milliseconds since 1970, exclusive. */
  readonly to: number;
}

export interface Preset {
  readonly from: string;
  readonly label: string;
}

/** What an address without `from` shows. */
export const DEFAULT_FROM = "-1h";

export const PRESETS: readonly Preset[] = [
  { from: "-5m", label: "Last 5 minutes" },
  { from: "-15m", label: "Last 15 minutes" },
  { from: "-1h", label: "Last hour" },
  { from: "-6h", label: "Last 6 hours" },
  { from: "-24h", label: "Last 24 hours" },
  { from: "-7d", label: "Last 7 days" },
  { from: "-30d", label: "Last 30 days" },
  { from: "0", label: "All time" },
];

const UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** The last moment of the year 9999: the collector takes no later one. */
const LATEST = 253_402_300_799_999;

/** Return the moment that *text* means (`-15m`, or milliseconds), or null if it means none. */
export function moment(text: string, now: number): number | null {
  const relative = /^-(\d{1,9})([smhd])$/.exec(text);
  if (relative) return now - Number(relative[1]) * (UNITS[relative[2] ?? ""] ?? 0);
  if (!/^\d{1,16}(\.\d{1,3})?$/.test(text)) return null;
  const value = Number(text);
  return value <= LATEST ? value : null;
}

const from = param("from");
const to = param("to");

/** Whether the range ends now, so that new calls belong to it. */
export const live: ReadonlySignal<boolean> = computed(() => moment(to.value, 0) === null);

/** The beginning of the range as it stands in the address. */
export const fromText: ReadonlySignal<string> = computed(() =>
  moment(from.value, 0) === null ? DEFAULT_FROM : from.value,
);

/** The moment up to which a live range reaches; moved on by whoever wants to see newer things. */
export const now = signal(Date.now());

/** The range that is shown, resolved; `from` is 0 where all time is meant. */
export const range: ReadonlySignal<Range> = computed(() => {
  const end = moment(to.value, now.value) ?? now.value;
  const begin = moment(fromText.value, now.value) ?? 0;
  return { from: Math.min(begin, end), to: end };
});

/** The range with a real beginning, for charts: all time begins with the oldest call stored. */
export const chartRange: ReadonlySignal<Range> = computed(() => {
  const { from: begin, to: end } = range.value;
  if (begin > 0) return { from: begin, to: end };
  const oldest = health.value?.store.oldest;
  return { from: Math.min(oldest ?? end - (UNITS.d ?? 0), end - 1000), to: end };
});

/** Say a range in words: "Last hour", or from when to when. */
export function rangeLabel(begin: string, end: string): string {
  if (moment(end, 0) === null) {
    const preset = PRESETS.find((one) => one.from === begin);
    if (preset) return preset.label;
    const relative = /^-(\d+)([smhd])$/.exec(begin);
    if (relative) return `Last ${relative[1]} ${relative[2]}`;
    return `Since ${dateTime(moment(begin, 0) ?? 0)}`;
  }
  const first = moment(begin, 0) ?? 0;
  const last = moment(end, 0) ?? 0;
  if (first <= 0) return `Until ${dateTime(last)}`;
  const sameDay = date(first) === date(last);
  const fine = last - first < 10_000;
  return `${date(first)} ${clock(first, fine)} – ${sameDay ? "" : `${date(last)} `}${clock(last, fine)}`;
}

const two = (value: number) => String(value).padStart(2, "0");

/** The local date: 2026-11-20. */
export function date(time: number): string {
  const at = new Date(time);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** The local time of day: 21:06:10, or 21:06:10.709 if *fine*. */
export function clock(time: number, fine = false): string {
  const at = new Date(time);
  const text = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return fine ? `${text}.${String(at.getMilliseconds()).padStart(3, "0")}` : text;
}

/** Local date and time of day: 2026-11-20 21:06:10. */
export function dateTime(time: number, fine = false): string {
  return `${date(time)} ${clock(time, fine)}`;
}

/** UTC with all that is known of the fraction, up to microseconds: 2026-11-20T21:06:10.709123Z. */
export function utc(time: number): string {
  if (!(Math.abs(time) <= LATEST)) return "";
  const micros = Math.round(time * 1000);
  const rest = ((micros % 1000) + 1000) % 1000;
  const text = new Date(Math.floor(micros / 1000)).toISOString();
  return rest ? text.replace("Z", `${String(rest).padStart(3, "0")}Z`) : text;
}

/** How long ago, in a few words: "now", "12 s ago", "3 min ago", "5 h ago", "2 d ago". */
export function ago(time: number, at: number): string {
  const seconds = Math.round((at - time) / 1000);
  if (seconds < 2) return "now";
  if (seconds < 100) return `${seconds} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 130_000) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} d ago`;
}
