// The lines that a JSON tree shows, worked out from what is open: nothing else is ever drawn.

import {
  childrenOf,
  isContainer,
  type Json,
  type JsonObject,
  namesIn,
  pointer,
  sizeOf,
  written,
} from "../../call/json.ts";

export interface TreeRow {
  /** The JSON pointer of the value; of a "more" line that of the container. */
  readonly place: string;
  readonly depth: number;
  /** A name, an index, or null for the root. */
  readonly name: string | number | null;
  readonly value: Json;
  /** Whether it has children that can be shown, and whether they are. */
  readonly branch: boolean;
  readonly open: boolean;
  /** How many children a line stands for that are not shown; 0 on all others. */
  readonly more: number;
  /** Whether those are before what is shown, or after it. */
  readonly side: Side;
}

export type Side = "before" | "after";

/** The children of a container that are shown: from one index to before another. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

/** Children of one container that are shown before somebody asks for more. */
export const PORTION = 100;

export interface Openness {
  readonly isOpen: (place: string, depth: number) => boolean;
  /** Which children of the container are shown. */
  readonly shown: (place: string) => Window;
}

/** The first *most* lines of the tree of *root*, and whether there are more. */
export function treeRows(
  root: Json,
  openness: Openness,
  most: number,
): { rows: TreeRow[]; cut: boolean } {
  const rows: TreeRow[] = [];
  let cut = false;
  const add = (value: Json, place: string, depth: number, name: TreeRow["name"]): void => {
    if (rows.length >= most) {
      cut = true;
      return;
    }
    const size = sizeOf(value);
    const open = size > 0 && openness.isOpen(place, depth);
    rows.push({ place, depth, name, value, branch: size > 0, open, more: 0, side: "after" });
    if (!open) return;
    const { from, to } = openness.shown(place);
    const further = (more: number, side: Side) => {
      if (more <= 0) return;
      rows.push({ ...HIDDEN, place, depth: depth + 1, value, more, side });
    };
    further(from, "before");
    for (const [childName, child] of childrenIn(value, from, to)) {
      add(child, pointer(place, childName), depth + 1, childName);
      if (cut) return;
    }
    further(size - to, "after");
  };
  add(root, "", 0, null);
  return { rows, cut };
}

const HIDDEN = { name: null, branch: false, open: false } as const;

function childrenIn(value: Json, from: number, to: number): (readonly [string | number, Json])[] {
  if (!Array.isArray(value)) return childrenOf(value).slice(from, to);
  return value.slice(from, to).map((item: Json, index) => [from + index, item] as const);
}

/** Values of a tree, counted up to *most*. */
export function countOf(root: Json, most: number): number {
  let level = [root];
  let many = 0;
  while (level.length && many < most) {
    many += level.length;
    level = nextLevel(level, most);
  }
  return Math.min(many, most);
}

/** How many levels can be open so that no more than *lines* values are seen; one at least. */
export function depthFor(root: Json, lines: number): number {
  let level = nextLevel([root], lines + 1);
  let many = 1 + level.length;
  for (let depth = 1; ; depth += 1) {
    if (!level.length) return depth;
    level = nextLevel(level, lines + 1);
    many += level.length;
    if (many > lines) return depth;
  }
}

function nextLevel(level: readonly Json[], most: number): Json[] {
  const found: Json[] = [];
  for (const value of level) {
    if (!isContainer(value)) continue;
    for (const child of Object.values(value)) {
      found.push(child as Json);
      if (found.length >= most) return found;
    }
  }
  return found;
}

export interface Hits {
  readonly places: readonly string[];
  /** Whether the search gave up before the end. */
  readonly cut: boolean;
}

/** Values that a search looks at. */
const MOST_SEARCHED = 200_000;
const MOST_HITS = 1_000;

/** The places whose name or value holds *needle*, in the order of the tree; case does not count. */
export function hitsIn(root: Json, needle: string): Hits {
  const wanted = needle.toLowerCase();
  const places: string[] = [];
  let left = MOST_SEARCHED;
  const look = (value: Json, place: string, name: string | number | null): boolean => {
    left -= 1;
    if (left < 0 || places.length >= MOST_HITS) return false;
    const inName = typeof name === "string" && name.toLowerCase().includes(wanted);
    if (inName || (!isContainer(value) && scalarText(value).toLowerCase().includes(wanted))) {
      places.push(place);
    }
    return childrenOf(value).every(([childName, child]) =>
      look(child, pointer(place, childName), childName),
    );
  };
  const whole = !wanted || look(root, "", null);
  return { places, cut: !whole };
}

/** A value that is no container, as it is searched and compared. */
export function scalarText(value: Json): string {
  return typeof value === "string" ? value : written(value);
}

/** The index of what leads to *place* in each container around it. */
export function wayTo(root: Json, place: string): Map<string, number> {
  const way = new Map<string, number>();
  let value: Json = root;
  let at = "";
  for (const name of namesIn(place)) {
    if (!isContainer(value)) break;
    const index = Array.isArray(value) ? Number(name) : Object.keys(value).indexOf(name);
    way.set(at, index);
    at = pointer(at, name);
    value = (Array.isArray(value) ? value[index] : (value as JsonObject)[name]) ?? null;
  }
  return way;
}
