// What the endpoints do: how often they are called, how often they fail, how long they take.

import "./endpoints.css";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { api, type Endpoint } from "../../api.ts";
import { Button, Link } from "../../components/basics.tsx";
import { withTerm } from "../../filter/terms.ts";
import { count, plural, visible } from "../../format.ts";
import { useKeys } from "../../keys.ts";
import { address, change, param, q, SHARED } from "../../url.ts";
import { useOverview, useTicks } from "../overview/asking.ts";
import { Charts } from "../overview/charts.tsx";
import { NothingHere, Overview } from "../overview/frame.tsx";
import { EndpointTable } from "./table.tsx";
import { Worst } from "./worst.tsx";

/** Endpoints that are asked for, and all that can be. */
const SOME = 200;
const ALL = 1000;

const method = param("method");
const routeName = param("route");

export function EndpointsPage(): JSX.Element {
  const ticks = useTicks();
  const limit = useSignal(SOME);
  const asked = useOverview(
    (question, signal) => api.endpoints({ ...question, limit: limit.value }, signal),
    q.value,
    ticks,
    [limit.value],
  );
  const chosen = method.value ? filterOf(q.value, method.value, routeName.value) : q.value;
  const series = useOverview((question, signal) => api.series(question, signal), chosen, ticks);
  const charts = useRef<HTMLDivElement>(null);
  useKeys([
    {
      keys: "Escape",
      label: "All endpoints",
      group: "List",
      run: () => method.peek() !== "" && choose(null),
    },
  ]);
  useEffect(() => {
    if (method.value) charts.current?.scrollIntoView({ block: "nearest" });
  }, [method.value, routeName.value]);
  const endpoints = asked.value.value?.endpoints ?? null;
  if (endpoints?.length === 0) {
    return (
      <Overview title={<h1>Endpoints</h1>} asked={asked}>
        <NothingHere what="No endpoint was called" />
      </Overview>
    );
  }
  const shown = series.value.value;
  return (
    <Overview asked={asked} title={<Title chosen={chosen} many={endpoints?.length ?? 0} />}>
      <div ref={charts} class="overview-charts-place">
        <Charts series={shown} label={method.value ? name() : "all endpoints"} />
      </div>
      {endpoints ? (
        <>
          <Worst endpoints={endpoints} onChoose={choose} />
          <EndpointTable
            endpoints={endpoints}
            chosen={method.value ? { method: method.value, route: routeName.value } : null}
            again={String(Math.floor(ticks / 6))}
            onChoose={choose}
          />
          {endpoints.length >= limit.value && limit.value < ALL ? (
            <p class="overview-more">
              <Button onClick={() => (limit.value = ALL)}>More than {count(SOME)} endpoints</Button>
            </p>
          ) : null}
        </>
      ) : null}
    </Overview>
  );
}

function Title(props: { readonly chosen: string; readonly many: number }): JSX.Element {
  const one = method.value !== "";
  return (
    <>
      <h1 class="cut" title={one ? name() : undefined}>
        {one ? <span class="mono">{name()}</span> : "Endpoints"}
      </h1>
      <span class="dim">{one || !props.many ? "" : plural(props.many, "endpoint")}</span>
      <span class="space" />
      {one ? <Button onClick={() => choose(null)}>All endpoints</Button> : null}
      <Link class="button" to={address("/", { q: props.chosen }, SHARED)}>
        Show the calls
      </Link>
    </>
  );
}

function name(): string {
  return `${visible(method.value)} ${visible(routeName.value)}`;
}

/** The filter with one endpoint more in it. */
function filterOf(text: string, verb: string, route: string): string {
  return withTerm(withTerm(text, "method", verb), "route", route);
}

/** Show the charts of one endpoint, or of all; the same one again is all. */
function choose(endpoint: Pick<Endpoint, "method" | "route"> | null): void {
  const same = endpoint?.method === method.peek() && endpoint.route === routeName.peek();
  const next = same ? null : endpoint;
  change({ method: next?.method ?? null, route: next?.route ?? null });
}
