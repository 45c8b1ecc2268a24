// What a subject has to do with: the endpoints it calls, and the other subjects.

import type { ComponentChildren, JSX } from "preact";
import { api, type SubjectKind } from "../../api.ts";
import { Link, Verb } from "../../components/basics.tsx";
import { withTerm } from "../../filter/terms.ts";
import { count, percent, visible } from "../../format.ts";
import { subjectPath } from "../../routes.ts";
import { address, SHARED } from "../../url.ts";
import { useOverview } from "../overview/asking.ts";

const MOST = 6;

/** *filter* is the filter of the page, and that it is this subject. */
export function Endpoints(props: {
  readonly filter: string;
  readonly ticks: number;
}): JSX.Element | null {
  const { filter, ticks } = props;
  const asked = useOverview(
    (question, signal) => api.endpoints({ ...question, limit: MOST }, signal),
    filter,
    ticks,
  );
  const endpoints = asked.value.value?.endpoints ?? [];
  if (!endpoints.length) return null;
  return (
    <Lines title="Calls most">
      {endpoints.map((one) => {
        const only = withTerm(withTerm(filter, "method", one.method), "route", one.route);
        return (
          <li key={`${one.method} ${one.route}`}>
            <Link class="around-line" to={address("/", { q: only }, ["from", "to"])}>
              <Verb method={one.method} />
              <span class="mono cut">{visible(one.route)}</span>
              <Numbers many={one.count} errors={one.client_errors + one.server_errors} />
            </Link>
          </li>
        );
      })}
    </Lines>
  );
}

const TITLES: Readonly<Record<SubjectKind, string>> = {
  user: "Users",
  company: "Companies",
  session: "Sessions",
};

export function Others(props: {
  readonly kind: SubjectKind;
  readonly filter: string;
  readonly ticks: number;
}): JSX.Element | null {
  const { kind, filter, ticks } = props;
  const asked = useOverview(
    (question, signal) => api.subjects(kind, { ...question, limit: MOST }, signal),
    filter,
    ticks,
  );
  const subjects = asked.value.value?.subjects ?? [];
  if (!subjects.length) return null;
  return (
    <Lines title={TITLES[kind]}>
      {subjects.map((one) => (
        <li key={one.id}>
          <Link class="around-line" to={address(subjectPath(kind, one.id), {}, SHARED)}>
            <span class="mono cut">{visible(one.id)}</span>
            <Numbers many={one.count} errors={one.errors} />
          </Link>
        </li>
      ))}
    </Lines>
  );
}

function Numbers(props: { readonly many: number; readonly errors: number }): JSX.Element {
  const { many, errors } = props;
  return (
    <span class="number around-number">
      {errors ? <span class="bad">{percent(errors, many)}</span> : null} {count(many)}
    </span>
  );
}

function Lines(props: {
  readonly title: string;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <section class="overview-card">
      <h2>{props.title}</h2>
      <ul>{props.children}</ul>
    </section>
  );
}
