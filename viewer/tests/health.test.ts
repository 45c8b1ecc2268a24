import { expect, it } from "vitest";
import type { Health } from "../src/api.ts";
import { lost, reasonOf, verdicts } from "../src/views/health/reasons.ts";

const fine: Health = {
  senders: 2,
  accounts: { captured: 100, delivered: 100, spooled: 0, quarantined: 0 },
  dropped: { sampled_out: 5 },
  refusals: [],
  store: { calls: 100, bytes: 1e5, oldest: 1, newest: 2, search: true },
  version: "0.1.0",
  ingest: { received: 100, stored: 100, duplicates: 0, refused: 0 },
};

it("says that nothing is wrong where only what was wanted is missing", () => {
  expect(lost(fine.dropped)).toBe(0);
  expect(verdicts(fine).map((one) => one.kind)).toEqual(["good"]);
});

it("says what is wrong, the worst first", () => {
  const bad: Health = {
    ...fine,
    accounts: { captured: 100, delivered: 80, spooled: 4, quarantined: 2 },
    dropped: { queue_full: 3, disk_full: 1, skipped: 9 },
    store: { ...fine.store, search: false },
    ingest: { ...fine.ingest, refused: 1 },
  };
  const found = verdicts(bad);
  expect(found.map((one) => one.kind)).toEqual(["bad", "bad", "note", "note", "note"]);
  expect(found[0]?.said).toContain("4 calls lost");
});

it("says of a reason that it does not know that it does not", () => {
  expect(reasonOf("new_in_the_next_version").means).toContain("does not know");
  expect(reasonOf("constructor").means).toContain("does not know");
});
