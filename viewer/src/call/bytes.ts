// Bytes: out of base64, as UTF-8, as a hex dump.

/** The bytes of a base64 text, null if it is none. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[A-Za-z0-9+/=\s]*$/.test(text)) return null;
  try {
    const binary = atob(text);
    const found = new Uint8Array(binary.length);
    for (let index = 0; index < binary.length; index += 1) found[index] = binary.charCodeAt(index);
    return found;
  } catch {
    return null;
  }
}

/** Bytes as base64. */
export function toBase64(content: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < content.length; at += 8192) {
    binary += String.fromCharCode(...content.subarray(at, at + 8192));
  }
  return btoa(binary);
}

/** The text that bytes are in UTF-8, null if they are none. A byte order mark stays. */
export function fromUtf8(content: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    return null;
  }
}

/** The bytes of a text; half a surrogate pair becomes U+FFFD. */
export function toUtf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Whether a text is one that people read: no control characters but white space. */
export function isReadable(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  return !/[\u0000-\u0008\u000e-\u001a\u001c-\u001f]/.test(text);
}

export interface HexLine {
  /** Where in the content it begins: eight digits. */
  readonly at: string;
  /** Two digits a byte, a wider space after eight. */
  readonly hex: string;
  /** The same as ASCII, a dot for what is none. */
  readonly text: string;
}

/** Bytes a line of a hex dump shows. */
export const HEX_LINE = 16;

/** The lines of a hex dump of *content* from *begin* to *end*. */
export function hexLines(content: Uint8Array, begin: number, end: number): HexLine[] {
  const found: HexLine[] = [];
  const last = Math.min(end, content.length);
  for (let at = begin; at < last; at += HEX_LINE) {
    const bytes = [...content.subarray(at, Math.min(at + HEX_LINE, last))];
    const digits = bytes.map((byte) => byte.toString(16).padStart(2, "0"));
    found.push({
      at: at.toString(16).padStart(8, "0"),
      hex: `${digits.slice(0, 8).join(" ")}  ${digits.slice(8).join(" ")}`.trimEnd(),
      text: bytes
        .map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "."))
        .join(""),
    });
  }
  return found;
}
