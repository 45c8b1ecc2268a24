// What two sequences have in common: Myers' difference algorithm (1986), within bounds.

/** Insertions and deletions that are searched for; more than that, and it is another text. */
const MOST_EDITS = 600;

/** Indexes that belong together, in order: `a[i]` equals `b[j]`. */
export type Matches = readonly (readonly [number, number])[];

/** Pair the equal items of *a* and *b*; only the ends, if they differ in too many places. */
export function matches(a: readonly string[], b: readonly string[]): Matches {
  let begin = 0;
  while (begin < a.length && begin < b.length && a[begin] === b[begin]) begin += 1;
  let [endA, endB] = [a.length, b.length];
  while (endA > begin && endB > begin && a[endA - 1] === b[endB - 1]) {
    endA -= 1;
    endB -= 1;
  }
  const found: [number, number][] = [];
  for (let index = 0; index < begin; index += 1) found.push([index, index]);
  for (const [i, j] of inner(a.slice(begin, endA), b.slice(begin, endB))) {
    found.push([i + begin, j + begin]);
  }
  for (let index = 0; endA + index < a.length; index += 1) found.push([endA + index, endB + index]);
  return found;
}

function inner(a: readonly string[], b: readonly string[]): Matches {
  if (!a.length || !b.length) return [];
  const most = Math.min(a.length + b.length, MOST_EDITS);
  const offset = most + 1;
  const furthest = new Int32Array(2 * offset + 1);
  const history: Int32Array[] = [];
  for (let edits = 0; edits <= most; edits += 1) {
    history.push(furthest.slice(offset - edits - 1, offset + edits + 2));
    for (let k = -edits; k <= edits; k += 2) {
      const down =
        k === -edits ||
        (k !== edits && at(furthest, offset + k - 1) < at(furthest, offset + k + 1));
      let x = down ? at(furthest, offset + k + 1) : at(furthest, offset + k - 1) + 1;
      let y = x - k;
      while (x < a.length && y < b.length && a[x] === b[y]) {
        x += 1;
        y += 1;
      }
      furthest[offset + k] = x;
      if (x >= a.length && y >= b.length) return traced(history, a.length, b.length);
    }
  }
  return [];
}

function traced(history: readonly Int32Array[], endA: number, endB: number): Matches {
  const found: [number, number][] = [];
  let [x, y] = [endA, endB];
  for (let edits = history.length - 1; edits >= 0; edits -= 1) {
    const before = history[edits];
    const middle = edits + 1;
    if (!before) break;
    const k = x - y;
    const down =
      k === -edits || (k !== edits && at(before, middle + k - 1) < at(before, middle + k + 1));
    const previous = down ? k + 1 : k - 1;
    const fromX = edits ? at(before, middle + previous) : 0;
    const fromY = edits ? fromX - previous : 0;
    const startX = edits ? (down ? fromX : fromX + 1) : 0;
    while (x > startX && y > startX - k) {
      x -= 1;
      y -= 1;
      found.push([x, y]);
    }
    [x, y] = [fromX, fromY];
  }
  return found.reverse();
}

function at(values: Int32Array, index: number): number {
  return values[index] ?? 0;
}
