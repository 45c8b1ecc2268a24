// The time range: presets, from and to, wider and narrower, and back to what happens now.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Button } from "../../components/basics.tsx";
import { useKeys } from "../../keys.ts";
import {
  chartRange,
  clock,
  DEFAULT_FROM,
  date,
  fromText,
  live,
  now,
  PRESETS,
  rangeLabel,
} from "../../time.ts";
import { change, param } from "../../url.ts";

const to = param("to");

/** Show calls from one moment to another; milliseconds since 1970. */
export function showRange(from: number, until: number): void {
  change({ from: String(Math.floor(from)), to: String(Math.ceil(until)) });
}

/** Show what begins at *from* (`-1h`, or milliseconds) and follow what arrives. */
function follow(from: string): void {
  now.value = Date.now();
  change({ from: from === DEFAULT_FROM ? null : from, to: null });
}

export function RangePicker(): JSX.Element {
  const open = useSignal(false);
  const place = useRef<HTMLDivElement>(null);
  useKeys([
    { keys: "t", label: "Time range", group: "List", run: () => (open.value = !open.value) },
    { keys: "-", label: "Twice the time", group: "List", run: widen },
  ]);
  useEffect(() => {
    if (!open.value) return undefined;
    place.current?.querySelector<HTMLElement>('[aria-pressed="true"], .time-preset')?.focus();
    const close = (event: Event) => {
      if (event.target instanceof Node && !place.current?.contains(event.target))
        open.value = false;
    };
    document.addEventListener("pointerdown", close);
    document.addEventListener("focusin", close);
    return () => {
      document.removeEventListener("pointerdown", close);
      document.removeEventListener("focusin", close);
    };
  }, [open.value]);
  const shut = () => {
    open.value = false;
    place.current?.querySelector("button")?.focus();
  };
  return (
    <div
      ref={place}
      class="time-range"
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !open.value) return;
        event.preventDefault();
        event.stopPropagation();
        shut();
      }}
    >
      <Button
        expanded={open.value}
        title="Time range (t)"
        onClick={() => (open.value = !open.value)}
        class="range-button"
      >
        <Clock />
        <span class="cut">{rangeLabel(fromText.value, to.value)}</span>
      </Button>
      {open.value ? (
        <div class="popover range-panel">
          <div class="time-presets">
            {PRESETS.map((preset) => (
              <Button
                key={preset.from}
                kind="quiet"
                class="time-preset"
                pressed={live.value && fromText.value === preset.from}
                onClick={() => {
                  follow(preset.from);
                  shut();
                }}
              >
                {preset.label}
              </Button>
            ))}
          </div>
          <Between onDone={shut} />
        </div>
      ) : null}
    </div>
  );
}

function Between({ onDone }: { readonly onDone: () => void }): JSX.Element {
  const { from, to: until } = chartRange.peek();
  const first = useSignal(field(from));
  const last = useSignal(field(until));
  const begin = Date.parse(first.value);
  const end = Date.parse(last.value);
  const good = begin < end;
  return (
    <form
      class="time-between"
      onSubmit={(event) => {
        event.preventDefault();
        if (!good) return;
        showRange(begin, end);
        onDone();
      }}
    >
      <label>
        <span>From</span>
        <input
          class="field"
          type="datetime-local"
          step="1"
          value={first.value}
          onInput={(event) => (first.value = event.currentTarget.value)}
        />
      </label>
      <label>
        <span>To</span>
        <input
          class="field"
          type="datetime-local"
          step="1"
          value={last.value}
          onInput={(event) => (last.value = event.currentTarget.value)}
        />
      </label>
      <p class="dim">{good ? "" : "The end is not after the beginning."}</p>
      <div class="between-buttons">
        <Button kind="quiet" title="Twice the time (-)" onClick={widen}>
          Zoom out
        </Button>
        <Button kind="primary" type="submit" disabled={!good} onClick={() => undefined}>
          Show
        </Button>
      </div>
    </form>
  );
}

/** Show twice as much time: around the middle, or further back where the list is live. */
function widen(): void {
  const { from, to: until } = chartRange.peek();
  const length = Math.max(1000, until - from);
  if (live.peek()) {
    const seconds = Math.ceil((2 * length) / 1000);
    const preset = PRESETS.find((one) => seconds <= -secondsOf(one.from));
    follow(preset?.from ?? "0");
  } else {
    showRange(from - length / 2, Math.min(until + length / 2, Date.now()));
  }
}

function secondsOf(text: string): number {
  const match = /^-(\d+)([smhd])$/.exec(text);
  const unit = { s: 1, m: 60, h: 3600, d: 86_400 }[match?.[2] ?? ""] ?? 0;
  return -Number(match?.[1] ?? 0) * unit;
}

/** A moment as a field for local date and time has it. */
function field(time: number): string {
  return `${date(time)}T${clock(time)}`;
}

function Clock(): JSX.Element {
  return (
    <svg width="14" height="14" viewBox="0 0 16 16" fill="none" aria-hidden="true">
      <circle cx="8" cy="8" r="6.25" stroke="currentColor" stroke-width="1.5" />
      <path d="M8 4.5V8l2.5 1.5" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" />
    </svg>
  );
}
