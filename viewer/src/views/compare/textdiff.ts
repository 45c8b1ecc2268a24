// What differs between two texts, by lines.

import { matches } from "./sequence.ts";

export interface TextLine {
  readonly change: "same" | "added" | "removed";
  readonly text: string;
  /** Line numbers from 1, null where the line is not. */
  readonly before: number | null;
  readonly after: number | null;
}

/** Lines of a text that are compared. */
export const MOST_LINES = 5_000;

/** The lines of both texts; what was changed is removed first, then added. */
export function textDiff(before: string, after: string): TextLine[] {
  const first = linesOf(before);
  const second = linesOf(after);
  const found: TextLine[] = [];
  let [i, j] = [0, 0];
  for (const [nextI, nextJ] of [
    ...matches(first, second),
    [first.length, second.length] as const,
  ]) {
    for (; i < nextI; i += 1) {
      found.push({ change: "removed", text: first[i] ?? "", before: i + 1, after: null });
    }
    for (; j < nextJ; j += 1) {
      found.push({ change: "added", text: second[j] ?? "", before: null, after: j + 1 });
    }
    if (i < first.length && j < second.length) {
      found.push({ change: "same", text: first[i] ?? "", before: i + 1, after: j + 1 });
      i += 1;
      j += 1;
    }
  }
  return found;
}

function linesOf(text: string): string[] {
  if (text === "") return [];
  return text.replace(/\n$/, "").split("\n").slice(0, MOST_LINES);
}

export type Stretch =
  | { readonly kind: "lines"; readonly lines: readonly TextLine[] }
  | { readonly kind: "left out"; readonly many: number };

/** Lines of context around a difference. */
const CONTEXT = 3;

/** Leave out what is the same and not near a difference. */
export function shortened(lines: readonly TextLine[]): Stretch[] {
  const near = new Array<boolean>(lines.length).fill(false);
  lines.forEach((line, index) => {
    if (line.change === "same") return;
    for (let at = Math.max(0, index - CONTEXT); at <= index + CONTEXT; at += 1) near[at] = true;
  });
  const found: Stretch[] = [];
  let index = 0;
  while (index < lines.length) {
    let end = index;
    while (end < lines.length && near[end] === near[index]) end += 1;
    if (near[index]) found.push({ kind: "lines", lines: lines.slice(index, end) });
    else found.push({ kind: "left out", many: end - index });
    index = end;
  }
  return found;
}
