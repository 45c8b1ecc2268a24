// What an overview asks: the filter and time range of the address, again as time goes on.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Question } from "../../api.ts";
import { type Asked, useAsked } from "../../asked.ts";
import { fromText, live, now, range } from "../../time.ts";
import { param, q } from "../../url.ts";

/** Milliseconds between two looks at what is live. */
const PAUSE = 10_000;

const to = param("to");

/** The question that the address asks, for another filter than its own if *filter* is given. */
export function question(filter: string = q.peek()): Question {
  const { from, to: until } = range.peek();
  return {
    q: filter || undefined,
    from: from > 0 ? Math.floor(from) : undefined,
    to: live.peek() ? undefined : until,
  };
}

/** Count up while the range is live and somebody looks; each step moves `now` on. */
export function useTicks(): number {
  const ticks = useSignal(0);
  useEffect(() => {
    now.value = Date.now();
    const timer = setInterval(() => {
      if (document.hidden || !live.peek()) return;
      now.value = Date.now();
      ticks.value += 1;
    }, PAUSE);
    return () => clearInterval(timer);
  }, []);
  return ticks.value;
}

/**
 * Ask for an overview, anew whenever the filter, the range or *depends* change. *ticks* come from
 * `useTicks`: they ask for the same again.
 */
export function useOverview<T>(
  ask: (asked: Question, signal: AbortSignal) => Promise<T>,
  filter: string,
  ticks: number,
  depends: readonly unknown[] = [],
): Asked<T> {
  return useAsked(
    (signal) => {
      if (live.peek()) now.value = Date.now();
      return ask(question(filter), signal);
    },
    [filter, fromText.value, to.value, ticks, ...depends],
  );
}
