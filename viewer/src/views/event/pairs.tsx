// Names with values: headers, parameters, form fields.

import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { pieces } from "../../call/masks.ts";
import { Button, Copy } from "../../components/basics.tsx";
import { count, visible } from "../../format.ts";

export interface Pair {
  readonly name: string;
  readonly value: string;
  /** What stands in the place of the value, where it is no text. */
  readonly shown?: ComponentChildren;
}

/** Rows that are drawn at first, and with each "show more". */
const PORTION = 60;
/** Characters of a value that are drawn at first. */
const LONG = 600;

export function Pairs(props: {
  readonly pairs: readonly Pair[];
  readonly label: string;
  readonly noted: boolean;
}): JSX.Element {
  const { pairs, label, noted } = props;
  const most = useSignal(PORTION);
  const rest = pairs.length - most.value;
  return (
    <>
      <table class="pairs" aria-label={label}>
        <tbody>
          {pairs.slice(0, most.value).map((pair, index) => (
            <tr key={index}>
              <th scope="row">{visible(pair.name) || <span class="dim">(no name)</span>}</th>
              <td>
                {pair.shown ?? <Masked text={pair.value} noted={noted} />}
                <Copy
                  label="Copy"
                  title={`Copy the value of ${visible(pair.name)}`}
                  text={pair.value}
                />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {rest > 0 ? (
        <Button onClick={() => (most.value += 10 * PORTION)}>Show {count(rest)} more</Button>
      ) : null}
    </>
  );
}

/** A logged text on one line, with what was masked standing out. */
export function Masked(props: { readonly text: string; readonly noted: boolean }): JSX.Element {
  const { text, noted } = props;
  const whole = useSignal(false);
  const long = text.length > LONG && !whole.value;
  return (
    <span class="pair-value">
      {pieces(long ? text.slice(0, LONG) : text, noted).map((piece, index) =>
        piece.masked ? (
          <span key={index} class="masked" title="A value was masked here">
            {piece.text}
          </span>
        ) : (
          visible(piece.text)
        ),
      )}
      {long ? (
        <Button kind="quiet" onClick={() => (whole.value = true)}>
          … {count(text.length - LONG)} more characters
        </Button>
      ) : null}
    </span>
  );
}
