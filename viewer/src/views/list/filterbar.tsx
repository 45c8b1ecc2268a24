// The filter: one line of text, with completion, and what is wrong with it at the right place.

import { useSignal, useSignalEffect } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { type ApiError, api, type Value } from "../../api.ts";
import { Button } from "../../components/basics.tsx";
import { count, visible } from "../../format.ts";
import { useKeys } from "../../keys.ts";
import { chartRange } from "../../time.ts";
import { change, q } from "../../url.ts";
import {
  complete,
  fieldOptions,
  isListed,
  type Option,
  placeAt,
  valueOptions,
} from "./completion.ts";

/** Milliseconds of quiet before stored values are asked for. */
const PAUSE = 120;
const MOST_OPTIONS = 12;

export function FilterBar({ error }: { readonly error: ApiError | null }): JSX.Element {
  const text = useSignal(q.value);
  const caret = useSignal(0);
  const open = useSignal(false);
  const active = useSignal(-1);
  const scrolled = useSignal(0);
  const stored = useSignal<{ readonly key: string; readonly values: readonly Value[] }>({
    key: "",
    values: [],
  });
  const input = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLDivElement>(null);

  // The address may change by other means: a click on a value, the button "back".
  useSignalEffect(() => {
    text.value = q.value;
  });
  useKeys([
    {
      keys: "/",
      label: "Filter",
      group: "List",
      run: () => input.current?.select(),
    },
  ]);

  const place = placeAt(text.value, caret.value);
  const key = `${place.field}\n${place.beginning}\n${place.others}`;
  const fitting = stored.value.key === key || samePlace(stored.value.key, key);
  const options = !open.value
    ? []
    : place.field
      ? valueOptions(place, fitting ? stored.value.values : [], count).slice(0, MOST_OPTIONS)
      : fieldOptions(place.beginning);

  useEffect(() => {
    if (!open.value || !isListed(place.field)) return undefined;
    const control = new AbortController();
    const timer = setTimeout(() => {
      const { from, to } = chartRange.peek();
      api
        .values(
          place.field,
          place.beginning,
          { q: place.others, from, to, limit: MOST_OPTIONS },
          control.signal,
        )
        .then(({ values }) => {
          stored.value = { key, values };
        })
        // A filter without suggestions is still a filter.
        .catch(() => undefined);
    }, PAUSE);
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [key, open.value]);

  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  });

  const commit = (value: string) => {
    open.value = false;
    change({ q: value.trim(), sel: null });
  };
  const pick = (option: Option) => {
    const field = input.current;
    const result = complete(text.value, place, option);
    text.value = result.text;
    caret.value = result.caret;
    active.value = -1;
    if (option.done) commit(result.text);
    if (!field) return;
    field.value = result.text;
    field.focus();
    field.setSelectionRange(result.caret, result.caret);
    open.value = !option.done;
  };
  const moved = () => {
    caret.value = input.current?.selectionStart ?? 0;
    active.value = -1;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const chosen = options[active.value];
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!open.value) open.value = true;
      else active.value = next(active.value, options.length, event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (chosen) pick(chosen);
      else commit(text.value);
    } else if (event.key === "Tab" && chosen && !event.shiftKey) {
      event.preventDefault();
      pick(chosen);
    } else if (event.key === "Escape") {
      event.preventDefault();
      if (open.value) open.value = false;
      else input.current?.blur();
    }
  };

  const wrong = error?.status === 400 && text.value === q.value ? error : null;
  return (
    <div class="filter-bar">
      <div class={`filter-field ${wrong ? "wrong" : ""}`}>
        <Magnifier />
        <div class="filter-text">
          {wrong?.at != null ? (
            <Underline text={text.value} at={wrong.at} scrolled={scrolled.value} />
          ) : null}
          <input
            ref={input}
            class="mono"
            type="text"
            role="combobox"
            spellcheck={false}
            autocomplete="off"
            autocapitalize="off"
            aria-label="Filter"
            aria-expanded={options.length > 0}
            aria-controls="filter-options"
            aria-autocomplete="list"
            aria-activedescendant={active.value >= 0 ? `filter-option-${active.value}` : undefined}
            aria-invalid={wrong !== null}
            aria-describedby="filter-error"
            placeholder="status:5xx  route:/items/{id}  user:ada  duration:>200ms  body:&quot;text&quot;"
            value={text.value}
            onScroll={(event) => (scrolled.value = event.currentTarget.scrollLeft)}
            onInput={(event) => {
              text.value = event.currentTarget.value;
              open.value = true;
              moved();
            }}
            onKeyUp={(event) => {
              if (/^(Arrow(Left|Right)|Home|End)$/.test(event.key)) moved();
            }}
            onFocus={() => {
              open.value = true;
              moved();
            }}
            onClick={() => {
              open.value = true;
              moved();
            }}
            onBlur={() => {
              open.value = false;
            }}
            onKeyDown={onKeyDown}
          />
        </div>
        {text.value ? (
          <Button kind="quiet" label="Clear the filter" onClick={() => commit("")}>
            ✕
          </Button>
        ) : (
          <kbd class="hint">/</kbd>
        )}
      </div>
      <div
        ref={list}
        id="filter-options"
        class="popover filter-options"
        role="listbox"
        aria-label="Suggestions"
        hidden={!options.length}
      >
        {options.map((option, index) => (
          <div
            key={option.label}
            id={`filter-option-${index}`}
            class="filter-option"
            role="option"
            tabIndex={-1}
            aria-selected={index === active.value}
            onPointerDown={(event) => {
              // Before the field loses the focus and with it the list.
              event.preventDefault();
              pick(option);
            }}
          >
            <span class="mono cut">{visible(option.label)}</span>
            <span class="dim">{option.hint}</span>
          </div>
        ))}
      </div>
      <p id="filter-error" class="filter-error" role="alert">
        {wrong ? visible(wrong.message) : ""}
      </p>
    </div>
  );
}

/** The values of a shorter beginning stay until those of the longer one are here. */
function samePlace(had: string, wanted: string): boolean {
  return had !== "" && had.split("\n")[0] === wanted.split("\n")[0];
}

function next(now: number, many: number, by: number): number {
  if (!many) return -1;
  return now < 0 ? (by > 0 ? 0 : many - 1) : (now + by + many) % many;
}

/** The same text behind the field, invisible, with the wrong term underlined. */
function Underline(props: {
  readonly text: string;
  readonly at: number;
  readonly scrolled: number;
}): JSX.Element {
  const { text, at, scrolled } = props;
  const place = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    if (place.current) place.current.scrollLeft = scrolled;
  });
  // The server counts characters, JavaScript halves of some of them.
  const before = [...text].slice(0, at).join("");
  const rest = /^\S*/.exec(text.slice(before.length))?.[0] ?? "";
  return (
    <span ref={place} class="filter-underline mono" aria-hidden="true">
      {before}
      <mark>{rest || " "}</mark>
    </span>
  );
}

function Magnifier(): JSX.Element {
  return (
    <svg
      class="magnifier"
      width="14"
      height="14"
      viewBox="0 0 16 16"
      fill="none"
      aria-hidden="true"
    >
      <circle cx="7" cy="7" r="4.75" stroke="currentColor" stroke-width="1.5" />
      <path
        d="m10.5 10.5 3.5 3.5"
        stroke="currentColor"
        stroke-width="1.5"
        stroke-linecap="round"
      />
    </svg>
  );
}
