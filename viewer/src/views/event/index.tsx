// One call: as a page of its own, and beside the list.

import "./event.css";
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { api, type Whole } from "../../api.ts";
import { useAsked } from "../../asked.ts";
import { eventOf } from "../../call/event.ts";
import { Button, Empty, ErrorBox, Link } from "../../components/basics.tsx";
import { callPath } from "../../routes.ts";
import { address, change, navigate, SHARED } from "../../url.ts";
import { Actions } from "./actions.tsx";
import { Code, Raw } from "./code.tsx";
import { Identity, MaskedCard, Metadata, Timing } from "./facts.tsx";
import { RequestCards, ResponseCards } from "./message.tsx";
import { Strip } from "./strip.tsx";
import { Summary } from "./summary.tsx";
import { Trouble } from "./trouble.tsx";

/** The call with this id, alone on the page. */
export function EventPage({ id }: { readonly id: string }): JSX.Element {
  const go = (to: string) => navigate(address(callPath(to), {}, SHARED));
  return (
    <div class="detail page">
      <div class="detail-bar">
        <Link to={address("/", {}, SHARED)} class="button quiet">
          ‹ Calls
        </Link>
      </div>
      <Loaded id={id} onGo={go} alone />
    </div>
  );
}

/** The call with this id, beside the list that it was chosen in. */
export function EventPane(props: {
  readonly id: string;
  readonly onClose: () => void;
}): JSX.Element {
  const { id, onClose } = props;
  return (
    <div class="detail">
      <div class="detail-bar">
        <Link
          to={address(callPath(id), {}, SHARED)}
          class="button quiet"
          title="On a page of its own"
        >
          Open ↗
        </Link>
        <span class="space" />
        <Button kind="quiet" onClick={onClose} label="Close" title="Close (Esc)">
          ✕
        </Button>
      </div>
      <Loaded id={id} onGo={(to) => change({ sel: to })} alone={false} />
    </div>
  );
}

interface Given {
  readonly id: string;
  readonly onGo: (id: string) => void;
  readonly alone: boolean;
}

function Loaded({ id, onGo, alone }: Given): JSX.Element | null {
  const asked = useAsked((signal) => api.call(id, signal), [id]);
  const error = asked.error.value;
  const whole = asked.value.value;
  if (error?.status === 404) {
    return (
      <div role="alert">
        <Empty title="There is no such call.">
          <p>It may have been removed since: calls are kept for a while only.</p>
        </Empty>
      </div>
    );
  }
  if (error) return <ErrorBox error={error} onRetry={asked.again} />;
  // Until the next call has come, the last one stays.
  return whole ? <Call whole={whole} onGo={onGo} alone={alone} busy={whole.row.id !== id} /> : null;
}

function Call(props: {
  readonly whole: Whole;
  readonly onGo: (id: string) => void;
  readonly alone: boolean;
  readonly busy: boolean;
}): JSX.Element {
  const { whole, onGo, alone, busy } = props;
  const { row } = whole;
  const event = useMemo(() => eventOf(whole.event), [whole]);
  return (
    <article class={`detail-call ${busy ? "stale" : ""}`} aria-busy={busy} aria-label="The call">
      <Summary row={row} alone={alone} />
      <Actions whole={whole} event={event} onGo={onGo} alone={alone} />
      <Strip whole={whole} onGo={onGo} />
      <Trouble event={event} row={row} />
      <div class="messages">
        <RequestCards key={`${row.id} request`} event={event} row={row} />
        <ResponseCards key={`${row.id} response`} event={event} row={row} />
      </div>
      <div class="more-cards">
        <Metadata event={event} />
        <Timing event={event} row={row} />
        <MaskedCard event={event} />
        <Identity event={event} row={row} />
        <Code event={event} row={row} />
        <Raw key={row.id} event={event} />
      </div>
    </article>
  );
}
