import { describe, expect, it } from "vitest";
import { after, Pages } from "../src/views/list/pages.ts";
import { row, rows } from "./rows.ts";

function listed(pages: Pages): (string | null)[] {
  return Array.from({ length: pages.length }, (_, index) => pages.row(index)?.id ?? null);
}

function full(): Pages {
  const pages = new Pages();
  pages.reset({ rows: rows(1_000_000, 100), next: "p1" }, undefined);
  for (let page = 1; page <= 120; page += 1) {
    const next = page < 120 ? `p${page + 1}` : null;
    pages.append({ rows: rows(1_000_000 - page * 100, 100), next });
  }
  return pages;
}

describe("a list read page by page", () => {
  it("goes on where the last page ended, with the same end of time", () => {
    const pages = new Pages();
    pages.reset({ rows: rows(100, 3), next: "here" }, 101);
    expect(pages.next).toEqual({ to: 101, place: "here" });
    pages.append({ rows: rows(97, 2), next: null });
    expect(pages.next).toBeNull();
    expect(listed(pages)).toEqual(["call 100", "call 99", "call 98", "call 97", "call 96"]);
  });

  it("shows a call once that two pages have", () => {
    const pages = new Pages();
    pages.reset({ rows: rows(100, 3), next: "here" }, undefined);
    pages.append({ rows: rows(98, 2), next: null });
    expect(listed(pages)).toEqual(["call 100", "call 99", "call 98", "call 97"]);
  });

  it("finds a call, and says where", () => {
    const pages = full();
    expect(pages.indexOf("call 999900")).toBe(100);
    expect(pages.indexOf("another")).toBe(-1);
  });
});

describe("a call that arrives", () => {
  it("stands where its time belongs", () => {
    const pages = new Pages();
    pages.reset({ rows: [row(100), row(90)], next: null }, undefined);
    pages.insert([row(95), row(110), row(80)]);
    expect(listed(pages)).toEqual(["call 110", "call 100", "call 95", "call 90", "call 80"]);
  });

  it("is not there twice", () => {
    const pages = new Pages();
    pages.reset({ rows: [row(100)], next: null }, undefined);
    expect(pages.insert([row(100), row(101), row(101)])).toHaveLength(1);
    expect(pages.length).toBe(2);
  });

  it("is the first of an empty list", () => {
    const pages = new Pages();
    pages.reset({ rows: [], next: null }, undefined);
    pages.insert([row(5)]);
    expect(listed(pages)).toEqual(["call 5"]);
  });

  it("waits for its part of the list if that is not read yet", () => {
    const pages = new Pages();
    pages.reset({ rows: [row(100), row(90)], next: "more" }, undefined);
    expect(pages.insert([row(50)])).toEqual([]);
    pages.append({ rows: [row(60), row(50)], next: null });
    expect(listed(pages)).toEqual(["call 100", "call 90", "call 60", "call 50"]);
  });

  it("makes a long newest page shorter, which is read again from there, each call once", () => {
    const pages = new Pages();
    pages.reset({ rows: rows(5000, 2001), next: null }, undefined);
    expect(pages.trim()).toBe(true);
    expect(pages.length).toBe(1000);
    expect(pages.next).toEqual({ to: after(4001), place: undefined });
    pages.append({ rows: rows(4001, 3), next: "on" });
    expect(listed(pages).slice(-3)).toEqual(["call 4001", "call 4000", "call 3999"]);
    expect(pages.next).toEqual({ to: after(4001), place: "on" });
  });
});

describe("a long list", () => {
  it("gives up what is far away, keeps its place, and the newest page", () => {
    const pages = full();
    pages.shed(12_000, 12_040);
    expect(pages.length).toBe(12_100);
    expect(pages.row(0)?.id).toBe("call 1000000");
    expect(pages.row(150)).toBeNull();
    expect(pages.row(12_010)?.id).toBe("call 987990");
  });

  it("is read again on the way back, from where it was read", () => {
    const pages = full();
    pages.shed(12_000, 12_040);
    const index = pages.missing(190, 210);
    expect(index).toBe(1);
    expect(pages.cursor(index)).toEqual({ to: undefined, place: "p1" });
    expect(pages.cursorAfter(index)).toEqual({ to: undefined, place: "p2" });
    pages.fill(index, rows(999_900, 100));
    expect(pages.row(150)?.id).toBe("call 999850");
    expect(pages.missing(150, 199)).toBe(-1);
    expect(pages.missing(190, 210)).toBe(2);
  });

  it("grows by what came late to a part that was given up", () => {
    const pages = full();
    pages.shed(12_000, 12_040);
    pages.fill(1, [row(999_900.5), ...rows(999_900, 100)]);
    expect(pages.length).toBe(12_101);
    expect(pages.row(100)?.id).toBe("call 999900.5");
    expect(pages.row(12_011)?.id).toBe("call 987990");
  });
});

it("one microsecond later is exact at today's times", () => {
  expect(after(1_795_000_000_000.123)).toBe(1_795_000_000_000.124);
  expect(String(after(1_795_000_000_000))).toBe("1795000000000.001");
});
