// What senders lost, by reason.

import type { JSX } from "preact";
import type { Health } from "../../api.ts";
import { count, percent, visible } from "../../format.ts";
import { reasonOf } from "./reasons.ts";

export function Losses(props: {
  readonly dropped: Health["dropped"];
  readonly captured: number;
}): JSX.Element {
  const all = Object.entries(props.dropped)
    .filter(([, many]) => many > 0)
    .map(([name, many]) => ({ name, many, reason: reasonOf(name) }))
    .sort((a, b) => Number(a.reason.wanted ?? 0) - Number(b.reason.wanted ?? 0) || b.many - a.many);
  return (
    <section class="overview-card">
      <h2>Calls without an event, by reason</h2>
      {all.length ? (
        <div class="overview-place">
          <table class="overview-table losses">
            <caption class="off-screen">Calls without an event, by reason</caption>
            <thead>
              <tr>
                <th scope="col">Reason</th>
                <th scope="col" class="number">
                  Calls
                </th>
                <th scope="col" class="number">
                  Of all
                </th>
                <th scope="col">What it means, and what to do</th>
              </tr>
            </thead>
            <tbody>
              {all.map(({ name, many, reason }) => (
                <tr key={name} class={reason.wanted ? "wanted" : "lost"}>
                  <th scope="row" class="mono">
                    {visible(name)}
                  </th>
                  <td class={`number ${reason.wanted ? "" : "bad"}`}>{count(many)}</td>
                  <td class="number dim">{percent(many, props.captured)}</td>
                  <td>
                    {reason.means} <span class="dim">{reason.helps}</span>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <p class="dim">None that a sender has told of.</p>
      )}
    </section>
  );
}
