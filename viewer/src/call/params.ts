// Names with values, as addresses and forms have them.

export interface Param {
  readonly name: string;
  readonly value: string;
}

/** Undo percent encoding; what is not UTF-8 stays as it was written. */
export function decoded(text: string, plus = true): string {
  const spaced = plus ? text.replace(/\+/g, " ") : text;
  return spaced.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) => {
    try {
      return decodeURIComponent(run);
    } catch {
      return run;
    }
  });
}

/** The parameters of a query or a form, in order; repeated ones stay apart. */
export function paramsOf(text: string): Param[] {
  if (!text) return [];
  return text
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const at = pair.indexOf("=");
      return at < 0
        ? { name: decoded(pair), value: "" }
        : { name: decoded(pair.slice(0, at)), value: decoded(pair.slice(at + 1)) };
    });
}

export interface Address {
  /** With "://" and without user or password, "" if the address has none. */
  readonly origin: string;
  readonly path: string;
  /** Without its question mark. */
  readonly query: string;
  readonly hasQuery: boolean;
}

/** Cut an address into its parts, each as it was written. */
export function addressOf(uri: string): Address {
  const match = /^(?:([A-Za-z][A-Za-z0-9+.-]*:\/\/)([^/?#]*))?([^?#]*)(\?[^#]*)?/s.exec(uri);
  const [, scheme = "", authority = "", path = "", query] = match ?? [];
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  return {
    origin: scheme ? `${scheme.toLowerCase()}${host}` : "",
    path,
    query: query?.slice(1) ?? "",
    hasQuery: query !== undefined,
  };
}
