// Quoting for bash, zsh and every shell that knows $'...' (POSIX.1-2024, 2.2.4).

import { toUtf8 } from "../call/bytes.ts";

/** Characters that a terminal or a reader could take for something else than they are. */
const HIDDEN = /(?! )[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/u;

/** Whether *text* has characters that do not show, or could make a terminal do something. */
export function hasHidden(text: string): boolean {
  return HIDDEN.test(text);
}

/** A NUL ends every argument of a program: no quoting helps. */
export function fitsArgument(text: string): boolean {
  return !text.includes("\u0000");
}

/**
 * Quote *text* as one word of a shell. It means exactly its UTF-8 bytes, and can be pasted into a
 * terminal: no control character, direction mark or invisible character is in it as such.
 */
export function word(text: string): string {
  if (/^[A-Za-z0-9_/:.,@%+=-]+$/.test(text) && !text.startsWith("=")) return text;
  if (!hasHidden(text)) return `'${text.replace(/'/g, "'\\''")}'`;
  return dollarWord(text, (character) => toUtf8(character));
}

/** Quote a text of which each character stands for one byte. */
export function byteWord(text: string): string {
  if (/^\p{ASCII}*$/u.test(text)) return word(text);
  return dollarWord(text, (character) => [character.charCodeAt(0)], true);
}

/** Only octal: three digits always, the same in all shells, and no quote to confuse history. */
function dollarWord(
  text: string,
  bytesOf: (character: string) => Iterable<number>,
  all = false,
): string {
  let found = "";
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (character === "\n") found += "\\n";
    else if (character === "\t") found += "\\t";
    else if (character === "\r") found += "\\r";
    else if (character === "\\") found += "\\\\";
    else if (character === "'" || character === "!" || hasHidden(character) || (all && code > 126))
      for (const byte of bytesOf(character)) found += `\\${byte.toString(8).padStart(3, "0")}`;
    else found += character;
  }
  return `$'${found}'`;
}
