// The bodies of two messages beside each other, compared as what they are.

import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { bytesIn, type Content, contentOf, textIn } from "../../call/body.ts";
import type { Message } from "../../call/event.ts";
import type { Json } from "../../call/json.ts";
import { bytes, plural } from "../../format.ts";
import { Card } from "../event/card.tsx";
import { changesIn, type DiffLine, jsonDiff } from "./jsondiff.ts";
import { type PairLine, pairDiff } from "./pairdiff.ts";
import { changeOf, JsonDiff, PairDiff, TextDiff } from "./pieces.tsx";
import { type TextLine, textDiff } from "./textdiff.ts";

type Compared =
  | { readonly kind: "none" }
  | { readonly kind: "json"; readonly lines: readonly DiffLine[]; readonly many: number }
  | { readonly kind: "pairs"; readonly lines: readonly PairLine[]; readonly many: number }
  | { readonly kind: "text"; readonly lines: readonly TextLine[]; readonly many: number }
  | { readonly kind: "bytes"; readonly words: string; readonly many: number };

export function Bodies(props: {
  readonly before: Message | null;
  readonly after: Message | null;
  readonly title: string;
  readonly only: boolean;
}): JSX.Element | null {
  const { before, after, title, only } = props;
  const compared = useMemo(
    () => comparedBodies(contentIn(before), contentIn(after)),
    [before, after],
  );
  if (compared.kind === "none") return null;
  return (
    <Card name={`compare ${title}`} title={title} note={differences(compared.many)}>
      {only && !compared.many ? (
        <p class="dim">They are the same.</p>
      ) : (
        <Shown compared={compared} label={title} only={only} />
      )}
    </Card>
  );
}

/** "no difference", "1 difference", "12 differences". */
export function differences(many: number): string {
  return many ? plural(many, "difference") : "no difference";
}

function contentIn(message: Message | null): Content {
  return message ? contentOf(message) : { kind: "none" };
}

function Shown(props: {
  readonly compared: Exclude<Compared, { kind: "none" }>;
  readonly label: string;
  readonly only: boolean;
}): JSX.Element {
  const { compared, label, only } = props;
  switch (compared.kind) {
    case "json":
      return <JsonDiff lines={compared.lines} label={label} only={only} />;
    case "pairs":
      return <PairDiff lines={compared.lines} label={label} only={only} />;
    case "text":
      return <TextDiff lines={compared.lines} label={label} only={only} />;
    case "bytes":
      return <p>{compared.words}</p>;
  }
}

function comparedBodies(before: Content, after: Content): Compared {
  if (before.kind === "none" && after.kind === "none") return { kind: "none" };
  if (before.kind === "form" && after.kind === "form") {
    const lines = pairDiff(before.params, after.params);
    return { kind: "pairs", lines, many: lines.filter((each) => changeOf(each) !== "same").length };
  }
  const [first, second] = [valueIn(before), valueIn(after)];
  const bothJson = first !== undefined && second !== undefined;
  const oneIsNone = before.kind === "none" || after.kind === "none";
  if (bothJson || (oneIsNone && (first !== undefined || second !== undefined))) {
    const lines = jsonDiff(first, second);
    return { kind: "json", lines, many: changesIn(lines) };
  }
  const [one, other] = [textIn(before), textIn(after)];
  if (one !== null && other !== null) {
    const lines = textDiff(one, other);
    return { kind: "text", lines, many: lines.filter((line) => line.change !== "same").length };
  }
  return comparedBytes(before, after);
}

function valueIn(content: Content): Json | undefined {
  return "value" in content ? content.value : undefined;
}

function comparedBytes(before: Content, after: Content): Compared {
  const first = "bytes" in before ? before.bytes : null;
  const second = "bytes" in after ? after.bytes : null;
  const sizes = `${bytes(bytesIn(before))} and ${bytes(bytesIn(after))}`;
  if (!first || !second) return { kind: "bytes", words: `Text and bytes: ${sizes}.`, many: 1 };
  const at = first.findIndex((byte, index) => byte !== second[index]);
  if (at < 0 && first.length === second.length) {
    return { kind: "bytes", words: `The same bytes: ${bytes(first.length)}.`, many: 0 };
  }
  const place = at < 0 ? Math.min(first.length, second.length) : at;
  return { kind: "bytes", words: `Bytes, ${sizes}: they differ from byte ${place} on.`, many: 1 };
}
