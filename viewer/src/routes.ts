// Which page an address means.

import { computed, type ReadonlySignal } from "@preact/signals";
import type { SubjectKind } from "./api.ts";
import { path } from "./url.ts";

export type Route =
  | { readonly page: "list" | "compare" | "endpoints" | "health" | "login" | "unknown" }
  | { readonly page: "event"; readonly id: string }
  | { readonly page: "subjects"; readonly kind: SubjectKind }
  | { readonly page: "subject"; readonly kind: SubjectKind; readonly id: string };

const KINDS: Readonly<Record<string, SubjectKind>> = {
  users: "user",
  companies: "company",
  sessions: "session",
};

/** Where the subjects of a kind are found: `user` is under `/users`. */
export const PLACES: Readonly<Record<SubjectKind, string>> = {
  user: "/users",
  company: "/companies",
  session: "/sessions",
};

/** Return the page that *path* means. */
export function routeOf(path: string): Route {
  const parts = path.split("/").slice(1);
  const [first = "", second] = parts;
  if (parts.length > 2) return { page: "unknown" };
  const kind = Object.hasOwn(KINDS, first) ? KINDS[first] : undefined;
  if (second) {
    const id = decoded(second);
    if (first === "calls") return { page: "event", id };
    if (kind) return { page: "subject", kind, id };
    return { page: "unknown" };
  }
  if (kind) return { page: "subjects", kind };
  if (first === "") return { page: "list" };
  if (first === "compare" || first === "endpoints" || first === "health" || first === "login") {
    return { page: first };
  }
  return { page: "unknown" };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The page of the present address. */
export const route: ReadonlySignal<Route> = computed(() => routeOf(path.value));

/** The path of the page of one call. */
export function callPath(id: string): string {
  return `/calls/${encodeURIComponent(id)}`;
}

/** The path of the page of a user, company or session. */
export function subjectPath(kind: SubjectKind, id: string): string {
  return `${PLACES[kind]}/${encodeURIComponent(id)}`;
}
