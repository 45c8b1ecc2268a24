// What is marked for a comparison, on every page.

import type { JSX } from "preact";
import { compareMarks, marks } from "../marks.ts";
import { Button } from "./basics.tsx";

export function Marked(): JSX.Element | null {
  const many = marks.value.length;
  if (!many) return null;
  return (
    <div class="marked popover" role="status">
      <span>{many === 1 ? "1 call marked; mark another one with x" : "2 calls marked"}</span>
      {many === 2 ? (
        <Button kind="primary" onClick={compareMarks}>
          Compare
        </Button>
      ) : null}
      <Button kind="quiet" onClick={() => (marks.value = [])} label="Forget the marks">
        ✕
      </Button>
    </div>
  );
}
