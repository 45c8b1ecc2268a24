// The head of a table that can be sorted, and the keys that walk through its rows.

import type { JSX } from "preact";
import { useKeys } from "../../keys.ts";
import { change, param } from "../../url.ts";
import { type Order, orderOf, orderText, turned } from "./sorting.ts";

export interface Column<Name extends string> {
  readonly name: Name;
  readonly label: string;
  /** Its class, and whether it can be sorted by. */
  readonly kind?: "number" | "text" | "fixed";
  readonly title?: string;
}

const sort = param("sort");

/** The order that the address asks for. */
export function useOrder<Name extends string>(
  columns: readonly Column<Name>[],
  usual: Name,
): Order<Name> {
  const names = columns.filter((one) => one.kind !== "fixed").map((one) => one.name);
  return orderOf(sort.value, names, usual);
}

export function Head<Name extends string>(props: {
  readonly columns: readonly Column<Name>[];
  readonly order: Order<Name>;
  readonly usual: Name;
}): JSX.Element {
  const { columns, order, usual } = props;
  return (
    <thead>
      <tr>
        {columns.map((column) => (
          <th
            key={column.name}
            scope="col"
            class={`${column.kind ?? "number"} col-${column.name}`}
            aria-sort={
              order.by !== column.name ? undefined : order.rising ? "ascending" : "descending"
            }
            title={column.title}
          >
            {column.kind === "fixed" ? (
              column.label
            ) : (
              <button
                type="button"
                class="sort-by"
                onClick={() =>
                  change({ sort: orderText(turned(order, column.name), usual) }, { replace: true })
                }
              >
                <span>{column.label}</span>
                {order.by === column.name ? (
                  <span class="sort-arrow" aria-hidden="true">
                    {order.rising ? "↑" : "↓"}
                  </span>
                ) : null}
              </button>
            )}
          </th>
        ))}
      </tr>
    </thead>
  );
}

/** `j` and `k` walk through what has the class `row-pick` inside *place*. */
export function useRowKeys(place: { readonly current: HTMLElement | null }): void {
  const walk = (by: number) => {
    const all = [...(place.current?.querySelectorAll<HTMLElement>(".row-pick") ?? [])];
    const at = all.indexOf(document.activeElement as HTMLElement);
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
    return next !== undefined;
  };
  useKeys([
    { keys: "j", label: "Next row", group: "List", run: () => walk(1) },
    { keys: "k", label: "Previous row", group: "List", run: () => walk(-1) },
  ]);
}
