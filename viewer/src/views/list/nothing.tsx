// An empty list says why it is empty, and what to do about it.

import type { JSX } from "preact";
import { Button, Empty } from "../../components/basics.tsx";
import { visible } from "../../format.ts";
import { fromText, rangeLabel } from "../../time.ts";
import { change, param, q } from "../../url.ts";
import { FirstSteps } from "./firststeps.tsx";
import type { Calls } from "./model.ts";

const to = param("to");

export function Nothing(props: {
  readonly calls: Calls;
  /** How many calls there are at all, as far as that is known. */
  readonly stored: number | undefined;
}): JSX.Element | null {
  const { calls, stored } = props;
  if (calls.loading.value) return null;
  if (calls.error.value) return calls.error.value.status === 400 ? <Unreadable /> : null;
  if (stored === undefined) return null;
  if (!stored && !calls.outside.value) return <FirstSteps />;
  const label = rangeLabel(fromText.value, to.value);
  const all = fromText.value === "0" && !to.value;
  return (
    <Empty title={q.value ? "No call fits this filter" : "No call in this time"}>
      <p>
        {label}
        {q.value ? <span class="mono"> · {visible(q.value)}</span> : null}
      </p>
      <p class="empty-ways">
        {q.value ? <Button onClick={() => change({ q: null })}>Without the filter</Button> : null}
        {all ? null : <Button onClick={() => change({ from: "0", to: null })}>In all time</Button>}
      </p>
    </Empty>
  );
}

function Unreadable(): JSX.Element {
  return (
    <Empty title="This filter cannot be read">
      <p>What is wrong with it stands below it, and is underlined.</p>
      <p class="empty-ways">
        <Button onClick={() => change({ q: null })}>Without the filter</Button>
      </p>
    </Empty>
  );
}
