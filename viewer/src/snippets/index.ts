// A call as code that repeats it.

import type { CallEvent } from "../call/event.ts";
import { curl } from "./curl.ts";
import { httpie } from "./httpie.ts";
import { httpx, pytest } from "./httpx.ts";
import { replayOf } from "./replay.ts";

export type Language = "curl" | "httpie" | "httpx" | "pytest";

export const LANGUAGES: readonly { readonly name: Language; readonly label: string }[] = [
  { name: "curl", label: "curl" },
  { name: "httpie", label: "HTTPie" },
  { name: "httpx", label: "Python httpx" },
  { name: "pytest", label: "pytest" },
];

export interface Snippet {
  /** Null if the language has no words for this call. */
  readonly code: string | null;
  /** What the reader has to know about it. */
  readonly remarks: readonly string[];
}

/** Return code in *language* that repeats the request of *event*; a test wants *status* again. */
export function snippet(language: Language, event: CallEvent, status: number | null): Snippet {
  const replay = replayOf(event);
  const { remarks } = replay;
  switch (language) {
    case "curl":
      return { code: curl(replay), remarks };
    case "httpie":
      return { code: httpie(replay), remarks };
    case "httpx":
      return { code: httpx(replay), remarks };
    case "pytest":
      return { code: pytest(replay, event, status), remarks };
  }
}
