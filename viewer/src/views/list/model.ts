// The live list: what is read, what arrives, what waits while somebody looks at something older.

import { batch, type ReadonlySignal, signal } from "@preact/signals";
import { type ApiError, api, isAbort, type Row, signedOut } from "../../api.ts";
import { asApiError } from "../../asked.ts";
import { moment } from "../../time.ts";
import { Pages } from "./pages.ts";
import { type Connection, Stream } from "./stream.ts";
import { MOST_ROWS } from "./window.ts";

export interface Wanted {
  readonly q: string;
  /** As in the address: relative, or milliseconds; "0" for all time. */
  readonly from: string;
  /** "" for a live list. */
  readonly to: string;
}

const PAGE = 100;
/** Rows of a page that is read while scrolling. */
const FURTHER_PAGE = 200;
/** New calls that are kept aside; where there are more the list is read anew instead. */
const MOST_PENDING = 2000;
/** Milliseconds that a new row is marked as new. */
export const FRESH = 1400;

export class Calls {
  readonly pages = new Pages();
  /** Counts up with every change of the rows. */
  readonly version = signal(0);
  readonly loading = signal(true);
  readonly error = signal<ApiError | null>(null);
  /** How many new calls are kept aside. */
  readonly pending = signal(0);
  /** How many calls arrived that began before the range. */
  readonly outside = signal(0);
  /** Whether somebody stopped the list. */
  readonly paused = signal(false);
  readonly connection: ReadonlySignal<Connection>;
  /** Counts up whenever calls arrive, shown or not: charts follow it. */
  readonly arrivals = signal(0);

  private readonly control = new AbortController();
  private readonly stream: Stream;
  private readonly live: boolean;
  private aside: Row[] = [];
  private away = false;
  private reading = false;
  private from = 0;
  private readonly fresh = new Map<string, number>();

  constructor(private readonly wanted: Wanted) {
    this.live = moment(wanted.to, 0) === null;
    this.stream = new Stream(wanted.q, {
      opened: () => this.recover(),
      rows: (rows) => this.arrived(rows),
      lost: () => this.begin(),
      failed: () => void api.health().catch(() => undefined),
    });
    this.connection = this.stream.state;
  }

  /** Read the newest calls, and follow what arrives if the range ends now. */
  begin(): void {
    // First the stream, then the page: what arrives in between is in both, and shown once.
    if (this.live) this.stream.start();
    this.aside = [];
    this.pending.value = 0;
    void this.readHead();
  }

  /** Read again what could not be read while the server was away. */
  private recover(): void {
    const status = this.error.peek()?.status;
    if (status === 0 || (status !== undefined && status >= 500)) void this.readHead();
  }

  /** Let go of everything. */
  end(): void {
    this.control.abort();
    this.stream.stop();
  }

  /** Keep the stream only while somebody can see it: a browser allows but few of them. */
  seen(visible: boolean): void {
    if (!this.live || this.control.signal.aborted) return;
    if (!visible) this.stream.stop();
    else if (!this.error.peek()) this.stream.start();
  }

  /** Connect at once where it waits. */
  reconnect(): void {
    if (this.stream.waiting) this.stream.start();
  }

  /** Whether new calls are kept aside: it was stopped, or *away* from the top is looked at. */
  get holding(): boolean {
    return this.away || this.paused.peek();
  }

  /** Say whether the top of the list is out of sight. */
  look(away: boolean): void {
    if (this.away === away) return;
    this.away = away;
    this.release();
  }

  pause(paused: boolean): void {
    this.paused.value = paused;
    this.release();
  }

  /** Show everything that was kept aside, whatever is looked at. */
  showPending(): void {
    this.away = false;
    this.paused.value = false;
    this.release();
  }

  /** Whether the row came in a moment ago. */
  isFresh(id: string): boolean {
    const at = this.fresh.get(id);
    return at !== undefined && performance.now() - at < FRESH;
  }

