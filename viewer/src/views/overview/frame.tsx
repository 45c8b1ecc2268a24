// What every overview has: the filter and the time range on top, and what went wrong.

import "./overview.css";
import type { ComponentChildren, JSX } from "preact";
import type { ApiError } from "../../api.ts";
import type { Asked } from "../../asked.ts";
import { Button, Empty, ErrorBox } from "../../components/basics.tsx";
import { visible } from "../../format.ts";
import { fromText, rangeLabel } from "../../time.ts";
import { change, param, q } from "../../url.ts";
import { FilterBar } from "../list/filterbar.tsx";
import { RangePicker } from "../list/rangepicker.tsx";

const to = param("to");

export function Overview(props: {
  readonly title: ComponentChildren;
  /** The first question that the page asks: an error of the filter is shown at the filter. */
  readonly asked: Asked<unknown>;
  readonly children: ComponentChildren;
}): JSX.Element {
  const error: ApiError | null = props.asked.error.value;
  return (
    <div class="overview">
      <div class="bar-row">
        <FilterBar error={error} />
        <RangePicker />
      </div>
      <div class="overview-body">
        <div class="overview-title">{props.title}</div>
        {error && error.status !== 400 ? (
          <ErrorBox error={error} onRetry={props.asked.again} />
        ) : null}
        {props.children}
      </div>
    </div>
  );
}

/** Why there is nothing, and the ways out of it. */
export function NothingHere({ what }: { readonly what: string }): JSX.Element {
  const all = fromText.value === "0" && !to.value;
  return (
    <Empty title={what}>
      <p>
        {rangeLabel(fromText.value, to.value)}
        {q.value ? <span class="mono"> · {visible(q.value)}</span> : null}
      </p>
      <p class="empty-ways">
        {q.value ? <Button onClick={() => change({ q: null })}>Without the filter</Button> : null}
        {all ? null : <Button onClick={() => change({ from: "0", to: null })}>In all time</Button>}
      </p>
    </Empty>
  );
}

/** One number with its name. */
export function Figure(props: {
  readonly name: string;
  readonly value: ComponentChildren;
  readonly kind?: "client" | "server" | undefined;
  readonly note?: string | undefined;
}): JSX.Element {
  return (
    <div class={`overview-figure ${props.kind ?? ""}`}>
      <dt>{props.name}</dt>
      <dd>
        {props.value}
        {props.note ? <span class="overview-figure-note">{props.note}</span> : null}
      </dd>
    </div>
  );
}
