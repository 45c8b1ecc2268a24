// What can be done with a call.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { api, type Row, type Whole } from "../../api.ts";
import type { CallEvent } from "../../call/event.ts";
import { Button, Copy, Download, toClipboard } from "../../components/basics.tsx";
import { termFor } from "../../filter/terms.ts";
import { useKeys } from "../../keys.ts";
import { marks, toggleMark } from "../../marks.ts";
import { callPath } from "../../routes.ts";
import { snippet } from "../../snippets/index.ts";
import { address, navigate, SHARED } from "../../url.ts";
import { harAddress } from "./code.tsx";

type Act = "curl" | "link" | "previous" | "next" | "compare" | "mark" | "open";
type Acts = Readonly<Record<Act, () => unknown>>;

const KEYS: readonly { readonly keys: string; readonly label: string; readonly act: Act }[] = [
  { keys: "c", label: "Copy as curl", act: "curl" },
  { keys: "y", label: "Copy the link", act: "link" },
  { keys: "[", label: "Previous call of the session", act: "previous" },
  { keys: "]", label: "Next call of the session", act: "next" },
  { keys: "d", label: "Compare with the previous one of its route", act: "compare" },
];
/** Beside the list, the list's own key marks the call that is chosen there. */
const MARK = { keys: "x", label: "Mark for a comparison", act: "mark" } as const;
const OPEN = { keys: "o", label: "Open on a page of its own", act: "open" } as const;

export function Actions(props: {
  readonly whole: Whole;
  readonly event: CallEvent;
  readonly onGo: (id: string) => void;
  readonly alone: boolean;
}): JSX.Element {
  const { whole, event, onGo, alone } = props;
  const { row } = whole;
  const said = useSignal("");
  const say = (text: string) => {
    said.value = text;
  };
  useEffect(() => say(""), [row.id]);
  const curl = () => snippet("curl", event, row.status).code ?? "";
  const link = () => `${location.origin}${callPath(row.id)}`;
  const copy = (text: string, what: string) =>
    void toClipboard(text).then((done) => say(done ? `${what} copied` : "Could not copy"));
  const compare = () => void comparePrevious(row, say);
  const step = (id: string | null) => (id ? onGo(id) : false);
  // What a key does is read when it is pressed: the next call may have come since the last paint.
  const acts = useRef<Acts | null>(null);
  acts.current = {
    curl: () => copy(curl(), "curl"),
    link: () => copy(link(), "Link"),
    previous: () => step(whole.previous),
    next: () => step(whole.next),
    compare,
    mark: () => toggleMark(row.id),
    open: () => navigate(address(callPath(row.id), {}, SHARED)),
  };
  useKeys(
    (alone ? [...KEYS, MARK] : [...KEYS, OPEN]).map(({ act, ...key }) => ({
      ...key,
      group: "Call" as const,
      run: () => acts.current?.[act](),
    })),
    [alone],
  );
  const marked = marks.value.includes(row.id);
  return (
    <div class="actions" role="toolbar" aria-label="What to do with this call">
      <Copy label="curl" title="Copy as curl (c)" text={curl} />
      <Copy label="Link" title="Copy a link to this call (y)" text={link} />
      <Download from={harAddress(row)} class="button quiet">
        HAR
      </Download>
      <Button
        kind="quiet"
        pressed={marked}
        title="Mark for a comparison (x)"
        onClick={() => toggleMark(row.id)}
      >
        {marked ? "Marked" : "Mark"}
      </Button>
      <Button
        kind="quiet"
        title="Compare with the previous call of the same route (d)"
        onClick={compare}
      >
        Compare with previous
      </Button>
      <span class="dim" role="status">
        {said.value}
      </span>
    </div>
  );
}

/** Open the comparison with the call of the same verb and route before this one. */
async function comparePrevious(row: Row, say: (text: string) => void): Promise<void> {
  const route = row.route ? termFor("route", row.route) : termFor("path", row.path);
  try {
    const { rows } = await api.calls({
      q: `${termFor("method", row.method)} ${route}`,
      to: row.time,
      limit: 1,
    });
    const [before] = rows;
    if (before) navigate(address("/compare", { a: before.id, b: row.id }));
    else say("There is no earlier call of this route.");
  } catch {
    say("The collector could not look for it.");
  }
}
