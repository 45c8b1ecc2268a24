// What a subject did, one call after the other: grouped, on a time axis, with the pauses between.

import type { JSX } from "preact";
import type { Row, SubjectKind } from "../../api.ts";
import { Duration, Link, StatusBadge, Verb } from "../../components/basics.tsx";
import { plural, statusClass, visible } from "../../format.ts";
import { callPath, subjectPath } from "../../routes.ts";
import { clock, date, dateTime, utc } from "../../time.ts";
import { address, SHARED } from "../../url.ts";
import { type Group, gapOf, grouped, room, stretches } from "./grouping.ts";
import { pause } from "./pause.ts";

export function Timeline(props: {
  readonly rows: readonly Row[];
  readonly kind: SubjectKind;
  /** Whether there are older calls, which may belong to any of these groups. */
  readonly more: boolean;
}): JSX.Element {
  return (
    <div class="timeline">
      {grouped(props.rows, props.kind).map((group) => (
        <GroupOf key={group.key} group={group} kind={props.kind} more={props.more} />
      ))}
    </div>
  );
}

function GroupOf(props: {
  readonly group: Group;
  readonly kind: SubjectKind;
  readonly more: boolean;
}): JSX.Element | null {
  const { group, kind, more } = props;
  const { rows } = group;
  const newest = rows[0];
  const oldest = rows.at(-1);
  if (!newest || !oldest) return null;
  const errors = rows.filter((row) => (row.status ?? 0) >= 400 || row.error).length;
  const least = gapOf(rows);
  return (
    <section class="visit" aria-label={spanOf(oldest, newest)}>
      <header>
        <h3>{spanOf(oldest, newest)}</h3>
        {group.session ? (
          <span class="visit-of">
            session <To kind="session" id={group.session} />
          </span>
        ) : null}
        {group.user && kind !== "user" ? (
          <span class="visit-of">
            user <To kind="user" id={group.user} />
          </span>
        ) : null}
        <span class="dim">
          {plural(rows.length, "call")}
          {more ? " so far" : ""}
          {errors ? <span class="bad">, {plural(errors, "error")}</span> : null}
        </span>
      </header>
      <Axis rows={rows} />
      <ol class="visit-steps">
        {rows.map((row, index) => {
          const after = rows[index - 1];
          const wait = after ? after.time - row.time : 0;
          return (
            <>
              {wait >= least ? (
                <li key={`gap ${row.id}`} class="visit-pause dim">
                  {pause(wait)} without a call
                </li>
              ) : null}
              <Step key={row.id} row={row} />
            </>
          );
        })}
      </ol>
    </section>
  );
}

function To({ kind, id }: { readonly kind: SubjectKind; readonly id: string }): JSX.Element {
  return (
    <Link class="mono cut" to={address(subjectPath(kind, id), {}, SHARED)}>
      {visible(id)}
    </Link>
  );
}

function Step({ row }: { readonly row: Row }): JSX.Element {
  return (
    <li>
      <Link class="visit-step row-pick" to={address(callPath(row.id), {}, SHARED)}>
        <time class="time dim" dateTime={utc(row.time)} title={`${dateTime(row.time, true)} here`}>
          {clock(row.time, true)}
        </time>
        <Verb method={row.method} />
        <StatusBadge status={row.status} error={row.error} />
        <span class="cut visit-path">
          {visible(row.path)}
          {row.query ? <span class="dim">?{visible(row.query)}</span> : null}
          {row.error ? <span class="bad"> {visible(row.error)}</span> : null}
        </span>
        <Duration ms={row.duration} bar />
      </Link>
    </li>
  );
}

/** Each call as a mark at its time; long pauses are cut out and named. */
function Axis({ rows }: { readonly rows: readonly Row[] }): JSX.Element {
  const all = stretches(rows);
  const rooms = room(all);
  return (
    <div class="visit-axis" aria-hidden="true">
      {all.map((one, index) =>
        one.kind === "gap" ? (
          <span
            key={one.from}
            class="visit-axis-gap"
            title={`${pause(one.to - one.from)} without a call`}
          >
            {pause(one.to - one.from)}
          </span>
        ) : (
          <span key={one.from} class="visit-axis-calls" style={{ flexGrow: String(rooms[index]) }}>
            {one.rows.map((row) => (
              <i
                key={row.id}
                class={`visit-tick ${statusClass(row.status, row.error)}`}
                title={`${clock(row.time, true)} ${visible(row.method)} ${visible(row.path)}`}
                style={{ left: `${share(row.time, one.from, one.to)}%` }}
              />
            ))}
          </span>
        ),
      )}
    </div>
  );
}

function share(time: number, from: number, to: number): string {
  return to > from ? ((100 * (time - from)) / (to - from)).toFixed(2) : "50";
}

function spanOf(oldest: Row, newest: Row): string {
  const begin = `${date(oldest.time)} ${clock(oldest.time)}`;
  if (oldest.id === newest.id) return begin;
  const end = date(oldest.time) === date(newest.time) ? "" : `${date(newest.time)} `;
  return `${begin} – ${end}${clock(newest.time)}`;
}
