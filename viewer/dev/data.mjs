// Made-up calls: a small shop's API, with its rush hours, its slow report and its broken checkout.

/** A random source that gives the same numbers every time. */
export function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const ROUTES = [
  ["GET", "/items", 12, 18, 4200],
  ["GET", "/items/{id}", 30, 9, 900],
  ["POST", "/orders", 6, 85, 610],
  ["GET", "/orders/{id}", 9, 22, 1500],
  ["PATCH", "/orders/{id}", 3, 60, 320],
  ["DELETE", "/carts/{id}/lines/{line}", 2, 14, 0],
  ["PUT", "/carts/{id}", 5, 25, 480],
  ["POST", "/login", 3, 190, 260],
  ["GET", "/reports/daily", 1, 1600, 88000],
  ["POST", "/checkout", 3, 320, 700],
  ["GET", "/images/{name}", 8, 4, 48000],
  ["GET", "/health", 6, 0.6, 17],
];
const WEIGHT = ROUTES.reduce((sum, route) => sum + route[2], 0);
const USERS = [
  "ada",
  "grace",
  "linus",
  "barbara",
  "edsger",
  "margaret",
  "donald",
  "",
  "",
  "katherine",
];
const COMPANIES = ["acme", "globex", "initech", ""];
const NAMES = { id: () => 1000, line: () => 9, name: () => 40 };

/** Return one call that began at *time* (milliseconds). */
export function call(random, time) {
  let rest = random() * WEIGHT;
  const [method, route, , typical, size] = ROUTES.find((one) => (rest -= one[2]) < 0) ?? ROUTES[0];
  const user = USERS[Math.floor(random() * USERS.length)];
  const status = statusOf(random, method, route);
  const spread = Math.exp((random() + random() + random() - 1.5) * 1.3);
  const error = status === 500 ? "KeyError" : status === null ? "aborted" : "";
  const body = { ok: status !== null && status < 400, item: Math.floor(random() * 1000) };
  const row = {
    id: [8, 4, 4, 4, 12].map((length) => hex(random, length)).join("-"),
    time: Math.round(time * 1000) / 1000,
    received: Math.round(time * 1000) / 1000 + 40,
    source: "moesif",
    method,
    host: random() < 0.85 ? "shop.example" : "admin.shop.example",
    route,
    path: route.replace(/\{(\w+)\}/g, (_, name) =>
      name === "name"
        ? `photo-${Math.floor(random() * 40)}.jpg`
        : String(Math.floor(random() * (NAMES[name]?.() ?? 10))),
    ),
    query:
      route === "/items" && random() < 0.5 ? `page=${Math.floor(random() * 9)}&sort=price` : "",
    status,
    duration: Math.round(typical * spread * (status === 503 ? 20 : 1) * 1000) / 1000,
    user,
    company: user ? COMPANIES[user.length % COMPANIES.length] : "",
    session: user ? `s-${user}-${Math.floor(time / 1.8e6) % 1000}` : "",
    ip: `203.0.113.${Math.floor(random() * 250)}`,
    trace: hex(random, 32),
    request_size: method === "GET" || method === "DELETE" ? 0 : 180 + Math.floor(random() * 900),
    response_size:
      status === 204 || status === null ? 0 : Math.round(size * (0.6 + random() * 0.8)),
    error,
  };
  return { row, body };
}

function statusOf(random, method, route) {
  const luck = random();
  if (route === "/checkout" && luck < 0.18) return luck < 0.1 ? 500 : 503;
  if (route === "/login" && luck < 0.2) return 401;
  if (luck < 0.002) return null;
  if (luck < 0.008) return 500;
  if (luck < 0.05) return route.includes("{") ? 404 : 422;
  if (route.startsWith("/images") && luck < 0.5) return 304;
  if (method === "DELETE") return 204;
  return method === "POST" && route === "/orders" ? 201 : 200;
}

function hex(random, length) {
  let text = "";
  while (text.length < length) text += Math.floor(random() * 16).toString(16);
  return text;
}

/** Return the whole event of a call, as the store would have it. */
export function eventOf({ row, body }) {
  const plain = row.route.startsWith("/images");
  return {
    request: {
      time: new Date(row.time).toISOString(),
      uri: `https://${row.host}${row.path}${row.query ? `?${row.query}` : ""}`,
      verb: row.method,
      ip_address: row.ip,
      headers: {
        Host: row.host,
        "User-Agent": "shop-app/4.2 (Linux)",
        Accept: "application/json",
        Authorization: "Bearer ***",
        ...(row.request_size ? { "Content-Type": "application/json" } : {}),
      },
      ...(row.request_size
        ? { body: { item: body.item, amount: 2, card: "***" }, transfer_encoding: "json" }
        : {}),
    },
    ...(row.status === null
      ? {}
      : {
          response: {
            time: new Date(row.time + row.duration).toISOString(),
            status: row.status,
            headers: {
              "Content-Type": plain ? "image/png" : "application/json",
              Server: "gunicorn",
            },
            ...(plain
              ? {
                  body: "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYPj/HwADAgH/p2Wd5wAAAABJRU5ErkJggg==",
                  transfer_encoding: "base64",
                }
              : { body, transfer_encoding: "json" }),
          },
        }),
    user_id: row.user || null,
    company_id: row.company || null,
    session_token: row.session || null,
    transaction_id: row.id,
    metadata: {
      apilog: {
        duration_us: Math.round(row.duration * 1000),
        masked: { "request.headers.Authorization": "header", "request.body.card": "key" },
        ...(row.error ? { error: row.error } : {}),
      },
    },
  };
}
