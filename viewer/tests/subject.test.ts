import { describe, expect, it } from "vitest";
import type { Row } from "../src/api.ts";
import { fields } from "../src/views/subject/fields.ts";
import { grouped, room, stretches } from "../src/views/subject/grouping.ts";
import { pause } from "../src/views/subject/pause.ts";
import { row } from "./rows.ts";

const MINUTE = 60_000;
const NOON = new Date(2026, 10, 20, 12).getTime();

const at = (minutes: number, more: Partial<Row> = {}): Row => ({
  ...row(NOON + minutes * MINUTE),
  session: "",
  user: "",
  ...more,
});

describe("the calls of a subject", () => {
  it("are put together by session, however they are mixed", () => {
    const rows = [
      at(4, { session: "a", user: "ada" }),
      at(3, { session: "b", user: "ada" }),
      at(2, { session: "a", user: "ada" }),
    ];
    const found = grouped(rows, "user");
    expect(found.map((group) => [group.session, group.rows.length])).toEqual([
      ["a", 2],
      ["b", 1],
    ]);
    expect(found[0]?.user).toBe("ada");
  });

  it("are put together by day where there is no session", () => {
    const rows = [at(0), at(-1), at(-24 * 60)];
    expect(grouped(rows, "user").map((group) => group.rows.length)).toEqual([2, 1]);
  });

  it("are put together by day in a session itself", () => {
    const rows = [at(0, { session: "a" }), at(-24 * 60, { session: "a" })];
    expect(grouped(rows, "session").map((group) => group.session)).toEqual(["", ""]);
  });

  it("name the user of a group only if it has one", () => {
    const rows = [at(1, { session: "a", user: "ada" }), at(0, { session: "a", user: "grace" })];
    expect(grouped(rows, "company")[0]?.user).toBe("");
  });
});

describe("a time axis", () => {
  it("cuts a long pause out, and gives the rest its room", () => {
    const all = stretches([at(62), at(61), at(1), at(0)]);
    expect(all.map((one) => one.kind)).toEqual(["calls", "gap", "calls"]);
    expect(room(all)).toEqual([MINUTE, 0, MINUTE]);
  });

  it("keeps a short pause, however lonely", () => {
    expect(stretches([at(0.5), at(0)]).map((one) => one.kind)).toEqual(["calls"]);
  });

  it("has room for a single call", () => {
    expect(room(stretches([at(0)]))).toEqual([1]);
  });

  it("has room for a call between pauses", () => {
    const rooms = room(stretches([at(200), at(100), at(1), at(0)]));
    expect(rooms.every((one, index) => (index % 2 ? one === 0 : one > 0))).toBe(true);
  });
});

it.each([
  [42_000, "42 s"],
  [12 * MINUTE, "12 min"],
  [3 * 60 * MINUTE, "3 h"],
  [48 * 60 * MINUTE, "2 days"],
])("says a pause of %d ms as %s", (ms, text) => {
  expect(pause(ms)).toBe(text);
});

describe("the fields of a profile", () => {
  it("are named by their way, and deep ones are JSON", () => {
    const document = {
      user_id: "ada",
      metadata: { plan: "gold", tags: ["x"], deep: { a: { b: 1 } } },
    };
    expect(fields(document)).toEqual([
      { name: "user_id", value: "ada" },
      { name: "metadata.plan", value: "gold" },
      { name: "metadata.tags", value: '["x"]' },
      { name: "metadata.deep.a", value: '{"b":1}' },
    ]);
  });

  it("have bounds", () => {
    const many = Object.fromEntries(
      Array.from({ length: 500 }, (_, index) => [`f${index}`, index]),
    );
    expect(fields(many)).toHaveLength(100);
    expect(fields({ long: "x".repeat(5000) })[0]?.value).toHaveLength(1002);
  });
});
