// What the same session did around this call, on one time axis.

import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import type { Row, Whole } from "../../api.ts";
import { Button } from "../../components/basics.tsx";
import { duration, plural, statusClass, visible } from "../../format.ts";
import { clock } from "../../time.ts";
import { timeScale } from "./timescale.ts";

export function Strip(props: {
  readonly whole: Whole;
  readonly onGo: (id: string) => void;
}): JSX.Element | null {
  const { whole, onGo } = props;
  const { session, row } = whole;
  const place = useRef<HTMLDivElement>(null);
  if (session.length < 2) return null;
  const { marks, silences } = timeScale(session);
  const step = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const all = [...(place.current?.querySelectorAll("button") ?? [])];
    const index = all.indexOf(event.target as HTMLButtonElement);
    all[Math.max(0, Math.min(all.length - 1, index + by))]?.focus();
    event.preventDefault();
    event.stopPropagation();
  };
  const whose = row.session ? "this session" : "this user";
  return (
    <nav class="strip" aria-label={`Calls of ${whose}`}>
      <Step id={whole.previous} sign="‹" label={`Previous call of ${whose}`} onGo={onGo} />
      <div ref={place} class="strip-axis" onKeyDown={step}>
        {silences.map((silence) => (
          <span
            key={silence.at}
            class="strip-silence"
            style={{ left: share(silence.at) }}
            title={`Nothing for ${duration(silence.length)}`}
          >
            {duration(silence.length)}
          </span>
        ))}
        {session.map((each, index) => {
          const mark = marks[index];
          const here = each.id === row.id;
          return (
            <button
              key={each.id}
              type="button"
              class={`strip-call ${statusClass(each.status, each.error)} ${here ? "here" : ""}`}
              style={{ left: share(mark?.left ?? 0), width: share(mark?.width ?? 0) }}
              tabIndex={here ? 0 : -1}
              aria-current={here ? "true" : undefined}
              title={said(each, row)}
              aria-label={said(each, row)}
              onClick={() => onGo(each.id)}
            />
          );
        })}
      </div>
      <Step id={whole.next} sign="›" label={`Next call of ${whose}`} onGo={onGo} />
      <span class="strip-many dim">
        {session.findIndex((each) => each.id === row.id) + 1} of {plural(session.length, "call")}
        {session.length >= 50 ? " around" : ""}
      </span>
    </nav>
  );
}

function share(value: number): string {
  return `${(value * 100).toFixed(3)}%`;
}

function said(each: Row, row: Row): string {
  const apart = each.time - row.time;
  const when =
    each.id === row.id
      ? "this call"
      : `${duration(Math.abs(apart))} ${apart < 0 ? "before" : "after"}`;
  const status = each.status ?? (each.error || "no answer");
  const lasted = each.duration === null ? "" : `, ${duration(each.duration)}`;
  return visible(`${clock(each.time)} ${each.method} ${each.path}: ${status}${lasted} (${when})`);
}

function Step(props: {
  readonly id: string | null;
  readonly sign: string;
  readonly label: string;
  readonly onGo: (id: string) => void;
}): JSX.Element {
  const { id, sign, label, onGo } = props;
  return (
    <Button kind="quiet" disabled={!id} label={label} title={label} onClick={() => id && onGo(id)}>
      {sign}
    </Button>
  );
}
