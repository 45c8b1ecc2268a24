// Pictures, known by their first bytes: what the call said about its type counts for nothing.

export interface Picture {
  readonly type: "PNG" | "JPEG" | "GIF" | "WebP" | "AVIF";
  /** Pixels, as the head says; 0 where it does not. */
  readonly width: number;
  readonly height: number;
}

/** Bytes in which the head of an AVIF file must tell its size. */
const HEAD = 16_384;

/** Tell which kind of picture *content* is, null if it is none that is shown. SVG is text. */
export function pictureOf(content: Uint8Array): Picture | null {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const ascii = (at: number, length: number) =>
    String.fromCharCode(...content.subarray(at, at + length));
  if (content.length >= 24 && ascii(0, 8) === "\u0089PNG\r\n\u001a\n") {
    return { type: "PNG", width: view.getUint32(16), height: view.getUint32(20) };
  }
  if (content.length >= 10 && /^GIF8[79]a$/.test(ascii(0, 6))) {
    return { type: "GIF", width: view.getUint16(6, true), height: view.getUint16(8, true) };
  }
  if (content.length >= 4 && ascii(0, 3) === "\u00ff\u00d8\u00ff") return jpeg(view);
  if (content.length >= 30 && ascii(0, 4) === "RIFF" && ascii(8, 4) === "WEBP") {
    return webp(view, ascii(12, 4));
  }
  if (content.length >= 16 && ascii(4, 4) === "ftyp" && /avi[fs]/.test(ascii(8, 56))) {
    return avif(view, content);
  }
  return null;
}

function jpeg(view: DataView): Picture {
  let at = 2;
  while (at + 9 < view.byteLength && view.getUint8(at) === 0xff) {
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    // Start of frame, in any of its codings; C4, C8 and CC are something else.
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return { type: "JPEG", height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    }
    at += 2 + view.getUint16(at + 2);
  }
  return { type: "JPEG", width: 0, height: 0 };
}

function webp(view: DataView, chunk: string): Picture {
  const three = (at: number) => view.getUint16(at, true) + (view.getUint8(at + 2) << 16);
  if (chunk === "VP8X") return { type: "WebP", width: three(24) + 1, height: three(27) + 1 };
  if (chunk === "VP8L") {
    const bits = view.getUint32(21, true);
    return { type: "WebP", width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  const side = (at: number) => view.getUint16(at, true) & 0x3fff;
  return { type: "WebP", width: side(26), height: side(28) };
}

function avif(view: DataView, content: Uint8Array): Picture {
  const last = Math.min(content.length, HEAD) - 16;
  for (let at = 0; at < last; at += 1) {
    if (view.getUint32(at) === 0x69737065 /* ispe */) {
      return { type: "AVIF", width: view.getUint32(at + 8), height: view.getUint32(at + 12) };
    }
  }
  return { type: "AVIF", width: 0, height: 0 };
}
