import { afterEach, describe, expect, it } from "vitest";
import { handle, register } from "../src/keys.ts";

const undo: (() => void)[] = [];

function key(keys: string, run: () => unknown): void {
  undo.push(register([{ keys, label: keys, group: "List", run }]));
}

function press(name: string, at = 0, more: Partial<KeyboardEvent> = {}): boolean {
  let prevented = false;
  const event = {
    key: name,
    timeStamp: at,
    target: null,
    preventDefault: () => (prevented = true),
  };
  handle({ ...event, ...more } as unknown as KeyboardEvent);
  return prevented;
}

afterEach(() => {
  for (const one of undo.splice(0)) one();
});

describe("a key", () => {
  it("does what the newest one who registered it wants", () => {
    const done: string[] = [];
    key("j", () => done.push("old"));
    key("j", () => done.push("new"));
    expect(press("j")).toBe(true);
    expect(done).toEqual(["new"]);
  });

  it("is passed on by one that has nothing to do", () => {
    const done: string[] = [];
    key("Escape", () => done.push("old"));
    key("Escape", () => false);
    press("Escape");
    expect(done).toEqual(["old"]);
  });

  it("is the browser's if nobody wants it, or with Control", () => {
    key("p", () => true);
    expect(press("x")).toBe(false);
    expect(press("p", 0, { ctrlKey: true })).toBe(false);
    expect(press("p", 0, { metaKey: true })).toBe(false);
  });

  it("can be two after each other, if they are not far apart", () => {
    const done: string[] = [];
    key("g e", () => done.push("endpoints"));
    key("e", () => done.push("e"));
    press("g", 0);
    press("e", 400);
    press("g", 1000);
    press("e", 9000);
    expect(done).toEqual(["endpoints", "e"]);
  });

  it("does nothing once it is taken away", () => {
    const away = register([{ keys: "q", label: "", group: "List", run: () => true }]);
    expect(press("q")).toBe(true);
    away();
    expect(press("q")).toBe(false);
  });
});
