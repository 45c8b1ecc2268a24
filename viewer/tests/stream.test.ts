import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Row } from "../src/api.ts";
import { type Source, Stream } from "../src/views/list/stream.ts";
import { row } from "./rows.ts";

/** The browser's end of a stream: what a server would say is said by the test. */
class Line implements Source {
  onerror: ((event: Event) => void) | null = null;
  closed = false;
  private readonly listeners = new Map<string, (event: MessageEvent<string>) => void>();

  constructor(readonly address: string) {}

  addEventListener(type: string, listener: (event: MessageEvent<string>) => void): void {
    this.listeners.set(type, listener);
  }

  close(): void {
    this.closed = true;
  }

  say(type: string, data: unknown, lastEventId = ""): void {
    const text = typeof data === "string" ? data : JSON.stringify(data);
    this.listeners.get(type)?.({ data: text, lastEventId } as MessageEvent<string>);
  }

  fail(): void {
    this.onerror?.({} as Event);
  }
}

let lines: Line[];
let arrived: Row[];
let lost: number;

function stream(): Stream {
  lines = [];
  arrived = [];
  lost = 0;
  const listener = {
    opened: () => undefined,
    failed: () => undefined,
    rows: (rows: readonly Row[]) => void arrived.push(...rows),
    lost: () => void (lost += 1),
  };
  return new Stream("status:5xx", listener, (address) => {
    const line = new Line(address);
    lines.push(line);
    return line;
  });
}

const newest = () => lines.at(-1) as Line;

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe("the stream", () => {
  it("asks with the filter, and is open once the server says hello", () => {
    const live = stream();
    live.start();
    expect(newest().address).toBe("/view/live?q=status%3A5xx");
    expect(live.state.value).toBe("connecting");
    newest().say("hello", { position: "7" }, "7");
    expect(live.state.value).toBe("open");
  });

  it("hands over what arrives", () => {
    stream().start();
    newest().say("calls", { rows: [row(1), row(2)] }, "9");
    expect(arrived.map((one) => one.time)).toEqual([1, 2]);
  });

  it("goes on after the last thing it saw when the connection is lost", () => {
    const live = stream();
    live.start();
    newest().say("hello", { position: "7" });
    newest().say("calls", { rows: [row(1)] }, "9");
    newest().fail();
    expect(live.state.value).toBe("waiting");
    expect(lines[0]?.closed).toBe(true);
    vi.advanceTimersByTime(1000);
    expect(lines).toHaveLength(2);
    expect(newest().address).toContain("position=9");
  });

  it("goes on from the first position if nothing had arrived", () => {
    const live = stream();
    live.start();
    newest().say("hello", { position: "7" });
    newest().fail();
    vi.advanceTimersByTime(1000);
    expect(newest().address).toContain("position=7");
    newest().say("hello", { position: "12" });
    newest().fail();
    vi.advanceTimersByTime(2000);
    expect(newest().address).toContain("position=7");
  });

  it("waits longer with every failure, but never longer than 12.5 seconds", () => {
    stream().start();
    for (let turn = 0; turn < 20; turn += 1) {
      newest().fail();
      vi.advanceTimersByTime(12_500);
    }
    expect(lines).toHaveLength(21);
    newest().fail();
    vi.advanceTimersByTime(7000);
    expect(lines).toHaveLength(21);
  });

  it("asks for the list to be read anew when something was lost", () => {
    const live = stream();
    live.start();
    newest().say("hello", { position: "7" });
    newest().say("lost", {});
    expect(lost).toBe(1);
    live.start();
    expect(newest().address).not.toContain("position");
  });

  it("stops for good when it is stopped, and then goes on where it was", () => {
    const live = stream();
    live.start();
    newest().say("hello", { position: "7" });
    newest().fail();
    live.stop();
    vi.advanceTimersByTime(60_000);
    expect(lines).toHaveLength(1);
    live.start();
    expect(newest().address).toContain("position=7");
  });

  it.each(["", "null", "[1]", "{", '"x"'])("is not troubled by a message %j", (data) => {
    stream().start();
    newest().say("calls", data, "9");
    newest().say("hello", data);
    expect(arrived).toEqual([]);
  });
});
