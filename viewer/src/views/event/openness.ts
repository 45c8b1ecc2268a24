// What of a JSON tree is open, and how much of it is shown.

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Json } from "../../call/json.ts";
import {
  depthFor,
  PORTION,
  type Side,
  type TreeRow,
  treeRows,
  type Window,
  wayTo,
} from "./treerows.ts";

/** Lines that a tree may have at the beginning: it is open as deep as they reach. */
const FIRST_LINES = 36;
/** Lines that are drawn before somebody asks for more. */
const LINES = 400;
const FIRST: Window = { from: 0, to: PORTION };
/** Lines at most, whatever is asked for: more make a browser slow. */
const MOST_LINES = 10_000;

export class Tree {
  readonly root: Json;
  /** The place that the keyboard is at; null as long as nobody went anywhere. */
  readonly active: Signal<string | null> = signal(null);
  readonly lines: ReadonlySignal<{ rows: TreeRow[]; cut: boolean }>;
  private readonly toggled = signal<ReadonlySet<string>>(new Set());
  /** How deep a tree is open where nobody said anything else. */
  private readonly depth: Signal<number>;
  private readonly windows = signal<ReadonlyMap<string, Window>>(new Map());
  private readonly most = signal(LINES);

  constructor(root: Json) {
    this.root = root;
    this.depth = signal(depthFor(root, FIRST_LINES));
    this.lines = computed(() =>
      treeRows(
        root,
        {
          isOpen: (place, depth) => this.isOpen(place, depth),
          shown: (place) => this.windows.value.get(place) ?? FIRST,
        },
        this.most.value,
      ),
    );
  }

  toggle(place: string): void {
    const next = new Set(this.toggled.value);
    if (!next.delete(place)) next.add(place);
    this.toggled.value = next;
  }

  /** Open everything, or close everything but the first level. */
  openAll(open: boolean): void {
    this.toggled.value = new Set();
    this.depth.value = open ? Number.POSITIVE_INFINITY : 1;
  }

  /** Show another portion of a container's children. */
  showMore(place: string, side: Side): void {
    const { from, to } = this.windows.value.get(place) ?? FIRST;
    const next =
      side === "before"
        ? { from: Math.max(0, from - 10 * PORTION), to }
        : { from, to: to + 10 * PORTION };
    this.windows.value = new Map(this.windows.value).set(place, next);
  }

  /** Draw more lines. */
  drawMore(): void {
    this.most.value = Math.min(MOST_LINES, this.most.value + 4 * LINES);
  }

  /** Whether more lines may be drawn. */
  get mayDraw(): boolean {
    return this.most.value < MOST_LINES;
  }

  /** Open what is around *place*, and go there. */
  reveal(place: string): void {
    this.open(place);
    while (this.mayDraw && this.lines.value.cut && !this.has(place)) this.drawMore();
    if (!this.has(place)) {
      // Too much is open for it to be drawn: nothing else, then.
      this.openAll(false);
      this.open(place);
    }
    this.active.value = place;
  }

  private open(place: string): void {
    const windows = new Map(this.windows.value);
    const way = wayTo(this.root, place);
    for (const [at, index] of way) {
      const { from, to } = windows.get(at) ?? FIRST;
      if (index >= from && index < to) continue;
      const begin = index - (index % PORTION);
      windows.set(at, { from: begin, to: begin + PORTION });
    }
    this.windows.value = windows;
    [...way.keys()].forEach((at, depth) => {
      if (!this.isOpen(at, depth)) this.toggle(at);
    });
  }

  private has(place: string): boolean {
    return this.lines.value.rows.some((row) => row.place === place && !row.more);
  }

  private isOpen(place: string, depth: number): boolean {
    return depth < this.depth.value !== this.toggled.value.has(place);
  }
}
