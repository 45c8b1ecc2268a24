// The list against a server that is played here: what it answers, and what it says on the stream.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Row } from "../src/api.ts";
import { Calls, type Wanted } from "../src/views/list/model.ts";
import { row, rows } from "./rows.ts";

type Heard = (event: { data: string; lastEventId: string }) => void;

let asked: URL[];
let answers: ((url: URL) => Response | Promise<Response>)[];
let lines: Map<string, Heard>[];
let calls: Calls;

const json = (content: unknown, status = 200) => Response.json(content, { status });
const page = (all: Row[], next: string | null = null) => json({ rows: all, next });
const now = () => Date.now();

beforeEach(() => {
  asked = [];
  answers = [];
  lines = [];
  vi.stubGlobal("fetch", async (address: string) => {
    const url = new URL(address, "http://viewer.example");
    if (url.pathname === "/view/health") return json({ error: "not now" }, 503);
    asked.push(url);
    const next = answers.shift();
    if (!next) throw new TypeError("refused");
    return next(url);
  });
  vi.stubGlobal(
    "EventSource",
    class {
      readonly listeners = new Map<string, Heard>();
      onerror: (() => void) | null = null;
      constructor() {
        lines.push(this.listeners);
      }
      addEventListener(type: string, heard: Heard): void {
        this.listeners.set(type, heard);
      }
      close(): void {}
    },
  );
});

afterEach(() => {
  calls.end();
  vi.unstubAllGlobals();
});

async function list(wanted: Partial<Wanted>, first: () => Response): Promise<Calls> {
  answers.push(first);
  calls = new Calls({ q: "", from: "-1h", to: "", ...wanted });
  calls.begin();
  await vi.waitFor(() => expect(calls.loading.value).toBe(false));
  return calls;
}

function arrive(...all: Row[]): void {
  lines.at(-1)?.get("calls")?.({ data: JSON.stringify({ rows: all }), lastEventId: "1" });
}

const shown = () =>
  Array.from({ length: calls.pages.length }, (_, index) => calls.pages.row(index)?.id);

describe("a live list", () => {
  it("shows what arrives, the newest first, each call once", async () => {
    const at = now();
    await list({}, () => page([row(at, "a")]));
    arrive(row(at + 1, "b"), row(at, "a"));
    expect(shown()).toEqual(["b", "a"]);
    expect(calls.isFresh("b")).toBe(true);
    expect(calls.isFresh("a")).toBe(false);
  });

  it("misses nothing that arrives while its first page is on its way", async () => {
    const at = now();
    answers.push(() => {
      arrive(row(at + 1, "b"), row(at, "a"));
      return page([row(at, "a")]);
    });
    calls = new Calls({ q: "", from: "-1h", to: "" });
    calls.begin();
    await vi.waitFor(() => expect(shown()).toEqual(["b", "a"]));
    expect(calls.pending.value).toBe(0);
  });

  it("keeps new calls aside while somebody looks further down", async () => {
    const at = now();
    await list({}, () => page([row(at, "a")]));
    calls.look(true);
    arrive(row(at + 1, "b"));
    arrive(row(at + 1, "b"), row(at + 2, "c"));
    expect(calls.pending.value).toBe(2);
    expect(shown()).toEqual(["a"]);
    calls.look(false);
    expect(calls.pending.value).toBe(0);
    expect(shown()).toEqual(["c", "b", "a"]);
  });

  it("keeps them aside while it is paused, also at its top", async () => {
    const at = now();
    await list({}, () => page([row(at, "a")]));
    calls.pause(true);
    arrive(row(at + 1, "b"));
    calls.look(true);
    calls.look(false);
    expect(shown()).toEqual(["a"]);
    calls.showPending();
    expect(shown()).toEqual(["b", "a"]);
    expect(calls.paused.value).toBe(false);
  });

  it("is read anew if more waits than can be kept", async () => {
    const at = now();
    await list({}, () => page([row(at, "a")]));
    calls.look(true);
    for (let turn = 0; turn < 11; turn += 1) {
      arrive(...Array.from({ length: 200 }, (_, index) => row(at + 1, `${turn} ${index}`)));
    }
    expect(calls.pending.value).toBe(2200);
    answers.push(() => page([row(at + 9, "z")]));
    calls.showPending();
    await vi.waitFor(() => expect(shown()).toEqual(["z"]));
  });

  it("says how many arrived that began before its range", async () => {
    await list({}, () => page([]));
    arrive(row(now() - 7_200_000, "old"), row(now(), "new"));
    expect(calls.outside.value).toBe(1);
    expect(shown()).toEqual(["new"]);
  });

  it("is read anew when the server cannot say what was missed", async () => {
    const at = now();
    await list({}, () => page([row(at, "a")]));
    answers.push(() => page([row(at + 1, "b")]));
    lines.at(-1)?.get("lost")?.({ data: "{}", lastEventId: "" });
    await vi.waitFor(() => expect(shown()).toEqual(["b"]));
    expect(lines).toHaveLength(2);
  });
});

describe("a list of a time that is over", () => {
  it("asks for exactly that time, and follows nothing", async () => {
    await list({ q: "status:5xx", from: "1000", to: "2000" }, () => page(rows(1999, 3)));
    expect(asked[0]?.search).toBe("?q=status%3A5xx&from=1000&to=2000&limit=100");
    expect(lines).toHaveLength(0);
  });

  it("reads on when its end comes near, and only once at a time", async () => {
    await list({ from: "1", to: "2000" }, () => page(rows(1999, 100), "p1"));
    answers.push(() => page(rows(1899, 100)));
    calls.need(0, 30);
    calls.need(0, 40);
    await vi.waitFor(() => expect(calls.pages.length).toBe(200));
    expect(asked[1]?.search).toBe("?from=1&to=2000&place=p1&limit=200");
    calls.need(150, 200);
    expect(asked).toHaveLength(2);
  });
});

describe("a list that cannot be read", () => {
  it("says what is wrong with the filter, and where", async () => {
    await list({ q: "stat:5" }, () => json({ error: "There is no field.", at: 3 }, 400));
    expect(calls.error.value).toMatchObject({ message: "There is no field.", at: 3, status: 400 });
    expect(calls.connection.value).toBe("off");
  });

  it("is read once the server is there again", async () => {
    answers.push(() => {
      throw new TypeError("refused");
    });
    calls = new Calls({ q: "", from: "-1h", to: "" });
    calls.begin();
    await vi.waitFor(() => expect(calls.error.value?.status).toBe(0));
    answers.push(() => page([row(now(), "a")]));
    lines.at(-1)?.get("hello")?.({ data: '{"position":"1"}', lastEventId: "1" });
    await vi.waitFor(() => expect(shown()).toEqual(["a"]));
    expect(calls.error.value).toBeNull();
  });

  it("asks nothing more after its end, whatever comes late", async () => {
    let answer: (response: Response) => void = () => undefined;
    const late = new Promise<Response>((done) => {
      answer = done;
    });
    answers.push(() => late);
    calls = new Calls({ q: "", from: "1", to: "2000" });
    calls.begin();
    calls.end();
    answer(page(rows(1999, 100), "p1"));
    await vi.waitFor(() => expect(calls.loading.value).toBe(false));
    calls.need(0, 100);
    expect(asked).toHaveLength(1);
  });
});
