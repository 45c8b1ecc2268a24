// The live stream: what arrives, without gaps, also after the connection was lost.

import { type ReadonlySignal, signal } from "@preact/signals";
import { api, type Row } from "../../api.ts";

export type Connection = "off" | "connecting" | "open" | "waiting";

export interface Listener {
  /** The connection is there, for the first time or again. */
  opened(): void;
  /** Calls that have arrived, oldest first. */
  rows(rows: readonly Row[]): void;
  /** Some that arrived cannot be had any more: the list is to be read anew. */
  lost(): void;
  /** The connection failed; the server may say why if it is asked something else. */
  failed(): void;
}

/** What of EventSource is used; a test brings its own. */
export interface Source {
  addEventListener(type: string, listener: (event: MessageEvent<string>) => void): void;
  onerror: ((event: Event) => void) | null;
  close(): void;
}

/** Milliseconds before the first new attempt; doubled with each one. */
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 10_000;

export class Stream {
  private source: Source | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private position = "";
  private readonly connection = signal<Connection>("off");

  constructor(
    private readonly q: string,
    private readonly listener: Listener,
    private readonly connect: (address: string) => Source = (address) => new EventSource(address),
  ) {}

  get state(): ReadonlySignal<Connection> {
    return this.connection;
  }

  /** Connect, or do so at once if it is waiting; after a `stop` it goes on where it was. */
  start(): void {
    if (this.source) return;
    clearTimeout(this.timer);
    this.connection.value = "connecting";
    const source = this.connect(api.liveAddress(this.q, this.position));
    this.source = source;
    source.addEventListener("hello", (event) => {
      this.failures = 0;
      // After an interruption the server goes on from our position; its own is for a first visit.
      if (!this.position) this.position = read<{ position: string }>(event).position ?? "";
      this.connection.value = "open";
      this.listener.opened();
    });
    source.addEventListener("calls", (event) => {
      if (event.lastEventId) this.position = event.lastEventId;
      this.listener.rows(read<{ rows: Row[] }>(event).rows ?? []);
    });
    source.addEventListener("lost", () => {
      this.stop();
      this.position = "";
      this.listener.lost();
    });
    source.onerror = () => this.retry();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
    this.connection.value = "off";
  }

  /** Whether it waits before it connects again. */
  get waiting(): boolean {
    return this.connection.peek() === "waiting";
  }

  private retry(): void {
    // Not left to the browser: it gives up for good at any answer but 200.
    this.source?.close();
    this.source = null;
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.failures);
    this.failures += 1;
    this.connection.value = "waiting";
    this.timer = setTimeout(() => this.start(), pause * (0.75 + Math.random() / 2));
    this.listener.failed();
  }
}

function read<T>(event: MessageEvent<string>): Partial<T> {
  try {
    const content: unknown = JSON.parse(event.data);
    return content !== null && typeof content === "object" ? content : {};
  } catch {
    return {};
  }
}
