// The list itself: of many calls only those in sight are drawn.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useImperativeHandle, useRef } from "preact/hooks";
import type { Row } from "../../api.ts";
import { marks } from "../../marks.ts";
import { narrow } from "../../screen.ts";
import { CellMenu, type Pointed } from "./cellmenu.tsx";
import type { Calls } from "./model.ts";
import { COLUMNS, ListRow } from "./row.tsx";
import { inSight, scrollFor } from "./window.ts";

export const ROW = 28;
export const NARROW_ROW = 50;
const HEAD = 26;

export interface TableHandle {
  /** Scroll so that row *index* is in sight. */
  reveal(index: number): void;
  toTop(): void;
  /** The first row in sight. */
  first(): number;
  /** How many rows are in sight. */
  many(): number;
  focus(): void;
}

export interface TableGiven {
  readonly calls: Calls;
  readonly stale: boolean;
  readonly dated: boolean;
  /** The call that the keyboard is at. */
  readonly current: string;
  /** The call that is open beside the list. */
  readonly open: string;
  readonly handle: { current: TableHandle | null };
  readonly onPick: (row: Row) => void;
}

export function Table(given: TableGiven): JSX.Element {
  const { calls } = given;
  const scroller = useRef<HTMLDivElement>(null);
  const body = useRef<HTMLDivElement>(null);
  const scrolled = useSignal(0);
  const height = useSignal(600);
  const pointed = useSignal<Pointed | null>(null);
  const rowHeight = narrow.value ? NARROW_ROW : ROW;
  const head = narrow.value ? 0 : HEAD;
  calls.version.value;
  const total = calls.pages.length;
  const window = inSight(scrolled.value, height.value - head, rowHeight, total);

  useEffect(() => {
    const element = scroller.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(() => (height.value = element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, [height]);
  // Another filter is another list: it begins at its top.
  useEffect(() => {
    if (scroller.current) scroller.current.scrollTop = 0;
    scrolled.value = 0;
    pointed.value = null;
  }, [calls, scrolled, pointed]);
  useEffect(() => {
    // Through the CSSOM: the policy forbids styles that are written as text.
    body.current?.style.setProperty("height", `${total * rowHeight}px`);
    const rows = body.current?.firstElementChild;
    if (rows instanceof HTMLElement) {
      rows.style.setProperty("transform", `translateY(${window.first * rowHeight}px)`);
    }
  });
  useEffect(() => {
    calls.need(window.first, window.end);
  });
  useImperativeHandle(given.handle, () => ({
    reveal(index) {
      const element = scroller.current;
      if (!element) return;
      element.scrollTop = scrollFor(
        index,
        element.scrollTop,
        element.clientHeight - head,
        rowHeight,
      );
    },
    toTop() {
      if (scroller.current) scroller.current.scrollTop = 0;
    },
    first: () => Math.ceil(scrolled.value / rowHeight),
    many: () => Math.max(1, Math.floor((height.value - head) / rowHeight)),
    focus: () => scroller.current?.focus({ preventScroll: true }),
  }));

  const rowAt = (target: EventTarget | null): Row | null => {
    const element = target instanceof Element ? target.closest<HTMLElement>("[data-index]") : null;
    return element ? calls.pages.row(Number(element.dataset.index)) : null;
  };
  const point = (event: PointerEvent) => {
    if (event.pointerType !== "mouse" || !(event.target instanceof Element)) return;
    if (event.target.closest(".cell-menu")) return;
    const cell = event.target.closest<HTMLElement>("[data-field]");
    const row = rowAt(event.target);
    const box = scroller.current?.getBoundingClientRect();
    if (!cell || !row || !box) {
      pointed.value = null;
      return;
    }
    const { right, top, height: high } = cell.getBoundingClientRect();
    const field = cell.dataset.field ?? "";
    pointed.value = { row, field, right: right - box.left, top: top - box.top, height: high };
  };

  const rows: JSX.Element[] = [];
  for (let index = window.first; index < window.end; index += 1) {
    const row = calls.pages.row(index);
    rows.push(
      <ListRow
        key={row?.id ?? `unknown ${index}`}
        row={row}
        index={index}
        dated={given.dated}
        current={row !== null && row.id === given.current}
        open={row !== null && row.id === given.open}
        marked={row !== null && marks.value.includes(row.id)}
        fresh={row !== null && calls.isFresh(row.id)}
      />,
    );
  }
  const at = given.current ? calls.pages.indexOf(given.current) : -1;
  const drawn = at >= window.first && at < window.end;
  return (
    <div
      class={`call-table ${given.dated ? "dated" : ""}`}
      onPointerLeave={() => (pointed.value = null)}
    >
      <div
        ref={scroller}
        class={`call-scroller ${given.stale ? "stale" : ""}`}
        role="grid"
        tabIndex={0}
        aria-label="Calls, the newest first"
        aria-rowcount={calls.pages.next ? -1 : total + 1}
        aria-colcount={COLUMNS.length}
        aria-busy={given.stale}
        aria-activedescendant={drawn ? `call-${at}` : undefined}
        onScroll={(event) => {
          const top = event.currentTarget.scrollTop;
          scrolled.value = top;
          pointed.value = null;
          calls.look(top > rowHeight / 2);
        }}
        onPointerOver={point}
        onClick={(event) => {
          const row = rowAt(event.target);
          // Who has just selected a piece of text wants to copy it.
          if (row && getSelection()?.type !== "Range") given.onPick(row);
        }}
        onKeyDown={() => (pointed.value = null)}
      >
        <div class="call call-head" role="row" aria-rowindex={1}>
          {COLUMNS.map(({ name, label }) => (
            <span key={name} class={`call-cell head-${name}`} role="columnheader">
              {label}
            </span>
          ))}
        </div>
        <div ref={body} class="call-space" role="rowgroup">
          <div class="calls" role="presentation">
            {rows}
          </div>
        </div>
      </div>
      <CellMenu pointed={pointed} />
    </div>
  );
}
