// One user, company or session: who it is, what it did, when, and with whom.

import "./subject.css";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { api, type CallsPage, type Row, type SubjectKind } from "../../api.ts";
import { asApiError } from "../../asked.ts";
import { Button, Copy, ErrorBox, Link } from "../../components/basics.tsx";
import { withTerm } from "../../filter/terms.ts";
import { visible } from "../../format.ts";
import { fromText } from "../../time.ts";
import { address, param, q, SHARED } from "../../url.ts";
import { question, useOverview, useTicks } from "../overview/asking.ts";
import { Charts } from "../overview/charts.tsx";
import { NothingHere, Overview } from "../overview/frame.tsx";
import { useRowKeys } from "../overview/headers.tsx";
import { Endpoints, Others } from "./around.tsx";
import { Profile } from "./profile.tsx";
import { Timeline } from "./timeline.tsx";

/** Calls that are read at once. */
const PAGE = 100;

const to = param("to");

interface Given {
  readonly kind: SubjectKind;
  readonly id: string;
}

const OTHERS: Readonly<Record<SubjectKind, readonly SubjectKind[]>> = {
  user: ["session", "company"],
  company: ["user", "session"],
  session: ["user", "company"],
};

const NAMES: Readonly<Record<SubjectKind, readonly [string, string]>> = {
  user: ["User", "/users"],
  company: ["Company", "/companies"],
  session: ["Session", "/sessions"],
};

export function SubjectPage({ kind, id }: Given): JSX.Element {
  const ticks = useTicks();
  const filter = withTerm(q.value, kind, id);
  const calls = useOverview(
    (asked, signal) => api.calls({ ...asked, limit: PAGE }, signal),
    filter,
    ticks,
  );
  const series = useOverview((asked, signal) => api.series(asked, signal), filter, ticks);
  const first = calls.value.value;
  return (
    <Overview asked={calls} title={<Title kind={kind} id={id} filter={filter} />}>
      {first?.rows.length === 0 ? (
        <NothingHere what={`No call of this ${kind}`} />
      ) : (
        <Charts series={series.value.value} label={`${kind} ${visible(id)}`} />
      )}
      <div class="subject-columns">
        {first?.rows.length ? (
          <Story
            key={`${filter}\n${fromText.value}\n${to.value}`}
            first={first}
            filter={filter}
            kind={kind}
          />
        ) : null}
        <aside class="subject-side" aria-label="About it">
          {kind === "session" ? null : <Profile kind={kind} id={id} />}
          <Endpoints filter={filter} ticks={ticks} />
          {OTHERS[kind].map((other) => (
            <Others key={other} kind={other} filter={filter} ticks={ticks} />
          ))}
        </aside>
      </div>
    </Overview>
  );
}

function Title(props: Given & { readonly filter: string }): JSX.Element {
  const [name, list] = NAMES[props.kind];
  return (
    <>
      <Link class="dim" to={address(list, {}, SHARED)}>
        {name}
      </Link>
      <h1 class="mono cut" title={visible(props.id)}>
        {visible(props.id)}
      </h1>
      <Copy text={props.id} />
      <span class="space" />
      <Link class="button" to={address("/", { q: props.filter }, ["from", "to"])}>
        Show the calls
      </Link>
    </>
  );
}

/** The timeline, and what is older on demand; the newest part is read again as time goes on. */
function Story(props: {
  readonly first: CallsPage;
  readonly filter: string;
  readonly kind: SubjectKind;
}): JSX.Element {
  const { first, filter, kind } = props;
  const place = useRef<HTMLElement>(null);
  const held = useSignal<{ readonly rows: readonly Row[]; readonly next: string | null } | null>(
    null,
  );
  const failed = useSignal<ReturnType<typeof asApiError> | null>(null);
  useRowKeys(place);
  const older = async (rest: string) => {
    failed.value = null;
    try {
      const page = await api.calls({ ...question(filter), limit: PAGE, place: rest });
      held.value = { rows: [...(held.value?.rows ?? []), ...page.rows], next: page.next };
    } catch (error) {
      failed.value = asApiError(error);
    }
  };
  const rows = joined(first.rows, held.value?.rows ?? []);
  const next = held.value ? held.value.next : first.next;
  return (
    <section ref={place} class="story" aria-label="Timeline">
      <Timeline rows={rows} kind={kind} more={next !== null} />
      {failed.value ? <ErrorBox error={failed.value} /> : null}
      {next ? (
        <p class="overview-more">
          <Button onClick={() => void older(next)}>Earlier calls</Button>
        </p>
      ) : null}
    </section>
  );
}

/** The newest page before what was read of older ones, each call once. */
function joined(newest: readonly Row[], older: readonly Row[]): Row[] {
  const known = new Set(newest.map((row) => row.id));
  return [...newest, ...older.filter((row) => !known.has(row.id))];
}
