// The client of the collector's JSON API. Times and durations are milliseconds; absent numbers are
// null, absent texts "".

import { signal } from "@preact/signals";
import { type JsonObject, parsed } from "./call/json.ts";

export interface Row {
  readonly id: string;
  readonly time: number;
  readonly received: number;
  readonly source: string;
  readonly method: string;
  readonly host: string;
  readonly route: string;
  readonly path: string;
  readonly query: string;
  readonly status: number | null;
  readonly duration: number | null;
  readonly user: string;
  readonly company: string;
  readonly session: string;
  readonly ip: string;
  readonly trace: string;
  readonly request_size: number | null;
  readonly response_size: number | null;
  readonly error: string;
}

export interface CallsPage {
  readonly rows: readonly Row[];
  readonly next: string | null;
}

export interface Whole {
  readonly row: Row;
  /**
   * The event in the words of Moesif's API; everything in it is what somebody sent. A number that
   * JavaScript would change is an `Exact`: read numbers with `numberOf()`.
   */
  readonly event: JsonObject;
  /** Calls of the same session around this one, oldest first. */
  readonly session: readonly Row[];
  readonly previous: string | null;
  readonly next: string | null;
}

export interface Point {
  readonly time: number;
  readonly count: number;
  readonly client_errors: number;
  readonly server_errors: number;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

export interface Series {
  readonly step: number;
  readonly from: number;
  readonly to: number;
  readonly points: readonly Point[];
}

export interface Endpoint {
  readonly method: string;
  readonly route: string;
  readonly count: number;
  readonly client_errors: number;
  readonly server_errors: number;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly last: number;
}

export interface Value {
  readonly value: string;
  readonly count: number;
}

export type SubjectKind = "user" | "company" | "session";

export interface Subject {
  readonly id: string;
  readonly count: number;
  readonly errors: number;
  readonly first: number;
  readonly last: number;
}

export interface Profile {
  readonly id: string;
  readonly time: number;
  readonly document: Readonly<Record<string, unknown>>;
}

export interface Refusal {
  readonly time: number;
  readonly source: string;
  readonly path: string;
  readonly status: number;
  readonly reason: string;
  readonly content: string;
}

export interface Health {
  readonly senders: number;
  readonly accounts: {
    readonly captured: number;
    readonly delivered: number;
    readonly spooled: number;
    readonly quarantined: number;
  };
  readonly dropped: Readonly<Record<string, number>>;
  readonly refusals: readonly Refusal[];
  readonly store: {
    readonly calls: number;
    readonly bytes: number;
    readonly oldest: number | null;
    readonly newest: number | null;
    readonly search: boolean;
  };
  readonly version: string;
  readonly ingest: {
    readonly received: number;
    readonly stored: number;
    readonly duplicates: number;
    readonly refused: number;
  };
}

/** What a data route is asked: numbers are milliseconds, or how many. */
export interface Question {
  readonly q?: string | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly limit?: number | undefined;
  readonly place?: string | undefined;
}

/** An answer that is none; *message* is a sentence for the reader. */
export class ApiError extends Error {
  /** The HTTP status; 0 if nothing came back at all. */
  readonly status: number;
  /** Where in `q` the fault is, or null. */
  readonly at: number | null;
  /** Seconds after which to try again, or null. */
  readonly retryAfter: number | null;

  constructor(message: string, status: number, at: number | null, retryAfter: number | null) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.at = at;
    this.retryAfter = retryAfter;
  }
}

/** Whether the viewer needs to sign in; set by any answer 401, taken back by `login`. */
export const signedOut = signal(false);

/** The last answer about the pipeline, or null as long as there is none. */
export const health = signal<Health | null>(null);

const enc = encodeURIComponent;

export const api = {
  calls: (question: Question, signal?: AbortSignal) =>
    get<CallsPage>("/view/calls", question, signal),
  call: (id: string, signal?: AbortSignal) =>
    answer<Whole>(`/view/calls/${enc(id)}`, signal ? { signal } : {}, wholeOf),
  /** The step is milliseconds; the server chooses one for at most 240 points if it is absent. */
  series: (question: Question & { readonly step?: number }, signal?: AbortSignal) =>
    get<Series>("/view/series", question, signal),
  endpoints: (question: Question, signal?: AbortSignal) =>
    get<{ endpoints: readonly Endpoint[] }>("/view/endpoints", question, signal),
  values: (field: string, beginning: string, question: Question, signal?: AbortSignal) =>
    get<{ values: readonly Value[] }>("/view/values", { field, beginning, ...question }, signal),
  subjects: (kind: SubjectKind, question: Question, signal?: AbortSignal) =>
    get<{ subjects: readonly Subject[] }>(`/view/subjects/${kind}`, question, signal),
  profile: (kind: "user" | "company" | "subscription", id: string, signal?: AbortSignal) =>
    get<Profile>(`/view/profiles/${kind}/${enc(id)}`, {}, signal),
  async health(signal?: AbortSignal): Promise<Health> {
    health.value = await get<Health>("/view/health", {}, signal);
    return health.value;
  },
  async login(token: string): Promise<void> {
    await send("/view/login", { token });
    signedOut.value = false;
  },
  async logout(): Promise<void> {
    await send("/view/logout", {});
    signedOut.value = true;
  },
  /** The address of a download; it may be followed with `download`. */
  exportAddress: (format: "har" | "ndjson" | "csv", question: Question) =>
    withParams("/view/export", { format, ...question }),
  liveAddress: (text: string, position: string) =>
    withParams("/view/live", { q: text, position: position || undefined }),
};

type Params = Readonly<Record<string, string | number | undefined>>;

function withParams(path: string, params: Params): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined && value !== "") search.set(name, String(value));
  }
  const text = search.toString();
  return text ? `${path}?${text}` : path;
}

function get<T>(path: string, params: object, signal?: AbortSignal): Promise<T> {
  return answer<T>(withParams(path, params as Params), signal ? { signal } : {});
}

function send(path: string, content: object): Promise<null> {
  return answer<null>(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Apilog-CSRF": "1" },
    body: JSON.stringify(content),
  });
}

/** The numbers of an event stay as they were written: JavaScript would round long ones. */
function wholeOf(text: string): unknown {
  const whole = JSON.parse(text) as Record<string, unknown>;
  const { event = {} } = parsed(text) as JsonObject;
  return { ...whole, event };
}

async function answer<T>(
  path: string,
  init: RequestInit,
  read: (text: string) => unknown = JSON.parse,
): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: "same-origin", cache: "no-store", ...init });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError("The collector does not answer. Is it running?", 0, null, null);
  }
  if (response.status === 204) return null as T;
  const text = await response.text().catch(() => "");
  const content = contentOf(text, response.ok ? read : JSON.parse);
  if (response.ok) return content as T;
  if (response.status === 401) signedOut.value = true;
  throw failure(response, content);
}

function contentOf(text: string, read: (text: string) => unknown): unknown {
  try {
    return read(text);
  } catch {
    return null;
  }
}

function failure(response: Response, content: unknown): ApiError {
  const said = (content ?? {}) as { error?: unknown; at?: unknown };
  const wait = Number(response.headers.get("Retry-After") ?? Number.NaN);
  return new ApiError(
    typeof said.error === "string" ? said.error : `The collector answered ${response.status}.`,
    response.status,
    typeof said.at === "number" ? said.at : null,
    Number.isFinite(wait) ? wait : null,
  );
}

/** Whether *error* only says that the question was given up. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
