// The calls of a subject put together as they belong: by session, or by day.

import type { Row, SubjectKind } from "../../api.ts";
import { date } from "../../time.ts";

export interface Group {
  readonly key: string;
  /** The session that these calls belong to, or "" if they were put together by day. */
  readonly session: string;
  /** The user of the session, or "" if there are several or none. */
  readonly user: string;
  /** The newest first. */
  readonly rows: readonly Row[];
}

/**
 * Put rows together, the newest first in and out: the calls of a session are one group, others are
 * grouped by the local day. In a session itself only days tell calls apart.
 */
export function grouped(rows: readonly Row[], kind: SubjectKind): Group[] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = row.session && kind !== "session" ? `s ${row.session}` : `d ${date(row.time)}`;
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return [...groups].map(([key, all]) => {
    const users = new Set(all.map((row) => row.user));
    return {
      key,
      session: key.startsWith("s ") ? key.slice(2) : "",
      user: users.size === 1 ? (all[0]?.user ?? "") : "",
      rows: all,
    };
  });
}

/** A part of a time axis: calls that follow each other, or the time in which nothing happened. */
export type Stretch =
  | { readonly kind: "calls"; readonly from: number; readonly to: number; readonly rows: Row[] }
  | { readonly kind: "gap"; readonly from: number; readonly to: number };

/** Milliseconds without a call that are never left out. */
const SHORT = 60_000;

/** The share of the whole time that a pause must have to be left out. */
const SHARE = 1 / 12;

/** Return how long a pause between calls of a group must be to be a gap, in milliseconds. */
export function gapOf(rows: readonly Row[]): number {
  const times = rows.map((row) => row.time);
  return Math.max(SHORT, SHARE * (Math.max(...times) - Math.min(...times)));
}

/** Cut the time of *rows* (the newest first) into stretches, the oldest first. */
export function stretches(rows: readonly Row[]): Stretch[] {
  const found: Stretch[] = [];
  const least = gapOf(rows);
  for (const row of [...rows].sort((a, b) => a.time - b.time)) {
    const last = found.at(-1);
    if (last?.kind === "calls" && row.time - last.to < least) {
      last.rows.push(row);
      found[found.length - 1] = { ...last, to: row.time };
      continue;
    }
    if (last) found.push({ kind: "gap", from: last.to, to: row.time });
    found.push({ kind: "calls", from: row.time, to: row.time, rows: [row] });
  }
  return found;
}

/** How much room each stretch of calls gets: its share of their time, but none gets nothing. */
export function room(all: readonly Stretch[]): number[] {
  const lengths = all.map((one) => (one.kind === "calls" ? one.to - one.from : 0));
  const sum = lengths.reduce((a, b) => a + b, 0);
  const least = sum > 0 ? 0.04 * sum : 1;
  return all.map((one, index) => (one.kind === "gap" ? 0 : Math.max(least, lengths[index] ?? 0)));
}
