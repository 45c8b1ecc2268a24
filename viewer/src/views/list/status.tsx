// How the list stands: live or not, what waits, how to take it along.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { api } from "../../api.ts";
import { Button, Copy, Download } from "../../components/basics.tsx";
import { count, plural } from "../../format.ts";
import { live, range } from "../../time.ts";
import { change, q } from "../../url.ts";
import type { Calls } from "./model.ts";
import type { Connection } from "./stream.ts";

const SAID: Readonly<Record<Connection, string>> = {
  off: "Off",
  connecting: "Connecting",
  open: "Live",
  waiting: "Reconnecting",
};

/** Whether the list follows, and the button that changes it. */
export function Follow({ calls }: { readonly calls: Calls }): JSX.Element {
  if (!live.value) {
    return (
      <Button title="Follow what happens now" onClick={() => change({ from: null, to: null })}>
        <i class="live-light off" />
        Go live
      </Button>
    );
  }
  const paused = calls.paused.value;
  const state = calls.connection.value;
  return (
    <Button
      class="follow-live"
      pressed={paused}
      title={paused ? "Go on (p)" : "Pause (p)"}
      onClick={() => calls.pause(!paused)}
    >
      <i class={`live-light ${paused ? "off" : state}`} />
      <span role="status">{paused ? "Paused" : SAID[state]}</span>
    </Button>
  );
}

/** New calls that wait until somebody wants to see them. */
export function NewCalls(props: {
  readonly calls: Calls;
  readonly onShow: () => void;
}): JSX.Element {
  const { calls, onShow } = props;
  const waiting = calls.pending.value;
  const holding = waiting > 0 && !calls.loading.value;
  return (
    <>
      {holding ? (
        <button
          type="button"
          class="new-calls"
          title="Show them (n)"
          onClick={() => {
            calls.showPending();
            onShow();
          }}
        >
          {count(waiting)} new
        </button>
      ) : null}
      <Announce many={waiting} />
    </>
  );
}

/** Milliseconds between two announcements to a screen reader. */
const BREATH = 5000;

function Announce({ many }: { readonly many: number }): JSX.Element {
  const said = useSignal(0);
  useEffect(() => {
    const timer = setTimeout(() => (said.value = many), many ? BREATH : 0);
    return () => clearTimeout(timer);
    // A count that changes all the time is said when the timer of the first change has run out.
  }, [many === 0, Math.floor(many / 10)]);
  return (
    <p class="off-screen" role="status" aria-live="polite">
      {said.value ? `${plural(said.value, "new call")} waiting` : ""}
    </p>
  );
}

/** The line between chart and list: what is outside of it, and the ways out. */
export function Tools({ calls }: { readonly calls: Calls }): JSX.Element {
  const { from, to } = range.value;
  const question = { q: q.value, from: from || undefined, to: live.value ? undefined : to };
  const outside = calls.outside.value;
  return (
    <div class="list-tools">
      {outside > 0 && live.value ? (
        <Button kind="quiet" class="list-outside" onClick={() => change({ from: "0", to: null })}>
          {plural(outside, "call")} arrived that began earlier: show all time
        </Button>
      ) : null}
      <Copy text={() => location.href} label="Copy link" />
      <span class="list-exports dim">
        <span class="exports-label">Export</span>
        <Download from={api.exportAddress("har", question)}>HAR</Download>
        <Download from={api.exportAddress("ndjson", question)}>NDJSON</Download>
        <Download from={api.exportAddress("csv", question)}>CSV</Download>
      </span>
    </div>
  );
}
