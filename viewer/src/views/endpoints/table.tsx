// The endpoints as a table that can be sorted; a row's name shows its charts.

import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import type { Endpoint } from "../../api.ts";
import { Link, Time, Verb } from "../../components/basics.tsx";
import { withTerm } from "../../filter/terms.ts";
import { count, duration, percent, visible } from "../../format.ts";
import { chartRange } from "../../time.ts";
import { address, q, SHARED } from "../../url.ts";
import { type Column, Head, useOrder, useRowKeys } from "../overview/headers.tsx";
import { rate } from "../overview/numbers.ts";
import { type Cell, sorted } from "../overview/sorting.ts";
import { Spark } from "../overview/spark.tsx";

type Name = "route" | "over" | "calls" | "rate" | "errors" | "p50" | "p95" | "p99" | "last";

const COLUMNS: readonly Column<Name>[] = [
  { name: "route", label: "Endpoint", kind: "text" },
  { name: "over", label: "Over time", kind: "fixed" },
  { name: "calls", label: "Calls" },
  { name: "rate", label: "Rate", kind: "fixed" },
  { name: "errors", label: "Errors", title: "Server errors, then client errors" },
  { name: "p50", label: "p50", title: "Half of the calls are faster" },
  { name: "p95", label: "p95", title: "19 of 20 calls are faster" },
  { name: "p99", label: "p99", title: "99 of 100 calls are faster" },
  { name: "last", label: "Last" },
];

const CELLS: Readonly<Record<Name, (one: Endpoint) => Cell>> = {
  route: (one) => `${one.route} ${one.method}`,
  over: () => 0,
  calls: (one) => one.count,
  rate: (one) => one.count,
  // Server errors before all; client errors tell equal ones apart.
  errors: (one) => (1e6 * one.server_errors + one.client_errors) / Math.max(1, one.count),
  p50: (one) => one.p50,
  p95: (one) => one.p95,
  p99: (one) => one.p99,
  last: (one) => one.last,
};

export function EndpointTable(props: {
  readonly endpoints: readonly Endpoint[];
  readonly chosen: Pick<Endpoint, "method" | "route"> | null;
  readonly again: string;
  readonly onChoose: (endpoint: Endpoint) => void;
}): JSX.Element {
  const place = useRef<HTMLTableElement>(null);
  const order = useOrder(COLUMNS, "calls");
  useRowKeys(place);
  const { from, to } = chartRange.value;
  return (
    <div class="overview-place">
      <table ref={place} class="overview-table endpoints-table">
        <caption class="off-screen">Endpoints</caption>
        <Head columns={COLUMNS} order={order} usual="calls" />
        <tbody>
          {sorted(props.endpoints, CELLS[order.by], order.rising).map((one) => (
            <Row
              key={`${one.method} ${one.route}`}
              one={one}
              length={to - from}
              again={props.again}
              chosen={props.chosen?.method === one.method && props.chosen.route === one.route}
              onChoose={() => props.onChoose(one)}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row(props: {
  readonly one: Endpoint;
  readonly length: number;
  readonly again: string;
  readonly chosen: boolean;
  readonly onChoose: () => void;
}): JSX.Element {
  const { one } = props;
  const filter = withTerm(withTerm(q.value, "method", one.method), "route", one.route);
  const calls = (text: string) => address("/", { q: text }, SHARED);
  return (
    <tr class={props.chosen ? "chosen" : ""}>
      <th scope="row" class="col-route">
        <button
          type="button"
          class="row-pick"
          aria-pressed={props.chosen}
          title="Show its charts"
          onClick={props.onChoose}
        >
          <Verb method={one.method} />
          <span class="mono cut">{visible(one.route) || "(no route)"}</span>
        </button>
      </th>
      <td class="col-over">
        <Spark filter={filter} again={props.again} />
      </td>
      <td class="number col-calls">
        <Link to={calls(filter)} title="Show the calls">
          {count(one.count)}
        </Link>
      </td>
      <td class="number col-rate dim">{rate(one.count, props.length)}</td>
      <td class="number col-errors">
        {one.server_errors ? (
          <Link class="bad" to={calls(withTerm(filter, "is", "error"))} title="Show the failures">
            {percent(one.server_errors, one.count)}
          </Link>
        ) : null}
        {one.client_errors ? (
          <Link class="warn" to={calls(withTerm(filter, "status", "4xx"))} title="Show them">
            {percent(one.client_errors, one.count)}
          </Link>
        ) : null}
        {one.server_errors || one.client_errors ? null : <span class="dim">0 %</span>}
      </td>
      <td class="number col-p50">{duration(one.p50)}</td>
      <td class={`number col-p95 ${slow(one.p95)}`}>{duration(one.p95)}</td>
      <td class={`number col-p99 ${slow(one.p99)}`}>{duration(one.p99)}</td>
      <td class="number col-last dim">
        <Time time={one.last} kind="ago" />
      </td>
    </tr>
  );
}

function slow(ms: number | null): string {
  return ms !== null && ms >= 1000 ? "warn" : "";
}
