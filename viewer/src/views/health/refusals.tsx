// What was refused here: when, why, and its beginning as text.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { Refusal } from "../../api.ts";
import { Button, Copy, Time } from "../../components/basics.tsx";
import { plural, visible } from "../../format.ts";

/** Refusals that are shown before somebody asks for more. */
const SOME = 20;

export function Refusals({ refusals }: { readonly refusals: readonly Refusal[] }): JSX.Element {
  const all = useSignal(false);
  const shown = all.value ? refusals : refusals.slice(0, SOME);
  return (
    <section class="overview-card">
      <h2>Refused here</h2>
      {refusals.length ? (
        <p class="dim">The newest first. The sender was told the status and the reason.</p>
      ) : (
        <p class="dim">Nothing.</p>
      )}
      <ul class="refusals">
        {shown.map((one, index) => (
          // Two refusals may have everything in common.
          <Line key={`${one.time} ${index}`} one={one} />
        ))}
      </ul>
      {shown.length < refusals.length ? (
        <Button onClick={() => (all.value = true)}>
          {plural(refusals.length - shown.length, "more", "more")}
        </Button>
      ) : null}
    </section>
  );
}

function Line({ one }: { readonly one: Refusal }): JSX.Element {
  return (
    <li>
      <details>
        <summary>
          <Time time={one.time} kind="full" fine={false} />
          <span class="status client">{one.status}</span>
          <span class="mono">{visible(one.path)}</span>
          <span class="refusal-reason">{visible(one.reason)}</span>
        </summary>
        {one.content ? (
          <div class="refusal-content">
            <pre class="mono">{one.content}</pre>
            <Copy text={one.content} />
          </div>
        ) : (
          <p class="dim">Its body was not read.</p>
        )}
      </details>
    </li>
  );
}
