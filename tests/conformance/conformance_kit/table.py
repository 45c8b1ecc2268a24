"""The table: every scenario of the suite, each with what its event has to say.

Frameworks and servers differ: ``on`` names the mountings that have words for what a row does, and
``not_on`` and ``not_over`` say why one that has them is left out. No case is made of those, so that
none is skipped. ``over=()`` marks what no real server offers, or what only a server can look into.
"""

from __future__ import annotations

import gzip
import json
from typing import Any
from unittest.mock import ANY

from conformance_kit import crowd, natives_asgi, natives_wsgi
from conformance_kit.scenario import (
    DJANGO,
    DJANGO_ASGI,
    DJANGO_WSGI,
    FASTAPI,
    FLASK,
    RAW,
    RAW_ASGI,
    RAW_WSGI,
    WSGI,
    Answer,
    Fail,
    Interrupt,
    Leave,
    Leaves,
    Native,
    Read,
    Request,
    Scenario,
    SendFile,
    Stop,
    Stream,
    Trouble,
)
from conformance_kit.versions import LEAVING_IS_NOT_HEARD, NO_PATHSEND, ROOTS_ARE_NOT_FOUND

EVERY_BYTE = bytes(range(256))
JSON_TEXT = json.dumps({"name": "Ünï", "items": [1, 2.5, None, True], "deep": {"a": {"b": "c"}}})
LONG = b"0123456789abcdef" * 19_200
MIB = bytes(range(256)) * 4096
FILE_LIKE = (RAW_WSGI, FLASK, *DJANGO)
"""Mountings on which the request can be read as a file."""

LINES = b"first line\nsecond line\n\nlast without an end"
OCTETS = "application/octet-stream"
JSON = "application/json"

HALF = (None, "incomplete")
UNREAD = (None, "not_read")


def _answers() -> list[Scenario]:
    bodies = [
        Scenario(id="an empty body", does=Answer(body=b"")),
        Scenario(id="a short text", does=Answer()),
        Scenario(id="a text with every kind of letter", does=Answer(body="żółć 漢字 😀".encode())),
        Scenario(id="a text that is no UTF-8", does=Answer(body=b"caf\xe9 \xff\xfe")),
        Scenario(
            id="a text in latin 1",
            does=Answer(body="café".encode("latin-1"), content_type="text/plain; charset=latin-1"),
            event={"response": ("café", None)},
        ),
        Scenario(id="an object in JSON", does=Answer(body=JSON_TEXT.encode(), content_type=JSON)),
        Scenario(
            id="a problem in JSON",
            does=Answer(body=b'{"title":"x"}', status=422, content_type="application/problem+json"),
        ),
        Scenario(
            id="JSON that is none",
            does=Answer(body=b'{"cut":', content_type=JSON),
            event={"response": (None, "unparsable")},
        ),
        Scenario(id="every byte there is", does=Answer(body=EVERY_BYTE, content_type=OCTETS)),
        Scenario(
            id="bytes that are said to be HTML",
            does=Answer(body=EVERY_BYTE, content_type="text/html; charset=utf-8"),
        ),
        Scenario(
            id="a page", does=Answer(body=b"<p>hello</p>", content_type="text/html; charset=utf-8")
        ),
        Scenario(id="300 KB of bytes", does=Answer(body=LONG, content_type=OCTETS)),
        Scenario(id="1 MiB of bytes", does=Answer(body=MIB, content_type=OCTETS)),
        Scenario(
            id="a zipped answer",
            does=Answer(
                body=gzip.compress(b'{"zipped": true}', mtime=0),
                content_type=JSON,
                headers=(("Content-Encoding", "gzip"),),
            ),
            event={"response": ({"zipped": True}, None)},
        ),
        Scenario(
            id="an answer that is said to be zipped",
            does=Answer(body=b"plain", headers=(("Content-Encoding", "gzip"),)),
            event={"response": (None, "bad_encoding")},
        ),
        Scenario(
            id="no content type",
            does=Answer(body=b"untyped", content_type=None),
            on=RAW,
            lint=False,
        ),
    ]
    statuses = [
        Scenario(id=f"status {status}", does=Answer(body=body, status=status))
        for status, body in [
            (201, b"made"),
            (202, b"taken"),
            (203, b"x"),
            (206, b"part"),
            (300, b"choose"),
            (400, b"bad"),
            (401, b"who"),
            (403, b"no"),
            (404, b"none"),
            (409, b"clash"),
            (410, b"gone"),
            (418, b"teapot"),
            (422, b"what"),
            (429, b"slow"),
            (451, b"law"),
            (500, b"broken"),
            (502, b"gate"),
            (503, b"later"),
            (504, b"late"),
            (299, b"odd"),
        ]
    ]
    statuses += [
        Scenario(id="status 204 without a body", does=Answer(body=b"", status=204)),
        Scenario(id="status 205 without a body", does=Answer(body=b"", status=205)),
        Scenario(
            id="status 304 with an etag",
            does=Answer(body=b"", status=304, headers=(("ETag", '"7"'),)),
        ),
        Scenario(
            id="a redirect that stays",
            does=Answer(body=b"", status=301, headers=(("Location", "http://shop.test/x"),)),
        ),
        Scenario(
            id="a redirect for now",
            does=Answer(body=b"", status=307, headers=(("Location", "/s/elsewhere"),)),
        ),
        Scenario(
            id="a path that no route knows",
            does=Answer(),
            request=Request(path="/missing"),
            on=(FLASK, FASTAPI, *DJANGO),
        ),
        Scenario(
            id="a verb that the route refuses",
            does=Answer(),
            request=Request(verb="POST", path="/only-get"),
            on=(FLASK, FASTAPI, *DJANGO),
        ),
        Scenario(
            id="a route without a slash at its end",
            does=Answer(),
            request=Request(path="/only-get"),
            on=(FLASK, FASTAPI, *DJANGO),
        ),
        Scenario(
            id="a status with a phrase of its own",
            does=Native(wsgi=natives_wsgi.odd_reason),
            on=(RAW_WSGI,),
        ),
    ]
    return bodies + statuses


