// The call as code that repeats it, as a HAR file, and as the event that it is.

import { signal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { api, type Row } from "../../api.ts";
import type { CallEvent } from "../../call/event.ts";
import { written } from "../../call/json.ts";
import { Button, Copy, Download, Tabs } from "../../components/basics.tsx";
import { termFor } from "../../filter/terms.ts";
import { LANGUAGES, type Language, snippet } from "../../snippets/index.ts";
import { Card } from "./card.tsx";
import { PlainText } from "./texts.tsx";
import { JsonTree } from "./tree.tsx";

const language = signal<Language>("curl");

export function Code(props: { readonly event: CallEvent; readonly row: Row }): JSX.Element {
  const { event, row } = props;
  return (
    <Card
      name="code"
      title="Repeat it"
      note="curl, HTTPie, Python, a test"
      tools={
        <Download from={harAddress(row)} class="button quiet">
          HAR
        </Download>
      }
      open={false}
    >
      <Snippet event={event} row={row} />
    </Card>
  );
}

function Snippet(props: { readonly event: CallEvent; readonly row: Row }): JSX.Element {
  const { event, row } = props;
  const chosen = language.value;
  const { code, remarks } = useMemo(
    () => snippet(chosen, event, row.status),
    [chosen, event, row.status],
  );
  const label = LANGUAGES.find((each) => each.name === chosen)?.label ?? "";
  return (
    <>
      <div class="code-head">
        <Tabs
          id="code"
          label="Language"
          tabs={LANGUAGES}
          chosen={chosen}
          onChoose={(name) => (language.value = name)}
        />
        {code === null ? null : <Copy text={code} title={`Copy as ${label}`} />}
      </div>
      <div id="code-panel" role="tabpanel" aria-labelledby={`code-${chosen}`}>
        {remarks.map((remark) => (
          <p key={remark} class="missing">
            {remark}
          </p>
        ))}
        {code === null ? (
          <p class="dim">{label} has no way to send exactly this; take another one.</p>
        ) : (
          <PlainText text={code} noted={false} label={`As ${label}`} wrap />
        )}
      </div>
    </>
  );
}

/** The server writes the file: the same that an export of the whole list would hold. */
export function harAddress(row: Row): string {
  const from = Math.floor(row.time);
  return api.exportAddress("har", { q: termFor("id", row.id), from, to: from + 1 });
}

export function Raw({ event }: { readonly event: CallEvent }): JSX.Element {
  const pretty = useSignal(false);
  return (
    <Card
      name="raw"
      title="Event"
      note="as it arrived"
      open={false}
      tools={
        <>
          <Button
            kind="quiet"
            pressed={pretty.value}
            onClick={() => (pretty.value = !pretty.value)}
          >
            Text
          </Button>
          <Copy text={() => written(event.document, 2)} title="Copy the event" />
        </>
      }
    >
      {pretty.value ? (
        <EventText event={event} />
      ) : (
        <JsonTree value={event.document} label="The event" noted={event.notes.length > 0} />
      )}
    </Card>
  );
}

function EventText({ event }: { readonly event: CallEvent }): JSX.Element {
  const text = useMemo(() => written(event.document, 2), [event]);
  return <PlainText text={text} noted={event.notes.length > 0} label="The event" wrap />;
}
