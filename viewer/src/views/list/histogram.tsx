// Calls over time, above the list: a drag or a click chooses a part of it.

import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type uPlot from "uplot";
import { api, type Series } from "../../api.ts";
import { percent, plural } from "../../format.ts";
import { dark } from "../../theme.ts";
import { clock, date, dateTime, fromText, live, now, range, rangeLabel } from "../../time.ts";
import { param, q } from "../../url.ts";
import { type Bars, bars, type Sums, sums } from "./chartdata.ts";
import type { Calls } from "./model.ts";
import { showRange } from "./rangepicker.tsx";

const HEIGHT = 92;
/** Milliseconds between two looks at the series while calls arrive, and while none do. */
const SOON = 2000;
const LATER = 15_000;

const to = param("to");

export function Histogram(props: {
  readonly calls: Calls;
  /** What stands beside the sums. */
  readonly children: ComponentChildren;
}): JSX.Element {
  const { calls } = props;
  const place = useRef<HTMLDivElement>(null);
  const series = useSeries(calls);
  const pointed = useSignal<number | null>(null);
  const shown = useMemo(() => (series ? bars(series) : null), [series]);
  useChart(place, shown, (index) => (pointed.value = index));
  const total = shown ? sums(shown) : null;
  const one = shown && pointed.value !== null ? pointed.value : null;
  return (
    <section class="list-histogram" aria-label="Calls over time">
      <div
        ref={place}
        class="plot"
        role="img"
        aria-label={total ? `${rangeLabel(fromText.value, to.value)}: ${said(total)}` : "Loading"}
      />
      <div class="list-under">
        <p class="list-sums">
          {shown && one !== null ? (
            <>
              <span class="dim">{stepLabel(shown, one)}</span> <Said sums={sums(shown, one, one)} />
            </>
          ) : total ? (
            <Said sums={total} />
          ) : null}
        </p>
        {props.children}
      </div>
    </section>
  );
}

function Said({ sums: { calls, client, server } }: { readonly sums: Sums }): JSX.Element {
  return (
    <>
      <span>{plural(calls, "call")}</span>
      {client ? (
        <span>
          <i class="chart-key client" /> {plural(client, "client error")}{" "}
          <span class="list-share">({percent(client, calls)})</span>
        </span>
      ) : null}
      {server ? (
        <span>
          <i class="chart-key server" /> {plural(server, "server error")}{" "}
          <span class="list-share">({percent(server, calls)})</span>
        </span>
      ) : null}
    </>
  );
}

function said({ calls, client, server }: Sums): string {
  const parts = [plural(calls, "call")];
  if (client) parts.push(plural(client, "client error"));
  if (server) parts.push(plural(server, "server error"));
  return parts.join(", ");
}

function stepLabel(shown: Bars, index: number): string {
  const begin = shown.times[index] ?? 0;
  const end = begin + shown.step;
  if (shown.step >= 86_400_000) return date(begin);
  const last = date(begin) === date(end) ? clock(end) : dateTime(end);
  return `${dateTime(begin)} – ${last}`;
}

/** The series of the filter and range, read again as calls arrive and as time goes on. */
function useSeries(calls: Calls): Series | null {
  const series = useSignal<Series | null>(null);
  // Only the beginning in words: a live range moves on with every look.
  const key = `${q.value}\n${fromText.value}\n${to.value}`;
  useEffect(() => {
    const control = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let looked = -1;
    let last = 0;
    const look = async () => {
      const begun = performance.now();
      looked = calls.arrivals.peek();
      if (live.peek()) now.value = Date.now();
      const { from, to: until } = range.peek();
      try {
        const answer = await api.series(
          { q: q.peek(), from: from || undefined, to: until },
          control.signal,
        );
        series.value = answer;
      } catch {
        // The list says what is wrong: it asked the same.
      }
      last = performance.now();
      if (control.signal.aborted || !live.peek()) return;
      // A store that takes long to answer is asked less often.
      const pause = Math.max(SOON, 20 * (last - begun));
      timer = setTimeout(() => wait(pause), pause);
    };
    const wait = (pause: number) => {
      const due = performance.now() - last > LATER;
      if (!document.hidden && (due || calls.arrivals.peek() !== looked)) void look();
      else timer = setTimeout(() => wait(pause), pause);
    };
    void look();
    return () => {
      control.abort();
      clearTimeout(timer);
    };
  }, [key, calls]);
  return series.value;
}

/** Draw the chart into *place*; it is fetched when it is first needed. */
function useChart(
  place: { readonly current: HTMLDivElement | null },
  shown: Bars | null,
  onPoint: (index: number | null) => void,
): void {
  const chart = useRef<uPlot | null>(null);
  const newest = useRef<Bars | null>(null);
  newest.current = shown;
  const ready = shown !== null;
  const night = dark.value;
  useEffect(() => {
    const element = place.current;
    if (!element || !ready) return undefined;
    let gone = false;
    let observer: ResizeObserver | undefined;
    void import("./plot.ts").then(({ plot }) => {
      if (gone || !newest.current) return;
      const made = plot(element, newest.current, HEIGHT, { onPoint, onRange: showRange });
      chart.current = made;
      observer = new ResizeObserver(() =>
        made.setSize({ width: element.clientWidth, height: HEIGHT }),
      );
      observer.observe(element);
    });
    return () => {
      gone = true;
      observer?.disconnect();
      chart.current?.destroy();
      chart.current = null;
    };
  }, [ready, night]);
  useEffect(() => {
    const made = chart.current;
    if (!made || !shown) return;
    void import("./plot.ts").then(({ update }) => update(made, shown));
  }, [shown]);
}
