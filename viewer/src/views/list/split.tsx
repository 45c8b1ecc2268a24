// Two panes beside each other, with an edge to drag; how wide they are is kept in this browser.

import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

const KEY = "apilog-pane";
/** The share of the width that the right pane takes, in percent. */
const LEAST = 25;
const MOST = 75;
const USUAL = 46;

export function Split(props: {
  readonly pane: ComponentChildren;
  readonly children: ComponentChildren;
}): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const share = useSignal(stored());
  const both = props.pane !== null;
  useEffect(() => {
    place.current?.style.setProperty("--pane", both ? `${share.value}%` : "0px");
  }, [share.value, both]);
  const set = (value: number) => {
    share.value = Math.round(Math.min(MOST, Math.max(LEAST, value)) * 10) / 10;
    keep(share.value);
  };
  const drag = (event: PointerEvent) => {
    const box = place.current?.getBoundingClientRect();
    if (!box || !event.buttons) return;
    set((100 * (box.right - event.clientX)) / box.width);
  };
  return (
    <div ref={place} class={`split ${both ? "both" : ""}`}>
      <div class="split-left">{props.children}</div>
      {both ? (
        <div
          class="split-edge"
          role="separator"
          aria-orientation="vertical"
          aria-label="Width of the chosen call"
          aria-valuenow={Math.round(share.value)}
          aria-valuemin={LEAST}
          aria-valuemax={MOST}
          tabIndex={0}
          onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
          onPointerMove={drag}
          onDblClick={() => set(USUAL)}
          onKeyDown={(event) => {
            const by = { ArrowLeft: 2, ArrowRight: -2 }[event.key];
            if (!by) return;
            event.preventDefault();
            set(share.value + by);
          }}
        />
      ) : null}
      {props.pane}
    </div>
  );
}

function stored(): number {
  try {
    const value = Number(localStorage.getItem(KEY));
    return value >= LEAST && value <= MOST ? value : USUAL;
  } catch {
    return USUAL;
  }
}

function keep(value: number): void {
  try {
    localStorage.setItem(KEY, String(value));
  } catch {
    // It is only not remembered.
  }
}
