// A picture, drawn on a canvas: it needs no address, so the page's policy stays as narrow as it is.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Picture } from "../../call/pictures.ts";
import { count } from "../../format.ts";

/** Pixels that are decoded: a small file can claim to be a huge picture. */
const MOST_PIXELS = 40_000_000;
/** Pixels of the longer side that are drawn. */
const LONGEST_SIDE = 1_200;

export function PictureView(props: {
  readonly picture: Picture;
  readonly content: Uint8Array<ArrayBuffer>;
}): JSX.Element {
  const { picture, content } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const fault = useSignal("");
  const { type, width, height } = picture;
  useEffect(() => {
    let wanted = true;
    fault.value = "";
    draw(content, picture).then(
      (bitmap) => {
        const target = canvas.current;
        if (wanted && target) {
          target.width = bitmap.width;
          target.height = bitmap.height;
          target.getContext("2d")?.drawImage(bitmap, 0, 0);
        }
        bitmap.close();
      },
      (error: unknown) => {
        if (!wanted) return;
        fault.value =
          error instanceof RangeError ? error.message : "The browser cannot decode this picture.";
      },
    );
    return () => {
      wanted = false;
    };
  }, [content]);
  const said = `${type} picture${width ? `, ${count(width)} × ${count(height)} pixels` : ""}`;
  return (
    <figure class="picture">
      {fault.value ? (
        <p>{fault.value}</p>
      ) : (
        <canvas ref={canvas} role="img" aria-label={said} width={1} height={1} />
      )}
      <figcaption class="dim">{said}</figcaption>
    </figure>
  );
}

async function draw(content: Uint8Array<ArrayBuffer>, picture: Picture): Promise<ImageBitmap> {
  const { width, height } = picture;
  if (!width || !height) throw new RangeError("Its head does not say how large it is.");
  if (width * height > MOST_PIXELS) throw new RangeError("It is too large to be drawn.");
  const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height));
  return createImageBitmap(new Blob([content]), {
    resizeWidth: Math.max(1, Math.round(width * scale)),
    resizeHeight: Math.max(1, Math.round(height * scale)),
    resizeQuality: "high",
  });
}
