// What was said of a user or a company: its fields, as text.

import type { JSX } from "preact";
import { type ApiError, api, type Profile as Said, type SubjectKind } from "../../api.ts";
import { useAsked } from "../../asked.ts";
import { ErrorBox, Time } from "../../components/basics.tsx";
import { visible } from "../../format.ts";
import { fields } from "./fields.ts";

export function Profile(props: {
  readonly kind: Exclude<SubjectKind, "session">;
  readonly id: string;
}): JSX.Element | null {
  const { kind, id } = props;
  const asked = useAsked((signal) => api.profile(kind, id, signal).catch(none), [kind, id]);
  if (asked.error.value) return <ErrorBox error={asked.error.value} onRetry={asked.again} />;
  if (asked.busy.value && !asked.value.value) return null;
  return <Card profile={asked.value.value} kind={kind} />;
}

/** That nothing was said is an answer as well. */
function none(error: ApiError): null {
  if (error.status === 404) return null;
  throw error;
}

function Card(props: { readonly profile: Said | null; readonly kind: string }): JSX.Element {
  const { profile, kind } = props;
  if (!profile) {
    return (
      <section class="overview-card">
        <h2>Profile</h2>
        <p class="dim">No app has described this {kind}.</p>
      </section>
    );
  }
  const all = fields(profile.document);
  return (
    <section class="overview-card">
      <h2>Profile</h2>
      <dl class="profile-fields">
        {all.map(({ name, value }) => (
          <div key={name}>
            <dt class="mono">{visible(name)}</dt>
            <dd>{visible(value)}</dd>
          </div>
        ))}
      </dl>
      <p class="dim">
        Described <Time time={profile.time} kind="ago" />
      </p>
    </section>
  );
}
