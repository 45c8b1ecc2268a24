"""Bodies as they travel: codings, damage, limits, and the odd corners of JSON."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import brotli
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.collector.call import Call
from apilog.collector.protocols import inflating
from apilog.collector.protocols.event_call import call_of
from apilog.collector.protocols.inflating import inflated
from apilog.collector.protocols.json_array import elements
from apilog.collector.protocols.json_text import FREE_BYTES, parsed, parsed_like_javascript
from apilog.collector.protocols.refusing import Refused, without_keys

MIB = 1024 * 1024


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


CODINGS = [
    pytest.param("gzip", gzip.compress, id="gzip"),
    pytest.param("GZip", gzip.compress, id="gzip in odd case"),
    pytest.param("x-gzip", gzip.compress, id="the old name of gzip"),
    pytest.param("deflate", zlib.compress, id="deflate as the RFC has it"),
    pytest.param("deflate", raw_deflate, id="deflate without its header"),
    pytest.param("br", brotli.compress, id="brotli"),
    pytest.param("zstd", zstd.compress, id="zstd"),
    pytest.param("identity", bytes, id="identity"),
]


@pytest.mark.parametrize(("coding", "encode"), CODINGS)
def test_a_body_may_be_encoded_as(
    collector: Any, an_event: Any, coding: str, encode: Callable[[bytes], bytes]
) -> None:
    batch = [an_event(tags=random.Random(1).randbytes(100_000).hex()) for _ in range(10)]
    body = encode(json.dumps(batch).encode())
    headers = {"Content-Encoding": coding}
    answer = collector.http.post("/v1/events/batch", content=body, headers=headers)
    assert answer.status_code == 201
    assert len(collector.rows()) == 10


@pytest.mark.parametrize(
    ("path", "status"), [("/api/send", 200), ("/log/custom", 201), ("/api/events", 200)]
)
def test_other_protocols_undo_codings_too(collector: Any, path: str, status: int) -> None:
    bodies: dict[str, Any] = {
        "/api/send": {
            "type": "event",
            "payload": {"website": "c8861a92-8899-418e-af74-c8bab41c9766"},
        },
        "/log/custom": {"pid": "aUn1quEid-3x", "ev": "signup"},
        "/api/events": {
            "userKey": "u", "projectKey": "p", "categoryName": "Calls", "message": "hi",
        },
    }  # fmt: skip
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json", "User-Agent": ""}
    body = gzip.compress(json.dumps(bodies[path]).encode())
    assert collector.http.post(path, content=body, headers=headers).status_code == status
    assert len(collector.rows()) == 1


@pytest.mark.parametrize(
    "codings",
    [
        pytest.param([("Content-Encoding", "compress")], id="one nobody speaks"),
        pytest.param([("Content-Encoding", "gzip, gzip")], id="two layers in one line"),
        pytest.param([("Content-Encoding", "gzip")] * 2, id="two layers in two lines"),
    ],
)
def test_an_unknown_coding_is_415(collector: Any, codings: list[tuple[str, str]]) -> None:
    answer = collector.http.post("/v1/events", content=gzip.compress(b"{}"), headers=codings)
    assert answer.status_code == 415
    assert "gzip, deflate, br, zstd, identity" in answer.json()["error"]


@pytest.mark.parametrize(
    ("coding", "missing", "package"),
    [("br", "_brotli_module", "brotli 1.2"), ("zstd", "_zstd_module", "backports.zstd")],
)
def test_a_coding_whose_package_is_missing_is_415_and_says_so(
    monkeypatch: pytest.MonkeyPatch, coding: str, missing: str, package: str
) -> None:
    monkeypatch.setattr(inflating, missing, lambda: None)
    with pytest.raises(Refused, match=package) as refused:
        inflated(bytearray(b"x"), coding)
    assert refused.value.status == 415


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        pytest.param("gzip", b"[]", id="not gzip at all"),
        pytest.param("gzip", b"", id="nothing"),
        pytest.param("gzip", gzip.compress(b"[]")[:-4], id="gzip cut short"),
        pytest.param("gzip", gzip.compress(b"[]") + b"x", id="gzip with a tail"),
        pytest.param("gzip", gzip.compress(b"[]") + b"x" * 100_000, id="gzip with a long tail"),
        pytest.param("gzip", gzip.compress(b"[") + gzip.compress(b"]"), id="two gzip members"),
        pytest.param("deflate", b"", id="empty deflate"),
        pytest.param("deflate", b"\x78", id="one byte of deflate"),
        pytest.param("br", b"", id="empty brotli"),
        pytest.param("br", brotli.compress(b"[]" * 90)[:-1], id="brotli cut short"),
        pytest.param("br", b"\xff" * 20, id="not brotli at all"),
        pytest.param("br", brotli.compress(b"[]") + b"x", id="brotli with a tail"),
        pytest.param("zstd", b"", id="empty zstd"),
        pytest.param("zstd", zstd.compress(b"[]")[:-1], id="zstd cut short"),
        pytest.param("zstd", b"[]", id="not zstd at all"),
        pytest.param("zstd", zstd.compress(b"[]") + b"x", id="zstd with a tail"),
        pytest.param("", b"", id="an empty body"),
        pytest.param("", b"[{]", id="broken JSON"),
        pytest.param("", b'["\xff"]', id="not UTF-8"),
        pytest.param("", "[]".encode("utf-16"), id="UTF-16"),
        pytest.param("", b"[NaN]", id="NaN"),
        pytest.param("", b"[1e999]", id="an infinite number"),
        pytest.param("", b"[" + b"1" * 5_000_000 + b"]", id="a number of 5 MB"),
        pytest.param("", b"[" * 100_000, id="deep and open"),
        pytest.param("", b"[" * 9_999 + b"]" * 9_999, id="deep"),
        pytest.param("", b"{}", id="an object instead of a batch"),
        pytest.param("", b"null", id="null"),
        pytest.param("", b'"\\ud800', id="half a character, and no end"),
    ],
)
def test_a_damaged_batch_is_400(collector: Any, coding: str, body: bytes) -> None:
    headers = {"Content-Encoding": coding} if coding else {}
    answer = collector.http.post("/v1/events/batch", content=body, headers=headers)
    assert answer.status_code == 400
    assert len(collector.refusals()) == 1


@pytest.mark.parametrize(
    ("coding", "encode"),
    [
        pytest.param("gzip", gzip.compress, id="gzip"),
        pytest.param("deflate", zlib.compress, id="deflate"),
        pytest.param("br", brotli.compress, id="brotli"),
        pytest.param("zstd", zstd.compress, id="zstd"),
    ],
)
def test_a_body_that_inflates_beyond_reason_is_413(
    coding: str, encode: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(Refused, match="more than 200 times its size") as refused:
        inflated(bytearray(encode(b" " * 70 * MIB)), coding)
    assert refused.value.status == 413


def test_a_body_at_the_inflated_limit_is_taken_and_one_byte_more_is_413() -> None:
    noise = bytes(range(256)) * 4_096  # so that the ratio is not what it fails by
    limit = inflating.MAX_INFLATED_BYTES
    packed = zlib.compressobj(1, wbits=31, strategy=zlib.Z_HUFFMAN_ONLY)
    body = b"".join(packed.compress(noise) for _ in range(64))
    end = packed.copy()
    assert len(inflated(bytearray(body + packed.flush()), "gzip")) == limit
    with pytest.raises(Refused, match="longer than the limit of 67108864 bytes"):
        inflated(bytearray(body + end.compress(b"x") + end.flush()), "gzip")


def test_spaces_up_to_a_mebibyte_may_be_compressed_as_they_like() -> None:
    assert len(inflated(bytearray(zlib.compress(b" " * MIB)), "deflate")) == MIB


@given(data=st.binary(max_size=3_000), start=st.integers(0, 200), junk=st.binary(max_size=20))
@settings(database=None)
def test_damage_of_any_kind_is_refused_or_does_no_harm(
    data: bytes, start: int, junk: bytes
) -> None:
    """Nothing but Refused leaves the decoder, so nothing a sender does is a 500."""
    for coding, encode in (("gzip", gzip.compress), ("deflate", raw_deflate),
                           ("br", brotli.compress), ("zstd", zstd.compress)):  # fmt: skip
        packed = bytearray(encode(data))
        assert inflated(packed, coding) == data
        packed[start : start + len(junk)] = junk
        with suppress(Refused):
            inflated(packed, coding)


def test_a_body_over_the_wire_limit_is_413(collector: Any) -> None:
    answer = collector.http.post("/v1/events", content=b" " * (16 * MIB + 1))
    assert answer.status_code == 413
    assert answer.json() == {"error": "the body is over the limit of 16777216 bytes"}


def test_a_body_over_the_wire_limit_is_413_where_its_length_was_not_announced(
    collector: Any,
) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(17):
            yield b" " * MIB

    answer = collector.http.post("/v1/events", content=chunks())
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param(b'["\\ud800x"]', ["\ufffdx"], id="half a character"),
        pytest.param(b'["\\udc00"]', ["\ufffd"], id="the other half"),
        pytest.param(b'{"\\ud800":1}', {"\ufffd": 1}, id="half a character in a key"),
        pytest.param(b'["\\ud83d\\ude00"]', ["\U0001f600"], id="both halves"),
        pytest.param(b'{"a":1,"a":2}', {"a": 2}, id="a key twice: the last counts"),
        pytest.param(b'["\\u0000"]', ["\0"], id="NUL"),
        pytest.param(b"[1e-999]", [0.0], id="a number next to nothing"),
        pytest.param(b"[18446744073709551616]", [18446744073709551616.0], id="beyond 64 bits"),
    ],
)
def test_both_parsers_take(text: bytes, value: object) -> None:
    assert parsed(text) == value
    assert parsed_like_javascript(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param(b"\xef\xbb\xbf[1]", [1], id="a byte order mark"),
        pytest.param(b'["\xff"]', ["\ufffd"], id="bad UTF-8"),
        pytest.param(b"[1e999]", [None], id="an infinite number"),
        pytest.param(b"[-" + b"1" * 5_000_000 + b"]", [None], id="a number of 5 MB"),
    ],
)
def test_only_javascript_takes(text: bytes, value: object) -> None:
    assert parsed_like_javascript(text) == value
    with pytest.raises(Refused):
        parsed(text)


@pytest.mark.parametrize(
    "text",
    [b"[NaN]", b"[Infinity]", b"[01]", b"['a']", b"[1,]", b"", b"undefined", b'["\n"]',
     b"\xef\xbb\xbf", b"[" * 5_000, b"[" * 70 + b'"\\ud800"' + b"]" * 70],
)  # fmt: skip
def test_neither_parser_takes(text: bytes) -> None:
    for parse in (parsed, parsed_like_javascript):
        with pytest.raises(Refused) as refused:
            parse(text)
        assert refused.value.status == 400


def test_a_document_of_too_many_values_is_413_unless_they_stand_in_texts() -> None:
    count = FREE_BYTES // 2
    with pytest.raises(Refused, match="more values than the limit of 200000") as refused:
        parsed(b"[" + b"0," * count + b"0]")
    assert refused.value.status == 413
    assert parsed(b'["' + b"0," * count + b'"]') == ["0," * count]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False,
    allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


def cut(text: bytes, size: int) -> list[bytes]:
    return [text[start : start + size] for start in range(0, len(text), size)]


@given(st.lists(JSON), st.booleans(), st.integers(1, 60))
@settings(database=None)
def test_the_elements_of_an_array_are_found_piece_by_piece_without_parsing_it(
    batch: list[Any], is_ascii: bool, size: int
) -> None:
    text = json.dumps(batch, ensure_ascii=is_ascii, indent=1).encode(errors="replace")
    found = [json.loads(each) for each in elements(cut(text, size), most=1_000)]
    assert found == json.loads(text)


@given(
    st.text(alphabet='[]{},:"\\ a1\n', max_size=40).map(lambda text: f"[{text}"), st.integers(1, 9)
)
@settings(database=None, max_examples=1_000)
def test_elements_are_those_of_the_parser_or_refused(text: str, size: int) -> None:
    try:
        found = [json.loads(each) for each in elements(cut(text.encode(), size), most=100)]
    except (Refused, ValueError):
        with pytest.raises(ValueError):  # noqa: PT011 - it is no array
            assert isinstance(json.loads(text), list) or int("no array")
    else:
        assert found == json.loads(text)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        pytest.param(b"{}", 400, id="an object"),
        pytest.param(b"", 400, id="nothing"),
        pytest.param(b" \n", 400, id="spaces"),
        pytest.param(b"7", 400, id="a number"),
        pytest.param(b"]", 400, id="an end"),
        pytest.param(b"[1] x", 400, id="a tail"),
        pytest.param(b"[1][2]", 400, id="two arrays"),
        pytest.param(b"[1}", 400, id="another end"),
        pytest.param(b"[1", 400, id="no end"),
        pytest.param(b'["1]', 400, id="no end of a text"),
        pytest.param(b'["' + b'\\"' * 2_000_000, 400, id="a text of escaped quotes"),
        pytest.param(b'["' + b"\\" * 2_000_001 + b'"]', 400, id="a text of backslashes"),
        pytest.param(b"[" * 66, 400, id="deep"),
        pytest.param(b"[" + b"0," * 100 + b"0]", 413, id="too many"),
        pytest.param(b'["' + b"x" * 9 * MIB + b'"]', 413, id="an element of 9 MiB"),
        pytest.param(b"[[" + b"0," * 4_200_000, 413, id="too many values"),
    ],
)
@pytest.mark.parametrize("size", [MIB, 3_000_000])
def test_what_is_no_array_or_too_much_is_refused(text: bytes, status: int, size: int) -> None:
    with pytest.raises(Refused) as refused:
        assert [json.loads(each) for each in elements(cut(text, size), most=100)] == "never"
    assert refused.value.status == status


ALMOST_EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "request": st.fixed_dictionaries(
            {"time": st.just("2026-11-20T21:06:10Z") | JSON, "uri": st.text(), "verb": st.text()},
            optional={"headers": JSON, "body": JSON, "ip_address": JSON, "transfer_encoding": JSON},
        ),
        "response": JSON
        | st.fixed_dictionaries(
            {"status": st.integers(0, 1_100)}, optional={"time": JSON, "body": JSON}
        ),
        "metadata": JSON
        | st.fixed_dictionaries(
            {"apilog": JSON | st.dictionaries(st.sampled_from(
                ["route", "duration_ms", "request_size", "exception", "aborted"]), JSON)}
        ),
        "transaction_id": JSON,
        "user_id": JSON,
        "trace_id": JSON,
    },
)  # fmt: skip


@given(ALMOST_EVENTS | JSON)
@settings(database=None)
def test_every_event_is_a_call_or_refused(event: Any) -> None:
    try:
        call = call_of(event, 1_795_208_770_000_000)
    except Refused:
        return
    assert isinstance(call, Call)
    assert json.loads(call.event) == event
    for name in ("id", "method", "host", "route", "path", "query", "user", "session", "text"):
        value = getattr(call, name)
        assert "\0" not in value
        value.encode()
    assert call.id
    assert call.duration is None or call.duration >= 0


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        (b'{"userKey":"abc","message":"hi"}', b'{"userKey":[removed],"message":"hi"}'),
        (b'{"userKey": "a\\"bc', b'{"userKey": [removed]'),
        (b'{"userKey": "abc', b'{"userKey": [removed]'),
        (b"userKey=abc&message=hi", b"userKey=[removed]&message=hi"),
        (b'{"Authorization":"Bearer abc def"}', b'{"Authorization":[removed]}'),
        (b'{"api_keys":["abc","def"],"a":1}', b'{"api_keys":[removed],"a":1}'),
        (b'{"password":12345,"a":1}', b'{"password":[removed],"a":1}'),
        (b'{"message":"a monkey"}', b'{"message":"a monkey"}'),
    ],
)
def test_keys_do_not_stay_in_what_was_refused(content: bytes, kept: bytes) -> None:
    assert without_keys(content) == kept


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"x" * 100_000, id="one long word"),
        pytest.param(b"key" * 30_000, id="words for keys"),
        pytest.param(b"key" + b" " * 100_000, id="spaces behind a key"),
        pytest.param(b'key:"' + b"\\" * 99_999, id="backslashes"),
        pytest.param(b"key:a " * 20_000, id="keys"),
        pytest.param(b"key: [" * 20_000, id="brackets"),
        pytest.param(b"key" + b"[" * 100_000, id="open brackets"),
    ],
)
def test_looking_for_keys_takes_no_time(content: bytes) -> None:
    """With one look at each byte for every other byte it would take minutes."""
    assert len(without_keys(content * 10)) <= 4_096
