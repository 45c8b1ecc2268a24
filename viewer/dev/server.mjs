// A collector of made-up data, for work on the viewer: the HTTP API, no ingest, nothing stored.
// node dev/server.mjs [port] [calls]; RATE is how many new ones a second (3), EMPTY=1 begins empty,
// STATIC is where the built files are, if they were built elsewhere.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { call, dice, eventOf } from "./data.mjs";
import { BadFilter, parse } from "./filter.mjs";

const PORT = Number(process.argv[2] ?? 8090);
const MANY = process.env.EMPTY ? 0 : Number(process.argv[3] ?? 20000);
const RATE = Number(process.env.RATE ?? 3);
const STATIC =
  process.env.STATIC ??
  fileURLToPath(new URL("../../src/apilog/collector/static", import.meta.url));
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " +
  "require-trusted-types-for 'script'; trusted-types 'none'";
const STEPS = [1, 5, 15, 60, 300, 900, 3600, 21600, 86400].map((seconds) => seconds * 1000);

const random = dice(7);
/** In the order of arrival. */
const calls = [];
const byId = new Map();
const listeners = new Set();

function add(time) {
  const made = call(random, time);
  calls.push(made);
  byId.set(made.row.id, made);
  return made.row;
}

const start = Date.now();
for (let index = 0; index < MANY; index += 1) {
  // A third of them in the last hour, and waves of different length.
  const span = index % 3 === 0 ? 3600e3 : 26 * 3600e3;
  const at = random();
  add(start - span * (at + 0.04 * Math.sin(at * 19) + 0.012 * Math.sin(at * 71)) - 2000 * random());
}
calls.sort((a, b) => a.row.time - b.row.time);
if (RATE > 0) {
  setInterval(() => {
    const rows = Array.from({ length: 1 + Math.floor(random() * 2) }, () =>
      add(Date.now() - random() * 40),
    );
    for (const tell of listeners) tell(rows);
  }, 1500 / RATE);
}

function chosen(params) {
  const test = parse(params.get("q") ?? "");
  const from = Number(params.get("from") ?? 0);
  const to = Number(params.get("to") ?? Number.POSITIVE_INFINITY);
  return calls
    .map((one) => one.row)
    .filter((row) => row.time >= from && row.time < to && test(row));
}

const quantile = (sorted, share) =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? null;

function numbers(rows) {
  const times = rows
    .map((row) => row.duration)
    .filter((one) => one !== null)
    .sort((a, b) => a - b);
  return {
    count: rows.length,
    client_errors: rows.filter((row) => row.status >= 400 && row.status < 500).length,
    server_errors: rows.filter((row) => row.status >= 500 || (row.status === null && row.error))
      .length,
    p50: quantile(times, 0.5),
    p95: quantile(times, 0.95),
    p99: quantile(times, 0.99),
  };
}

function grouped(rows, key) {
  const groups = new Map();
  for (const row of rows) {
    const name = key(row);
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(row);
  }
  return [...groups].sort((a, b) => b[1].length - a[1].length);
}

const routes = {
  "/view/calls"(params) {
    const limit = Math.min(200, Number(params.get("limit") ?? 100));
    const rows = chosen(params).sort((a, b) => b.time - a.time || (a.id < b.id ? 1 : -1));
    const begin = params.get("place")
      ? rows.findIndex((row) => row.id === params.get("place")) + 1
      : 0;
    const page = rows.slice(begin, begin + limit);
    return { rows: page, next: begin + limit < rows.length ? page.at(-1).id : null };
  },
  "/view/series"(params) {
    const from = Number(params.get("from") ?? calls[0]?.row.time ?? start - 864e5);
    const to = Number(params.get("to") ?? Date.now());
    const step =
      Number(params.get("step")) || (STEPS.find((one) => (to - from) / one <= 240) ?? 864e5);
    const points = grouped(chosen(params), (row) => Math.floor(row.time / step) * step)
      .map(([time, rows]) => ({ time, ...numbers(rows) }))
      .sort((a, b) => a.time - b.time);
    return { step, from, to, points };
  },
  "/view/endpoints": (params) => ({
    endpoints: grouped(chosen(params), (row) => `${row.method} ${row.route}`).map(
      ([name, rows]) => ({
        method: name.split(" ")[0],
        route: name.slice(name.indexOf(" ") + 1),
        ...numbers(rows),
        last: Math.max(...rows.map((row) => row.time)),
      }),
    ),
  }),
  "/view/values": (params) => ({
    values: grouped(chosen(params), (row) => String(row[params.get("field")] ?? ""))
      .filter(([value]) => value !== "" && value.startsWith(params.get("beginning") ?? ""))
      .slice(0, Number(params.get("limit") ?? 20))
      .map(([value, rows]) => ({ value, count: rows.length })),
  }),
  "/view/filter"(params) {
    try {
      parse(params.get("q") ?? "");
      return { ok: true, conditions: [] };
    } catch (error) {
      return { ok: false, error: error.message, at: error.at };
    }
  },
  "/view/health": () => ({
    senders: 3,
    accounts: { captured: calls.length + 12, delivered: calls.length, spooled: 7, quarantined: 1 },
    dropped: { queue_full: 3, sampled_out: 120, mask_failed: 1 },
    refusals: [
      {
        time: start - 60000,
        source: "umami",
        path: "/api/send",
        status: 400,
        reason: "name: too long, 50 characters at most",
        content: '{"type":"event","payload":{"name":"<b>hello</b>',
      },
    ],
    store: {
      calls: calls.length,
      bytes: calls.length * 1100,
      oldest: calls[0]?.row.time ?? null,
      newest: calls.at(-1)?.row.time ?? null,
      search: true,
    },
    version: "0.1.0",
    ingest: { received: calls.length + 4, stored: calls.length, duplicates: 3, refused: 1 },
  }),
};

