// The bar on top: the pages, the theme, the keys, the way out.

import type { JSX } from "preact";
import { api } from "../api.ts";
import { helpOpen } from "../keys.ts";
import { type Route, route } from "../routes.ts";
import { choose, type Theme, theme } from "../theme.ts";
import { address, SHARED } from "../url.ts";
import { Button, Link } from "./basics.tsx";

const PAGES: readonly { readonly to: string; readonly label: string }[] = [
  { to: "/", label: "Calls" },
  { to: "/endpoints", label: "Endpoints" },
  { to: "/users", label: "Users" },
  { to: "/companies", label: "Companies" },
  { to: "/sessions", label: "Sessions" },
  { to: "/health", label: "Health" },
];

const NEXT: Readonly<Record<Theme, Theme>> = { system: "light", light: "dark", dark: "system" };

export function Top(): JSX.Element {
  const here = home(route.value);
  return (
    <header class="top">
      <Link to="/" class="brand" label="apilog, the list of calls">
        <Glyph />
        <span>apilog</span>
      </Link>
      <nav class="pages" aria-label="Pages">
        {PAGES.map(({ to, label }) => (
          <Link key={to} to={address(to, {}, SHARED)} current={here === to}>
            {label}
          </Link>
        ))}
      </nav>
      <span class="space" />
      <Button
        kind="quiet"
        onClick={() => choose(NEXT[theme.value])}
        title="Switch between the system's theme, light and dark"
        label={`Theme: ${theme.value}`}
      >
        <ThemeGlyph theme={theme.value} />
      </Button>
      <Button kind="quiet" class="wide" onClick={() => (helpOpen.value = true)} label="Keys">
        <kbd>?</kbd>
      </Button>
      <Button kind="quiet" class="wide" onClick={() => void api.logout().catch(() => undefined)}>
        Sign out
      </Button>
    </header>
  );
}

function home(shown: Route): string {
  switch (shown.page) {
    case "list":
    case "event":
    case "compare":
      return "/";
    case "subject":
    case "subjects":
      return { user: "/users", company: "/companies", session: "/sessions" }[shown.kind];
    default:
      return `/${shown.page}`;
  }
}

/** The mark of apilog: three calls, one after the other. */
export function Glyph(): JSX.Element {
  return (
    <svg class="glyph" viewBox="0 0 16 16" aria-hidden="true">
      <rect width="16" height="16" rx="3.5" fill="var(--accent)" />
      <g fill="var(--on-accent)">
        <rect x="3" y="4" width="6" height="1.8" rx=".9" />
        <rect x="3" y="7.1" width="10" height="1.8" rx=".9" />
        <rect x="3" y="10.2" width="4" height="1.8" rx=".9" />
      </g>
    </svg>
  );
}

function ThemeGlyph(props: { readonly theme: Theme }): JSX.Element {
  return (
    <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" fill="none">
      <circle cx="8" cy="8" r="5.25" stroke="currentColor" stroke-width="1.5" />
      {props.theme === "dark" ? <circle cx="8" cy="8" r="5.25" fill="currentColor" /> : null}
      {props.theme === "system" ? (
        <path d="M8 2.75a5.25 5.25 0 0 1 0 10.5z" fill="currentColor" />
      ) : null}
    </svg>
  );
}
