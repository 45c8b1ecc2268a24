// The keys of the list.

import type { Signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { Row } from "../../api.ts";
import { useKeys } from "../../keys.ts";
import { toggleMark } from "../../marks.ts";
import { sel } from "../../url.ts";
import type { Calls } from "./model.ts";
import type { TableHandle } from "./table.tsx";

interface Given {
  readonly calls: Calls;
  /** The id of the call that the keyboard is at. */
  readonly cursor: Signal<string>;
  readonly menu: Signal<Row | null>;
  readonly handle: { readonly current: TableHandle | null };
  readonly open: (id: string, replace?: boolean) => void;
  readonly close: () => void;
}

/** Milliseconds of rest before the pane follows: a key that is held down opens nothing on its way. */
const REST = 90;

export function useListKeys({ calls, cursor, menu, handle, open, close }: Given): void {
  const later = useMemo(() => new Later(), []);
  useEffect(() => () => later.cancel(), [later]);
  const here = () => calls.pages.row(calls.pages.indexOf(cursor.value));
  const goTo = (index: number): boolean => {
    const most = calls.pages.length - 1;
    const wanted = Math.max(0, Math.min(index, most));
    const row = calls.pages.row(wanted);
    if (!row) return most >= 0;
    cursor.value = row.id;
    handle.current?.reveal(wanted);
    if (sel.peek() && sel.peek() !== row.id) later.run(() => open(row.id, true));
    return true;
  };
  const move = (by: number) => {
    const at = calls.pages.indexOf(cursor.value);
    return goTo(at < 0 ? (handle.current?.first() ?? 0) : at + by);
  };
  const screen = () => handle.current?.many() ?? 10;
  const onRow = (act: (row: Row) => void) => () => {
    const row = here();
    if (row) act(row);
    return row !== null;
  };
  useKeys(
    [
      { keys: "j", label: "Next call", group: "List", run: () => move(1) },
      { keys: "ArrowDown", label: "Next call", group: "List", run: () => move(1) },
      { keys: "k", label: "Previous call", group: "List", run: () => move(-1) },
      { keys: "ArrowUp", label: "Previous call", group: "List", run: () => move(-1) },
      { keys: "PageDown", label: "", group: "List", run: () => move(screen()) },
      { keys: "PageUp", label: "", group: "List", run: () => move(-screen()) },
      { keys: "g g", label: "Newest call", group: "List", run: () => goTo(0) },
      { keys: "Home", label: "Newest call", group: "List", run: () => goTo(0) },
      { keys: "End", label: "Oldest call so far", group: "List", run: () => goTo(Infinity) },
      {
        keys: "Enter",
        label: "Open the call",
        group: "List",
        run: unlessButton(onRow((row) => open(row.id))),
      },
      {
        keys: "x",
        label: "Mark for a comparison",
        group: "List",
        run: onRow((row) => toggleMark(row.id)),
      },
      {
        keys: "f",
        label: "Filter by this call",
        group: "List",
        run: onRow((row) => (menu.value = row)),
      },
      {
        keys: "p",
        label: "Pause, go on",
        group: "List",
        run: () => calls.pause(!calls.paused.peek()),
      },
      {
        keys: "n",
        label: "Show new calls",
        group: "List",
        run: () => {
          calls.showPending();
          handle.current?.toTop();
        },
      },
      {
        keys: "Escape",
        label: "Close the call",
        group: "List",
        run: () => (sel.peek() ? close() : false),
      },
    ],
    [calls],
  );
}

/** Enter on a button or a link does what the button or link does. */
function unlessButton(run: () => boolean): (event: KeyboardEvent) => boolean {
  return (event) =>
    event.target instanceof Element && event.target.closest("button, a, summary") ? false : run();
}

class Later {
  private timer: ReturnType<typeof setTimeout> | undefined;

  run(what: () => void): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(what, REST);
  }

  cancel(): void {
    clearTimeout(this.timer);
  }
}
