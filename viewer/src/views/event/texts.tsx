// Bodies that are text, and bytes.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { HEX_LINE, hexLines } from "../../call/bytes.ts";
import { pieces } from "../../call/masks.ts";
import { Button } from "../../components/basics.tsx";
import { bytes as bytesText, count, visible } from "../../format.ts";

/** Characters that are drawn at first, and with each "show more". */
const PORTION = 20_000;
/** Bytes of a hex dump at first, and with each "show more". */
const HEX_PORTION = 2_048;

/** Logged text on several lines: line ends and tabs stay, whatever else hides is shown. */
export function plain(text: string): string {
  return text
    .replace(/\r\n/g, "\n")
    .split("\n")
    .map((line) => line.split("\t").map(visible).join("\t"))
    .join("\n");
}

export function PlainText(props: {
  readonly text: string;
  readonly noted: boolean;
  readonly label: string;
  readonly wrap: boolean;
}): JSX.Element {
  const { text, noted, label, wrap } = props;
  const shown = useSignal(PORTION);
  const rest = text.length - shown.value;
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, also with the keyboard */}
      <pre class={`logged ${wrap ? "wrap" : ""}`} role="region" aria-label={label} tabIndex={0}>
        {pieces(text.slice(0, shown.value), noted).map((piece, index) => (
          <span key={index} class={piece.masked ? "masked" : undefined}>
            {plain(piece.text)}
          </span>
        ))}
      </pre>
      {rest > 0 ? (
        <Button onClick={() => (shown.value += 5 * PORTION)}>
          Show more ({count(rest)} characters)
        </Button>
      ) : null}
    </>
  );
}

export function Hex(props: { readonly content: Uint8Array; readonly label: string }): JSX.Element {
  const { content, label } = props;
  const shown = useSignal(HEX_PORTION);
  const rest = content.length - shown.value;
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, also with the keyboard */}
      <pre class="logged hex" role="region" aria-label={label} tabIndex={0}>
        {hexLines(content, 0, shown.value).map((line) => (
          <div key={line.at}>
            <span class="dim">{line.at}</span> {line.hex.padEnd(HEX_LINE * 3)}{" "}
            <span class="hex-text">{line.text}</span>
          </div>
        ))}
      </pre>
      {rest > 0 ? (
        <Button onClick={() => (shown.value += 8 * HEX_PORTION)}>
          Show more ({bytesText(rest)})
        </Button>
      ) : null}
    </>
  );
}
