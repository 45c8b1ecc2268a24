"""``apilog mask``: recorded calls as the product would send them, a report without values."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from wsgiref.util import setup_testing_defaults

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import apilog
from apilog import cli, recordings, testing, wsgi
from apilog.destinations import Memory

HALF_A_MINUTE = 30


class Answer(NamedTuple):
    code: int
    out: bytes
    err: str


Mask = Callable[..., Answer]


@pytest.fixture(autouse=True)
def no_rules_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("APILOG_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def mask(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Mask:
    """Run the command in this process over a file with the given content."""

    def run(content: bytes | str | object, *options: str) -> Answer:
        if not isinstance(content, (bytes, str)):
            content = json.dumps(content)
        path = tmp_path / "recording"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        code = cli.main(["mask", str(path), *options])
        out, err = capfdbinary.readouterr()
        return Answer(code, out, err.decode())

    return run


def event(**changes: Any) -> dict[str, Any]:
    request = {
        "time": "2026-01-02T03:04:05.678Z",
        "uri": "https://shop.test/orders?page=2",
        "verb": "POST",
        "headers": {"Content-Type": "application/json"},
        "body": {"sku": "A-1"},
    }
    known: dict[str, Any] = {"request": request, "direction": "Incoming", "weight": 1}
    for name, value in changes.items():
        place, _, field = name.partition("__")
        if field:
            known.setdefault(place, {"time": "2026-01-02T03:04:06.000Z", "status": 200})
            known[place][field] = value
        else:
            known[name] = value
    return known


# What is masked, in every format


def test_a_single_event_comes_back_masked(mask: Mask) -> None:
    answer = mask(event(request__body={"user": "ann", "password": "hunter2hunter"}))
    masked = json.loads(answer.out)
    assert answer.code == 0
    assert masked["request"]["body"] == {"user": "ann", "password": "***"}
    assert masked["metadata"]["apilog"]["masked"] == [
        {"path": "/request/body/password", "rule": "field:password"}
    ]
    assert "/request/body/password  field:password" in answer.err
    assert "1 place in 1 call (an event): field:password 1" in answer.err


def test_a_list_of_events_stays_a_list(mask: Mask) -> None:
    answer = mask([event(), event(request__headers={"X-Api-Key": "k-4711-4711"})])
    assert [each["request"]["headers"] for each in json.loads(answer.out)] == [
        {"Content-Type": "application/json"},
        {"X-Api-Key": "***"},
    ]


def test_lines_of_events_stay_lines(mask: Mask) -> None:
    lines = [event(), event(request__uri="https://shop.test/?access_token=zzzzzzzzz")]
    answer = mask("\n".join(map(json.dumps, lines)) + "\n\n")
    masked = [json.loads(line) for line in answer.out.splitlines()]
    assert masked[0] == lines[0]
    assert masked[1]["request"]["uri"] == "https://shop.test/?access_token=***"
    assert "events, one a line" in answer.err


def test_indentation_stays(mask: Mask) -> None:
    answer = mask(json.dumps(event(), indent=4))
    assert answer.out.decode().startswith('{\n    "request": {\n')
    assert json.loads(answer.out) == event()


def test_what_holds_no_secret_stays_as_it_is(mask: Mask) -> None:
    answer = mask(event())
    assert json.loads(answer.out) == event()
    assert answer.err == "nothing to mask: 1 call in an event\n"


def test_fields_that_no_event_of_ours_has_are_masked_like_json(mask: Mask) -> None:
    answer = mask(
        event(
            context={"api_key": "zzz-secret-zzz"},
            request__user_agent={"authorization": "zzz-secret-zzz"},
            user_id={"password": "zzz-secret-zzz"},
            metadata={"apilog": {"route": "/orders", "x": {"token": "zzz-secret-zzz"}}},
        )
    )
    assert b"zzz-secret" not in answer.out
    assert json.loads(answer.out)["metadata"]["apilog"]["route"] == "/orders"


def test_a_body_that_another_sender_left_compressed_is_read(mask: Mask) -> None:
    packed = base64.b64encode(gzip.compress(b'{"password": "zzz-secret-zzz", "a": 1}')).decode()
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = mask(
        event(
            response__headers=headers,
            response__body=packed,
            response__transfer_encoding="base64",
        )
    )
    assert json.loads(answer.out)["response"]["body"] == {"password": "***", "a": 1}


def test_text_that_is_called_base64_is_masked_as_text(mask: Mask) -> None:
    answer = mask(
        event(request__body="password=zzz-secret-zzz!", request__transfer_encoding="json")
    )
    assert b"zzz-secret" not in answer.out


def test_an_event_that_cannot_be_masked_is_reduced(mask: Mask) -> None:
    deep: Any = "zzz-secret-zzz"
    for _ in range(150):
        deep = {"a": deep}
    answer = mask(event(request__body=deep, other=deep))
    assert b"zzz-secret" not in answer.out
    assert "left-out:too_deep" in answer.err


def test_a_body_that_is_not_captured_is_not_printed(
    mask: Mask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APILOG_CAPTURE_REQUEST_BODY", "0")
    masked = json.loads(mask(event()).out)
    assert "body" not in masked["request"]
    assert masked["metadata"]["apilog"]["request_body_omitted"] == "disabled"


# HAR


def har(secret: Callable[[], str]) -> dict[str, Any]:
    """A HAR file with a secret in every place that can hold one."""
    name_value = [("X-Api-Key", secret()), ("Authorization", f"Bearer {secret()}")]
    both = secret()
    request = {
        "method": "POST",
        "url": f"https://ann:{secret()}@shop.test/reset/{secret()}?token={both}&page=2#access_token={secret()}",
        "httpVersion": "HTTP/2",
        "headers": [
            *({"name": name, "value": value} for name, value in name_value),
            {"name": "Cookie", "value": f"sid={secret()}; theme=dark"},
            {"name": ":path", "value": f"/reset/{secret()}?token={secret()}"},
            {"name": "Referer", "value": f"https://shop.test/?api_key={secret()}"},
            {"name": "X-Trace", "value": "t-1", "comment": f"password={secret()}"},
        ],
        "queryString": [
            {"name": "token", "value": both},
            {"name": "page", "value": "2"},
            {"name": "client_secret", "value": secret()},
            {"name": "filter", "value": json.dumps({"password": secret()})},
            {"name": "encoded", "value": f"%7B%22password%22%3A%22{secret()}%22%7D"},
        ],
        "cookies": [
            {"name": "sid", "value": secret(), "path": "/", "_secret": secret()},
            {"name": "a;b=c", "value": f"{secret()}; d={secret()}", "httpOnly": True},
        ],
        "postData": {
            "mimeType": "application/json; charset=utf-8",
            "text": json.dumps(
                {"user": "ann", "password": secret(), "deep": [{"token": secret()}]}
            ),
            "params": [
                {"name": "password", "value": secret()},
                {"name": "note", "value": f"https://x.test/?token={secret()}"},
                {
                    "name": "cv",
                    "value": secret(),
                    "fileName": "cv.txt",
                    "contentType": "text/plain",
                },
            ],
            "comment": f"password: {secret()}",
        },
        "headersSize": 120,
        "bodySize": 80,
        "_authorization": secret(),
    }
    response = {
        "status": 302,
        "statusText": "Found",
        "httpVersion": "HTTP/2",
        "headers": [
            {"name": "Set-Cookie", "value": f"sid={secret()}; Path=/"},
            {"name": "set-cookie", "value": f"csrf={secret()}; Path=/"},
            {"name": "Location", "value": f"https://shop.test/cb?code={secret()}"},
        ],
        "cookies": [{"name": "sid", "value": secret(), "path": "/"}],
        "content": {
            "size": 60,
            "mimeType": "application/json",
            "encoding": "base64",
            "text": base64.b64encode(json.dumps({"api_key": secret(), "n": 7}).encode()).decode(),
        },
        "redirectURL": f"https://shop.test/cb?code={secret()}&state=x",
        "_transferSize": 7,
        "_error": f"token={secret()}",
    }
    entry = {
        "startedDateTime": "2026-01-02T03:04:05.678Z",
        "time": 12.5,
        "request": request,
        "response": response,
        "cache": {},
        "timings": {"send": 0, "wait": 12, "receive": 0.5},
        "serverIPAddress": "192.0.2.7",
        "_initiator": {
            "type": "script",
            "url": f"https://shop.test/app.js?api_key={secret()}",
            "stack": {"callFrames": [{"url": f"https://shop.test/?token={secret()}"}]},
        },
        "_webSocketMessages": [{"type": "send", "data": json.dumps({"password": secret()})}],
    }
    text = {
        **entry,
        "request": {
            "method": "POST",
            "url": "https://shop.test/form",
            "headers": [],
            "postData": {
                "mimeType": "application/x-www-form-urlencoded",
                "text": f"user=ann&password={secret()}",
            },
        },
        "response": {
            "status": 200,
            "statusText": f"token={secret()}",
            "headers": [],
            "content": {
                "mimeType": "text/xml; charset=utf-16",
                "text": f"<a><password>{secret()}</password><b>1</b></a>",
            },
        },
    }
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "browser", "version": "1"},
            "pages": [
                {
                    "id": "page_1",
                    "title": f"https://shop.test/?token={secret()}",
                    "startedDateTime": "2026-01-02T03:04:05.678Z",
                    "pageTimings": {},
                }
            ],
            "entries": [entry, text],
            "comment": f"password={secret()}",
            "_secret": secret(),
        },
        "other": {"client_secret": secret()},
    }


@pytest.fixture
def planted() -> tuple[dict[str, Any], list[str]]:
    secrets: list[str] = []

    def secret() -> str:
        secrets.append(f"zQ7xK{len(secrets):03}wJ9vB2mR4tY")
        return secrets[-1]

    return har(secret), secrets


def found(secrets: list[str], *texts: bytes | str) -> list[str]:
    """Return those of the secrets that stand in texts, as they are or in an encoding."""
    whole = b"\n".join(text if isinstance(text, bytes) else text.encode() for text in texts)
    return [
        secret
        for secret in secrets
        if secret.encode() in whole
        or any(
            base64.b64encode(b" " * shift + secret.encode())[4:-4] in whole for shift in range(3)
        )
        or secret.encode().hex().encode() in whole
    ]


def test_no_secret_of_a_har_file_is_printed_wherever_it_stands(
    mask: Mask, planted: tuple[dict[str, Any], list[str]]
) -> None:
    file, secrets = planted
    assert len(secrets) > 40
    assert found(secrets, json.dumps(file)) == secrets
    answer = mask(file)
    assert answer.code == 0
    assert found(secrets, answer.out, answer.err) == []


def test_a_har_file_stays_a_har_file(mask: Mask, planted: tuple[dict[str, Any], list[str]]) -> None:
    file, _ = planted
    masked = json.loads(mask(file).out)["log"]
    entry, form = masked["entries"]
    assert masked["version"] == "1.2"
    assert entry["startedDateTime"] == "2026-01-02T03:04:05.678Z"
    assert entry["timings"] == {"send": 0, "wait": 12, "receive": 0.5}
    assert entry["serverIPAddress"] == "192.0.2.7"
    request, response = entry["request"], entry["response"]
    assert request["method"] == "POST"
    assert "?token=***&page=2" in request["url"]
    assert request["queryString"][:2] == [
        {"name": "token", "value": "***"},
        {"name": "page", "value": "2"},
    ]
    assert json.loads(request["queryString"][3]["value"]) == {"password": "***"}
    assert request["cookies"][0]["name"] == "sid"
    assert request["cookies"][0]["path"] == "/"
    assert json.loads(request["postData"]["text"]) == {
        "user": "ann",
        "password": "***",
        "deep": [{"token": "***"}],
    }
    assert request["postData"]["params"][2] == {
        "name": "cv",
        "fileName": "cv.txt",
        "contentType": "text/plain",
    }
    assert response["redirectURL"] == "https://shop.test/cb?code=***&state=x"
    assert response["headers"][1] == {"name": "set-cookie", "value": "csrf=***; Path=/"}
    assert json.loads(response["content"]["text"]) == {"api_key": "***", "n": 7}
    assert "encoding" not in response["content"]
    assert form["request"]["postData"]["text"] == "user=ann&password=***"
    assert form["response"]["content"]["text"] == "<a><password>***</password><b>1</b></a>"


def test_one_entry_of_a_har_file_is_enough(
    mask: Mask, planted: tuple[dict[str, Any], list[str]]
) -> None:
    file, secrets = planted
    answer = mask(file["log"]["entries"][0])
    assert json.loads(answer.out)["request"]["method"] == "POST"
    assert "in 1 call (a HAR entry)" in answer.err
    assert found(secrets, answer.out, answer.err) == []


def test_what_is_masked_in_one_entry_is_masked_in_all(mask: Mask) -> None:
    def entry(text: str) -> dict[str, Any]:
        return {
            "request": {"method": "GET", "url": "https://shop.test/", "headers": []},
            "response": {
                "status": 200,
                "headers": [],
                "content": {"mimeType": "application/json", "text": text},
            },
        }

    entries = [entry('{"password": "hunter2-hunter3"}'), entry('{"said": "hunter2-hunter3!"}')]
    answer = mask({"log": {"version": "1.2", "entries": entries}})
    assert b"hunter2" not in answer.out
    assert "/log/entries/1/response/content/text  repeated" in answer.err


def test_a_body_that_cannot_be_masked_leaves_a_har_file(mask: Mask) -> None:
    entry = {
        "request": {
            "method": "POST",
            "url": "https://shop.test/",
            "headers": [],
            "postData": {"mimeType": "application/json", "text": '{"password": "zzz-secret'},
        }
    }
    answer = mask(entry)
    assert json.loads(answer.out)["request"]["postData"] == {
        "mimeType": "application/json",
        "_apilogLeftOut": "unparsable",
    }
    assert "/request/body  left-out:unparsable" in answer.err


def test_a_form_with_files_becomes_json_without_their_content(mask: Mask) -> None:
    lines = [
        "--B",
        'Content-Disposition: form-data; name="password"',
        "",
        "zzz-secret-zzz",
        "--B",
        'Content-Disposition: form-data; name="cv"; filename="cv.txt"',
        "",
        "zzz-content-zzz",
        "--B--",
        "",
    ]
    mime = "multipart/form-data; boundary=B"
    post = {"mimeType": mime, "text": "\r\n".join(lines)}
    entry = {"request": {"method": "POST", "url": "/", "headers": [], "postData": post}}
    answer = mask(entry)
    assert b"zzz-" not in answer.out
    masked = json.loads(answer.out)["request"]["postData"]
    assert masked["mimeType"] == "application/json"
    assert json.loads(masked["text"])["password"] == "***"
    assert mask(answer.out, "--check").code == 0


def test_many_values_are_found_wherever_they_stand_again(mask: Mask) -> None:
    secrets = [f"hunter2-{number:04}" for number in range(200)]
    texts = [f"https://shop.test/said/{each}.html" for each in secrets]
    body = {"users": [{"password": each} for each in secrets], "said": texts, secrets[0]: 1}
    answer = mask(event(response__body=body))
    assert found(secrets, answer.out, answer.err) == []
    assert json.loads(answer.out)["response"]["body"]["said"] == [
        "https://shop.test/said/***.html"
    ] * len(texts)


@pytest.mark.parametrize(
    ("content_type", "body", "shape"),
    [
        pytest.param(
            "application/json",
            b'{"password": "abc", "sku": "A-1"}',
            {"password": "***", "sku": "string(3)"},
            id="json",
        ),
        pytest.param("application/xml", b"<a>1</a>", "text(8)", id="xml"),
    ],
)
def test_the_shape_of_a_shape_is_that_shape_where_a_hook_has_masking_run_twice(
    content_type: str, body: bytes, shape: object
) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", content_type)])
        return [body]

    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    with testing.InMemoryClient(shape_only=True, mask_event=lambda each: each) as client:
        response = wsgi.ApiLogMiddleware(app, client=client)(environ, lambda *_: None)
        b"".join(response)
        response.close()
        recorded = client.events[0].response
    assert recorded is not None
    assert recorded.body == shape


# Raw HTTP


def http(*lines: str, body: bytes = b"", end: str = "\r\n") -> bytes:
    return end.join([*lines, "", ""]).encode("latin-1") + body


def test_a_raw_request_stays_a_raw_request(mask: Mask) -> None:
    body = b'{"password":"hunter2hunter","n":1}'
    answer = mask(
        http(
            "POST /login?token=abc123abc&page=2 HTTP/1.1",
            "Host: shop.test",
            "Authorization: Bearer abc.def.ghi",
            "Cookie: sid=xyz; theme=dark",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            body=body,
        )
    )
    masked = b'{"password":"***","n":1}'
    assert answer.out == http(
        "POST /login?token=***&page=2 HTTP/1.1",
        "Host: shop.test",
        "Authorization: Bearer ***",
        "Cookie: sid=***; theme=***",
        "Content-Type: application/json",
        f"Content-Length: {len(masked)}",
        body=masked,
    )


def test_chunks_and_codings_are_undone(mask: Mask) -> None:
    packed = gzip.compress(b'{"secret": "zzz-secret-zzz", "n": 1}', mtime=0)
    chunks = b"".join(
        b"%x;name=value\r\n%s\r\n" % (len(chunk), chunk) for chunk in (packed[:9], packed[9:])
    )
    answer = mask(
        http(
            "HTTP/1.1 200 OK",
            "Content-Type: application/json",
            "Content-Encoding: gzip",
            "Transfer-Encoding: chunked",
            body=chunks + b"0\r\nX-Trailer: zzz-secret-zzz\r\n\r\n",
        )
    )
    assert answer.out == http(
        "HTTP/1.1 200 OK",
        "Content-Type: application/json",
        "Content-Length: 22",
        body=b'{"secret":"***","n":1}',
    )


def test_lines_may_end_without_a_carriage_return(mask: Mask) -> None:
    content = http("GET /?api_key=abc123abc HTTP/1.1", "Host: shop.test", end="\n")
    assert mask(content).out == b"GET /?api_key=*** HTTP/1.1\nHost: shop.test\n\n"


def test_a_request_and_its_response_are_one_call(mask: Mask) -> None:
    content = (
        http("POST /a HTTP/1.1", "Host: x", "Content-Length: 5", body=b"token")
        + b"\r\n"
        + http("HTTP/1.1 100 Continue")
        + http("HTTP/1.1 201 Created", "Set-Cookie: sid=abc", "Set-Cookie: b=c; Path=/")
        + b"hello"
    )
    answer = mask(content)
    assert "in 1 call (HTTP messages)" in answer.err
    assert b"Set-Cookie: sid=***\r\nSet-Cookie: b=***; Path=/\r\n\r\nhello" in answer.out
    assert b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created" in answer.out


def test_a_request_without_a_length_ends_where_the_response_begins(mask: Mask) -> None:
    content = http("POST /a HTTP/1.1", "Host: x", "Content-Type: application/json", end="\n")
    content += b'{"password": "hunter2hunter"}\n\n' + http("HTTP/1.1 204 No Content", end="\n")
    answer = mask(content)
    assert b'Content-Length: 18\n\n{"password":"***"}HTTP/1.1 204 No Content\n\n' in answer.out
    assert mask(answer.out).out == answer.out


def test_requests_without_bodies_follow_each_other(mask: Mask) -> None:
    content = b"".join(http(f"GET /{n}?token=abc123abc HTTP/1.1", "Host: x") for n in range(3))
    answer = mask(content)
    assert answer.out == content.replace(b"abc123abc", b"***")
    assert "in 3 calls" in answer.err


def test_what_was_masked_in_a_request_is_masked_in_its_response(mask: Mask) -> None:
    content = http("GET /?token=hunter2-hunter3 HTTP/1.1", "Host: x")
    content += http("HTTP/1.1 200 OK", "X-Said: hunter2-hunter3", body=b"hunter2-hunter3 it was")
    assert b"hunter2" not in mask(content).out


TARGETS = {
    "a path": ("GET /?token=abc123abc HTTP/1.1", "GET /?token=*** HTTP/1.1"),
    "an address": (
        "GET http://ann:pw@shop.test/?token=abc123abc HTTP/1.1",
        "GET http://***@shop.test/?token=*** HTTP/1.1",
    ),
    "a server": ("OPTIONS * HTTP/1.1", "OPTIONS * HTTP/1.1"),
    "a tunnel": ("CONNECT shop.test:443 HTTP/1.1", "CONNECT shop.test:443 HTTP/1.1"),
}


@pytest.mark.parametrize(("start", "masked"), TARGETS.values(), ids=TARGETS.keys())
def test_a_request_can_ask_for(mask: Mask, start: str, masked: str) -> None:
    assert mask(http(start, "Host: shop.test")).out == http(masked, "Host: shop.test")


def test_a_body_that_ends_too_early_stays_home(mask: Mask) -> None:
    content = http(
        "POST / HTTP/1.1",
        "Host: x",
        "Content-Type: application/json",
        "Content-Length: 100",
        body=b'{"password":"zzz-secret-zzz"',
    )
    answer = mask(content)
    assert answer.out.endswith(b"Content-Length: 0\r\n\r\n")
    assert "left-out:incomplete" in answer.err


CALLS = {
    "json": ("application/json", b'{"password":"hunter2hunter","sku":"A-1"}'),
    "a form": ("application/x-www-form-urlencoded", b"user=ann&password=hunter2hunter"),
    "text": ("text/plain; charset=latin-1", "caf\xe9: password=hunter2hunter".encode("latin-1")),
    "xml": ("application/xml", b"<a><token>hunter2hunter</token></a>"),
    "lines": ("application/x-ndjson", b'{"token":"hunter2hunter"}\n{"a":1}\n'),
    "bytes": ("image/png", b"\x89PNG\r\n\x1a\n\xff\xfe\x00"),
    "broken json": ("application/json", b'{"password":"hunter2'),
    "an opaque body": ("application/protobuf", b"\x0a\x07hunter2"),
}


@pytest.mark.parametrize(("content_type", "body"), CALLS.values(), ids=CALLS.keys())
def test_a_raw_message_comes_out_as_the_product_records_it(
    mask: Mask, content_type: str, body: bytes
) -> None:
    query = "page=2&access_token=hunter2hunter"

    def app(environ: Any, start_response: Any) -> list[bytes]:
        environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        start_response(
            "200 OK", [("Content-Type", content_type), ("Set-Cookie", "sid=hunter2hunter; Path=/")]
        )
        return [body]

    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/orders/7",
        "QUERY_STRING": query,
        "HTTP_HOST": "shop.test",
        "HTTP_AUTHORIZATION": "Bearer hunter2hunter",
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    setup_testing_defaults(environ)
    with testing.InMemoryClient() as client:
        response = wsgi.ApiLogMiddleware(app, client=client)(environ, lambda *_: None)
        b"".join(response)
        response.close()
        recorded = client.events[0]
    content = http(
        f"POST /orders/7?{query} HTTP/1.1",
        "Host: shop.test",
        "Authorization: Bearer hunter2hunter",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        body=body,
    ) + http(
        "HTTP/1.1 200 OK",
        f"Content-Type: {content_type}",
        "Set-Cookie: sid=hunter2hunter; Path=/",
        body=body,
    )
    printed = mask(content).out
    request, response_head, response_body = divided(printed)
    assert request[0] == f"POST {recorded.request.uri.removeprefix('http://shop.test')} HTTP/1.1"
    for name in ("Authorization", "Content-Type"):
        assert f"{name}: {recorded.request.headers[name]}" in request
    for name, value in (recorded.response.headers if recorded.response else {}).items():
        assert f"{name}: {value}" in response_head
    assert recorded.response is not None
    assert recorded.response.body == recorded.request.body
    assert response_body == as_bytes(recorded.response, content_type)


@pytest.mark.parametrize(("content_type", "body"), CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("shape_only", [False, True], ids=["as it is", "as a shape"])
def test_what_the_product_sent_stays_as_it_is(
    mask: Mask, content_type: str, body: bytes, shape_only: bool
) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        apilog.annotate(user_id="ann", metadata={"plan": "pro", "token": "hunter2hunter"})
        start_response("200 OK", [("Content-Type", content_type), ("X-Said", "hunter2hunter")])
        return [body]

    environ: dict[str, Any] = {"QUERY_STRING": "token=hunter2hunter", "HTTP_COOKIE": "sid=abc"}
    setup_testing_defaults(environ)
    memory = Memory()
    with apilog.Client(memory, shape_only=shape_only) as client:
        response = wsgi.ApiLogMiddleware(app, client=client)(environ, lambda *_: None)
        b"".join(response)
        response.close()
        assert client.flush(timeout=HALF_A_MINUTE)
    sent = memory.raw[0]
    answer = mask(sent, "--check", *(["--shape-only"] if shape_only else []))
    assert json.loads(answer.out) == json.loads(sent)
    assert answer.code == 0


def divided(content: bytes) -> tuple[list[str], list[str], bytes]:
    """Return the lines of the request and of the response's head, and its body."""
    request, _, response = content.partition(b"HTTP/1.1 200")
    head, _, body = response.partition(b"\r\n\r\n")
    return request.decode("latin-1").split("\r\n"), head.decode("latin-1").split("\r\n"), body


