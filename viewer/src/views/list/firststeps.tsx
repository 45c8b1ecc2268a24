// Nothing has arrived yet: how to have the first call here.

import type { JSX } from "preact";
import { Copy, Empty } from "../../components/basics.tsx";

export function FirstSteps(): JSX.Element {
  const origin = location.origin;
  return (
    <Empty title="Waiting for the first call">
      <p>Point an app here, and call it. Its calls appear on this page as they happen.</p>
      <Line label="Flask" text={`ApiLog(app, destination="${origin}")`} />
      <Line
        label="FastAPI, Starlette"
        text={`app.add_middleware(ApiLogMiddleware, destination="${origin}")`}
      />
      <Line
        label="Django, or any app that apilog is set up in"
        text={`export APILOG_DESTINATION=${origin}`}
      />
      <Line label="A single call, without an app" text={trial(origin)} />
    </Empty>
  );
}

function Line({ label, text }: { readonly label: string; readonly text: string }): JSX.Element {
  return (
    <div class="first-step">
      <p>{label}</p>
      <div class="first-step-code">
        <code>{text}</code>
        <Copy text={text} />
      </div>
    </div>
  );
}

function trial(origin: string): string {
  const time = new Date().toISOString();
  const event = {
    request: { time, verb: "GET", uri: "http://shop.example/items/7", headers: {} },
    response: { time, status: 200, headers: {} },
  };
  return (
    `curl ${origin}/v1/events -H 'Content-Type: application/json' ` +
    `-H 'X-Moesif-Application-Id: trial' -d '${JSON.stringify(event)}'`
  );
}
