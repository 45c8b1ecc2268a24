// The body of a message, in whichever ways it can be looked at.

import { signal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { bytesIn, type Content, contentOf, type Part, textIn } from "../../call/body.ts";
import { toBase64, toUtf8 } from "../../call/bytes.ts";
import { type Message, mediaType } from "../../call/event.ts";
import { written } from "../../call/json.ts";
import { indented, isMarkup } from "../../call/markup.ts";
import type { StreamEvent } from "../../call/stream.ts";
import { omittedWords } from "../../call/words.ts";
import { Button, Copy } from "../../components/basics.tsx";
import { bytes as bytesText, count, visible } from "../../format.ts";
import { Card, NoCard } from "./card.tsx";
import { Pairs } from "./pairs.tsx";
import { PictureView } from "./picture.tsx";
import { Hex, PlainText } from "./texts.tsx";
import { JsonTree } from "./tree.tsx";

type Look = "tree" | "pretty" | "raw" | "table" | "events" | "picture" | "hex";

const LABELS: Readonly<Record<Look, string>> = {
  tree: "Tree",
  pretty: "Pretty",
  raw: "Raw",
  table: "Table",
  events: "Events",
  picture: "Picture",
  hex: "Hex",
};

/** The ways to look at each kind of body; the first one is taken where nobody chose. */
const LOOKS: Readonly<Record<Content["kind"], readonly Look[]>> = {
  none: [],
  json: ["tree", "pretty", "raw"],
  lines: ["tree", "raw"],
  form: ["table", "raw"],
  parts: ["table", "tree"],
  stream: ["events", "raw"],
  text: ["raw", "hex"],
  picture: ["picture", "hex"],
  bytes: ["hex"],
};

/** What was chosen last, for the bodies of the next calls. */
const chosen = signal<Look | "">("");

export function BodyCard(props: {
  readonly message: Message;
  /** Bytes that the body had on the wire, null if nobody counted. */
  readonly size: number | null;
}): JSX.Element {
  const { message, size } = props;
  const content = useMemo(() => contentOf(message), [message]);
  const looks = looksAt(content);
  const look = useSignal<Look>(startingLook(looks));
  const wrap = useSignal(true);
  const choose = (next: Look) => {
    look.value = next;
    chosen.value = next;
  };
  if (content.kind === "none" && !message.omitted) {
    return <NoCard title="Body" note="none" />;
  }
  const shown = looks.includes(look.value) ? look.value : looks[0];
  return (
    <Card
      name={`${message.side} body`}
      title="Body"
      note={<Noted message={message} content={content} size={size} />}
      tools={
        content.kind === "none" ? null : (
          <>
            {looks.length > 1 ? (
              <span class="looks" role="group" aria-label="How to show it">
                {looks.map((each) => (
                  <Button
                    key={each}
                    kind="quiet"
                    pressed={each === shown}
                    onClick={() => choose(each)}
                  >
                    {LABELS[each]}
                  </Button>
                ))}
              </span>
            ) : null}
            {shown === "raw" || shown === "pretty" ? (
              <Button kind="quiet" pressed={wrap.value} onClick={() => (wrap.value = !wrap.value)}>
                Wrap
              </Button>
            ) : null}
            <Copy title="Copy the body" text={() => copied(content, shown)} />
          </>
        )
      }
    >
      <Missing message={message} size={size} />
      {shown ? <Look content={content} look={shown} message={message} wrap={wrap.value} /> : null}
    </Card>
  );
}

function looksAt(content: Content): readonly Look[] {
  const looks = LOOKS[content.kind];
  return content.kind === "text" && isMarkup(content.text) ? ["pretty", ...looks] : looks;
}

function startingLook(looks: readonly Look[]): Look {
  const wish = chosen.peek();
  return wish && looks.includes(wish) ? wish : (looks[0] ?? "raw");
}

function copied(content: Content, look: Look | undefined): string {
  if (content.kind === "json" && look !== "raw") return written(content.value, 2);
  return textIn(content) ?? ("bytes" in content ? toBase64(content.bytes) : "");
}

const KINDS: Readonly<Record<Content["kind"], string>> = {
  none: "",
  json: "JSON",
  lines: "JSON lines",
  form: "form",
  parts: "multipart form",
  stream: "event stream",
  text: "text",
  picture: "",
  bytes: "binary",
};

function Noted(props: {
  readonly message: Message;
  readonly content: Content;
  readonly size: number | null;
}): JSX.Element {
  const { message, content, size } = props;
  const kind = content.kind === "picture" ? content.picture.type : KINDS[content.kind];
  const type = visible(mediaType(message.type));
  const known = content.kind === "none" || size !== null ? size : bytesIn(content);
  const parts = [kind, bytesText(known)].filter(Boolean);
  return (
    <>
      {parts.join(" · ")}
      {type && content.kind !== "none" ? <span class="card-type"> {type}</span> : null}
    </>
  );
}

/** Why there is nothing, or not all of it. */
function Missing(props: {
  readonly message: Message;
  readonly size: number | null;
}): JSX.Element | null {
  const { message, size } = props;
  const of = size ? ` (${bytesText(size)})` : "";
  if (message.cutFrom !== null) {
    return (
      <p class="missing">
        It has {bytesText(message.cutFrom)}; the collector kept the beginning, so that the event
        stays below 1 MB.
      </p>
    );
  }
  if (!message.omitted) return null;
  const words = omittedWords(message.omitted, message.side);
  return (
    <p class="missing">
      {message.body === undefined
        ? `The body${of} was left out.`
        : `Parts of it${of} are left out.`}{" "}
      {visible(words)}
    </p>
  );
}

function Pretty(props: {
  readonly content: Content;
  readonly noted: boolean;
  readonly label: string;
  readonly wrap: boolean;
}): JSX.Element {
  const { content, noted, label, wrap } = props;
  const text = useMemo(
    () => (content.kind === "json" ? written(content.value, 2) : indented(textIn(content) ?? "")),
    [content],
  );
  return <PlainText text={text} noted={noted} label={label} wrap={wrap} />;
}

function Look(props: {
  readonly content: Content;
  readonly look: Look;
  readonly message: Message;
  readonly wrap: boolean;
}): JSX.Element | null {
  const { content, look, message, wrap } = props;
  const { noted } = message;
  const label = `Body of the ${message.side}`;
  if (look === "tree" && "value" in content) {
    return <JsonTree value={content.value} label={label} noted={noted} />;
  }
  if (look === "pretty") {
    return <Pretty content={content} noted={noted} label={label} wrap={wrap} />;
  }
  if (look === "picture" && content.kind === "picture") {
    return <PictureView picture={content.picture} content={content.bytes} />;
  }
  if (look === "table" && content.kind === "form") {
    return <Pairs pairs={content.params} label={label} noted={noted} />;
  }
  if (look === "table" && content.kind === "parts") {
    return <Pairs pairs={content.parts.map(partPair)} label={label} noted={noted} />;
  }
  if (look === "events" && content.kind === "stream") return <Events events={content.events} />;
  if (look === "hex") return <Hex content={hexOf(content)} label={label} />;
  return <PlainText text={textIn(content) ?? ""} noted={noted} label={label} wrap={wrap} />;
}

function hexOf(content: Content): Uint8Array {
  return "bytes" in content ? content.bytes : toUtf8(textIn(content) ?? "");
}

function partPair(part: Part) {
  const { file } = part;
  if (!file) {
    const value = typeof part.value === "string" ? part.value : written(part.value);
    return { name: part.name, value };
  }
  const size = file.size === null ? "" : bytesText(file.size);
  const words = [file.type, size, file.digest].filter(Boolean).map(visible).join(" · ");
  return {
    name: part.name,
    value: file.name,
    shown: (
      <span class="pair-value">
        {visible(file.name) || "a file"} <span class="dim">{words}</span>
      </span>
    ),
  };
}

/** Events of a stream that are drawn at first, and with each "show more". */
const PORTION = 100;
/** Characters of an event's data that are drawn. */
const LONG = 4_000;

function Events({ events }: { readonly events: readonly StreamEvent[] }): JSX.Element {
  const most = useSignal(PORTION);
  const rest = events.length - most.value;
  return (
    <>
      <ol class="stream">
        {events.slice(0, most.value).map((event, index) => (
          <li key={index}>
            {event.name || event.id ? (
              <span class="stream-name">
                {visible(event.name || "message")}
                {event.id ? <span class="dim"> {visible(event.id)}</span> : null}
              </span>
            ) : null}
            {event.comment ? <span class="dim">{visible(event.comment)}</span> : null}
            {event.data ? <Data text={event.data} /> : null}
          </li>
        ))}
      </ol>
      {rest > 0 ? (
        <Button onClick={() => (most.value += 10 * PORTION)}>Show {count(rest)} more</Button>
      ) : null}
    </>
  );
}

function Data({ text }: { readonly text: string }): JSX.Element {
  const lines = text.slice(0, LONG).split("\n");
  return (
    <code class="stream-data">
      {lines.map((line) => visible(line)).join("\n")}
      {text.length > LONG ? `… ${count(text.length - LONG)} more characters` : ""}
    </code>
  );
}
