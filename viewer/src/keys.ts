// The keyboard: who registers a key says what it does, and the help shows it.

import { signal } from "@preact/signals";
import { useLayoutEffect } from "preact/hooks";

export interface Key {
  /** As in KeyboardEvent.key, or two keys after each other with a space: "g e". */
  readonly keys: string;
  /** What it does, for the help; an alias without words is left out of the help. */
  readonly label: string;
  /** The heading that it stands under in the help. */
  readonly group: "Everywhere" | "List" | "Call" | "Go to";
  /** Return false if there was nothing to do, so that the browser goes on with the key. */
  readonly run: (event: KeyboardEvent) => unknown;
}

/** All keys that do something now, the newest last; the newest wins. */
export const registered = signal<readonly Key[]>([]);

/** Whether the help is open. */
export const helpOpen = signal(false);

let begun: { readonly key: string; readonly at: number } | null = null;
/** Milliseconds that may pass between the two keys of "g e". */
const PATIENCE = 1500;

/** Register keys; the function that is returned takes them away again. */
export function register(keys: readonly Key[]): () => void {
  registered.value = [...registered.peek(), ...keys];
  return () => {
    registered.value = registered.peek().filter((key) => !keys.includes(key));
  };
}

/** Register keys as long as a component is there. *depends* as in `useEffect`. */
export function useKeys(keys: readonly Key[], depends: readonly unknown[] = []): void {
  // Before the page is painted: a key that follows at once must mean what is shown by then.
  useLayoutEffect(() => register(keys), depends);
}

/** Listen to the keyboard, for all that is registered. */
export function listen(target: EventTarget): void {
  target.addEventListener("keydown", (event) => handle(event as KeyboardEvent));
}

/** Do what is registered for a key. */
export function handle(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  // A dialog has the keyboard for itself.
  if (typeof document !== "undefined" && document.querySelector(":modal")) return;
  if (event.isComposing || (isField(event.target) && event.key !== "Escape")) return;
  const pair = begun && event.timeStamp - begun.at < PATIENCE ? `${begun.key} ${event.key}` : "";
  begun = null;
  const all = registered.peek();
  for (const name of pair ? [pair, event.key] : [event.key]) {
    for (let index = all.length - 1; index >= 0; index -= 1) {
      const key = all[index];
      if (key?.keys === name && key.run(event) !== false) {
        event.preventDefault();
        return;
      }
    }
  }
  if (all.some((key) => key.keys.startsWith(`${event.key} `))) {
    begun = { key: event.key, at: event.timeStamp };
  }
}

function isField(target: EventTarget | null): boolean {
  if (typeof HTMLElement === "undefined" || !(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}
