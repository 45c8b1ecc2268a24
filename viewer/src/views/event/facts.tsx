// What is known of a call besides its two messages: times, what was masked, whose it is, metadata.

import type { JSX } from "preact";
import type { Row } from "../../api.ts";
import type { CallEvent } from "../../call/event.ts";
import { type Json, member, numberOf, textOf } from "../../call/json.ts";
import { placeWords, ruleWords } from "../../call/words.ts";
import { Time } from "../../components/basics.tsx";
import { bytes, count, duration, plural, visible } from "../../format.ts";
import { Card } from "./card.tsx";
import { type Pair, Pairs } from "./pairs.tsx";
import { JsonTree } from "./tree.tsx";

/** Shares of a bar: what is shorter would not be seen. */
const LEAST = 0.5;

export function Timing(props: { readonly event: CallEvent; readonly row: Row }): JSX.Element {
  const { event, row } = props;
  const { own } = event;
  const total = row.duration;
  const first = numberOf(member(own, "ttfb_ms"));
  const chunks = numberOf(member(own, "chunks"));
  const known = total !== null && first !== null && first <= total;
  return (
    <Card
      name="timing"
      title="Timing"
      note={
        total === null
          ? "not measured"
          : `${duration(total)}${known ? ` · first byte after ${duration(first)}` : ""}`
      }
      open={known}
    >
      {total !== null ? (
        <div class="timing-bar" aria-hidden="true">
          {known ? <Part kind="wait" part={first} whole={total} /> : null}
          <Part kind="receive" part={known ? total - first : total} whole={total} />
        </div>
      ) : null}
      <dl class="facts">
        {known ? (
          <>
            <Fact name="Until the first byte" sign="wait">
              {duration(first)}
            </Fact>
            <Fact name="From the first byte to the last" sign="receive">
              {duration(total - first)}
              {chunks ? <span class="dim"> in {plural(chunks, "piece")}</span> : null}
            </Fact>
          </>
        ) : null}
        <Fact name="In all">{total === null ? "not measured" : duration(total)}</Fact>
        <Fact name="Began">
          <Time time={row.time} kind="full" />
        </Fact>
        <Fact name="Reached this collector">
          <Time time={row.received} kind="full" />
          <span class="dim"> {delay(row)}</span>
        </Fact>
        {row.request_size !== null ? (
          <Fact name="Request body">{bytes(row.request_size)}</Fact>
        ) : null}
        {row.response_size !== null ? (
          <Fact name="Response body">{bytes(row.response_size)}</Fact>
        ) : null}
      </dl>
    </Card>
  );
}

function delay(row: Row): string {
  const late = row.received - row.time - (row.duration ?? 0);
  return late >= 0 ? `${duration(late)} after its end` : "";
}

function Part(props: {
  readonly kind: "wait" | "receive";
  readonly part: number;
  readonly whole: number;
}): JSX.Element {
  const share = props.whole > 0 ? (100 * props.part) / props.whole : 0;
  return <span class={props.kind} style={{ width: `${Math.max(LEAST, share).toFixed(2)}%` }} />;
}

function Fact(props: {
  readonly name: string;
  readonly sign?: string;
  readonly children: preact.ComponentChildren;
}): JSX.Element {
  return (
    <div>
      <dt>
        {props.sign ? <span class={`sign ${props.sign}`} aria-hidden="true" /> : null}
        {props.name}
      </dt>
      <dd>{props.children}</dd>
    </div>
  );
}

/** As many notes as an event carries. */
const MOST_NOTES = 100;

export function MaskedCard({ event }: { readonly event: CallEvent }): JSX.Element | null {
  const { notes } = event;
  if (!notes.length) return null;
  const pairs: Pair[] = notes.map((note) => ({
    name: placeWords(note.path),
    value: ruleWords(note.rule),
  }));
  const many = notes.length >= MOST_NOTES ? `${MOST_NOTES} or more` : count(notes.length);
  return (
    <Card name="masked" title="Masked" note={`${many} before it left the app`} open={false}>
      <Pairs pairs={pairs} label="What was masked, and by which rule" noted={false} />
    </Card>
  );
}

/** Fields of the event and of our part of its metadata that are shown as they are. */
export function Identity(props: { readonly event: CallEvent; readonly row: Row }): JSX.Element {
  const { event, row } = props;
  const { own, document } = event;
  const said = (value: Json | undefined) =>
    textOf(value) || (numberOf(value) !== null ? String(numberOf(value)) : "");
  const from = said(member(own, "user_id_from"));
  const pairs = (
    [
      ["User", `${row.user}${from ? ` (${from})` : ""}`],
      ["Company", row.company],
      ["Subscription", said(member(document, "subscription_id"))],
      ["Session", row.session],
      ["Address", row.ip],
      ["Id", row.id],
      ["Trace", row.trace],
      ["Route", row.route],
      ["View", said(member(own, "view"))],
      ["API version", said(member(document.request as never, "api_version"))],
      ["Tags", said(member(document, "tags"))],
      ["Weight", weight(member(document, "weight"))],
      ["Came by", row.source],
      ["Recorded by", said(member(own, "sdk"))],
    ] as const
  )
    .filter(([, value]) => value !== "")
    .map(([name, value]) => ({ name, value }));
  const brief = [row.user, row.company, row.session].filter(Boolean).map(visible).join(" · ");
  return (
    <Card name="identity" title="Identity" note={brief || "nobody is named"} open={false}>
      <Pairs pairs={pairs} label="Who called, and what" noted={false} />
    </Card>
  );
}

function weight(value: Json | undefined): string {
  const number = numberOf(value);
  return number !== null && number !== 1 ? `stands for ${count(number)} calls` : "";
}

export function Metadata({ event }: { readonly event: CallEvent }): JSX.Element | null {
  const names = Object.keys(event.metadata);
  if (!names.length) return null;
  return (
    <Card name="metadata" title="Metadata" note={plural(names.length, "field")} open>
      <JsonTree value={event.metadata} label="Metadata" noted={event.notes.length > 0} />
    </Card>
  );
}
