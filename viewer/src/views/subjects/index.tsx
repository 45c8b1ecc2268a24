// Users, companies or sessions: who called most, and how to find one of them.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { api, type Subject, type SubjectKind } from "../../api.ts";
import { Button, Link, Time } from "../../components/basics.tsx";
import { quoted } from "../../filter/terms.ts";
import { count, percent, plural, visible } from "../../format.ts";
import { useKeys } from "../../keys.ts";
import { subjectPath } from "../../routes.ts";
import { narrow } from "../../screen.ts";
import { address, change, param, q, SHARED } from "../../url.ts";
import { useOverview, useTicks } from "../overview/asking.ts";
import { NothingHere, Overview } from "../overview/frame.tsx";
import { type Column, Head, useOrder, useRowKeys } from "../overview/headers.tsx";
import { type Cell, sorted } from "../overview/sorting.ts";

/** Subjects that are asked for, and all that can be. */
const SOME = 100;
const ALL = 1000;

/** Milliseconds of quiet before what is typed is looked for. */
const PAUSE = 250;

const MANY: Readonly<Record<SubjectKind, string>> = {
  user: "users",
  company: "companies",
  session: "sessions",
};

const find = param("find");

export function SubjectsPage({ kind }: { readonly kind: SubjectKind }): JSX.Element {
  const ticks = useTicks();
  const limit = useSignal(SOME);
  const filter = `${q.value} ${found(kind, find.value)}`.trim();
  const asked = useOverview(
    (question, signal) => api.subjects(kind, { ...question, limit: limit.value }, signal),
    filter,
    ticks,
    [limit.value],
  );
  const subjects = asked.value.value?.subjects ?? null;
  const many = MANY[kind];
  return (
    <Overview
      asked={asked}
      title={
        <>
          <h1>{many.charAt(0).toUpperCase() + many.slice(1)}</h1>
          <span class="dim" role="status">
            {subjects ? said(subjects, limit.value, kind) : ""}
          </span>
          <span class="space" />
          <Find kind={kind} />
        </>
      }
    >
      {subjects?.length ? <Table kind={kind} subjects={subjects} /> : null}
      {subjects?.length === 0 ? (
        <NothingHere
          what={find.value ? `No ${kind} has this in its name` : `No call names a ${kind}`}
        />
      ) : null}
      {subjects && subjects.length >= limit.value && limit.value < ALL ? (
        <p class="overview-more">
          <Button onClick={() => (limit.value = ALL)}>More than these {count(SOME)}</Button>
        </p>
      ) : null}
    </Overview>
  );
}

/** The term that finds what has *text* somewhere in its name; a star stands for anything. */
function found(kind: SubjectKind, text: string): string {
  const parts = text.trim().split("*").filter(Boolean);
  return parts.length ? `${kind}:*${parts.map(quoted).join("*")}*` : "";
}

function said(subjects: readonly Subject[], limit: number, kind: SubjectKind): string {
  const many = plural(subjects.length, kind, MANY[kind]);
  return subjects.length >= limit ? `the ${many} that called most` : many;
}

function Find({ kind }: { readonly kind: SubjectKind }): JSX.Element {
  const text = useSignal(find.value);
  const field = useRef<HTMLInputElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const commit = () => {
    clearTimeout(timer.current);
    change({ find: text.value.trim() || null }, { replace: true });
  };
  useKeys([{ keys: "s", label: "Search", group: "List", run: () => field.current?.select() }]);
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => {
    if (document.activeElement !== field.current) text.value = find.value;
  }, [find.value]);
  return (
    <input
      ref={field}
      class="field subject-find"
      type="search"
      spellcheck={false}
      autocomplete="off"
      aria-label={`Search ${MANY[kind]}`}
      placeholder={`Search ${MANY[kind]}${narrow.value ? "" : " (s)"}`}
      value={text.value}
      onInput={(event) => {
        text.value = event.currentTarget.value;
        clearTimeout(timer.current);
        timer.current = setTimeout(commit, PAUSE);
      }}
      onKeyDown={(event) => {
        if (event.key === "Enter") commit();
        else if (event.key === "Escape") field.current?.blur();
      }}
    />
  );
}

type Name = "id" | "calls" | "errors" | "first" | "last";

const CELLS: Readonly<Record<Name, (one: Subject) => Cell>> = {
  id: (one) => one.id,
  calls: (one) => one.count,
  errors: (one) => one.errors / Math.max(1, one.count),
  first: (one) => one.first,
  last: (one) => one.last,
};

const NAMES: Readonly<Record<SubjectKind, string>> = {
  user: "User",
  company: "Company",
  session: "Session",
};

function Table(props: {
  readonly kind: SubjectKind;
  readonly subjects: readonly Subject[];
}): JSX.Element {
  const { kind, subjects } = props;
  const place = useRef<HTMLTableElement>(null);
  const columns: readonly Column<Name>[] = [
    { name: "id", label: NAMES[kind], kind: "text" },
    { name: "calls", label: "Calls" },
    { name: "errors", label: "Errors", title: "A status of 400 and above, or an exception" },
    { name: "first", label: "First" },
    { name: "last", label: "Last" },
  ];
  const order = useOrder(columns, "calls");
  useRowKeys(place);
  const most = Math.max(1, ...subjects.map((one) => one.count));
  return (
    <div class="overview-place">
      <table ref={place} class="overview-table subjects-table">
        <caption class="off-screen">{MANY[kind]}</caption>
        <Head columns={columns} order={order} usual="calls" />
        <tbody>
          {sorted(subjects, CELLS[order.by], order.rising).map((one) => (
            <tr key={one.id}>
              <th scope="row" class="col-id">
                <Link class="row-pick mono cut" to={address(subjectPath(kind, one.id), {}, SHARED)}>
                  {visible(one.id)}
                </Link>
              </th>
              <td class="number col-calls">
                <span class="call-share" aria-hidden="true">
                  <span style={{ width: `${((100 * one.count) / most).toFixed(1)}%` }} />
                </span>
                {count(one.count)}
              </td>
              <td class={`number col-errors ${one.errors ? "bad" : "dim"}`}>
                {percent(one.errors, one.count)}
              </td>
              <td class="number col-first dim">
                <Time time={one.first} kind="ago" />
              </td>
              <td class="number col-last dim">
                <Time time={one.last} kind="ago" />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
