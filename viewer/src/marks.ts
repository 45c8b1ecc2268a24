// Up to two calls that are marked to be compared.

import { signal } from "@preact/signals";
import { address, navigate } from "./url.ts";

export const marks = signal<readonly string[]>([]);

/** Mark a call, or take the mark away; a third one replaces the older of two. */
export function toggleMark(id: string): void {
  const now = marks.value;
  marks.value = now.includes(id) ? now.filter((one) => one !== id) : [...now, id].slice(-2);
}

/** Open the comparison of the two marked calls; false if there are not two. */
export function compareMarks(): boolean {
  const [a, b] = marks.value;
  if (!a || !b) return false;
  navigate(address("/compare", { a, b }));
  return true;
}
