// Made-up values, the same ones in every run.

import type { Json } from "../src/call/json.ts";

/** A source of numbers from 0 to 1 that gives the same ones for the same *seed*. */
export function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const ODD = [
  ..."'\"\\`$!*?[]{}()<>|&;#~=%@: \t\n\r\u0000\u001b\u007f\u202e\u200b\ufeffé漢🙂abcABC019_-./",
];

/** A text of up to *most* characters, mostly those that something means something to. */
export function oddText(random: () => number, most = 12): string {
  const length = Math.floor(random() * (most + 1));
  return Array.from({ length }, () => ODD[Math.floor(random() * ODD.length)]).join("");
}

/** A JSON value. */
export function oddJson(random: () => number, depth = 3): Json {
  const kind = Math.floor(random() * (depth > 0 ? 8 : 5));
  if (kind === 0) return null;
  if (kind === 1) return random() < 0.5;
  if (kind === 2) return Math.floor(random() * 10);
  if (kind < 5) return oddText(random, 4);
  const length = Math.floor(random() * 5);
  if (kind === 5) {
    return Object.fromEntries(
      Array.from({ length }, () => [oddText(random, 2), oddJson(random, depth - 1)]),
    );
  }
  return Array.from({ length }, () => oddJson(random, depth - 1));
}