def as_bytes(recorded: Any, content_type: str) -> bytes:
    if recorded.body is None:
        return b""
    if recorded.transfer_encoding:
        return base64.b64decode(recorded.body)
    if isinstance(recorded.body, str):
        return recorded.body.encode("latin-1" if "latin-1" in content_type else "utf-8")
    return json.dumps(recorded.body, separators=(",", ":")).encode()


# Rules


RULES = {
    "headers": (["--mask-headers", "X-One,x-two"], "headers", {"X-One": "***", "X-Two": "***"}),
    "headers, named one by one": (
        ["--mask-headers", "X-One", "--mask-headers", "X-Two"],
        "headers",
        {"X-One": "***", "X-Two": "***"},
    ),
    "query": (["--mask-query", "page"], "uri", "https://shop.test/?page=***&token=***"),
    "fields": (["--mask-fields", "sku,deep.zip"], "body", {"sku": "***", "deep": {"zip": "***"}}),
    "a pattern": (["--mask-pattern", "A-[0-9],?"], "body", {"sku": "***", "deep": {"zip": "1"}}),
    "unmask": (["--unmask", "token"], "uri", "https://shop.test/?page=2&token=zzz"),
    "an allow-list": (["--keep-fields", "sku"], "body", {"sku": "A-1", "deep": {"zip": "***"}}),
    "shapes": (
        ["--shape-only"],
        "body",
        {"sku": "string(3)", "deep": {"zip": "string(1)"}},
    ),
}


