// The endpoints that are worth a look first: the slowest, and those that fail most.

import type { ComponentChildren, JSX } from "preact";
import type { Endpoint } from "../../api.ts";
import { Verb } from "../../components/basics.tsx";
import { count, duration, percent, visible } from "../../format.ts";
import { mostFailing, slowest } from "../overview/numbers.ts";

type Choose = (endpoint: Endpoint) => void;

export function Worst(props: {
  readonly endpoints: readonly Endpoint[];
  readonly onChoose: Choose;
}): JSX.Element {
  return (
    <div class="endpoints-worst">
      <Card
        title="Slowest"
        endpoints={slowest(props.endpoints)}
        none="Too few calls to say"
        onChoose={props.onChoose}
        said={(one) => <span class="number">p95 {duration(one.p95)}</span>}
      />
      <Card
        title="Most failing"
        endpoints={mostFailing(props.endpoints)}
        none="No server error"
        onChoose={props.onChoose}
        said={(one) => (
          <span class="number bad">
            {percent(one.server_errors, one.count)} of {count(one.count)}
          </span>
        )}
      />
    </div>
  );
}

function Card(props: {
  readonly title: string;
  readonly endpoints: readonly Endpoint[];
  readonly none: string;
  readonly onChoose: Choose;
  readonly said: (endpoint: Endpoint) => ComponentChildren;
}): JSX.Element {
  return (
    <section class="overview-card">
      <h2>{props.title}</h2>
      {props.endpoints.length ? (
        <ol>
          {props.endpoints.map((one) => (
            <li key={`${one.method} ${one.route}`}>
              <button type="button" class="endpoints-worst-one" onClick={() => props.onChoose(one)}>
                <Verb method={one.method} />
                <span class="mono cut">{visible(one.route)}</span>
                {props.said(one)}
              </button>
            </li>
          ))}
        </ol>
      ) : (
        <p class="dim">{props.none}</p>
      )}
    </section>
  );
}
