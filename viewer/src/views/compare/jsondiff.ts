// What differs between two JSON values, by their places.

import {
  childrenOf,
  isContainer,
  type Json,
  type JsonObject,
  kindOf,
  pointer,
  written,
} from "../../call/json.ts";
import { matches } from "./sequence.ts";

export type Change = "same" | "inside" | "changed" | "added" | "removed";

export interface DiffLine {
  /** Pointer in the second value, or in the first for what is not in the second. */
  readonly place: string;
  readonly depth: number;
  readonly name: string | number | null;
  /** `inside`: a container in which something differs; what does follows. */
  readonly change: Change;
  readonly before: Json | undefined;
  readonly after: Json | undefined;
}

/** Items of an array that are aligned by what they are; longer ones go by their index. */
const MOST_ALIGNED = 3_000;

/** The lines of a comparison, in the order of *after*; what is the same is one line. */
export function jsonDiff(before: Json | undefined, after: Json | undefined): DiffLine[] {
  const lines: DiffLine[] = [];
  compare({ before, after, place: "", depth: 0, name: null }, lines);
  return lines;
}

/** How many values were changed, added or removed. */
export function changesIn(lines: readonly DiffLine[]): number {
  return lines.filter((line) => line.change !== "same" && line.change !== "inside").length;
}

interface Both {
  readonly before: Json | undefined;
  readonly after: Json | undefined;
  readonly place: string;
  readonly depth: number;
  readonly name: string | number | null;
}

function compare(both: Both, lines: DiffLine[]): void {
  const { before, after } = both;
  if (before === undefined && after === undefined) return;
  if (before === undefined) lines.push({ ...both, change: "added" });
  else if (after === undefined) lines.push({ ...both, change: "removed" });
  else if (isSame(before, after)) lines.push({ ...both, change: "same" });
  else if (isContainer(before) && kindOf(before) === kindOf(after)) {
    lines.push({ ...both, change: "inside" });
    const pairs = Array.isArray(before)
      ? itemPairs(before, after as readonly Json[])
      : memberPairs(before, after);
    for (const [name, first, second] of pairs) {
      compare(
        {
          before: first,
          after: second,
          place: pointer(both.place, name),
          depth: both.depth + 1,
          name,
        },
        lines,
      );
    }
  } else lines.push({ ...both, change: "changed" });
}

/** Whether two values are the same; the order of names does not matter. */
function isSame(before: Json, after: Json): boolean {
  if (!isContainer(before) || !isContainer(after)) {
    return kindOf(before) === kindOf(after) && written(before) === written(after);
  }
  if (Array.isArray(before) || Array.isArray(after)) {
    return (
      Array.isArray(before) &&
      Array.isArray(after) &&
      before.length === after.length &&
      before.every((item: Json, index) => isSame(item, after[index] as Json))
    );
  }
  const [first, second] = [before as JsonObject, after as JsonObject];
  const names = Object.keys(first);
  return (
    names.length === Object.keys(second).length &&
    names.every(
      (name) => Object.hasOwn(second, name) && isSame(first[name] as Json, second[name] as Json),
    )
  );
}

/** A value as a text in which the order of names does not matter. */
export function canonical(value: Json): string {
  if (!isContainer(value)) return written(value);
  if (Array.isArray(value)) return `[${value.map((item: Json) => canonical(item)).join(",")}]`;
  const members = childrenOf(value).map(
    ([name, child]) => `${JSON.stringify(name)}:${canonical(child)}`,
  );
  return `{${members.sort().join(",")}}`;
}

type Pair = readonly [string | number, Json | undefined, Json | undefined];

function memberPairs(before: Json, after: Json): Pair[] {
  const first = new Map(childrenOf(before));
  const found: Pair[] = [];
  const second = new Map(childrenOf(after));
  for (const [name, value] of second) found.push([name, first.get(name), value]);
  for (const [name, value] of first) if (!second.has(name)) found.push([name, value, undefined]);
  return found;
}

function itemPairs(before: readonly Json[], after: readonly Json[]): Pair[] {
  if (before.length > MOST_ALIGNED || after.length > MOST_ALIGNED) {
    const length = Math.max(before.length, after.length);
    return Array.from({ length }, (_, index) => [index, before[index], after[index]] as const);
  }
  const found: Pair[] = [];
  let [i, j] = [0, 0];
  const common = matches(before.map(canonical), after.map(canonical));
  for (const [nextI, nextJ] of [...common, [before.length, after.length] as const]) {
    found.push(...between(before, after, [i, nextI], [j, nextJ]));
    if (nextI < before.length && nextJ < after.length) {
      found.push([nextJ, before[nextI], after[nextJ]]);
    }
    [i, j] = [nextI + 1, nextJ + 1];
  }
  return found;
}

/** Between two items that are the same: what is of one kind was changed, the rest came or went. */
function between(
  before: readonly Json[],
  after: readonly Json[],
  [i, endI]: readonly [number, number],
  [j, endJ]: readonly [number, number],
): Pair[] {
  const found: Pair[] = [];
  let [first, second] = [i, j];
  while (first < endI && second < endJ) {
    const [one, other] = [before[first], after[second]];
    if (one === undefined || other === undefined) break;
    if (isContainer(one) && kindOf(one) !== kindOf(other)) {
      found.push([first, one, undefined], [second, undefined, other]);
    } else found.push([second, one, other]);
    first += 1;
    second += 1;
  }
  for (; first < endI; first += 1) found.push([first, before[first], undefined]);
  for (; second < endJ; second += 1) found.push([second, undefined, after[second]]);
  return found;
}