@pytest.mark.parametrize(("options", "place", "expected"), RULES.values(), ids=RULES.keys())
def test_an_option_is_a_rule(mask: Mask, options: list[str], place: str, expected: object) -> None:
    answer = mask(
        event(
            request__uri="https://shop.test/?page=2&token=zzz",
            request__headers={"X-One": "1", "X-Two": "2"},
            request__body={"sku": "A-1", "deep": {"zip": "1"}},
        ),
        *options,
    )
    assert json.loads(answer.out)["request"][place] == expected


@pytest.mark.parametrize("body", [4711, True, 1.5, "4711"])
def test_an_allow_list_keeps_no_body_without_fields(mask: Mask, body: object) -> None:
    masked = json.loads(mask(event(request__body=body), "--keep-fields", "sku").out)
    assert "body" not in masked["request"]
    assert masked["metadata"]["apilog"]["request_body_omitted"] == "not_kept"


def test_the_environment_has_rules_and_an_option_beats_them(
    mask: Mask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APILOG_MASK_FIELDS", "sku")
    monkeypatch.setenv("APILOG_SHAPE_ONLY", "1")
    assert json.loads(mask(event()).out)["request"]["body"] == {"sku": "***"}
    answer = mask(event(), "--no-shape-only")
    assert json.loads(answer.out)["request"]["body"] == {"sku": "***"}
    answer = mask(event(), "--no-shape-only", "--mask-fields", "other")
    assert json.loads(answer.out)["request"]["body"] == {"sku": "A-1"}


def test_rules_for_a_route_hold_there(mask: Mask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APILOG_MASK_ROUTES", '{"POST /orders": {"mask_fields": ["sku"]}}')
    assert json.loads(mask(event()).out)["request"]["body"] == {"sku": "***"}
    other = event(request__uri="https://shop.test/other")
    assert json.loads(mask(other).out)["request"]["body"] == {"sku": "A-1"}


def test_a_key_makes_pseudonyms_that_stay_the_same(mask: Mask, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"0123456789abcdef\n")
    call = event(request__body={"password": "hunter2hunter"})
    first = json.loads(mask(call, "--hash-key-file", str(key)).out)["request"]["body"]
    again = json.loads(mask(call, "--hash-key-file", str(key)).out)["request"]["body"]
    assert first == again
    assert first["password"].startswith("hmac:")


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--mask-pattern", "(a+)+b"], id="a pattern that takes for ever"),
        pytest.param(["--mask-pattern", "("], id="a broken pattern"),
        pytest.param(["--mask-headers", "..."], id="a name without a letter"),
        pytest.param(["--hash-key-file", "nowhere"], id="a key that is not there"),
    ],
)
def test_a_rule_that_cannot_work_is_explained(mask: Mask, options: list[str]) -> None:
    answer = mask(event(), *options)
    assert answer.code == 2
    assert answer.out == b""
    assert answer.err.startswith("apilog: ")


