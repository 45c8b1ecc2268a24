"""The search finds: every spelling, through every view, in every sink, and nothing else."""

from __future__ import annotations

import base64
import gzip
import html
import json
import logging
import sys
import urllib.request
import warnings
import zlib
from random import Random
from urllib.parse import quote

import pytest
from canary_kit.encodings import ENCODINGS, spellings
from canary_kit.search import Searcher, by_place
from canary_kit.secrets import SEED, base62, card, luhn, phrase, whole_number
from canary_kit.sinks import recorder, told
from canary_kit.views import VIEWS

SECRET = base62()(Random(SEED))
AWKWARD = f"{SECRET[:9]}??~~>>??~~>>{SECRET[9:]}"
"""A secret that the two alphabets of base64 spell differently, wherever it begins."""

NUMBER = card(Random(SEED))


def findings(data: bytes, secret: str = SECRET) -> list[tuple[str, str]]:
    searcher = Searcher({"the place": secret, "another": base62()(Random(SEED + 1))})
    found = searcher.search({"a sink": data})
    assert {each.place for each in found} <= {"the place"}
    return [(each.spelling, each.view) for each in found]


def test_there_are_enough_spellings_and_views() -> None:
    assert len(ENCODINGS) >= 15
    assert [name for name, _ in spellings(AWKWARD)] == list(ENCODINGS)
    assert len(VIEWS) >= 6


@pytest.mark.parametrize("before", [b"", b"{", b'["abc', b"x" * 100], ids=len)
@pytest.mark.parametrize("spelling", ENCODINGS)
def test_every_spelling_is_found(spelling: str, before: bytes) -> None:
    data = before + ENCODINGS[spelling](AWKWARD) + b'"}'
    assert (spelling, "as it is") in findings(data, AWKWARD)


@pytest.mark.parametrize("shift", [0, 1, 2])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_is_found_at_every_alignment(shift: int, encode: object) -> None:
    assert callable(encode)
    data = b'"' + encode(b"~~~"[:shift] + SECRET.encode() + b"?? and more") + b'"'
    assert any("base64" in spelling for spelling, _ in findings(data))
    assert ("as it is", "base64 decoded") in findings(data)


@pytest.mark.parametrize("spelled", [" ", "-", "+", "."])
def test_a_card_is_found_in_groups(spelled: str) -> None:
    groups = spelled.join(NUMBER[begin : begin + 4] for begin in range(0, 16, 4))
    assert findings(f"paid with {groups}.".encode(), NUMBER)


PACKED = {
    "unpacked": lambda data: b"POST / HTTP/1.1\r\n\r\n" + gzip.compress(data) + b"GET",
    "base64 decoded": lambda data: b'{"body":"' + base64.b64encode(b"\0" + data) + b'"}',
    "percent signs decoded": lambda data: b"/?q=" + quote(data, safe="").encode(),
    "escapes decoded": lambda data: b'{"x":"' + data[:8] + b"\\u%04x" % data[8] + data[9:] + b'"',
    "character references decoded": lambda data: html.escape(data.decode()).encode() + b"&#65;",
    "JSON decoded": lambda data: json.dumps({"a": [json.dumps(data.decode())]}).encode(),
    "without NUL": lambda data: data.decode().encode("utf-16-be"),
    "lines joined": lambda data: b"data: " + data[:9] + b"\ndata: " + data[9:] + b"\n",
}


def test_every_view_is_tried() -> None:
    assert PACKED.keys() == VIEWS.keys()


def mixed(view: str) -> bytes:
    """Return the secret packed for *view*; some views only show what another one cannot."""
    secret = SECRET
    if view == "percent signs decoded":
        return (
            b"/?q=" + "".join(f"%{ord(c):x}" if n % 2 else c for n, c in enumerate(secret)).encode()
        )
    if view == "character references decoded":
        return "".join(f"&#{ord(c)};" if n % 2 else c for n, c in enumerate(secret)).encode()
    if view == "JSON decoded":
        return b'["' + "".join(
            f"\\u{ord(c):04x}" if n % 2 else c for n, c in enumerate(secret)
        ).encode() + b'"]'  # fmt: skip
    return PACKED[view](secret.encode())


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_shows_what_is_hidden(view: str) -> None:
    assert any(seen == view for _, seen in findings(mixed(view)))


@pytest.mark.parametrize("outer", [view for view in VIEWS if view != "without NUL"])
@pytest.mark.parametrize("inner", ["unpacked", "base64 decoded", "percent signs decoded"])
def test_views_are_looked_through_one_behind_the_other(outer: str, inner: str) -> None:
    if outer in ("unpacked", "base64 decoded"):
        hidden = PACKED[outer](mixed(inner))
    else:
        hidden = PACKED[outer](base64.b64encode(mixed(inner)))
    assert findings(hidden)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_what_is_packed_three_times_is_found(depth: int) -> None:
    data = f"password={SECRET}".encode()
    for number in range(depth):
        data = (gzip.compress if number % 2 else zlib.compress)(data)
    assert findings(b"HTTP/1.1 200 OK\r\n\r\n" + data)


def test_what_is_not_there_is_not_found() -> None:
    random = Random(SEED + 2)
    noise = "\n".join(base62(40)(random) for _ in range(5_000)).encode()
    assert findings(noise + gzip.compress(noise) + base64.b64encode(noise)) == []


def test_a_finding_is_told_by_its_place() -> None:
    found = Searcher({"here": SECRET}).search({"the log": b"x" + SECRET.encode()})
    assert by_place(found)["here"] == "as it is, in the log (as it is)"


def test_the_recorder_keeps_what_was_sent_and_is_content() -> None:
    with recorder() as endpoint:
        for number in range(2):
            request = urllib.request.Request(endpoint.url, data=f"secret {number}".encode())
            with urllib.request.urlopen(request, timeout=10) as response:
                assert response.status == 201
        assert b"secret 0" in endpoint.received
        assert b"secret 1" in endpoint.received


def test_what_is_logged_printed_and_warned_of_is_kept() -> None:
    with told() as kept:
        logging.getLogger("apilog.somewhere").debug("logged %s", SECRET)
        print(f"printed {SECRET}")
        print(f"complained {SECRET}", file=sys.stderr)
        warnings.warn(f"warned {SECRET}", stacklevel=1)
        try:
            raise ValueError(f"raised {SECRET}")
        except ValueError:
            logging.getLogger("apilog").exception("failed")
    said = {name: stream.getvalue() for name, stream in kept.items()}
    assert f"logged {SECRET}" in said["the log"]
    assert f"raised {SECRET}" in said["the log"]
    assert f"printed {SECRET}" in said["standard output"]
    assert f"complained {SECRET}" in said["standard error"]
    assert f"warned {SECRET}" in said["warnings"]


def test_secrets_are_of_the_kind_that_was_asked_for() -> None:
    random = Random(SEED)
    for _ in range(200):
        assert luhn(card(random))
        assert not luhn(whole_number(random))
        assert float(number := whole_number(random)) == int(number)
        assert len(phrase(random)) == 20
