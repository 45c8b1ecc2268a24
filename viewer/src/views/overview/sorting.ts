// The order of a table, kept in the address: `p95` is the largest first, `-p95` the smallest.

export type Cell = string | number | null;

export interface Order<Name extends string> {
  readonly by: Name;
  readonly rising: boolean;
}

/** Read the order that an address has, or take the usual one. */
export function orderOf<Name extends string>(
  text: string,
  names: readonly Name[],
  usual: Name,
): Order<Name> {
  const rising = text.startsWith("-");
  const name = rising ? text.slice(1) : text;
  const by = names.find((one) => one === name);
  return by ? { by, rising } : { by: usual, rising: false };
}

/** The order as the address has it: nothing for the usual one. */
export function orderText<Name extends string>(order: Order<Name>, usual: Name): string {
  if (order.by === usual && !order.rising) return "";
  return `${order.rising ? "-" : ""}${order.by}`;
}

/** The order after a click on a column: its largest first, then its smallest. */
export function turned<Name extends string>(order: Order<Name>, by: Name): Order<Name> {
  return { by, rising: order.by === by ? !order.rising : false };
}

/**
 * Sort rows by a cell: numbers the largest first, texts from a to z, and the reverse if *rising*.
 * Rows without a value come last either way; equal ones keep their order.
 */
export function sorted<Row>(
  rows: readonly Row[],
  cell: (row: Row) => Cell,
  rising: boolean,
): Row[] {
  const sign = rising ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [one, two] = [cell(a), cell(b)];
    if (one === null || two === null) return Number(one === null) - Number(two === null);
    if (typeof one === "number" && typeof two === "number") return sign * (two - one);
    return sign * String(one).localeCompare(String(two));
  });
}
