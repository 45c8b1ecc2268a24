// The filter language, as far as made-up data need it. The collector's own is the real one.

const FIELDS = {
  status: "status",
  method: "method",
  verb: "method",
  route: "route",
  path: "path",
  host: "host",
  user: "user",
  company: "company",
  org: "company",
  session: "session",
  ip: "ip",
  trace: "trace",
  source: "source",
  error: "error",
  id: "id",
  duration: "duration",
  dur: "duration",
  size: "response_size",
  response_size: "response_size",
  request_size: "request_size",
};
const NUMBERS = new Set(["status", "duration", "response_size", "request_size"]);
const UNITS = { us: 0.001, ms: 1, s: 1000, m: 60000, b: 1, kb: 1000, mb: 1e6 };

export class BadFilter extends Error {
  constructor(message, at) {
    super(message);
    this.at = at;
  }
}

/** Return a function that tells whether a row passes the filter. */
export function parse(text) {
  const tests = [];
  for (const match of text.matchAll(/(-?)(?:([A-Za-z_]+):)?("(?:\\.|[^"\\])*"?|\S+)?/g)) {
    const [whole, minus, name, raw = ""] = match;
    if (!whole.trim()) continue;
    if (/^"/.test(raw) && !/^".*"$/.test(raw)) {
      throw new BadFilter(
        "The quote that is opened here is not closed.",
        match.index + whole.indexOf('"'),
      );
    }
    const test = testOf(name?.toLowerCase(), raw, match.index);
    tests.push(minus ? (row) => !test(row) : test);
  }
  return (row) => tests.every((test) => test(row));
}

function testOf(name, raw, at) {
  const value = raw.replace(/^"|"$/g, "").replace(/\\(.)/g, "$1");
  if (!name) return (row) => row.path.includes(value) || row.route.includes(value);
  if (name === "body") return (row) => row.path.includes(value);
  if (name === "is") {
    if (value === "error") return (row) => row.status >= 500 || row.error !== "";
    if (value === "slow") return (row) => row.duration >= 1000;
    throw new BadFilter(`"is:" knows error and slow, not ${value}.`, at);
  }
  const field = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
  if (!field) {
    throw new BadFilter(
      `There is no field "${name}". Did you mean "${name[0] === "s" ? "status" : "user"}"?`,
      at,
    );
  }
  const any = value
    .split(",")
    .map((one) => (NUMBERS.has(field) ? number(field, one, at) : words(field, one)));
  return (row) => any.some((test) => test(row[field]));
}

function words(field, value) {
  if (value === "none") return (have) => have === "";
  if (value.includes("*")) {
    const pattern = new RegExp(
      `^${value.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`,
      "s",
    );
    return (have) => have !== "" && pattern.test(have);
  }
  return field === "method" ? (have) => have === value.toUpperCase() : (have) => have === value;
}

function number(field, value, at) {
  if (value === "none") return (have) => have === null;
  if (field === "status" && /^[1-5]xx$/.test(value))
    return (have) => Math.floor(have / 100) === Number(value[0]);
  const read = (text) => {
    const match = /^(\d+(?:\.\d+)?)(us|ms|s|m|b|kb|mb)?$/i.exec(text);
    if (!match) throw new BadFilter(`"${text}" is no number for ${field}.`, at);
    return Number(match[1]) * (match[2] ? UNITS[match[2].toLowerCase()] : 1);
  };
  const range = /^(.+)-(.+)$/.exec(value);
  if (range) {
    const [low, high] = [read(range[1]), read(range[2])];
    return (have) => have !== null && have >= low && have <= high;
  }
  const [, sign, rest] = /^(>=|<=|>|<)?(.*)$/.exec(value);
  const bound = read(rest);
  if (sign === ">") return (have) => have !== null && have > bound;
  if (sign === ">=") return (have) => have !== null && have >= bound;
  if (sign === "<") return (have) => have !== null && have < bound;
  if (sign === "<=") return (have) => have !== null && have <= bound;
  return (have) => have === bound;
}
