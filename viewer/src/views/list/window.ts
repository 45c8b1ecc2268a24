// Which rows of a long list are in sight: every row is equally high.

export interface Window {
  /** Index of the first row to draw. */
  readonly first: number;
  /** Index after the last row to draw. */
  readonly end: number;
}

/** The most rows a list may have: browsers draw nothing beyond some 17 million pixels. */
export const MOST_ROWS = 340_000;

/** Return the rows in sight, and *spare* more on both sides. Lengths in pixels. */
export function inSight(
  scrolled: number,
  height: number,
  rowHeight: number,
  total: number,
  spare = 8,
): Window {
  const first = Math.floor(Math.max(0, scrolled) / rowHeight);
  const end = Math.ceil((Math.max(0, scrolled) + Math.max(0, height)) / rowHeight);
  return {
    first: Math.max(0, Math.min(first - spare, total)),
    end: Math.max(0, Math.min(end + spare, total)),
  };
}

/** Return how far to scroll so that row *index* is wholly in sight, moving as little as may be. */
export function scrollFor(
  index: number,
  scrolled: number,
  height: number,
  rowHeight: number,
): number {
  const top = index * rowHeight;
  if (top < scrolled) return top;
  const bottom = top + rowHeight;
  return bottom > scrolled + height ? bottom - height : scrolled;
}
