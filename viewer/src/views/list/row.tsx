// One call in the list.

import type { JSX } from "preact";
import type { Row } from "../../api.ts";
import { Duration, StatusBadge, Verb } from "../../components/basics.tsx";
import { brief, bytes } from "../../format.ts";
import { clock, date, dateTime, utc } from "../../time.ts";

/** A column of the list; *field* is what a click on it filters by. */
export interface Column {
  readonly name: string;
  readonly label: string;
  readonly field: string;
}

export const COLUMNS: readonly Column[] = [
  { name: "time", label: "Time", field: "" },
  { name: "verb", label: "Method", field: "method" },
  { name: "status", label: "Status", field: "status" },
  { name: "path", label: "Path", field: "route" },
  { name: "host", label: "Host", field: "host" },
  { name: "user", label: "User", field: "user" },
  { name: "duration", label: "Duration", field: "" },
  { name: "size", label: "Size", field: "" },
];

export interface Given {
  readonly row: Row | null;
  readonly index: number;
  readonly dated: boolean;
  readonly current: boolean;
  readonly open: boolean;
  readonly marked: boolean;
  readonly fresh: boolean;
}

export function ListRow(given: Given): JSX.Element {
  const { row, index } = given;
  const names = ["call"];
  if (given.current) names.push("current");
  if (given.open) names.push("open");
  if (given.marked) names.push("marked-call");
  if (given.fresh) names.push("fresh");
  return (
    <div
      id={`call-${index}`}
      class={names.join(" ")}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={given.open}
      data-index={index}
      tabIndex={-1}
    >
      {row ? <Cells row={row} dated={given.dated} /> : <span class="call-cell" role="gridcell" />}
    </div>
  );
}

function Cells({ row, dated }: { readonly row: Row; readonly dated: boolean }): JSX.Element {
  const when = dated
    ? `${date(row.time).slice(5)} ${clock(row.time, true)}`
    : clock(row.time, true);
  return (
    <>
      <span
        class="call-cell time"
        role="gridcell"
        title={`${dateTime(row.time, true)} here, ${utc(row.time)}`}
      >
        {when}
      </span>
      <span class="call-cell verb-cell" role="gridcell" data-field="method">
        <Verb method={row.method} />
      </span>
      <span class="call-cell status-cell" role="gridcell" data-field="status">
        <StatusBadge status={row.status} error={row.error} />
      </span>
      <span class="call-cell path cut" role="gridcell" data-field={row.route ? "route" : "path"}>
        <span title={brief(row.path)}>{brief(row.path)}</span>
        {row.query ? <span class="dim">?{brief(row.query)}</span> : null}
        {row.error ? <span class="error-name">{brief(row.error)}</span> : null}
      </span>
      <span class="call-cell host cut dim" role="gridcell" data-field="host">
        {brief(row.host)}
      </span>
      <span class="call-cell user cut" role="gridcell" data-field="user">
        {brief(row.user)}
      </span>
      <span class="call-cell duration-cell" role="gridcell">
        <Duration ms={row.duration} bar />
      </span>
      <span class="call-cell size number dim" role="gridcell">
        {bytes(row.response_size)}
      </span>
    </>
  );
}
