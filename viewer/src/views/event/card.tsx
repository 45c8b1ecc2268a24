// Cards that open and close; what is open stays so on the next call.

import { signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useId } from "preact/hooks";

const KEY = "apilog-cards";

/** Cards that are not as they are at first, by name. */
const turned = signal<ReadonlySet<string>>(new Set(stored()));

/** Whether the card *name*, at first *open*, is open now. */
export function isOpen(name: string, open: boolean): boolean {
  return open !== turned.value.has(name);
}

/** Open or close a card. */
export function turn(name: string): void {
  const next = new Set(turned.value);
  if (!next.delete(name)) next.add(name);
  turned.value = next;
  try {
    localStorage.setItem(KEY, JSON.stringify([...next]));
  } catch {
    // It is only not remembered.
  }
}

export function Card(props: {
  readonly name: string;
  readonly title: string;
  /** What the head says besides, also while it is closed. */
  readonly note?: ComponentChildren;
  /** Buttons, there while it is open. */
  readonly tools?: ComponentChildren;
  readonly open?: boolean;
  readonly children: ComponentChildren;
}): JSX.Element {
  const { name, title, note, tools, open = true } = props;
  const shown = isOpen(name, open);
  const id = useId();
  return (
    <section class={`card ${shown ? "is-open" : ""}`} aria-label={title}>
      <div class="card-head">
        <h3>
          <button
            type="button"
            class="card-turn"
            aria-expanded={shown}
            aria-controls={id}
            onClick={() => turn(name)}
          >
            <span class="twisty" aria-hidden="true">
              {shown ? "▾" : "▸"}
            </span>
            {title}
          </button>
        </h3>
        <span class="card-note">{note}</span>
        {shown && tools ? <span class="card-tools">{tools}</span> : null}
      </div>
      <div id={id} class="card-body" hidden={!shown}>
        {shown ? props.children : null}
      </div>
    </section>
  );
}

/** What would be a card if there were anything in it. */
export function NoCard(props: { readonly title: string; readonly note: string }): JSX.Element {
  return (
    <section class="card" aria-label={props.title}>
      <div class="card-head no-card">
        <h3>{props.title}</h3>
        <span class="card-note">{props.note}</span>
      </div>
    </section>
  );
}

function stored(): string[] {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(value) ? value.filter((name) => typeof name === "string") : [];
  } catch {
    return [];
  }
}
