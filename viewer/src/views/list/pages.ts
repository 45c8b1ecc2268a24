// The list as far as it is known: pages read one after the other, the newest call first. Pages far
// from what is looked at give up their rows and are read again on the way back.

import type { CallsPage, Row } from "../../api.ts";

/** Where to read on: calls before *to* (milliseconds), from *place* on. */
export interface Cursor {
  readonly to: number | undefined;
  readonly place: string | undefined;
}

interface Page {
  readonly cursor: Cursor;
  /** Its rows, or null once they were given up. */
  rows: Row[] | null;
  count: number;
}

/** Rows that the newest page may have; it is where new calls go. */
const HEAD_MOST = 2000;
/** Rows that it keeps when it has more. */
const HEAD_KEPT = 1000;
/** Rows that are held at once, in all pages. */
const HELD_MOST = 10_000;
/** Rows on both sides of what is in sight that are never given up. */
const NEAR = 1000;

export class Pages {
  private pages: Page[] = [];
  private ids = new Set<string>();
  /** Where the list goes on, or null at its end. */
  next: Cursor | null = null;

  get length(): number {
    return this.pages.reduce((sum, page) => sum + page.count, 0);
  }

  /** Begin anew with the newest page, read with calls before *to*. */
  reset(page: CallsPage, to: number | undefined): void {
    this.pages = [
      { cursor: { to, place: undefined }, rows: [...page.rows], count: page.rows.length },
    ];
    this.ids = new Set(page.rows.map((row) => row.id));
    this.next = page.next === null ? null : { to, place: page.next };
  }

  /** Add what was read at `next`. */
  append(page: CallsPage): void {
    const cursor = this.next;
    if (!cursor) return;
    const rows = page.rows.filter((row) => !this.ids.has(row.id));
    for (const row of rows) this.ids.add(row.id);
    if (rows.length) this.pages.push({ cursor, rows, count: rows.length });
    this.next = page.next === null ? null : { to: cursor.to, place: page.next };
  }

  /** The row at *index*, or null if it was given up or is not known. */
  row(index: number): Row | null {
    let begin = 0;
    for (const page of this.pages) {
      if (index < begin + page.count) return page.rows?.[index - begin] ?? null;
      begin += page.count;
    }
    return null;
  }

  /** Where the call is in the list, or -1. */
  indexOf(id: string): number {
    if (!this.ids.has(id)) return -1;
    let begin = 0;
    for (const page of this.pages) {
      const found = page.rows?.findIndex((row) => row.id === id) ?? -1;
      if (found >= 0) return begin + found;
      begin += page.count;
    }
    return -1;
  }

  has(id: string): boolean {
    return this.ids.has(id);
  }

  /**
   * Put new calls where their time belongs; return those that are in the list now. One that belongs
   * to a part which is not held is left out: it is there when that part is read.
   */
  insert(rows: readonly Row[]): Row[] {
    return rows.filter((row) => !this.ids.has(row.id) && this.insertOne(row));
  }

  private insertOne(row: Row): boolean {
    const last = this.pages.length - 1;
    for (const [index, page] of this.pages.entries()) {
      const oldest = page.rows?.at(-1);
      const before = oldest ? row.time >= oldest.time : page.count === 0;
      const atEnd = index === last && this.next === null;
      if (!before && !atEnd) continue;
      if (!page.rows) return false;
      page.rows.splice(position(page.rows, row.time), 0, row);
      page.count += 1;
      this.ids.add(row.id);
      return true;
    }
    return false;
  }

  /** Give up the older calls of a newest page that has grown long; true if it did. */
  trim(): boolean {
    const head = this.pages[0];
    if (!head?.rows || head.rows.length <= HEAD_MOST) return false;
    head.rows.length = HEAD_KEPT;
    head.count = HEAD_KEPT;
    this.pages.length = 1;
    this.ids = new Set(head.rows.map((row) => row.id));
    const oldest = head.rows[HEAD_KEPT - 1];
    // Calls of the very same moment may be cut apart: it is read again from there, each one once.
    if (oldest) this.next = { to: after(oldest.time), place: undefined };
    return true;
  }

  /** The first page in rows *first* to *end* that must be read again: its number, or -1. */
  missing(first: number, end: number): number {
    let begin = 0;
    for (const [index, page] of this.pages.entries()) {
      if (!page.rows && begin < end && begin + page.count > first) return index;
      begin += page.count;
    }
    return -1;
  }

  /** Where page *index* was read. */
  cursor(index: number): Cursor | null {
    return this.pages[index]?.cursor ?? null;
  }

  /** Where the page after *index* was read; up to there page *index* reaches. */
  cursorAfter(index: number): Cursor | null {
    return this.pages[index + 1]?.cursor ?? this.next;
  }

  /** Fill in what was read again of page *index*. */
  fill(index: number, rows: readonly Row[]): void {
    const page = this.pages[index];
    if (!page || page.rows) return;
    page.rows = rows.filter((row) => !this.ids.has(row.id));
    page.count = page.rows.length;
    for (const row of page.rows) this.ids.add(row.id);
  }

  /** Give up rows far from *first* to *end*, if there are too many. The newest page stays. */
  shed(first: number, end: number): void {
    if (this.ids.size <= HELD_MOST) return;
    let begin = 0;
    for (const [index, page] of this.pages.entries()) {
      const far = begin + page.count < first - NEAR || begin > end + NEAR;
      if (index > 0 && far && page.rows) {
        for (const row of page.rows) this.ids.delete(row.id);
        page.rows = null;
      }
      begin += page.count;
    }
  }
}

/** The moment one microsecond after *time*: what is before it includes *time*. */
export function after(time: number): number {
  return (Math.round(time * 1000) + 1) / 1000;
}

/** Where a call of this time goes: before the first one that is not newer. */
function position(rows: readonly Row[], time: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle]?.time ?? 0) > time) low = middle + 1;
    else high = middle;
  }
  return low;
}