def _verbs() -> list[Scenario]:
    return [
        Scenario(
            id=f"verb {verb}",
            does=Answer(body=b"" if verb == "HEAD" else b"done"),
            request=Request(verb=verb, body=body),
            event={"request": UNREAD, (FLASK,): {}} if body else {},
            lint=verb not in ("BREW", "PROPFIND"),
        )
        for verb, body in [
            ("HEAD", b""),
            ("OPTIONS", b""),
            ("DELETE", b""),
            ("PROPFIND", b""),
            ("BREW", b""),
            ("PUT", b""),
            ("PATCH", b""),
            ("POST", b""),
        ]
    ] + [
        Scenario(
            id="HEAD answered with a body",
            does=Answer(body=b"not for HEAD"),
            request=Request(verb="HEAD"),
            lint=False,
        ),
        Scenario(
            id="OPTIONS for the server as a whole",
            does=Answer(),
            request=Request(verb="OPTIONS", path="*"),
            on=RAW,
            lint=False,
            event={"uri": "*"},
            not_over={
                "gunicorn": "answers it itself",
                "wsgiref": "gives the app a path of its own",
            },
        ),
    ]


def _headers() -> list[Scenario]:
    def row(name: str, *headers: tuple[str, str], **more: Any) -> Scenario:
        return Scenario(id=name, does=Answer(headers=headers), **more)

    no_repeats = dict.fromkeys(DJANGO, "Django keeps one line of a name")
    return [
        row("a header twice", ("X-Tag", "a"), ("X-Tag", "b"), not_on=no_repeats),
        row("a header in two spellings", ("X-Tag", "a"), ("x-tag", "b"), not_on=no_repeats),
        row("three cookies", ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Set-Cookie", "c=3")),
        row("a header in odd case", ("x-ODD-cAsE", "kept")),
        row("an empty header value", ("X-Empty", "")),
        row("a header of 8 KB", ("X-Long", "v" * 8192)),
        row("a header in latin 1", ("X-Name", "caf\xe9")),
        row("headers in an order", ("X-Z", "1"), ("X-A", "2"), ("X-M", "3")),
        row("a header with a comma", ("X-List", "a, b;q=0.5, c")),
        row("many headers", *((f"X-{number}", str(number)) for number in range(60))),
        row("a quoted header", ("ETag", 'W/"a\\"b"')),
        row("a header that looks like ours", ("X-Apilog", "kept"), ("X-Transaction-Id", "mine")),
        row("a link to somewhere", ("Link", '</a?b=1>; rel="next", </c>; rel="prev"')),
        Scenario(
            id="request headers of every kind",
            does=Answer(),
            request=Request(
                headers=(
                    ("Accept", "*/*"),
                    ("Cookie", "a=1; b=2"),
                    ("X-Empty", ""),
                    ("X-Long", "v" * 4000),
                    ("X-Latin", "caf\xe9"),
                )
            ),
        ),
        Scenario(
            id="a request header with an underscore",
            does=Answer(),
            request=Request(headers=(("X_Underscore", "u"),)),
            not_over={"gunicorn": "drops such headers"},
        ),
        Scenario(
            id="a request header twice",
            does=Answer(),
            request=Request(headers=(("X-Tag", "a"), ("X-Tag", "b"))),
        ),
        Scenario(
            id="credentials in the request",
            does=Answer(),
            request=Request(headers=(("Authorization", "Bearer abc.def.ghi"),)),
        ),
        Scenario(
            id="headers changed after the start",
            on=(RAW_WSGI,),
            lint=False,
            does=Native(wsgi=natives_wsgi.headers_changed_later),
        ),
        Scenario(
            id="no headers at all",
            on=(RAW_WSGI,),
            lint=False,
            does=Native(wsgi=natives_wsgi.no_headers),
        ),
    ]


def _streams() -> list[Scenario]:
    wsgi_forms = [
        ("a list", "list"),
        ("a tuple", "tuple"),
        ("an iterable without close", "iterable"),
        ("an iterable with close", "closable"),
        ("an iterator that is no generator", "iterator"),
        ("an iterable with a length", "sized"),
        ("a map", "map"),
    ]
    rows = [Scenario(id="a generator", does=Stream())]
    rows += [
        Scenario(id=f"{name} of three chunks", does=Stream(form=form), on=WSGI)
        for name, form in wsgi_forms
    ]
    rows += [
        Scenario(
            id="a sequence without iterator",
            does=Stream(form="sequence"),
            on=(RAW_WSGI,),
            lint=False,
        ),
        Scenario(
            id="a subclass of bytes",
            does=Stream(form="bytes subclass"),
            on=(RAW_WSGI,),
            lint=False,
            not_over={"wsgiref": "refuses subclasses of bytes"},
        ),
        Scenario(id="a single chunk", does=Stream(chunks=(b"only",))),
        Scenario(id="a list of one chunk", does=Stream(chunks=(b"only",), form="list"), on=WSGI),
        Scenario(id="an empty list", does=Stream(chunks=(), form="list"), on=WSGI),
        Scenario(id="an empty tuple", does=Stream(chunks=(), form="tuple"), on=WSGI),
        Scenario(id="an empty generator", does=Stream(chunks=())),
        Scenario(id="nothing but an empty chunk", does=Stream(chunks=(b"",))),
        Scenario(id="a list with an empty chunk", does=Stream(chunks=(b"",), form="list"), on=WSGI),
        Scenario(
            id="empty chunks in between", does=Stream(chunks=(b"", b"a", b"", b"", b"b", b""))
        ),
        Scenario(id="a hundred chunks", does=Stream(chunks=tuple(b"%d\n" % n for n in range(100)))),
        Scenario(id="three hundred single bytes", does=Stream(chunks=(b"x",) * 300)),
        Scenario(
            id="chunks of 64 KB", does=Stream(chunks=(bytes(65_536),) * 3, content_type=OCTETS)
        ),
        Scenario(
            id="a stream over the limit",
            does=Stream(chunks=(b"y" * 100_000,) * 4, content_type=OCTETS),
        ),
        Scenario(
            id="server sent events",
            does=Stream(
                chunks=(b"data: 1\n\n", b"event: x\ndata: 2\n\n", b": ping\n\n"),
                content_type="text/event-stream",
            ),
        ),
        Scenario(
            id="lines of JSON",
            does=Stream(
                chunks=(b'{"a":1}\n', b'{"a":2}\n', b'{"a":', b"3}\n"),
                content_type="application/x-ndjson",
            ),
        ),
        Scenario(
            id="a letter cut by a chunk border",
            does=Stream(chunks=("ä".encode()[:1], "ä".encode()[1:], b"!")),
        ),
        Scenario(
            id="JSON in pieces", does=Stream(chunks=(b'{"a"', b": [1, ", b"2]}"), content_type=JSON)
        ),
        Scenario(id="a slow stream", does=Stream(pause=0.02)),
        Scenario(id="a stream with an error status", does=Stream(status=503)),
        Scenario(
            id="a stream of announced length",
            does=Stream(headers=(("Content-Length", "13"),)),
            not_on={FLASK: "adds nothing to raw WSGI"},
        ),
        Scenario(
            id="bytes one by one", on=(RAW_WSGI,), does=Native(wsgi=natives_wsgi.one_byte_string)
        ),
    ]
    return rows


def _endings() -> list[Scenario]:
    """Exceptions and everything else that ends a call."""
    server_answers = {"status": 500, "response": (None, None), "response_size": 0, "chunks": 1}
    rows = []
    for name, error in [
        ("an exception", Trouble),
        ("a LookupError", LookupError),
        ("an OSError", OSError),
    ]:
        rows.append(
            Scenario(
                id=f"{name} before the response",
                does=Fail(error=error),
                event={
                    "exception": error.__name__,
                    RAW: server_answers,
                    (FASTAPI,): server_answers,
                },
            )
        )
    rows += [
        Scenario(
            id=f"{error.__name__} before the response",
            does=Fail(error=error),
            on=RAW if error is not GeneratorExit else (RAW_WSGI,),
            over=(),
            event={"exception": error.__name__, **server_answers},
        )
        for error in (Stop, Interrupt, Leave, GeneratorExit)
    ]
    for at, where in [(0, "in place of the first chunk"), (1, "in the middle"), (3, "at the end")]:
        rows.append(
            Scenario(
                id=f"an exception {where}",
                does=Stream(fails_at=at),
                event={
                    "exception": "Trouble",
                    "response": (None, "incomplete" if at else None),
                    WSGI: {} if at else server_answers,
                },
            )
        )
    rows += [
        Scenario(
            id=f"{error.__name__} in the middle",
            does=Stream(fails_at=2, error=error),
            on=RAW if error is not GeneratorExit else (RAW_WSGI,),
            over=(),
            event={"exception": error.__name__, "response": HALF},
        )
        for error in (Stop, Interrupt, Leave, GeneratorExit)
    ]
    rows += [
        Scenario(
            id="an exception in close",
            on=(RAW_WSGI,),
            does=Stream(form="failing close"),
            event={"exception": "Trouble"},
        ),
        Scenario(
            id="KeyboardInterrupt in close",
            on=(RAW_WSGI,),
            over=(),
            does=Stream(form="failing close", error=Interrupt),
            event={"exception": "Interrupt"},
        ),
        Scenario(
            id="an exception instead of an iterator",
            on=(RAW_WSGI,),
            lint=False,
            does=Stream(form="failing iter"),
            event={"exception": "Trouble", **server_answers},
        ),
        Scenario(
            id="an exception after the head",
            on=RAW,
            does=Native(wsgi=natives_wsgi.start_then_fail, asgi=natives_asgi.start_then_fail),
            event={"exception": "Trouble", "response": (None, None), (RAW_WSGI,): server_answers},
        ),
        Scenario(
            id="an exception after write",
            on=(RAW_WSGI,),
            does=Native(wsgi=natives_wsgi.write_then_fail),
            event={"exception": "Trouble", "response": HALF},
        ),
        Scenario(
            id="an exception after everything was sent",
            on=(RAW_ASGI,),
            does=Native(asgi=natives_asgi.done_then_fail),
            event={},
        ),
        Scenario(
            id="an exception that the app catches",
            on=(RAW_WSGI,),
            does=Native(wsgi=natives_wsgi.catches_its_own),
        ),
        Scenario(
            id="a response that is no iterable",
            on=(RAW_WSGI,),
            lint=False,
            does=Native(wsgi=natives_wsgi.not_iterable),
            event={"exception": "TypeError", **server_answers},
        ),
    ]
    return rows


def _wsgi_only() -> list[Scenario]:
    def row(name: str, app: Any, **more: Any) -> Scenario:
        return Scenario(id=name, does=Native(wsgi=app), on=(RAW_WSGI,), **more)

    file = {"response": (None, "file")}
    return [
        row("write called twice", natives_wsgi.write_only),
        row("write and an iterable", natives_wsgi.write_and_return),
        row("start_response in the first step", natives_wsgi.start_late),
        row(
            "an exception in the first step",
            natives_wsgi.start_late_and_fail,
            event={"exception": "Trouble", "status": 500, "response": (None, None)},
        ),
        row("start_response again with exc_info", natives_wsgi.start_twice),
        row(
            "start_response again too late",
            natives_wsgi.start_twice_too_late,
            event={"exception": "Trouble", "response": HALF},
        ),
        row(
            "start_response again without exc_info",
            natives_wsgi.start_twice_wrongly,
            lint=False,
            event={"exception": "AssertionError", "status": 500, "response": (None, None)},
        ),
        row("start_response with exc_info None", natives_wsgi.start_with_none),
        row("a file object as it is", natives_wsgi.own_file_class),
        row("a file in the server's wrapper", natives_wsgi.wrapped_file, event=file, lint=False),
        row(
            "a file in a wrapper that is a function",
            natives_wsgi.wrapped_file,
            event=file,
            file_wrapper="function",
            lint=False,
            over=(),
        ),
        row("a wrapped file that the app reads itself", natives_wsgi.wrapped_file_inside),
        row("an environ as the server made it", natives_wsgi.environ_is_the_servers, over=()),
        row(
            "an environ that the app changes",
            natives_wsgi.environ_is_changed,
            request=Request(query="a=1"),
            lint=False,
        ),
        row(
            "an input that the app replaces",
            natives_wsgi.input_is_replaced,
            lint=False,
            request=Request(verb="POST", body=b"abc", headers=(("Content-Type", OCTETS),)),
            event={"request": ("YWJj", None)},
        ),
        row("a line in the server's log", natives_wsgi.error_is_logged),
    ]


def _asgi_only() -> list[Scenario]:
    def row(name: str, app: Any, **more: Any) -> Scenario:
        more.setdefault("on", (RAW_ASGI,))
        return Scenario(id=name, does=Native(asgi=app), **more)

    return [
        row(
            "an app that does not answer",
            natives_asgi.no_response,
            event={"response": (None, None), "status": None, "aborted": None},
        ),
        row("half a response", natives_asgi.half_response, event={"response": HALF}),
        row("a head without a body", natives_asgi.head_only, event={"response": (None, None)}),
        row("a background task", natives_asgi.background_task, event={"milliseconds": 400}),
        row("more_body left out", natives_asgi.more_body_missing),
        row("body left out", natives_asgi.body_missing),
        row("one buffer sent again and again", natives_asgi.bytearray_reused),
        row(
            "a view of a buffer",
            natives_asgi.memoryview_body,
        ),
        row("headers as a tuple", natives_asgi.headers_as_tuple),
        row("headers as an iterator", natives_asgi.headers_as_iterator),
        row("headers as lists", natives_asgi.headers_as_lists),
        row("trailers", natives_asgi.trailers, extensions=("http.response.trailers",), over=()),
        row(
            "early hints",
            natives_asgi.early_hints,
            over=(),
            extensions=("http.response.early_hint",),
        ),
        row(
            "a head for 103 first",
            natives_asgi.informational,
            over=(),
        ),
        row("a push", natives_asgi.push, extensions=("http.response.push",), over=()),
        row(
            "a push at the end",
            natives_asgi.push_promise_after,
            over=(),
            extensions=("http.response.push",),
        ),
        row("debug information", natives_asgi.debug, extensions=("http.response.debug",), over=()),
        row("a message nobody knows", natives_asgi.unknown_message, over=()),
        row(
            "a file by its path",
            natives_asgi.pathsend,
            over=(),
            extensions=("http.response.pathsend",),
            event={"response": (None, "file")},
        ),
        row(
            "a file by its descriptor",
            natives_asgi.zerocopysend,
            over=(),
            extensions=("http.response.zerocopysend",),
            event={"response": (None, "file")},
        ),
        row(
            "receive never called",
            natives_asgi.receive_never,
            request=Request(verb="POST", body=b"unread"),
            event={"request": UNREAD},
        ),
        row("receive after the end", natives_asgi.receive_after_end),
        row("a response from another task", natives_asgi.from_another_task),
        row("a scope as the server made it", natives_asgi.scope_is_the_servers, over=()),
        row(
            "a scope that the app changes",
            natives_asgi.scope_is_changed,
            request=Request(query="a=1"),
        ),
        row(
            "a socket address of nobody",
            natives_asgi.receive_never,
            over=(),
            scope={"client": None, "server": None},
        ),
        row(
            "a unix socket",
            natives_asgi.receive_never,
            over=(),
            scope={"client": None, "server": ("/run/app.sock", None)},
        ),
        row(
            "a scope with nothing optional in it",
            natives_asgi.receive_never,
            over=(),
            scope={"extensions": {}, "raw_path": None},
        ),
        Scenario(
            id="a file by its path in FastAPI",
            does=SendFile(),
            on=(FASTAPI,),
            not_on=NO_PATHSEND,
            over=(),
            extensions=("http.response.pathsend",),
            event={"response": (None, "file")},
        ),
        Scenario(
            id="a background task in FastAPI",
            on=(FASTAPI,),
            does=Answer(headers=(("X-Background", "1"),)),
        ),
    ]


def _requests() -> list[Scenario]:
    def row(name: str, how: str, body: bytes = LINES, **more: Any) -> Scenario:
        options = {
            key: more.pop(key) for key in ("headers", "chunked", "piece", "length") if key in more
        }
        options.setdefault("headers", (("Content-Type", "text/plain"),))
        request = Request(verb="POST", body=body, **options)
        return Scenario(id=name, does=Read(how=how), request=request, **more)

    form = (("Content-Type", "application/x-www-form-urlencoded"),)
    upload_type = (("Content-Type", "multipart/form-data; boundary=frontier"),)
    upload = (
        b'--frontier\r\nContent-Disposition: form-data; name="note"\r\n\r\nhi\r\n'
        b'--frontier\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" + EVERY_BYTE + b"\r\n--frontier--\r\n"
    )
    half = {"request": ("first line\n", "incomplete")}
    octets = (("Content-Type", OCTETS),)
    json_type = (("Content-Type", JSON),)
    zipped = gzip.compress(b'{"in": "zip"}', mtime=0)
    json_told = {"request": ({"in": "zip"}, None)}
    on_raw = {"on": (RAW_WSGI,)}
    return [
        row("a request body read at once", "all"),
        row("a request body read in pieces", "pieces"),
        row("a request body read to the end", "to the end", on=FILE_LIKE, lint=False),
        row("a request body read by line", "lines", on=FILE_LIKE),
        row("a request body read by short lines", "short lines", on=FILE_LIKE),
        row("a request body read as a list of lines", "line list", on=FILE_LIKE),
        row("a request body iterated", "iterated", on=FILE_LIKE),
        row("a request body read in mixed ways", "mixed", on=FILE_LIKE),
        row(
            "a request body read partly",
            "some",
            on=RAW,
            event={(RAW_WSGI,): {"request": HALF}},
        ),
        row("the first line of a request body", "first line", **on_raw, event=half),
        row(
            "some lines of a request body",
            "some lines",
            **on_raw,
            event=half,
            not_over={"gunicorn": "gives all lines whatever the hint"},
        ),
        row(
            "nothing of a request body by read(0)",
            "nothing of it",
            **on_raw,
            event={"request": UNREAD},
        ),
        row("a request body not read at all", "none", on=RAW, event={"request": UNREAD}),
        row(
            "a request body read after the response began",
            "late",
            not_on={FASTAPI: "Starlette reads the request itself while it streams"},
        ),
        row("a request body read twice by seek", "again", **on_raw, over=(), lint=False),
        row("a request body read into a buffer", "into", **on_raw, over=(), lint=False),
        row("no request body, read", "all", body=b"", lint=False),
        row("a request body of one byte", "all", body=b"x"),
        row("a request body of every byte", "all", body=EVERY_BYTE, headers=octets),
        row("a request body of 150 KB", "all", body=bytes(150_000), headers=octets),
        row(
            "a request body of 150 KB in pieces",
            "pieces",
            body=bytes(150_000),
            headers=octets,
            not_over={"uvicorn": "cuts a body where the socket happens to pause"},
        ),
        row("a request body of 300 KB", "all", body=LONG, headers=octets),
        row("a request body of 1 MiB", "all", body=MIB, headers=octets),
        row("a request in JSON", "json", body=JSON_TEXT.encode(), headers=json_type),
        row(
            "a request in JSON that arrives in drops",
            "json",
            body=JSON_TEXT.encode(),
            headers=json_type,
            piece=5,
        ),
        row("a form", "form", body=b"a=1&b=two+words&c=%C3%A4", headers=form),
        row(
            "an upload",
            "form",
            body=upload,
            headers=upload_type,
            event={
                "request": (
                    {
                        "note": "hi",
                        "file": {
                            "filename": "a.bin",
                            "content_type": OCTETS,
                            "size": 256,
                            "digest": ANY,
                        },
                    },
                    None,
                )
            },
        ),
        row(
            "a zipped request",
            "all",
            body=zipped,
            event=json_told,
            headers=(*json_type, ("Content-Encoding", "gzip")),
        ),
        row("a request body without a length", "all", chunked=True, on=(RAW_ASGI, FASTAPI)),
        row(
            "a request body without a length, to the end",
            "to the end",
            chunked=True,
            on=(RAW_WSGI, FLASK),
            lint=False,
            not_over={"wsgiref": "does not know chunked requests"},
        ),
        *(
            row(
                f"a request body without a length, {how}",
                how,
                chunked=True,
                on=(RAW_WSGI, FLASK),
                not_over={"wsgiref": "does not know chunked requests"},
            )
            for how in ("lines", "short lines", "line list", "iterated", "pieces")
        ),
        row(
            "a long request body without a length",
            "pieces",
            body=bytes(150_000),
            chunked=True,
            headers=octets,
            on=(*RAW, FASTAPI, FLASK),
            not_over={"wsgiref": "does not know chunked requests"},
        ),
        row(
            "a length that is empty",
            "none",
            body=b"",
            length="",
            on=(RAW_WSGI, FLASK),
            over=(),
            lint=False,
        ),
        row("a length of zero", "all", body=b"", length="0"),
        row("a length below zero", "none", body=b"", length="-1", on=WSGI, over=(), lint=False),
        row(
            "a length that is a word", "none", body=b"", length="abc", on=WSGI, over=(), lint=False
        ),
        row(
            "a length longer than the body",
            "some",
            length="1000",
            on=(RAW_WSGI,),
            over=(),
            event={"request": HALF},
        ),
        row(
            "a length nobody can count to",
            "none",
            body=b"",
            length="9" * 30,
            on=(RAW_WSGI,),
            over=(),
            lint=False,
        ),
    ]


def _clients() -> list[Scenario]:
    """Clients that leave."""
    gone = {"aborted": True, "response": HALF}
    many = tuple(b"chunk %d\n" % number for number in range(20))
    lines_gone = {"aborted": True}
    return [
        Scenario(
            id="a client that leaves after the first chunk",
            does=Stream(chunks=many),
            client=Leaves(after=1),
            on=WSGI,
            event=lines_gone,
            over=(),
        ),
        Scenario(
            id="a client that leaves before the first chunk",
            does=Stream(chunks=many),
            client=Leaves(after=0),
            on=WSGI,
            over=(),
            event=lines_gone,
        ),
        Scenario(
            id="a client that leaves a closable iterable",
            does=Stream(chunks=many, form="closable"),
            client=Leaves(after=2),
            on=WSGI,
            event=lines_gone,
            over=(),
        ),
        Scenario(
            id="a client that leaves after the last chunk",
            does=Stream(),
            client=Leaves(after=3),
            on=WSGI,
            over=(),
            event=gone,
        ),
        Scenario(
            id="a client that leaves after the announced length",
            does=Answer(),
            client=Leaves(after=1),
            on=WSGI,
            over=(),
        ),
        Scenario(
            id="a client that leaves an ASGI stream",
            does=Stream(chunks=many, pause=0.01),
            client=Leaves(after=2),
            on=(FASTAPI, DJANGO_ASGI),
            not_on=LEAVING_IS_NOT_HEARD,
            over=(),
            event=lines_gone,
        ),
        Scenario(
            id="a client that leaves while the app listens",
            does=Native(asgi=natives_asgi.waits_for_disconnect),
            client=Leaves(after=3),
            on=(RAW_ASGI,),
            over=(),
            event=lines_gone,
        ),
        Scenario(
            id="a client that is gone before the answer",
            does=Native(asgi=natives_asgi.sends_after_disconnect),
            client=Leaves(after=0),
            on=(RAW_ASGI,),
            over=(),
            event=lines_gone,
        ),
        Scenario(
            id="send that raises OSError",
            does=Stream(chunks=many),
            client=Leaves(after=2, how="error"),
            on=(RAW_ASGI,),
            over=(),
            event={
                "aborted": True,
                "response": ("chunk 0\nchunk 1\nchunk 2\n", "incomplete"),
                "response_size": 24,
                "chunks": 3,
            },
        ),  # handed to a server that lost it
        Scenario(
            id="send that raises and an app that catches",
            does=Native(asgi=natives_asgi.catches_send_errors),
            over=(),
            client=Leaves(after=2, how="error"),
            on=(RAW_ASGI,),
            event={"aborted": True, "response": HALF, "response_size": 15, "chunks": 3},
        ),
        Scenario(
            id="a call that is cancelled",
            does=Stream(chunks=many),
            over=(),
            client=Leaves(after=2, how="cancel"),
            on=(RAW_ASGI,),
            event=lines_gone,
        ),
        Scenario(
            id="a call that is cancelled and tidies up",
            does=Native(asgi=natives_asgi.cancelled_and_tidies_up),
            over=(),
            client=Leaves(after=1, how="cancel"),
            on=(RAW_ASGI,),
            event=lines_gone,
        ),
        Scenario(
            id="an upload that breaks off",
            does=Read(how="pieces"),
            on=(RAW_ASGI,),
            over=(),
            request=Request(verb="POST", body=b"12345", length="10"),
            scope={
                "messages": (
                    {"type": "http.request", "body": b"12345", "more_body": True},
                    {"type": "http.disconnect"},
                )
            },
            event={"aborted": True, "request": HALF},
        ),
    ]


def _addresses() -> list[Scenario]:
    def row(name: str, **request: Any) -> Scenario:
        event = request.pop("event", {})
        more = {key: request.pop(key) for key in ("on", "over", "not_over") if key in request}
        more["not_on"] = ROOTS_ARE_NOT_FOUND if "root" in request else {}
        return Scenario(id=name, does=Answer(), request=Request(**request), event=event, **more)

    return [
        row("a path with letters of all kinds", path="/s/caf%C3%A9/%E6%BC%A2"),
        row("a path with a space", path="/s/a%20b"),
        row("a path with an encoded slash", path="/s/a%2Fb", event={WSGI: {"uri": "/s/a/b"}}),
        row(
            "a path that is no UTF-8",
            path="/s/%FF%FE",
            on=(RAW_WSGI, DJANGO_WSGI, FLASK),
            event={(DJANGO_WSGI,): {"uri": "/s/%25FF%25FE"}},
        ),  # Django's own spelling of it
        row("a path with a letter of latin 1", path="/s/caf%C3%A9"),
        row("a path with an encoded question mark", path="/s/what%3F"),
        row("a path with an encoded percent", path="/s/100%25"),
        row("a path with odd characters", path="/s/a;b=c:d@e,f!g~h*(i)'j"),
        row("a path with two slashes", path="/s//x", event={(FLASK,): {"route": None}}),
        row("a path with dots", path="/s/./a/../b"),
        row("a query", query="a=1&b=2"),
        row("a query with the same name twice", query="a=1&a=2&a="),
        row("a query that is no query", query="???&&==%zz"),
        row("a query with encoded letters", query="q=%C3%A4%20x+y"),
        row("a long query", query="q=" + "v" * 3000),
        row("an app that is mounted", root="/shop", over=()),
        row("an app that is mounted deep", root="/a/b", path="/s/x", query="y=1", over=()),
        row("an app that is mounted under letters", root="/caf%C3%A9", path="/s/x", over=()),
        row("HTTP 1.0", version="1.0"),
    ]


def _other_scopes() -> list[Scenario]:
    def row(name: str, app: Any, scope: str, *messages: dict[str, Any], **more: Any) -> Scenario:
        return Scenario(
            id=name,
            does=Native(asgi=app),
            on=(RAW_ASGI,),
            over=(),
            scope={
                "type": scope,
                "headers": [],
                "messages": messages,
                "scenario": name.replace(" ", "-"),
                **more,
            },
            event={"events": 0},
        )

    startup, shutdown = {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}
    connect = {"type": "websocket.connect"}
    return [
        row(
            "a websocket",
            natives_asgi.websocket,
            "websocket",
            connect,
            {"type": "websocket.receive", "text": "hi"},
            {"type": "websocket.receive", "text": "ho"},
            {"type": "websocket.disconnect", "code": 1000},
        ),
        row("a websocket that is denied", natives_asgi.websocket_denied, "websocket", connect),
        row("a websocket that fails", natives_asgi.websocket_failing, "websocket", connect),
        row(
            "a lifespan with state", natives_asgi.lifespan, "lifespan", startup, shutdown, state={}
        ),
        row("a lifespan that the app refuses", natives_asgi.lifespan_refused, "lifespan", startup),
        row("a startup that fails", natives_asgi.lifespan_startup_failed, "lifespan", startup),
        row(
            "a shutdown that fails",
            natives_asgi.lifespan_shutdown_failed,
            "lifespan",
            startup,
            shutdown,
        ),
        row(
            "a scope nobody knows",
            natives_asgi.unknown_scope,
            "telepathy",
            {"type": "telepathy.thought"},
        ),
    ]


TABLE: list[Scenario] = [
    *_answers(),
    *_verbs(),
    *_headers(),
    *_streams(),
    *_endings(),
    *_wsgi_only(),
    *_asgi_only(),
    *_requests(),
    *_clients(),
    *_addresses(),
    *_other_scopes(),
    Scenario(
        id="a context variable set by the app",
        does=Native(
            wsgi=natives_wsgi.sets_a_context_variable, asgi=natives_asgi.sets_a_context_variable
        ),
        on=RAW,
    ),
    Scenario(
        id="a call that says something about itself",
        does=Native(wsgi=natives_wsgi.annotates, asgi=natives_asgi.annotates),
        on=RAW,
        event={"metadata": {"said": "at first", "later": "in the body"}},
    ),
    Scenario(
        id="a file of 100 KB",
        does=SendFile(),
        lint=False,
        event={WSGI: {"response": (None, "file")}, (DJANGO_ASGI,): {"response": (None, "file")}},
    ),
    Scenario(
        id="a file without a wrapper",
        does=SendFile(),
        on=WSGI,
        over=(),
        file_wrapper="",
        event={(DJANGO_WSGI,): {"response": (None, "file")}},
    ),
]

_LASTING = Stream(
    chunks=tuple(b"data: %d\n\n" % number for number in range(400)),
    pause=0.01,
    content_type="text/event-stream",
)

ON_SOCKETS_ONLY: dict[str, Scenario] = {
    each.id: each
    for each in [
        Scenario(id="a lasting stream", does=_LASTING),
        Scenario(id="many at once", does=Native(wsgi=crowd.wsgi_app, asgi=crowd.asgi_app), on=RAW),
        Scenario(
            id="200 MB to the client",
            does=Stream(chunks=(bytes(65_536),) * 3_200, content_type=OCTETS),
        ),
        Scenario(
            id="200 MB from the client",
            does=Native(wsgi=natives_wsgi.swallow, asgi=natives_asgi.swallow),
            on=RAW,
        ),
        Scenario(
            id="a lasting stream that listens",
            does=Native(asgi=natives_asgi.lasting_and_listening),
            on=(RAW_ASGI,),
        ),
        Scenario(id="the first of two", does=Answer(body=b"first")),
        Scenario(id="the second of two", does=Stream()),
        Scenario(
            id="an upload nobody reads", does=Answer(status=413), request=Request(verb="POST")
        ),
        Scenario(id="an upload that is read", does=Read(), request=Request(verb="POST")),
    ]
}

BEHAVIOURS = {
    scenario.id.replace(" ", "-"): scenario.does for scenario in (*TABLE, *ON_SOCKETS_ONLY.values())
}

assert len(BEHAVIOURS) == len(TABLE) + len(ON_SOCKETS_ONLY), "two rows share a name"
