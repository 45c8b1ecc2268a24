// Click to filter: "only these" and "not these" beside the cell that is pointed at, and for the
// keyboard a menu of all that can be said of the call.

import { type Signal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Row } from "../../api.ts";
import { Button } from "../../components/basics.tsx";
import { withTerm } from "../../filter/terms.ts";
import { visible } from "../../format.ts";
import { change, q } from "../../url.ts";

/** A cell that is pointed at; lengths in pixels, from the corner of the list. */
export interface Pointed {
  readonly row: Row;
  readonly field: string;
  readonly right: number;
  readonly top: number;
  readonly height: number;
}

type Value = string | number | null;

/** Show only calls of which *field* is *value*, or only others. */
export function filterBy(field: string, value: Value, negated: boolean): void {
  change({ q: withTerm(q.value, field, value, negated), sel: null });
}

/** The value of a field of the filter language in a row. */
export function fieldOf(row: Row, field: string): Value {
  const values: Readonly<Record<string, Value>> = {
    method: row.method,
    status: row.status,
    route: row.route,
    path: row.path,
    host: row.host,
    user: row.user,
    company: row.company,
    session: row.session,
    ip: row.ip,
    trace: row.trace,
    source: row.source,
    error: row.error,
  };
  return values[field] ?? (field === "status" ? null : "");
}

export function CellMenu({
  pointed,
}: {
  readonly pointed: Signal<Pointed | null>;
}): JSX.Element | null {
  const cell = pointed.value;
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const style = place.current?.style;
    if (!style || !cell) return;
    style.setProperty("top", `${cell.top}px`);
    style.setProperty("left", `${cell.right}px`);
    style.setProperty("height", `${cell.height}px`);
  }, [cell]);
  if (!cell) return null;
  const { row, field } = cell;
  const value = fieldOf(row, field);
  const said =
    value === null || value === "" ? `no ${field}` : `${field} ${visible(String(value))}`;
  const act = (negated: boolean) => {
    pointed.value = null;
    filterBy(field, value, negated);
  };
  return (
    <div ref={place} class="cell-menu" aria-hidden="true">
      <button type="button" tabIndex={-1} title={`Only ${said}`} onClick={() => act(false)}>
        +
      </button>
      <button type="button" tabIndex={-1} title={`Without ${said}`} onClick={() => act(true)}>
        −
      </button>
    </div>
  );
}

const FIELDS = [
  "route",
  "path",
  "method",
  "status",
  "user",
  "company",
  "session",
  "host",
  "ip",
  "error",
  "trace",
  "source",
];

/** All that can be filtered by of one call; opened with a key. */
export function FilterMenu(props: {
  readonly row: Row;
  readonly onClose: () => void;
}): JSX.Element {
  const { row, onClose } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  const negated = useSignal(false);
  useEffect(() => {
    dialog.current?.showModal();
    dialog.current?.querySelector<HTMLElement>(".filter-by")?.focus();
  }, []);
  const step = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    if (!by) return;
    const all = [...(dialog.current?.querySelectorAll<HTMLElement>(".filter-by") ?? [])];
    const index = all.indexOf(document.activeElement as HTMLElement);
    all[(index + by + all.length) % all.length]?.focus();
    event.preventDefault();
  };
  return (
    <dialog
      ref={dialog}
      class="dialog filter-menu"
      aria-label="Filter by this call"
      onClose={onClose}
      onKeyDown={step}
    >
      <div class="dialog-head">
        <h2>Filter by this call</h2>
        <Button
          kind="quiet"
          pressed={negated.value}
          onClick={() => (negated.value = !negated.value)}
        >
          Exclude
        </Button>
      </div>
      {FIELDS.filter((field) => fieldOf(row, field)).map((field) => (
        <button
          key={field}
          type="button"
          class="filter-by"
          onClick={() => {
            onClose();
            filterBy(field, fieldOf(row, field), negated.value);
          }}
        >
          <span class="dim">
            {negated.value ? "not " : ""}
            {field}
          </span>
          <span class="cut">{visible(String(fieldOf(row, field)))}</span>
        </button>
      ))}
    </dialog>
  );
}
