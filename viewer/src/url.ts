// The address is the state: what is shown can be found again from the address alone.

import { computed, type ReadonlySignal, signal } from "@preact/signals";

interface Place {
  readonly path: string;
  readonly params: URLSearchParams;
}

export type Changes = Readonly<Record<string, string | null | undefined>>;

const here = typeof location === "undefined" ? { pathname: "/", search: "" } : location;

const place = signal<Place>({ path: here.pathname, params: new URLSearchParams(here.search) });

/** The path of the page, always beginning with one slash. */
export const path: ReadonlySignal<string> = computed(() => place.value.path);

const known = new Map<string, ReadonlySignal<string>>();

/** The value of a parameter of the address as a signal; "" where it is absent. */
export function param(name: string): ReadonlySignal<string> {
  let found = known.get(name);
  if (!found) {
    found = computed(() => place.value.params.get(name) ?? "");
    known.set(name, found);
  }
  return found;
}

/** The filter text. */
export const q = param("q");
/** The selected call in the split view. */
export const sel = param("sel");

/**
 * Return an address inside this page: *to* is a path, *changes* its parameters; null or "" leaves
 * one out. Nothing of the current address is kept but what *keep* names.
 *
 * @throws RangeError if *to* could lead to another origin.
 */
export function address(to: string, changes: Changes = {}, keep: readonly string[] = []): string {
  if (!/^\/(?![/\\])/.test(to)) throw new RangeError(`not a path of this page: ${to}`);
  const params = new URLSearchParams();
  for (const name of keep) {
    const value = place.value.params.get(name);
    if (value) params.set(name, value);
  }
  for (const [name, value] of Object.entries(changes)) {
    if (value) params.set(name, value);
    else params.delete(name);
  }
  const search = readable(params);
  return search ? `${to}?${search}` : to;
}

/** What every overview shares: the filter and the time range. */
export const SHARED = ["q", "from", "to"] as const;

/** Go to an address of this page; *replace* leaves no step in the history. */
export function navigate(to: string, { replace = false } = {}): void {
  const target = new URL(to, location.href);
  if (target.origin !== location.origin) throw new RangeError("not an address of this page");
  if (target.href === location.href) return;
  history[replace ? "replaceState" : "pushState"](null, "", target.href);
  read();
}

/** Change parameters of the present page, leaving the others; null or "" takes one away. */
export function change(changes: Changes, { replace = false } = {}): void {
  const all = [...place.value.params.keys()];
  navigate(address(place.value.path, changes, all), { replace });
}

/** Follow the buttons "back" and "forward". */
export function followHistory(): void {
  addEventListener("popstate", read);
}

function read(): void {
  const { pathname, search } = location;
  place.value = { path: pathname, params: new URLSearchParams(search) };
}

/** Encode like URLSearchParams, but leave what may stand in a query as it is, to be read. */
function readable(params: URLSearchParams): string {
  const kept = (text: string) =>
    encodeURIComponent(text)
      .replace(/%20/g, "+")
      .replace(/%(3A|2F|2C|40)/g, (code) => decodeURIComponent(code));
  return [...params].map(([name, value]) => `${kept(name)}=${kept(value)}`).join("&");
}
