// The search in a JSON tree, and what opens and closes all of it.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { Button } from "../../components/basics.tsx";
import { count } from "../../format.ts";
import type { Tree } from "./openness.ts";
import { hitsIn } from "./treerows.ts";

/** A text in which what is searched for stands out. */
export function Found(props: { readonly text: string; readonly needle: string }): JSX.Element {
  const { text, needle } = props;
  if (!needle) return <>{text}</>;
  const parts: (JSX.Element | string)[] = [];
  const [lower, wanted] = [text.toLowerCase(), needle.toLowerCase()];
  // Where lower case has another length, offsets would be wrong: the line is found all the same.
  if (lower.length !== text.length) return <>{text}</>;
  let end = 0;
  for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, end)) {
    parts.push(text.slice(end, at), <mark key={at}>{text.slice(at, at + wanted.length)}</mark>);
    end = at + wanted.length;
  }
  return (
    <>
      {parts}
      {text.slice(end)}
    </>
  );
}

export function Tools(props: {
  readonly tree: Tree;
  readonly needle: { value: string };
}): JSX.Element {
  const { tree, needle } = props;
  const at = useSignal(-1);
  const hits = useMemo(() => hitsIn(tree.root, needle.value), [tree, needle.value]);
  const go = (by: number) => {
    const many = hits.places.length;
    if (!many) return;
    at.value = (at.value + by + many) % many;
    tree.reveal(hits.places[at.value] ?? "");
  };
  const many = `${count(hits.places.length)}${hits.cut ? "+" : ""}`;
  return (
    <div class="json-tools">
      <input
        class="field"
        type="search"
        placeholder="Search in it"
        aria-label="Search in this JSON"
        value={needle.value}
        onInput={(event) => {
          needle.value = event.currentTarget.value;
          at.value = -1;
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter") go(event.shiftKey ? -1 : 1);
        }}
      />
      <span class="dim" role="status">
        {needle.value ? (at.value < 0 ? `${many} found` : `${at.value + 1} of ${many}`) : ""}
      </span>
      {hits.places.length ? (
        <>
          <Button kind="quiet" label="Previous place" onClick={() => go(-1)}>
            ↑
          </Button>
          <Button kind="quiet" label="Next place" onClick={() => go(1)}>
            ↓
          </Button>
        </>
      ) : null}
      <span class="space" />
      <Button kind="quiet" onClick={() => tree.openAll(true)}>
        Expand all
      </Button>
      <Button kind="quiet" onClick={() => tree.openAll(false)}>
        Collapse
      </Button>
    </div>
  );
}
