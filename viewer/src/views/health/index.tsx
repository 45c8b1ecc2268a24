// The pipeline: what arrived, what was lost and why, what was refused, what is held.

import "./health.css";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { api, type Health } from "../../api.ts";
import { useAsked } from "../../asked.ts";
import { ErrorBox } from "../../components/basics.tsx";
import { bytes, count, duration, plural } from "../../format.ts";
import { dateTime, utc } from "../../time.ts";
import "../overview/overview.css";
import { Figure } from "../overview/frame.tsx";
import { Losses } from "./losses.tsx";
import { verdicts } from "./reasons.ts";
import { Refusals } from "./refusals.tsx";

/** Milliseconds between two looks. */
const PAUSE = 5000;

export function HealthPage(): JSX.Element {
  const asked = useAsked((signal) => api.health(signal), []);
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) asked.again();
    }, PAUSE);
    return () => clearInterval(timer);
  }, []);
  const health = asked.value.value;
  return (
    <div class="overview overview-body health">
      <div class="overview-title">
        <h1>Health</h1>
        {health ? <span class="dim">apilog {health.version}</span> : null}
      </div>
      {asked.error.value ? <ErrorBox error={asked.error.value} onRetry={asked.again} /> : null}
      {health ? <Parts health={health} /> : null}
    </div>
  );
}

function Parts({ health }: { readonly health: Health }): JSX.Element {
  return (
    <>
      <Verdicts health={health} />
      <div class="health-cards">
        <Senders health={health} />
        <Arrived health={health} />
        <Held health={health} />
      </div>
      <Losses dropped={health.dropped} captured={health.accounts.captured} />
      <Refusals refusals={health.refusals} />
    </>
  );
}

function Verdicts({ health }: { readonly health: Health }): JSX.Element {
  return (
    <div role="status">
      <ul class="health-verdicts">
        {verdicts(health).map(({ kind, said }) => (
          <li key={said} class={`health-verdict ${kind}`}>
            <Mark kind={kind} />
            <span>{said}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Mark({ kind }: { readonly kind: "good" | "note" | "bad" }): JSX.Element {
  return (
    <svg width="16" height="16" viewBox="0 0 16 16" fill="none" aria-hidden="true">
      <circle cx="8" cy="8" r="6.5" stroke="currentColor" stroke-width="1.5" />
      {kind === "good" ? (
        <path d="m5 8.2 2.1 2.1L11 6.2" stroke="currentColor" stroke-width="1.5" />
      ) : (
        <path d="M8 4.5v4.2M8 10.6v1.2" stroke="currentColor" stroke-width="1.5" />
      )}
    </svg>
  );
}

function Senders({ health }: { readonly health: Health }): JSX.Element {
  const { captured, delivered, spooled, quarantined } = health.accounts;
  return (
    <section class="overview-card">
      <h2>Senders</h2>
      {health.senders ? (
        <dl class="overview-figures">
          <Figure name="Processes" value={count(health.senders)} />
          <Figure name="Captured" value={count(captured)} />
          <Figure name="Delivered" value={count(delivered)} />
          <Figure name="On their disks" value={count(spooled)} />
          <Figure
            name="Quarantined"
            value={count(quarantined)}
            kind={quarantined ? "server" : undefined}
          />
        </dl>
      ) : (
        <p class="dim">
          No sender has told of itself since the collector started. Senders do once they lose
          something; silence is a good sign.
        </p>
      )}
    </section>
  );
}

function Arrived({ health }: { readonly health: Health }): JSX.Element {
  const { received, stored, duplicates, refused } = health.ingest;
  return (
    <section class="overview-card">
      <h2>Arrived since the start</h2>
      <dl class="overview-figures">
        <Figure name="Received" value={count(received)} />
        <Figure name="Stored" value={count(stored)} />
        <Figure name="Known already" value={count(duplicates)} />
        <Figure name="Refused" value={count(refused)} kind={refused ? "client" : undefined} />
      </dl>
    </section>
  );
}

function Held({ health }: { readonly health: Health }): JSX.Element {
  const { calls, bytes: size, oldest, newest, search } = health.store;
  return (
    <section class="overview-card">
      <h2>Stored</h2>
      <dl class="overview-figures">
        <Figure name="Calls" value={count(calls)} />
        <Figure
          name="On disk"
          value={bytes(size)}
          note={calls ? `${bytes(size / calls)} a call` : undefined}
        />
        <Figure name="Search in bodies" value={search ? "on" : "off"} />
      </dl>
      {oldest !== null && newest !== null ? (
        <p class="dim">
          From <time dateTime={utc(oldest)}>{dateTime(oldest)}</time> to{" "}
          <time dateTime={utc(newest)}>{dateTime(newest)}</time>: {spanText(newest - oldest)}
        </p>
      ) : (
        <p class="dim">Nothing yet.</p>
      )}
    </section>
  );
}

function spanText(ms: number): string {
  const days = ms / 86_400_000;
  return days >= 2 ? plural(Math.round(days), "day") : duration(ms);
}
