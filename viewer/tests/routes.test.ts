import { describe, expect, it } from "vitest";
import { callPath, routeOf, subjectPath } from "../src/routes.ts";

describe("a page", () => {
  it.each([
    ["/", { page: "list" }],
    ["/compare", { page: "compare" }],
    ["/endpoints", { page: "endpoints" }],
    ["/users", { page: "subjects", kind: "user" }],
    ["/companies/acme", { page: "subject", kind: "company", id: "acme" }],
    ["/calls/0198", { page: "event", id: "0198" }],
    ["/health", { page: "health" }],
    ["/login", { page: "login" }],
    ["/constructor", { page: "unknown" }],
    ["/users/a/b", { page: "unknown" }],
    ["/calls", { page: "unknown" }],
  ])("of %s is known", (path, expected) => {
    expect(routeOf(path)).toEqual(expected);
  });

  it.each(["ada", "a/b", "100%", "ä b", "?x#y", "../etc", "<b>"])(
    "is found again whatever the id: %j",
    (id) => {
      expect(routeOf(callPath(id))).toEqual({ page: "event", id });
      expect(routeOf(subjectPath("session", id))).toEqual({ page: "subject", kind: "session", id });
    },
  );

  it("takes a broken escape as it is written", () => {
    expect(routeOf("/users/%E0%A4%A")).toEqual({ page: "subject", kind: "user", id: "%E0%A4%A" });
  });
});
