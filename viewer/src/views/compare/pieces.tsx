// The parts of a comparison: pairs, JSON and text, each with what differs standing out.

import { useSignal } from "@preact/signals";
import type { CSSProperties, JSX } from "preact";
import { isContainer, type Json, sizeOf, written } from "../../call/json.ts";
import { Button } from "../../components/basics.tsx";
import { count, plural, visible } from "../../format.ts";
import { plain } from "../event/texts.tsx";
import type { DiffLine } from "./jsondiff.ts";
import type { PairLine } from "./pairdiff.ts";
import { shortened, type TextLine } from "./textdiff.ts";

/** Lines that are drawn at first, and with each "show more". */
const PORTION = 400;
/** Characters of a value that a line shows. */
const LONG = 500;

const SIGNS = { same: " ", inside: " ", changed: "~", added: "+", removed: "−" } as const;
const WORDS = {
  same: "",
  inside: "",
  changed: "changed: ",
  added: "added: ",
  removed: "removed: ",
} as const;

function cut(text: string): string {
  return text.length > LONG ? `${text.slice(0, LONG)}… (${count(text.length)} characters)` : text;
}

export function changeOf(line: PairLine): keyof typeof SIGNS {
  if (line.before === undefined) return "added";
  if (line.after === undefined) return "removed";
  return line.before === line.after ? "same" : "changed";
}

/** Two columns of values by name; on a narrow screen below each other. */
export function PairDiff(props: {
  readonly lines: readonly PairLine[];
  readonly label: string;
  readonly only: boolean;
}): JSX.Element {
  const shown = props.only ? props.lines.filter((line) => changeOf(line) !== "same") : props.lines;
  return (
    <table class="diff-pairs" aria-label={props.label}>
      <thead>
        <tr>
          <th scope="col">
            <span class="off-screen">Name</span>
          </th>
          <th scope="col">A</th>
          <th scope="col">B</th>
        </tr>
      </thead>
      <tbody>
        {shown.map((line, index) => {
          const change = changeOf(line);
          return (
            <tr key={index} class={change}>
              <th scope="row">
                <span class="diff-sign" aria-hidden="true">
                  {SIGNS[change]}
                </span>
                <span class="off-screen">{WORDS[change]}</span>
                {visible(line.name)}
              </th>
              <td class="before">
                {line.before === undefined ? "" : visible(cut(line.before)) || "(empty)"}
              </td>
              <td class="after">
                {line.after === undefined ? "" : visible(cut(line.after)) || "(empty)"}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

export function JsonDiff(props: {
  readonly lines: readonly DiffLine[];
  readonly label: string;
  readonly only: boolean;
}): JSX.Element {
  const most = useSignal(PORTION);
  const shown = props.only ? props.lines.filter((line) => line.change !== "same") : props.lines;
  const rest = shown.length - most.value;
  return (
    <>
      <ul class="diff-lines" aria-label={props.label}>
        {shown.slice(0, most.value).map((line, index) => (
          <li
            key={index}
            class={line.change}
            style={{ "--depth": String(Math.min(line.depth, 24)) } as CSSProperties}
          >
            <span class="diff-sign" aria-hidden="true">
              {SIGNS[line.change]}
            </span>
            <span class="off-screen">{WORDS[line.change]}</span>
            {line.name === null ? null : (
              <span class="json-name">{visible(String(line.name))}: </span>
            )}
            <Values line={line} />
          </li>
        ))}
      </ul>
      {rest > 0 ? (
        <Button onClick={() => (most.value += 5 * PORTION)}>Show {count(rest)} more lines</Button>
      ) : null}
    </>
  );
}

function Values({ line }: { readonly line: DiffLine }): JSX.Element {
  const { change, before, after } = line;
  if (change === "inside") {
    return <span class="dim">{Array.isArray(after) ? "[" : "{"}</span>;
  }
  if (change === "changed") {
    return (
      <>
        <del>{brief(before)}</del>
        <span class="dim"> → </span>
        <ins>{brief(after)}</ins>
      </>
    );
  }
  if (change === "added") return <ins>{brief(after)}</ins>;
  if (change === "removed") return <del>{brief(before)}</del>;
  return <span class="dim">{brief(after)}</span>;
}

/** A value on one line; of a long one its beginning. */
function brief(value: Json | undefined): string {
  if (value === undefined) return "";
  const text = visible(cut(written(value)));
  if (!isContainer(value) || text.length <= 120) return text;
  const words = plural(sizeOf(value), Array.isArray(value) ? "item" : "field");
  return `${text.slice(0, 120)}… ${words}`;
}

export function TextDiff(props: {
  readonly lines: readonly TextLine[];
  readonly label: string;
  readonly only: boolean;
}): JSX.Element {
  const { lines, label, only } = props;
  const most = useSignal(PORTION);
  const stretches = only ? shortened(lines) : [{ kind: "lines" as const, lines }];
  let left = most.value;
  const rest = lines.length - most.value;
  return (
    <>
      <ol class="diff-text" aria-label={label}>
        {stretches.map((stretch, index) => {
          if (stretch.kind === "left out") {
            return (
              <li key={index} class="diff-gap">
                {plural(stretch.many, "line")} the same
              </li>
            );
          }
          const shown = stretch.lines.slice(0, Math.max(0, left));
          left -= shown.length;
          return shown.map((line) => (
            <li key={`${line.before} ${line.after}`} class={line.change}>
              <span class="diff-number">{line.before ?? ""}</span>
              <span class="diff-number">{line.after ?? ""}</span>
              <span class="diff-sign" aria-hidden="true">
                {SIGNS[line.change]}
              </span>
              <span class="off-screen">{WORDS[line.change]}</span>
              <code>{plain(cut(line.text))}</code>
            </li>
          ));
        })}
      </ol>
      {rest > 0 && left <= 0 ? (
        <Button onClick={() => (most.value += 5 * PORTION)}>Show more lines</Button>
      ) : null}
    </>
  );
}