# Check, again and again


def test_check_tells_by_its_exit_code_that_something_was_masked(mask: Mask) -> None:
    assert mask(event(), "--check").code == 0
    call = event(request__body={"password": "hunter2hunter"})
    assert mask(call, "--check").code == 1
    assert mask(mask(call).out, "--check").code == 0


def samples(planted: tuple[dict[str, Any], list[str]]) -> Iterator[Any]:
    yield planted[0]
    yield planted[0]["log"]["entries"][1]
    yield event(request__body={"password": "x", "b": [1, {"token": 5}]}, user_id="ann")
    yield http("GET /?token=abc123abc HTTP/1.1", "Host: x", "Cookie: a=b; c") + http(
        "HTTP/1.1 200 OK", "Content-Type: image/png", body=b"\x89PNG\r\n\xff"
    )


@pytest.mark.parametrize(
    "options",
    [
        pytest.param([], id="with the defaults"),
        pytest.param(["--shape-only"], id="with shapes"),
        pytest.param(["--keep-fields", "user,n"], id="with an allow-list"),
    ],
)
def test_masking_twice_changes_nothing(
    mask: Mask, planted: tuple[dict[str, Any], list[str]], options: list[str]
) -> None:
    for sample in samples(planted):
        once = mask(sample, *options).out
        assert mask(once, *options).out == once


