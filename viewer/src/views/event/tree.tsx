// A JSON value as a tree that opens and closes.

import { useSignal } from "@preact/signals";
import type { CSSProperties, JSX } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { isContainer, type Json, kindOf, pathOf, sizeOf, written } from "../../call/json.ts";
import { pieces } from "../../call/masks.ts";
import { Button, Copy } from "../../components/basics.tsx";
import { count, plural, visible } from "../../format.ts";
import { Tree } from "./openness.ts";
import { countOf, type TreeRow } from "./treerows.ts";
import { Found, Tools } from "./treetools.tsx";

/** A tree with fewer values is seen at a glance, without a search. */
const WORTH_A_SEARCH = 15;
/** Characters of a text that a line shows; the rest on demand. */
const LONG = 1_000;

export function JsonTree(props: {
  readonly value: Json;
  readonly label: string;
  readonly noted: boolean;
}): JSX.Element {
  const { value, label, noted } = props;
  const tree = useMemo(() => new Tree(value), [value]);
  const searchable = useMemo(() => countOf(value, WORTH_A_SEARCH) >= WORTH_A_SEARCH, [value]);
  const needle = useSignal("");
  const place = useRef<HTMLDivElement>(null);
  const { rows, cut } = tree.lines.value;
  const active = tree.active.value;
  useEffect(() => {
    if (active === null) return;
    place.current?.querySelector(".json-line.active")?.scrollIntoView({ block: "nearest" });
  }, [active]);
  return (
    <div class="json">
      {searchable ? <Tools tree={tree} needle={needle} /> : null}
      <div
        ref={place}
        class="json-lines"
        role="tree"
        aria-label={label}
        aria-activedescendant={active === null ? undefined : idOf(label, active)}
        tabIndex={0}
        onKeyDown={(event) => onKey(event, tree, rows)}
      >
        {rows.map((row) =>
          row.more ? (
            <div key={`${row.place} ${row.side}`} class="json-line" style={indent(row.depth)}>
              <Button kind="quiet" onClick={() => tree.showMore(row.place, row.side)}>
                {count(row.more)} {row.side === "before" ? "before" : "more"}
              </Button>
            </div>
          ) : (
            <Line
              key={row.place}
              row={row}
              tree={tree}
              id={idOf(label, row.place)}
              active={active === row.place}
              needle={needle.value}
              noted={noted}
            />
          ),
        )}
      </div>
      {cut ? <Further tree={tree} /> : null}
    </div>
  );
}

function Further({ tree }: { readonly tree: Tree }): JSX.Element {
  if (!tree.mayDraw) return <p class="dim">There is more than can be drawn: close some of it.</p>;
  return <Button onClick={() => tree.drawMore()}>Show more lines</Button>;
}

function idOf(label: string, place: string): string {
  const safe = place.replace(/[^\w/-]/g, (one) => `.${one.charCodeAt(0).toString(16)}.`);
  return `${label.replace(/\W+/g, "-")}${safe}`;
}

function indent(depth: number): CSSProperties {
  return { "--depth": String(Math.min(depth, 24)) } as CSSProperties;
}

function Line(props: {
  readonly row: TreeRow;
  readonly tree: Tree;
  readonly id: string;
  readonly active: boolean;
  readonly needle: string;
  readonly noted: boolean;
}): JSX.Element {
  const { row, tree, active, needle, noted } = props;
  const touch = () => {
    tree.active.value = row.place;
    if (row.branch) tree.toggle(row.place);
  };
  return (
    <div
      id={props.id}
      class={`json-line ${active ? "active" : ""} ${row.branch ? "branch" : ""}`}
      role="treeitem"
      aria-level={row.depth + 1}
      aria-expanded={row.branch ? row.open : undefined}
      aria-selected={active}
      style={indent(row.depth)}
    >
      <span class="json-text" onClick={() => (hasSelection() ? undefined : touch())}>
        {row.branch ? (
          <span class="twisty" aria-hidden="true">
            {row.open ? "▾" : "▸"}
          </span>
        ) : null}
        {row.name === null ? null : (
          <>
            <span class={typeof row.name === "number" ? "json-index" : "json-name"}>
              <Found text={visible(String(row.name))} needle={needle} />
            </span>
            <span class="json-colon">: </span>
          </>
        )}
        <Value row={row} needle={needle} noted={noted} />
      </span>
      {active ? (
        <span class="json-copy">
          <Copy label="Copy value" text={() => copied(row.value)} />
          <Copy label="Copy path" text={() => pathOf(tree.root, row.place)} />
        </span>
      ) : null}
    </div>
  );
}

