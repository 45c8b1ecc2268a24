import { describe, expect, it } from "vitest";
import { contentOf, textIn } from "../src/call/body.ts";
import { fromBase64, hexLines, toBase64, toUtf8 } from "../src/call/bytes.ts";
import { eventOf, type Message } from "../src/call/event.ts";
import { type Json, parsed } from "../src/call/json.ts";
import { indented, isMarkup } from "../src/call/markup.ts";
import { isMasked, pieces, unmaskedBy } from "../src/call/masks.ts";
import { addressOf, paramsOf } from "../src/call/params.ts";
import { pictureOf } from "../src/call/pictures.ts";
import { streamEvents } from "../src/call/stream.ts";
import { omittedWords, placeWords, ruleWords } from "../src/call/words.ts";

describe("what was masked", () => {
  const hmac = `hmac:${"0a".repeat(16)}`;

  it("is found whole, also where nothing was noted", () => {
    expect([isMasked("***"), isMasked(hmac), isMasked("****"), isMasked(5)]).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(unmaskedBy("Bearer ***", false, "X")).toBe("Bearer X");
  });

  it("is found inside a text only where something was noted", () => {
    expect(unmaskedBy("five *** of five", false, "X")).toBe("five *** of five");
    expect(unmaskedBy(`a=***; b=${hmac}`, true, "X")).toBe("a=X; b=X");
    expect(pieces("a ***", true)).toEqual([
      { text: "a ", masked: false },
      { text: "***", masked: true },
    ]);
  });
});

describe("an event", () => {
  it("is read whatever of it is missing, or of another type", () => {
    for (const odd of [null, 5, "x", [], {}, { request: 5, response: [], metadata: "x" }]) {
      const event = eventOf(odd);
      expect([event.uri, event.response, event.notes]).toEqual(["", null, []]);
    }
    const masked = [{ path: 5, rule: null }, "x", { path: "/requests/uri" }];
    const event = eventOf({ metadata: { apilog: { masked, request_body_omitted: 7 } } });
    expect(event.notes).toHaveLength(3);
    expect(event.request.omitted).toBe("");
    expect(event.request.noted).toBe(false);
  });

  it("has its cookies apart, and every other header as it was", () => {
    const headers = { "Set-Cookie": "a=1; Path=/\nb=2", "X-Lines": "1\n2", List: ["x", "y"], N: 5 };
    expect(eventOf({ response: { status: 200, headers } }).response?.headers).toEqual([
      { name: "Set-Cookie", value: "a=1; Path=/" },
      { name: "Set-Cookie", value: "b=2" },
      { name: "X-Lines", value: "1\n2" },
      { name: "List", value: "x" },
      { name: "List", value: "y" },
      { name: "N", value: "5" },
    ]);
  });
});

describe("an address", () => {
  it.each([
    [
      "https://ada:secret@shop.example:8443/a/b?x=1&y#f",
      "https://shop.example:8443",
      "/a/b",
      "x=1&y",
    ],
    ["/only/a/path?", "", "/only/a/path", ""],
    ["", "", "", ""],
    ["javascript:alert(1)", "", "javascript:alert(1)", ""],
    ["http://[::1]:80?q", "http://[::1]:80", "", "q"],
  ])("%s is cut into its parts", (uri, origin, path, query) => {
    expect(addressOf(uri)).toMatchObject({ origin, path, query });
  });

  it("has parameters that are decoded where they can be", () => {
    expect(paramsOf("a=1+2&b=%C3%A9&c=%ff%41&d&=e&a=3&%")).toEqual([
      { name: "a", value: "1 2" },
      { name: "b", value: "é" },
      { name: "c", value: "%ff%41" },
      { name: "d", value: "" },
      { name: "", value: "e" },
      { name: "a", value: "3" },
      { name: "%", value: "" },
    ]);
  });
});

function message(body: Json, type: string, isBase64 = false): Message {
  const headers = [{ name: "Content-Type", value: type }];
  return {
    side: "request",
    headers,
    type,
    body,
    isBase64,
    omitted: "",
    cutFrom: null,
    noted: false,
  };
}