# Hostile and wrong input


HOSTILE = {
    "nothing": b"",
    "blanks": b" \n\r\n",
    "binary": b"\x7fELF\x00\x01zzz-secret-zzz",
    "nul bytes in json": b'{"request": \x00{"zzz-secret-zzz"}',
    "text": b"zzz-secret-zzz and more",
    "broken json": b'{"password": "zzz-secret-zzz"',
    "a number": b"12345678",
    "json that is no event": b'{"password": "zzz-secret-zzz"}',
    "a list of something": b'[{"request": {"uri": "/"}}, "zzz-secret-zzz"]',
    "lines that are not all json": b'{"a": 1}\n{"zzz-secret-zzz\n',
    "deep json": b'{"a":' * 200_000 + b'"zzz-secret-zzz"' + b"}" * 200_000,
    "a har without entries": b'{"log": {"entries": "zzz-secret-zzz"}}',
    "a har with a broken entry": b'{"log": {"entries": [{"request": {"url": 7}}]}}',
    "a har with odd headers": b'{"request": {"url": "/", "headers": {"a": "zzz-secret-zzz"}}}',
    "a har with an odd body": b'{"request": {"url": "/", "postData": "zzz-secret-zzz"}}',
    "an event with a list of headers": b'{"request": {"uri": "/", "headers": [["a", "zzz-s"]]}}',
    "an event with an odd response": b'{"request": {"uri": "/"}, "response": "zzz-secret-zzz"}',
    "an http message with a line that is no header": b"GET / HTTP/1.1\r\nzzz-secret-zzz\r\n\r\n",
    "more than a message": b"GET / HTTP/1.1\r\nContent-Length: 1\r\n\r\nxzzz-secret-zzz",
    "a chunk without a size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz-secret",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_recording_is_refused_without_a_word_of_it(mask: Mask, content: bytes) -> None:
    answer = mask(content)
    assert answer.code == 2
    assert answer.out == b""
    assert answer.err.startswith("apilog: ")
    assert "recording: " in answer.err
    assert "zzz-s" not in answer.err


TAKEN = {
    "huge numbers": b'{"request": {"uri": "/", "body": {"password": 1e400, "n": '
    + b"9" * 99
    + b"}}}",
    "numbers that are none": b'{"request": {"uri": "/", "body": {"password": NaN}}}',
    "lone surrogates": b'{"request": {"uri": "/", "body": {"password": "\\ud800zzz-secret-zzz"}}}',
    "invalid text in a message": b"POST / HTTP/1.1\r\nHost: x\r\n\r\npassword=zzz-secret \xff\xfe",
    "nul bytes in a message": b"POST / HTTP/1.1\r\nHost: x\r\n\r\n\x00\x00token=zzz-secret-zzz\x00",
    "a header of high bytes": b"GET / HTTP/1.1\r\nX-Token: \xff\xfezzz-secret-zzz\r\n\r\n",
    "a name that moves the cursor": b'{"request":{"uri":"/","body":{"\\u001b[J token":"zzz-s"}}}',
    "a name twice": b'{"request": {"uri": "/", "body": {"a": "token=zzz-secret-zzz", "a": 1}}}',
    "an address that is none": b'{"request": {"uri": "http://[zzz?token=zzz-secret-zzz"}}',
}


@pytest.mark.parametrize("content", TAKEN.values(), ids=TAKEN.keys())
def test_what_is_odd_is_masked_all_the_same(mask: Mask, content: bytes) -> None:
    answer = mask(content)
    assert answer.code == 0
    assert b"zzz-s" not in answer.out
    assert "zzz-s" not in answer.err
    assert "\x1b" not in answer.err


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=100).map(lambda rest: b"GET / HTTP/1.1\r\n" + rest),
        st.binary(max_size=100).map(
            lambda rest: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + rest
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=9),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        "log entries request response url uri headers name value postData text"
                        " params"
                        " content body metadata apilog cookies queryString pages mimeType".split()
                    ),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=12,
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_whatever_comes_is_masked_or_refused(mask: Mask, content: bytes) -> None:
    answer = mask(content)
    assert answer.code in (0, 2)
    assert "please report" not in answer.err