  /** See to it that rows *first* to *end* are there, and some after them. */
  need(first: number, end: number): void {
    if (this.reading || this.loading.peek() || this.error.peek()) return;
    if (this.control.signal.aborted) return;
    const missing = this.pages.missing(first, end);
    if (missing >= 0) void this.readAgain(missing);
    else if (this.pages.next && end + PAGE >= this.pages.length && this.pages.length < MOST_ROWS) {
      void this.readOn(first, end);
    }
  }

  private arrived(rows: readonly Row[]): void {
    const inside = rows.filter((row) => row.time >= this.from);
    batch(() => {
      this.arrivals.value += 1;
      this.outside.value += rows.length - inside.length;
      this.take(inside);
    });
  }

  private take(rows: readonly Row[]): void {
    const unknown = rows.filter((row) => !this.pages.has(row.id));
    if (this.holding || this.loading.peek()) {
      const known = new Set(this.aside.map((row) => row.id));
      const more = unknown.filter((row) => !known.has(row.id));
      if (this.aside.length + more.length <= MOST_PENDING) this.aside.push(...more);
      this.pending.value += more.length;
      return;
    }
    this.show(unknown);
  }

  private show(rows: readonly Row[]): void {
    const at = performance.now();
    for (const [id, since] of this.fresh) if (at - since > FRESH) this.fresh.delete(id);
    const shown = this.pages.insert(rows);
    for (const row of shown) this.fresh.set(row.id, at);
    if (shown.length) {
      if (!this.holding) this.pages.trim();
      this.version.value += 1;
    }
  }

  private release(): void {
    if (this.holding || !this.pending.peek()) return;
    const rows = this.aside;
    const complete = this.pending.peek() === rows.length;
    this.aside = [];
    batch(() => {
      this.pending.value = 0;
      if (complete) this.show(rows);
      else void this.readHead();
    });
  }

  private async readHead(): Promise<void> {
    this.loading.value = true;
    const at = Date.now();
    this.from = moment(this.wanted.from, at) ?? 0;
    const to = moment(this.wanted.to, at) ?? undefined;
    await this.attempt(async () => {
      const page = await api.calls({ ...this.range(to), limit: PAGE }, this.control.signal);
      batch(() => {
        this.pages.reset(page, to);
        this.loading.value = false;
        this.version.value += 1;
        this.release();
      });
    });
  }

  private async readOn(first: number, end: number): Promise<void> {
    const cursor = this.pages.next;
    if (!cursor) return;
    await this.attempt(async () => {
      const page = await api.calls(
        { ...this.range(cursor.to), place: cursor.place, limit: FURTHER_PAGE },
        this.control.signal,
      );
      // While it was on its way the list may have begun anew.
      if (this.pages.next !== cursor) return;
      this.pages.append(page);
      this.pages.shed(first, end);
      this.version.value += 1;
    });
  }

  private async readAgain(index: number): Promise<void> {
    const begin = this.pages.cursor(index);
    const until = this.pages.cursorAfter(index);
    if (!begin) return;
    await this.attempt(async () => {
      const rows: Row[] = [];
      let place = begin.place;
      // Late calls may have made it longer: read up to where the page after it begins.
      for (let turn = 0; turn < 4; turn += 1) {
        const page = await api.calls(
          { ...this.range(begin.to), place, limit: FURTHER_PAGE },
          this.control.signal,
        );
        rows.push(...page.rows);
        place = page.next ?? undefined;
        if (page.next === null || page.next === until?.place) break;
        if (page.rows.some((row) => this.pages.has(row.id))) break;
      }
      if (this.pages.cursor(index) !== begin) return;
      this.pages.fill(index, rows);
      this.version.value += 1;
    });
  }

  private range(to: number | undefined) {
    return { q: this.wanted.q, from: this.from || undefined, to };
  }

  private async attempt(read: () => Promise<void>): Promise<void> {
    this.reading = true;
    try {
      await read();
      this.error.value = null;
    } catch (error) {
      if (isAbort(error)) return;
      this.error.value = asApiError(error);
      this.loading.value = false;
      // A filter that cannot be read, or no session: nothing will come on the stream, either.
      if (this.error.value.status === 400 || signedOut.peek()) this.stream.stop();
    } finally {
      this.reading = false;
    }
  }
}