function subjects(kind, params) {
  const rows = grouped(
    chosen(params).filter((row) => row[kind]),
    (row) => row[kind],
  );
  return {
    subjects: rows.map(([id, all]) => ({
      id,
      count: all.length,
      errors: all.filter((row) => row.status >= 400 || row.error).length,
      first: Math.min(...all.map((row) => row.time)),
      last: Math.max(...all.map((row) => row.time)),
    })),
  };
}

function whole(id) {
  const made = byId.get(id);
  if (!made) return null;
  const session = calls
    .map((one) => one.row)
    .filter((row) => row.session && row.session === made.row.session);
  const index = session.findIndex((row) => row.id === id);
  return {
    row: made.row,
    event: eventOf(made),
    session: session.slice(Math.max(0, index - 25), index + 25),
    previous: session[index - 1]?.id ?? null,
    next: session[index + 1]?.id ?? null,
  };
}

function live(request, response, params) {
  const test = parse(params.get("q") ?? "");
  let position = Number(request.headers["last-event-id"] ?? params.get("position") ?? calls.length);
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  response.write(`event: hello\ndata: ${JSON.stringify({ position: String(position) })}\n\n`);
  const tell = () => {
    while (position < calls.length) {
      const rows = calls.slice(position, position + 200).map((one) => one.row);
      position += rows.length;
      const passing = rows.filter(test);
      if (passing.length) {
        response.write(
          `event: calls\nid: ${position}\ndata: ${JSON.stringify({ rows: passing })}\n\n`,
        );
      }
    }
  };
  tell();
  listeners.add(tell);
  request.on("close", () => listeners.delete(tell));
}

function file(path, response) {
  const wanted = path.startsWith("/assets/") ? normalize(path) : "/index.html";
  const content = readFileSync(join(STATIC, wanted));
  response.writeHead(200, {
    "Content-Type": TYPES[extname(wanted)] ?? "application/octet-stream",
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
  });
  response.end(content);
}

function json(response, status, content) {
  response.writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store" });
  response.end(content === null ? "" : JSON.stringify(content));
}

function answer(request, response) {
  const { pathname: path, searchParams: params } = new URL(request.url, "http://localhost");
  if (!path.startsWith("/view/")) return file(path, response);
  if (path === "/view/live") return live(request, response, params);
  if (request.method === "POST") return json(response, 204, null);
  const subject = /^\/view\/subjects\/(user|company|session)$/.exec(path);
  if (subject) return json(response, 200, subjects(subject[1], params));
  const one = /^\/view\/calls\/(.+)$/.exec(path);
  if (one) {
    const found = whole(decodeURIComponent(one[1]));
    return json(response, found ? 200 : 404, found ?? { error: "There is no such call." });
  }
  const profile = /^\/view\/profiles\/(\w+)\/(.+)$/.exec(path);
  if (profile) {
    const id = decodeURIComponent(profile[2]);
    return json(response, 200, {
      id,
      time: start,
      document: { name: id, plan: "gold", metadata: { city: "London" } },
    });
  }
  if (path === "/view/export") {
    response.writeHead(200, {
      "Content-Type": "application/octet-stream",
      "Content-Disposition": 'attachment; filename="calls.ndjson"',
    });
    return response.end(
      chosen(params)
        .map((row) => `${JSON.stringify(row)}\n`)
        .join(""),
    );
  }
  const handler = Object.hasOwn(routes, path) ? routes[path] : undefined;
  return handler
    ? json(response, 200, handler(params))
    : json(response, 404, { error: "There is no such route." });
}

createServer((request, response) => {
  try {
    answer(request, response);
  } catch (error) {
    const bad = error instanceof BadFilter;
    if (!bad && error.code !== "ENOENT") console.error(error);
    json(response, bad ? 400 : 404, { error: error.message, ...(bad ? { at: error.at } : {}) });
  }
}).listen(PORT, "127.0.0.1", () =>
  console.log(`http://127.0.0.1:${PORT}/ has ${calls.length} calls`),
);
