// What differs between two lists of names with values: headers, parameters.

export interface NamedValue {
  readonly name: string;
  readonly value: string;
}

export interface PairLine {
  readonly name: string;
  /** Undefined where the name is not there at all. */
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** Join two lists by name; repeated names by their order. *fold*: capitals do not count. */
export function pairDiff(
  before: readonly NamedValue[],
  after: readonly NamedValue[],
  fold = false,
): PairLine[] {
  const first = keyed(before, fold);
  const second = keyed(after, fold);
  const found: PairLine[] = [];
  for (const [key, pair] of first) {
    found.push({ name: pair.name, before: pair.value, after: second.get(key)?.value });
  }
  for (const [key, pair] of second) {
    if (!first.has(key)) found.push({ name: pair.name, before: undefined, after: pair.value });
  }
  return found;
}

function keyed(pairs: readonly NamedValue[], fold: boolean): Map<string, NamedValue> {
  const found = new Map<string, NamedValue>();
  const seen = new Map<string, number>();
  for (const pair of pairs) {
    const name = fold ? pair.name.toLowerCase() : pair.name;
    const many = seen.get(name) ?? 0;
    seen.set(name, many + 1);
    found.set(`${many} ${name}`, pair);
  }
  return found;
}
