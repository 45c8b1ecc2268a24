// An answer of the server as signals: what came, what failed, whether it is under way.

import { type ReadonlySignal, signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { ApiError, isAbort } from "./api.ts";

export interface Asked<T> {
  /** The last answer; it stays while a newer one is under way, so that nothing flickers. */
  readonly value: ReadonlySignal<T | null>;
  readonly error: ReadonlySignal<ApiError | null>;
  readonly busy: ReadonlySignal<boolean>;
  /** Ask again. */
  readonly again: () => void;
}

/**
 * Ask the server whenever *depends* changes; an older question is given up. With *fresh* the old
 * answer is forgotten first: another thing is asked for, not the same thing again.
 */
export function useAsked<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  depends: readonly unknown[],
  { fresh = false } = {},
): Asked<T> {
  const state = useMemo(() => {
    const value = signal<T | null>(null);
    const error = signal<ApiError | null>(null);
    const busy = signal(false);
    const turn = signal(0);
    return { value, error, busy, turn, again: () => void (turn.value += 1) };
  }, []);
  const turn = state.turn.value;
  useEffect(() => {
    const control = new AbortController();
    if (fresh) state.value.value = null;
    state.busy.value = true;
    ask(control.signal)
      .then((answer) => {
        if (control.signal.aborted) return;
        state.value.value = answer;
        state.error.value = null;
        state.busy.value = false;
      })
      .catch((error: unknown) => {
        if (control.signal.aborted || isAbort(error)) return;
        state.error.value = asApiError(error);
        state.busy.value = false;
      });
    return () => control.abort();
  }, [...depends, turn]);
  return state;
}

/** Return any failure as one that can be shown. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError(error instanceof Error ? error.message : String(error), 0, null, null);
}