function copied(value: Json): string {
  return typeof value === "string" ? value : written(value, 2);
}

/** Whoever marks a text to copy it does not want to close what it stands in. */
function hasSelection(): boolean {
  return getSelection()?.type === "Range";
}

function Value(props: {
  readonly row: TreeRow;
  readonly needle: string;
  readonly noted: boolean;
}): JSX.Element {
  const { value, open } = props.row;
  const whole = useSignal(false);
  if (isContainer(value)) {
    const size = sizeOf(value);
    const [first, last] = Array.isArray(value) ? "[]" : "{}";
    const words = plural(size, Array.isArray(value) ? "item" : "field");
    return (
      <span class="json-size">
        {first}
        {size && !open ? `${preview(value)}` : ""}
        {size && open ? "" : last}
        {size ? <span class="json-count"> {words}</span> : null}
      </span>
    );
  }
  if (typeof value !== "string") {
    return (
      <span class={`json-${kindOf(value)}`}>
        <Found text={written(value)} needle={props.needle} />
      </span>
    );
  }
  const long = value.length > LONG && !whole.value;
  const text = long ? value.slice(0, LONG) : value;
  return (
    <span class="json-string">
      "
      {pieces(text, props.noted).map((piece, index) =>
        piece.masked ? (
          <span key={index} class="masked" title="A value was masked here">
            {piece.text}
          </span>
        ) : (
          <Found key={index} text={quotable(piece.text)} needle={props.needle} />
        ),
      )}
      {long ? (
        <Button
          kind="quiet"
          class="json-rest"
          onClick={(event) => {
            event.stopPropagation();
            whole.value = true;
          }}
        >
          … {count(value.length - LONG)} more characters
        </Button>
      ) : (
        '"'
      )}
    </span>
  );
}

/** The inside of a JSON string, without what would not show. */
function quotable(text: string): string {
  return visible(JSON.stringify(text).slice(1, -1));
}

/** A glance at what is in a closed container. */
function preview(value: Json): string {
  const names = Array.isArray(value) ? [] : Object.keys(value as object).slice(0, 4);
  if (!names.length) return "…";
  const more = Object.keys(value as object).length > names.length;
  return visible(` ${names.map((name) => name.slice(0, 20)).join(", ")}${more ? ", …" : ""} `);
}

/** The keys of a tree: https://www.w3.org/WAI/ARIA/apg/patterns/treeview/. */
function onKey(event: KeyboardEvent, tree: Tree, rows: readonly TreeRow[]): void {
  if (event.target !== event.currentTarget) return;
  const lines = rows.filter((row) => !row.more);
  const index = Math.max(
    0,
    lines.findIndex((row) => row.place === tree.active.value),
  );
  const row = lines[index];
  if (!row) return;
  const goTo = (next: number) => {
    tree.active.value = lines[Math.max(0, Math.min(lines.length - 1, next))]?.place ?? "";
  };
  const parent = () => {
    for (let at = index - 1; at >= 0; at -= 1) {
      if ((lines[at]?.depth ?? 0) < row.depth) return at;
    }
    return index;
  };
  const acts: Readonly<Record<string, () => void>> = {
    ArrowDown: () => goTo(index + 1),
    ArrowUp: () => goTo(index - 1),
    Home: () => goTo(0),
    End: () => goTo(lines.length - 1),
    ArrowRight: () => (row.branch && !row.open ? tree.toggle(row.place) : goTo(index + 1)),
    ArrowLeft: () => (row.open ? tree.toggle(row.place) : goTo(parent())),
    Enter: () => row.branch && tree.toggle(row.place),
    " ": () => row.branch && tree.toggle(row.place),
  };
  const act = Object.hasOwn(acts, event.key) ? acts[event.key] : undefined;
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  event.stopPropagation();
  act();
}
