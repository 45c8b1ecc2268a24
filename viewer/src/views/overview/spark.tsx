// A small chart in a table: calls over time, asked for when it can be seen.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { api, type Point } from "../../api.ts";
import { chartRange } from "../../time.ts";
import { stepFor } from "./numbers.ts";
import { Turns } from "./turns.ts";

const STEPS = 64;
const HEIGHT = 20;

/** Two at a time: the numbers of the table come first. */
const turns = new Turns(2);

/** *filter* says which calls; *again* asks once more when it changes. */
export function Spark(props: { readonly filter: string; readonly again: string }): JSX.Element {
  const { filter, again } = props;
  const place = useRef<HTMLSpanElement>(null);
  const points = useSignal<readonly Point[]>([]);
  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const control = new AbortController();
    const ask = async () => {
      const { from, to } = chartRange.peek();
      const step = stepFor(to - from, STEPS);
      const asked = { q: filter, from: Math.floor(from), to: Math.ceil(to), step };
      points.value = (await api.series(asked, control.signal)).points;
    };
    const observer = new IntersectionObserver((seen) => {
      if (!seen.some((one) => one.isIntersecting)) return;
      observer.disconnect();
      // A table without its small charts is still a table.
      turns.take(ask, control.signal).catch(() => undefined);
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      control.abort();
    };
  }, [filter, again]);
  return (
    <span ref={place} class="spark" aria-hidden="true">
      <Bars points={points.value} />
    </span>
  );
}

function Bars({ points }: { readonly points: readonly Point[] }): JSX.Element | null {
  if (!points.length) return null;
  const most = Math.max(1, ...points.map((point) => point.count));
  return (
    <svg viewBox={`0 0 ${points.length} ${HEIGHT}`} preserveAspectRatio="none">
      <path
        class="spark-all"
        d={path(
          points.map((point) => point.count),
          most,
        )}
      />
      <path
        class="spark-errors"
        d={path(
          points.map((point) => point.server_errors),
          most,
        )}
      />
    </svg>
  );
}

/** One bar for each value, the highest as high as the chart; what is there is seen. */
function path(values: readonly number[], most: number): string {
  return values
    .map((value, index) => {
      if (!value) return "";
      const height = Math.max(1.5, (HEIGHT * value) / most).toFixed(1);
      return `M${index + 0.08} ${HEIGHT}v-${height}h.84v${height}z`;
    })
    .join("");
}
