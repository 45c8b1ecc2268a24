// The head of a call: what it was, how it ended, whose it was.

import type { JSX } from "preact";
import type { Row, SubjectKind } from "../../api.ts";
import { Link, StatusBadge, Time, Verb } from "../../components/basics.tsx";
import { withTerm } from "../../filter/terms.ts";
import { bytes, duration, visible } from "../../format.ts";
import { subjectPath } from "../../routes.ts";
import { address, q } from "../../url.ts";

export function Summary(props: {
  readonly row: Row;
  /** Whether it is what the whole page is about. */
  readonly alone: boolean;
}): JSX.Element {
  const { row, alone } = props;
  return (
    <header class="summary">
      {alone ? <h1 class="off-screen">Call</h1> : null}
      <h2 class="summary-line">
        <Verb method={row.method} />
        <span class="summary-path">
          {visible(row.path) || "/"}
          {row.query ? <span class="dim">?{visible(row.query)}</span> : null}
        </span>
      </h2>
      <p class="summary-facts">
        <StatusBadge status={row.status} error={row.error} />
        {row.duration === null ? null : <span class="number">{duration(row.duration)}</span>}
        {row.response_size ? <span class="number">{bytes(row.response_size)}</span> : null}
        <Time time={row.time} kind="full" />
        <Time time={row.time} kind="ago" />
      </p>
      <Chips row={row} />
    </header>
  );
}

const SUBJECTS: Readonly<Record<string, SubjectKind>> = {
  user: "user",
  company: "company",
  session: "session",
};

/** What can be clicked to see only such calls. */
function Chips({ row }: { readonly row: Row }): JSX.Element {
  const fields: readonly (readonly [string, string])[] = [
    ["user", row.user],
    ["company", row.company],
    ["session", row.session],
    ["route", row.route === row.path ? "" : row.route],
    ["host", row.host],
    ["ip", row.ip],
    ["trace", row.trace],
    ["source", row.source],
  ];
  return (
    <ul class="chips" aria-label="Filter by">
      {fields
        .filter(([, value]) => value !== "")
        .map(([field, value]) => (
          <Chip key={field} field={field} value={value} />
        ))}
    </ul>
  );
}

function Chip({ field, value }: { readonly field: string; readonly value: string }): JSX.Element {
  const kind = SUBJECTS[field];
  return (
    <li class="chip">
      <Link
        to={address("/", { q: withTerm(q.value, field, value) }, ["from", "to"])}
        class="chip-filter"
        title={`Only calls with ${field} ${visible(value)}`}
      >
        <span class="dim">{field}</span> <span class="chip-value">{visible(value)}</span>
      </Link>
      {kind ? (
        <Link
          to={address(subjectPath(kind, value), {}, ["from", "to"])}
          class="chip-page"
          label={`The page of ${field} ${visible(value)}`}
          title={`The page of this ${field}`}
        >
          ↗
        </Link>
      ) : null}
    </li>
  );
}