const base64 = (text: string) => toBase64(toUtf8(text));
const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAYAAACddGYaAAAAEElEQVR4nGP4z8DwH4QZYAwAR8oH+Rq28akAAAAASUVORK5CYII=";

describe("a body", () => {
  it.each<[string, Message, string]>([
    ["an object", message({ a: 1 }, ""), "json"],
    ["JSON that came as text", message("[1]", "text/plain"), "json"],
    ["a bare number of a JSON type", message("5", "application/json"), "json"],
    ["a bare number of another type", message("5", "text/plain"), "text"],
    ["text that only begins like JSON", message("{not", "application/json"), "text"],
    ["JSON too deep to be drawn", message("[".repeat(9_000) + "]".repeat(9_000), ""), "text"],
    ["JSON lines", message('{"a":1}\nx\n', "application/x-ndjson"), "lines"],
    ["a form", message("a=1&b=2", "application/x-www-form-urlencoded; charset=utf-8"), "form"],
    ["a multipart form", message({ a: "1" }, "multipart/form-data; boundary=x"), "parts"],
    ["an event stream", message("data: 1\n\n", "text/event-stream"), "stream"],
    ["text in base64", message(base64("hé"), "application/octet-stream", true), "text"],
    ["JSON in base64", message(base64('{"a":1}'), "", true), "json"],
    ["a picture that says it is text", message(PNG, "text/plain", true), "picture"],
    ["a drawing that says it is a picture", message(base64("<svg/>"), "image/png", true), "text"],
    ["bytes", message(toBase64(Uint8Array.of(0, 255, 1)), "image/png", true), "bytes"],
    ["text with a NUL", message(base64("a\0b"), "text/plain", true), "bytes"],
    ["base64 that is none", message("!!", "text/plain", true), "text"],
    ["nothing", message("", "text/plain"), "none"],
  ])("is looked at: %s", (_, given, kind) => {
    expect(contentOf(given).kind).toBe(kind);
  });

  it("has the files of a multipart form apart from its fields", () => {
    const file = { size: 3, content_type: "image/png", filename: "a.png", digest: "d" };
    const content = contentOf(
      message({ a: ["1", "2"], f: file, size: { size: 1 } }, "multipart/x"),
    );
    expect(content).toMatchObject({
      kind: "parts",
      parts: [
        { name: "a", value: "1", file: null },
        { name: "a", value: "2", file: null },
        { name: "f", file: { name: "a.png", type: "image/png", size: 3, digest: "d" } },
        { name: "size", file: null },
      ],
    });
  });

  it("is copied as it came where that is known", () => {
    expect(textIn(contentOf(message('{"a": 1}', "application/json")))).toBe('{"a": 1}');
    expect(textIn(contentOf(message(parsed('{"a": 1.0}'), "application/json")))).toBe('{"a":1.0}');
    expect(textIn(contentOf(message(PNG, "", true)))).toBeNull();
  });
});

describe("a picture", () => {
  const bytes = (...parts: (string | number[])[]) =>
    Uint8Array.from(
      parts.flatMap((part) =>
        typeof part === "string" ? [...part].map((one) => one.charCodeAt(0)) : part,
      ),
    );
  const zeros = (many: number) => new Array<number>(many).fill(0);

  it.each([
    ["PNG", fromBase64(PNG), 3, 2],
    ["GIF", bytes("GIF89a", [3, 0, 2, 1]), 3, 258],
    ["JPEG", bytes([255, 216, 255, 224, 0, 4, 0, 0, 255, 192, 0, 17, 8, 0, 2, 0, 3, 0]), 3, 2],
    ["WebP", bytes("RIFF", zeros(4), "WEBPVP8X", zeros(8), [2, 0, 0, 1, 0, 0]), 3, 2],
    ["WebP", bytes("RIFF", zeros(4), "WEBPVP8L", zeros(5), [2, 64, 0, 0], zeros(8)), 3, 2],
    ["WebP", bytes("RIFF", zeros(4), "WEBPVP8 ", zeros(10), [3, 0, 2, 0], zeros(4)), 3, 2],
    [
      "AVIF",
      bytes(zeros(4), "ftypavif", zeros(8), "ispe", zeros(4), [0, 0, 0, 3, 0, 0, 0, 2, 0]),
      3,
      2,
    ],
    ["JPEG", bytes([255, 216, 255, 255]), 0, 0],
    ["AVIF", bytes(zeros(4), "ftypavif", zeros(9)), 0, 0],
  ])("%s tells its size in its head", (type, content, width, height) => {
    expect(pictureOf(content ?? new Uint8Array())).toEqual({ type, width, height });
  });

  it("is not what only says that it is one", () => {
    for (const text of [
      "<svg onload=alert(1)>",
      "GIF",
      "\u0089PNG",
      "RIFF    WAVE",
      "%PDF-1.4",
      "",
    ]) {
      expect(pictureOf(bytes(text))).toBeNull();
    }
  });
});

