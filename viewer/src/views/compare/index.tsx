// Two calls beside each other: what is different, and what is not.

import "../event/event.css";
import "./compare.css";
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { api, type Row, type Whole } from "../../api.ts";
import { useAsked } from "../../asked.ts";
import { type CallEvent, eventOf, type Message } from "../../call/event.ts";
import { addressOf, paramsOf } from "../../call/params.ts";
import {
  Button,
  Empty,
  ErrorBox,
  Link,
  StatusBadge,
  Time,
  Verb,
} from "../../components/basics.tsx";
import { bytes, duration, visible } from "../../format.ts";
import { useKeys } from "../../keys.ts";
import { callPath } from "../../routes.ts";
import { dateTime } from "../../time.ts";
import { address, change, param, SHARED } from "../../url.ts";
import { Card } from "../event/card.tsx";
import { Bodies, differences } from "./bodies.tsx";
import { changesIn, jsonDiff } from "./jsondiff.ts";
import { type NamedValue, type PairLine, pairDiff } from "./pairdiff.ts";
import { changeOf, JsonDiff, PairDiff } from "./pieces.tsx";

const a = param("a");
const b = param("b");
const all = param("all");

export function ComparePage(): JSX.Element {
  if (!a.value || !b.value) {
    return (
      <Empty title="There are no two calls to compare.">
        <p>
          Mark two calls with <kbd>x</kbd> in the list, then press <kbd>C</kbd>. On the page of a
          call, <kbd>d</kbd> compares it with the previous one of its route.
        </p>
        <Link to="/">To the list of calls</Link>
      </Empty>
    );
  }
  return <Both first={a.value} second={b.value} />;
}

function Both(props: { readonly first: string; readonly second: string }): JSX.Element | null {
  const { first, second } = props;
  const asked = useAsked(
    (signal) => Promise.all([api.call(first, signal), api.call(second, signal)]),
    [first, second],
  );
  const swap = () => change({ a: second, b: first }, { replace: true });
  const turn = () => change({ all: all.value ? null : "1" }, { replace: true });
  useKeys(
    [
      { keys: "s", label: "Swap the two calls", group: "Call", run: swap },
      { keys: "a", label: "Show what is the same, too", group: "Call", run: turn },
    ],
    [first, second],
  );
  const error = asked.error.value;
  if (error?.status === 404) {
    return (
      <div role="alert">
        <Empty title="One of the two calls is not there.">
          <p>It may have been removed since: calls are kept for a while only.</p>
        </Empty>
      </div>
    );
  }
  if (error) return <ErrorBox error={error} onRetry={asked.again} />;
  const value = asked.value.value;
  if (!value) return null;
  return (
    <div class="detail page compare">
      <div class="detail-bar">
        <Link to={address("/", {}, SHARED)} class="button quiet">
          ‹ Calls
        </Link>
        <span class="space" />
        <label class="compare-only">
          <input type="checkbox" checked={!all.value} onChange={turn} /> Only differences
        </label>
        <Button kind="quiet" title="Swap the two calls (s)" onClick={swap}>
          Swap
        </Button>
      </div>
      <Compared first={value[0]} second={value[1]} only={!all.value} />
    </div>
  );
}

function Compared(props: {
  readonly first: Whole;
  readonly second: Whole;
  readonly only: boolean;
}): JSX.Element {
  const { first, second, only } = props;
  const [before, after] = useMemo(
    () => [eventOf(first.event), eventOf(second.event)] as const,
    [first, second],
  );
  return (
    <article class="detail-call" aria-label="Comparison">
      <h1 class="off-screen">Comparison of two calls</h1>
      <div class="compare-heads">
        <Head row={first.row} sign="A" />
        <Head row={second.row} sign="B" />
      </div>
      <Pairs title="Facts" lines={facts(first.row, second.row, before, after)} only={only} />
      <Pairs
        title="Parameters of the address"
        lines={pairDiff(query(before), query(after))}
        only={only}
      />
      <Pairs
        title="Request headers"
        lines={pairDiff(before.request.headers, after.request.headers, true)}
        only={only}
      />
      <Bodies before={before.request} after={after.request} title="Request body" only={only} />
      <Pairs
        title="Response headers"
        lines={pairDiff(headers(before.response), headers(after.response), true)}
        only={only}
      />
      <Bodies before={before.response} after={after.response} title="Response body" only={only} />
      <Metadata before={before} after={after} only={only} />
    </article>
  );
}

function headers(message: Message | null): readonly NamedValue[] {
  return message?.headers ?? [];
}

function query(event: CallEvent): readonly NamedValue[] {
  return paramsOf(addressOf(event.uri).query);
}

function Head({ row, sign }: { readonly row: Row; readonly sign: string }): JSX.Element {
  return (
    <section class="compare-head" aria-label={`Call ${sign}`}>
      <h2>
        <span class="compare-sign">{sign}</span> <Verb method={row.method} />{" "}
        <Link to={address(callPath(row.id), {}, SHARED)} class="compare-path">
          {visible(row.path) || "/"}
        </Link>
      </h2>
      <p class="summary-facts">
        <StatusBadge status={row.status} error={row.error} />
        <span class="number">{duration(row.duration)}</span>
        <Time time={row.time} kind="full" />
        {row.user ? <span>{visible(row.user)}</span> : null}
      </p>
    </section>
  );
}

function facts(first: Row, second: Row, before: CallEvent, after: CallEvent): PairLine[] {
  const said = (row: Row, event: CallEvent): NamedValue[] =>
    (
      [
        ["Verb", row.method],
        ["Host", row.host],
        ["Path", row.path],
        ["Route", row.route],
        ["Status", row.status === null ? "" : String(row.status)],
        ["Exception", row.error],
        ["Duration", duration(row.duration)],
        ["Request size", bytes(row.request_size)],
        ["Response size", bytes(row.response_size)],
        ["User", row.user],
        ["Company", row.company],
        ["Session", row.session],
        ["Address", row.ip],
        ["Masked", event.notes.length ? `${event.notes.length} places` : ""],
        ["Time", dateTime(row.time, true)],
      ] as const
    )
      .filter(([, value]) => value !== "")
      .map(([name, value]) => ({ name, value }));
  return pairDiff(said(first, before), said(second, after));
}

function Pairs(props: {
  readonly title: string;
  readonly lines: readonly PairLine[];
  readonly only: boolean;
}): JSX.Element | null {
  const { title, lines, only } = props;
  if (!lines.length) return null;
  const many = lines.filter((line) => changeOf(line) !== "same").length;
  return (
    <Card name={`compare ${title}`} title={title} note={differences(many)}>
      {only && !many ? (
        <p class="dim">They are the same.</p>
      ) : (
        <PairDiff lines={lines} label={title} only={only} />
      )}
    </Card>
  );
}

function Metadata(props: {
  readonly before: CallEvent;
  readonly after: CallEvent;
  readonly only: boolean;
}): JSX.Element | null {
  const { before, after, only } = props;
  const lines = useMemo(() => jsonDiff(before.metadata, after.metadata), [before, after]);
  const many = changesIn(lines);
  if (!Object.keys(before.metadata).length && !Object.keys(after.metadata).length) return null;
  return (
    <Card name="compare metadata" title="Metadata" note={differences(many)}>
      {only && !many ? (
        <p class="dim">They are the same.</p>
      ) : (
        <JsonDiff lines={lines} label="Metadata" only={only} />
      )}
    </Card>
  );
}
