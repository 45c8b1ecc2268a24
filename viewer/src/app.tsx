// The frame around every page: which view is shown, and what is the same on all of them.

import type { ComponentType, JSX } from "preact";
import { useEffect, useErrorBoundary } from "preact/hooks";
import { api, signedOut } from "./api.ts";
import { asApiError } from "./asked.ts";
import { Empty, ErrorBox, Link } from "./components/basics.tsx";
import { Help } from "./components/help.tsx";
import { Marked } from "./components/marked.tsx";
import { Top } from "./components/top.tsx";
import { visible } from "./format.ts";
import { helpOpen, useKeys } from "./keys.ts";
import { lazy } from "./lazy.tsx";
import { compareMarks } from "./marks.ts";
import { type Route, route } from "./routes.ts";
import { address, navigate, SHARED } from "./url.ts";
import { ListPage } from "./views/list/index.tsx";
import { LoginPage } from "./views/login/index.tsx";

const EventPage = lazy(async () => (await import("./views/event/index.tsx")).EventPage);
const ComparePage = lazy(async () => (await import("./views/compare/index.tsx")).ComparePage);
const EndpointsPage = lazy(async () => (await import("./views/endpoints/index.tsx")).EndpointsPage);
const SubjectsPage = lazy(async () => (await import("./views/subjects/index.tsx")).SubjectsPage);
const SubjectPage = lazy(async () => (await import("./views/subject/index.tsx")).SubjectPage);
const HealthPage = lazy(async () => (await import("./views/health/index.tsx")).HealthPage);

const GO: readonly (readonly [string, string, string])[] = [
  ["g l", "Live list", "/"],
  ["g e", "Endpoints", "/endpoints"],
  ["g u", "Users", "/users"],
  ["g c", "Companies", "/companies"],
  ["g s", "Sessions", "/sessions"],
  ["g h", "Health", "/health"],
];

export function App(): JSX.Element {
  useKeys([
    { keys: "?", label: "These keys", group: "Everywhere", run: () => (helpOpen.value = true) },
    { keys: "C", label: "Compare the marked calls", group: "Everywhere", run: compareMarks },
    ...GO.map(([keys, label, to]) => ({
      keys,
      label,
      group: "Go to" as const,
      run: () => navigate(address(to, {}, SHARED)),
    })),
  ]);
  const shown = route.value;
  if (signedOut.value || shown.page === "login") return <LoginPage />;
  return <Frame shown={shown} />;
}

function Frame({ shown }: { readonly shown: Route }): JSX.Element {
  useEffect(() => {
    // What the shell shows of the pipeline; a failure is shown by the view that needs more.
    api.health().catch(() => undefined);
  }, []);
  useEffect(() => {
    document.title = title(shown);
  }, [shown]);
  return (
    <div class="shell">
      <a class="skip button" href="#main">
        Skip to the content
      </a>
      <Top />
      <main id="main" class="main" tabIndex={-1}>
        <Guarded key={JSON.stringify(shown)} shown={shown} />
      </main>
      <Marked />
      <Help />
    </div>
  );
}

/** A view that fails takes nothing else with it. */
function Guarded({ shown }: { readonly shown: Route }): JSX.Element {
  const [error, reset] = useErrorBoundary();
  if (error) return <ErrorBox error={asApiError(error)} onRetry={reset} />;
  return <View shown={shown} />;
}

function View({ shown }: { readonly shown: Route }): JSX.Element {
  switch (shown.page) {
    case "list":
      return <ListPage />;
    case "event":
      return <EventPage key={shown.id} id={shown.id} />;
    case "subject":
      return <SubjectPage key={`${shown.kind} ${shown.id}`} kind={shown.kind} id={shown.id} />;
    case "subjects":
      return <SubjectsPage key={shown.kind} kind={shown.kind} />;
    case "unknown":
    case "login":
      return (
        <Empty title="There is no such page.">
          <Link to="/">To the list of calls</Link>
        </Empty>
      );
    default: {
      const Page: ComponentType = SIMPLE[shown.page];
      return <Page />;
    }
  }
}

const SIMPLE = { compare: ComparePage, endpoints: EndpointsPage, health: HealthPage };

function title(shown: Route): string {
  const names: Readonly<Record<Route["page"], string>> = {
    list: "Calls",
    event: "Call",
    compare: "Comparison",
    endpoints: "Endpoints",
    subjects: "Who calls",
    subject: shown.page === "subject" ? visible(shown.id) : "",
    health: "Health",
    login: "Sign in",
    unknown: "Not found",
  };
  return `${names[shown.page]} · apilog`;
}