describe("an event stream", () => {
  it("is a list of its events, with what was left out between them", () => {
    const text =
      "\ufeffevent: tick\nid:7\ndata: a\ndata:  b\n\n: hello\n\n[... 512 bytes left out ...]\r\ndata\r\rretry: 5\n";
    expect(streamEvents(text, 10)).toEqual([
      { name: "tick", id: "7", data: "a\n b", comment: "" },
      { name: "", id: "", data: "", comment: "hello" },
      { name: "", id: "", data: "", comment: "512 bytes were left out here" },
      { name: "", id: "", data: "", comment: "" },
      { name: "", id: "", data: "", comment: "retry: 5" },
    ]);
  });

  it("is cut where it is too long to be listed", () => {
    expect(streamEvents("data: 1\n\n".repeat(50), 20)).toHaveLength(20);
  });
});

describe("a hex dump", () => {
  it("shows every byte, and as text what is ASCII", () => {
    const content = Uint8Array.from({ length: 18 }, (_, index) => index + 0x38);
    expect(hexLines(content, 0, 100)).toEqual([
      {
        at: "00000000",
        hex: "38 39 3a 3b 3c 3d 3e 3f  40 41 42 43 44 45 46 47",
        text: "89:;<=>?@ABCDEFG",
      },
      { at: "00000010", hex: "48 49", text: "HI" },
    ]);
    expect(hexLines(content, 0, 16)).toHaveLength(1);
    expect(hexLines(Uint8Array.of(0, 0x7f, 0xff), 0, 9)[0]?.text).toBe("...");
  });
});

describe("XML and HTML", () => {
  it("are indented by their elements", () => {
    expect(isMarkup("<a><b>1</b></a>")).toBe(true);
    expect(indented('<?xml version="1.0"?><a><b>1</b><c/><d>x<e></e></d></a>')).toBe(
      [
        '<?xml version="1.0"?>',
        "<a>",
        "  <b>1</b>",
        "  <c/>",
        "  <d>",
        "    x",
        "    <e>",
        "    </e>",
        "  </d>",
        "</a>",
      ].join("\n"),
    );
    expect(indented("<p>a<br>b</p>")).toBe("<p>\n  a\n  <br>\n  b\n</p>");
  });

  it("lose nothing but white space, however broken they are", () => {
    for (const text of ["<<<>>", "</a></b>", "<a", "a < b > c", "<a><b></a>", "<".repeat(10_000)]) {
      expect(indented(text).replace(/\s/g, "")).toBe(text.replace(/\s/g, ""));
    }
  });
});

describe("in words", () => {
  it("is why a body stayed home", () => {
    expect(omittedWords("disabled", "response")).toContain("capture_response_body");
    expect(omittedWords("toString", "request")).toBe("The sender says: toString.");
  });

  it.each([
    ["/request/headers/Cookie", "request header Cookie"],
    ["/request/body/user/card", "request body: user › card"],
    ["/response/body", "response body"],
    ["/request/uri?token", "address, parameter token"],
    ["/request/uri", "address"],
    ["/metadata/a~1b", "metadata › a/b"],
    ["", ""],
  ])("is where something was masked: %s", (path, words) => {
    expect(placeWords(path)).toBe(words);
  });

  it("is by which rule", () => {
    expect(ruleWords("header:cookie")).toBe("header name: cookie");
    expect(ruleWords("jwt")).toBe("jwt");
  });
});