@pytest.mark.parametrize("name", ["event", "events", "ndjson", "har", "http"])
def test_a_format_that_is_forced_and_wrong_is_refused(mask: Mask, name: str) -> None:
    answer = mask(b'{"zzz-secret-zzz": 1}', "--format", name)
    assert answer.code == 2
    assert "zzz" not in answer.err


def test_a_format_can_be_forced(mask: Mask) -> None:
    content = json.dumps(event(request__body={"password": "hunter2hunter"}))
    for name in ("event", "ndjson"):
        assert b"hunter2" not in mask(content, "--format", name).out


def test_a_file_that_is_too_large_is_refused(mask: Mask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "LARGEST", 1_048_576)
    answer = mask(b" " * 1_048_577)
    assert answer.code == 2
    assert "larger than 1 MiB" in answer.err


@pytest.mark.parametrize("name", [".", "nowhere", "a\0b"])
def test_a_file_that_cannot_be_read_is_named(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["mask", str(tmp_path / name)]) == 2
    assert "it cannot be read" in capsys.readouterr().err


# As a process


def process(*arguments: str, content: bytes = b"", **environment: str) -> tuple[int, bytes, str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith("APILOG_")}
    done = subprocess.run(
        [sys.executable, "-m", "apilog.cli", *arguments],
        input=content,
        capture_output=True,
        env={**known, **environment},
        timeout=HALF_A_MINUTE,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr.decode()


def test_it_reads_standard_input_and_the_environment() -> None:
    call = json.dumps(event(request__body={"sku": "A-1", "password": "hunter2hunter"})).encode()
    code, out, err = process("mask", "-", "--check", content=call, APILOG_MASK_FIELDS="sku")
    assert code == 1
    assert json.loads(out)["request"]["body"] == {"sku": "***", "password": "***"}
    assert "field:option 1" in err


def test_it_says_which_variables_it_does_not_know() -> None:
    call = json.dumps(event()).encode()
    code, _, err = process("mask", "-", content=call, APILOG_MASK_FEILDS="sku")
    assert code == 0
    assert "APILOG_MASK_FEILDS is ignored" in err


def test_standard_input_is_named_in_errors() -> None:
    code, out, err = process("mask", "-", content=b"zzz-secret-zzz")
    assert (code, out) == (2, b"")
    assert err.startswith(
        "apilog: standard input: it is neither JSON nor an HTTP message; expected"
    )


def test_a_reader_that_leaves_early_is_no_trouble() -> None:
    call = json.dumps([event(request__body={"a": "x" * 1000})] * 2_000).encode()
    with subprocess.Popen(
        [sys.executable, "-m", "apilog.cli", "mask", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as run:
        assert run.stdin is not None
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdin.write(call)
        run.stdin.close()
        run.stdout.read(10)
        run.stdout.close()
        err = run.stderr.read()
        assert run.wait(HALF_A_MINUTE) == 2
    assert b"Traceback" not in err


def test_where_there_is_no_output_that_is_what_it_says() -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -m apilog.cli mask - >&-', sys.executable],
        input=json.dumps(event()).encode(),
        stderr=subprocess.PIPE,
        timeout=HALF_A_MINUTE,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == b"apilog: nothing could be done: standard output is closed\n"


def test_the_version_needs_none_of_it() -> None:
    code = "import sys, apilog.cli\ntry: apilog.cli.main(['--version'])\nexcept SystemExit: pass\n"
    code += (
        "print([n for n in ('apilog.recordings', 'apilog.lint', 'starlette') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=HALF_A_MINUTE, check=True
    )
    assert done.stdout.splitlines()[-1] == b"[]"
