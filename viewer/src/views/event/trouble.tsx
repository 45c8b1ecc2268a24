// What went wrong: an exception, an answer that never came, an event that lacks most of itself.

import type { JSX } from "preact";
import type { Row } from "../../api.ts";
import type { CallEvent } from "../../call/event.ts";
import { member, numberOf, textOf } from "../../call/json.ts";
import { reducedWords } from "../../call/words.ts";
import { visible } from "../../format.ts";
import { PlainText } from "./texts.tsx";

export function Trouble(props: {
  readonly event: CallEvent;
  readonly row: Row;
}): JSX.Element | null {
  const { event, row } = props;
  const { own, metadata } = event;
  const type = textOf(member(own, "exception"));
  const message = textOf(member(own, "exception_message"));
  const trace = textOf(member(own, "traceback")) || textOf(member(metadata, "traceback"));
  const notes = notesOf(event, row);
  if (!type && !notes.length && !trace) return null;
  return (
    <section class={`trouble ${type ? "server" : ""}`} aria-label="What went wrong">
      {type || message ? (
        <p>
          <strong>{visible(type || "An exception")}</strong>
          {message ? `: ${visible(message)}` : null}
          {message ? null : " ended it. Messages of exceptions are not recorded."}
        </p>
      ) : null}
      {notes.map((note) => (
        <p key={note}>{note}</p>
      ))}
      {trace ? <PlainText text={trace} noted={false} label="Traceback" wrap={false} /> : null}
    </section>
  );
}

function notesOf(event: CallEvent, row: Row): string[] {
  const { own } = event;
  const found: string[] = [];
  if (member(own, "process_died")) {
    found.push("The process died while it was under way: there is no more than its beginning.");
  } else if (member(own, "aborted")) {
    found.push("It was aborted: the client went away, or the answer broke off.");
  } else if (!event.response && row.status === null && !textOf(member(own, "exception"))) {
    found.push("There was no answer.");
  }
  const reduced = textOf(member(own, "reduced"));
  if (reduced) found.push(visible(reducedWords(reduced)));
  const blocked = textOf(member(event.document, "blocked_by"));
  if (blocked) found.push(visible(`It was blocked by ${blocked}.`));
  if (numberOf(member(own, "clock_jump")) !== null || member(own, "clock_jump")) {
    found.push("The clock of its machine was set while it was under way: its times may be wrong.");
  }
  if (textOf(member(own, "metadata_omitted"))) {
    found.push("What the app said of it (metadata) was left out: it could not be masked.");
  }
  return found;
}
