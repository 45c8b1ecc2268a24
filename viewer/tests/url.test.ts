import { beforeEach, describe, expect, it } from "vitest";
import { address, change, navigate, param, path, q } from "../src/url.ts";

/** The two things of a browser that the address needs. */
function browse(start: string): string[] {
  const steps = [start];
  const here = new URL(start, "http://viewer.example");
  Object.assign(globalThis, {
    location: here,
    history: {
      pushState: (_: unknown, __: string, to: string) => {
        steps.push(to);
        here.href = to;
      },
      replaceState: (_: unknown, __: string, to: string) => {
        steps[steps.length - 1] = to;
        here.href = to;
      },
    },
  });
  return steps;
}

let steps: string[];

beforeEach(() => {
  browse("/elsewhere");
  navigate("/?q=before");
  steps = browse("/?q=before");
});

describe("an address", () => {
  it("leaves out what is empty", () => {
    expect(address("/", { q: "", from: null, to: undefined, sel: "x" })).toBe("/?sel=x");
    expect(address("/health")).toBe("/health");
  });

  it("can be read, and read back", () => {
    const text = 'route:/items/{id} user:"a b" duration:>200ms 100% ä+b&c=d #e';
    const made = address("/", { q: text });
    expect(made).toContain("route:/items/");
    expect(new URL(made, "http://viewer.example").searchParams.get("q")).toBe(text);
  });

  it("keeps of the present one only what is named", () => {
    navigate("/?q=status:500&from=-7d&sel=abc");
    expect(address("/endpoints", {}, ["q", "from"])).toBe("/endpoints?q=status:500&from=-7d");
  });

  it.each(["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", ""])(
    "never leads elsewhere: %j",
    (to) => {
      expect(() => address(to)).toThrow(RangeError);
    },
  );
});

describe("going somewhere", () => {
  it("is a step in the history, and every signal follows", () => {
    const user = param("user");
    navigate("/users/ada?user=1&q=is:error");
    expect([path.value, q.value, user.value]).toEqual(["/users/ada", "is:error", "1"]);
    expect(steps).toHaveLength(2);
  });

  it("can leave no step", () => {
    change({ q: "status:404" }, { replace: true });
    expect(q.value).toBe("status:404");
    expect(steps).toHaveLength(1);
  });

  it("is no step if nothing changes", () => {
    change({ q: "before" });
    expect(steps).toHaveLength(1);
  });

  it("changes one parameter and leaves the others", () => {
    navigate("/?q=a&from=-7d&sel=1");
    change({ sel: null, to: "5" });
    expect(location.search).toBe("?q=a&from=-7d&to=5");
  });

  it("never leaves the origin", () => {
    expect(() => navigate("https://evil.example/")).toThrow(RangeError);
  });
});
