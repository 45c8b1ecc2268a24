import type { Row } from "../src/api.ts";

/** A call that began at *time*. */
export function row(time: number, id = `call ${time}`): Row {
  return {
    id,
    time,
    received: time,
    source: "moesif",
    method: "GET",
    host: "shop.example",
    route: "/items/{id}",
    path: "/items/7",
    query: "",
    status: 200,
    duration: 12,
    user: "ada",
    company: "",
    session: "",
    ip: "203.0.113.9",
    trace: "",
    request_size: 0,
    response_size: 812,
    error: "",
  };
}

/** Calls from *newest* down, one each millisecond. */
export function rows(newest: number, many: number): Row[] {
  return Array.from({ length: many }, (_, index) => row(newest - index));
}
