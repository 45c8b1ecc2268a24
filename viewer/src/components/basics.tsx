// Small things that every view uses.

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { ApiError } from "../api.ts";
import { brief, duration as durationText, share, statusClass, visible } from "../format.ts";
import { ago, clock, dateTime, now, utc } from "../time.ts";
import { navigate } from "../url.ts";

type Given<T> = { readonly [K in keyof T]: T[K] };

/** A link inside this page. *to* comes from `address()` or `callPath()`, never from logged data. */
export function Link(
  props: Given<{
    to: string;
    class?: string;
    title?: string;
    current?: boolean;
    label?: string;
    onPick?: () => void;
    children: ComponentChildren;
  }>,
): JSX.Element {
  if (!/^\/(?![/\\])/.test(props.to)) throw new RangeError("a link leads to a path of this page");
  return (
    <a
      href={props.to}
      class={props.class}
      title={props.title}
      aria-label={props.label}
      aria-current={props.current ? "page" : undefined}
      onClick={(event) => {
        if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
          return;
        event.preventDefault();
        props.onPick?.();
        navigate(props.to);
      }}
    >
      {props.children}
    </a>
  );
}

/** A link that downloads what `api.exportAddress()` gives. */
export function Download(
  props: Given<{ from: string; class?: string; children: ComponentChildren }>,
): JSX.Element {
  if (!props.from.startsWith("/view/")) throw new RangeError("a download comes from the API");
  return (
    <a href={props.from} class={props.class} download="">
      {props.children}
    </a>
  );
}

export function Button(
  props: Given<{
    children: ComponentChildren;
    onClick: (event: MouseEvent) => void;
    kind?: "plain" | "primary" | "quiet";
    pressed?: boolean;
    expanded?: boolean;
    disabled?: boolean;
    title?: string;
    label?: string;
    class?: string;
    type?: "button" | "submit";
  }>,
): JSX.Element {
  return (
    <button
      type={props.type ?? "button"}
      class={`button ${props.kind ?? "plain"} ${props.class ?? ""}`}
      onClick={props.onClick}
      disabled={props.disabled}
      title={props.title}
      aria-label={props.label}
      aria-pressed={props.pressed}
      aria-expanded={props.expanded}
    >
      {props.children}
    </button>
  );
}

export interface Tab<Name extends string> {
  readonly name: Name;
  readonly label: string;
  readonly note?: string;
}

/** Tabs; the panel that belongs to them has `role="tabpanel"` and the id `${id}-panel`. */
export function Tabs<Name extends string>(
  props: Given<{
    id: string;
    label: string;
    tabs: readonly Tab<Name>[];
    chosen: Name;
    onChoose: (name: Name) => void;
  }>,
): JSX.Element {
  const step = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const index = props.tabs.findIndex((tab) => tab.name === props.chosen);
    const next = props.tabs[(index + by + props.tabs.length) % props.tabs.length];
    if (!next) return;
    event.preventDefault();
    props.onChoose(next.name);
    document.getElementById(`${props.id}-${next.name}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={props.label} onKeyDown={step}>
      {props.tabs.map((tab) => (
        <button
          key={tab.name}
          id={`${props.id}-${tab.name}`}
          type="button"
          role="tab"
          class="tab"
          aria-selected={tab.name === props.chosen}
          aria-controls={`${props.id}-panel`}
          tabIndex={tab.name === props.chosen ? 0 : -1}
          onClick={() => props.onChoose(tab.name)}
        >
          {tab.label}
          {tab.note ? <span class="note">{tab.note}</span> : null}
        </button>
      ))}
    </div>
  );
}

/** What stands where there is nothing to show: why, and what to do about it. */
export function Empty(props: Given<{ title: string; children?: ComponentChildren }>): JSX.Element {
  return (
    <div class="empty">
      <p class="empty-title">{props.title}</p>
      {props.children}
    </div>
  );
}

/** What went wrong, in the server's words, with a way to try again. */
export function ErrorBox(props: Given<{ error: ApiError; onRetry?: () => void }>): JSX.Element {
  return (
    <div class="error-box" role="alert">
      <span>{visible(props.error.message)}</span>
      {props.onRetry ? <Button onClick={props.onRetry}>Try again</Button> : null}
    </div>
  );
}

/** A moment. The title says it in UTC with its whole precision. */
export function Time(
  props: Given<{ time: number; kind?: "clock" | "full" | "ago"; fine?: boolean }>,
): JSX.Element {
  const { time, kind = "clock", fine = true } = props;
  let text = "";
  if (kind === "ago") text = ago(time, now.value);
  else text = kind === "full" ? dateTime(time, fine) : clock(time, fine);
  return (
    <time class="time" dateTime={utc(time)} title={`${dateTime(time, true)} here, ${utc(time)}`}>
      {text}
    </time>
  );
}

/** A status with the colour of its class; a dash where there was no answer. */
export function StatusBadge(props: Given<{ status: number | null; error?: string }>): JSX.Element {
  const { status, error = "" } = props;
  const kind = statusClass(status, error);
  const said = error ? brief(error) : "no answer";
  return (
    <span class={`status ${kind}`} title={status === null || error ? said : undefined}>
      {status ?? (error ? "err" : "–")}
    </span>
  );
}

const VERBS = new Set(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]);

/** The verb, coloured; a word of its own where it is no HTTP call. */
export function Verb(props: Given<{ method: string }>): JSX.Element {
  const kind = VERBS.has(props.method) ? props.method.toLowerCase() : "other";
  return <span class={`verb ${kind}`}>{brief(props.method, 40)}</span>;
}

/** How long it took, with a bar on a logarithmic scale from 1 ms to 10 s. */
export function Duration(props: Given<{ ms: number | null; bar?: boolean }>): JSX.Element {
  const { ms, bar = false } = props;
  const speed = ms === null || ms < 200 ? "fast" : ms < 1000 ? "slow" : "slowest";
  return (
    <span class={`duration ${speed}`}>
      {bar ? (
        <span class="bar" aria-hidden="true">
          <span class="fill" style={{ width: `${(share(ms) * 100).toFixed(1)}%` }} />
        </span>
      ) : null}
      <span class="number">{durationText(ms)}</span>
    </span>
  );
}

/** A button that copies *text* and says so. *text* may be a function where it costs to make it. */
export function Copy(
  props: Given<{ text: string | (() => string); label?: string; class?: string; title?: string }>,
): JSX.Element {
  const [said, say] = useState("");
  useEffect(() => {
    if (!said) return undefined;
    const timer = setTimeout(() => say(""), 1500);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async () => {
    const text = typeof props.text === "string" ? props.text : props.text();
    say((await toClipboard(text)) ? "Copied" : "Could not copy");
  };
  return (
    <button
      type="button"
      class={`button quiet copy ${props.class ?? ""}`}
      title={props.title}
      onClick={copy}
    >
      <span aria-live="polite">{said || (props.label ?? "Copy")}</span>
    </button>
  );
}

/** Put text on the clipboard; also where the page is not served over https. */
export async function toClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "off-screen";
    document.body.append(area);
    area.select();
    // Without https there is no other way than the old one.
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
