"""Bodies: what is held while they pass, and what of them an event carries."""

from __future__ import annotations

import gzip
import json
import zlib
from base64 import b64decode, b64encode

import brotli
import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st

from apilog import codec, content_encoding
from apilog.body import EMPTY, BodyCopy, WireBody, wire_body
from apilog.content_encoding import UnsupportedEncodingError, decoded
from apilog.media_type import media_type

LIMIT = 1_000
TEXT = b'{"a": [1, "\xc3\xa9"]}' * 3

COMPRESSED = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


def raw_deflate(body: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(body) + compressor.flush()


def copied(body: bytes, limit: int = LIMIT, size: int = 0) -> BodyCopy:
    """Return a copy of *body* that came in chunks of *size* bytes, or at once."""
    copy = BodyCopy(limit)
    for at in range(0, len(body), size or max(1, len(body))):
        copy.add(body[at : at + size] if size else body)
    return copy


def wire(
    body: bytes,
    content_type: str = "",
    coding: str = "",
    *,
    limit: int = LIMIT,
    complete: bool = True,
) -> WireBody:
    return wire_body(
        copied(body, limit),
        content_type=content_type,
        coding=coding,
        limit=limit,
        complete=complete,
    )


def base64(body: bytes) -> WireBody:
    return WireBody(b64encode(body).decode(), "base64")


# What is held


@given(st.lists(st.binary(max_size=40), max_size=30), st.integers(0, 100))
@example([b"ab", b"cd", b"ef"], 1)
@example([b"a"] * 600, 10)
@example([b"a"] * 5_000, 1_200)
def test_a_copy_counts_everything_and_holds_its_limit_or_both_ends(
    chunks: list[bytes], limit: int
) -> None:
    copy = BodyCopy(limit)
    for chunk in chunks:
        copy.add(chunk)
    body = b"".join(chunks)
    assert copy.size == len(body)
    assert copy.chunks == sum(map(bool, chunks))
    assert copy.cut == (len(body) > limit)
    if not copy.cut:
        assert copy.whole() == body
        assert copy.held == len(body)
    elif limit:
        head, tail = copy.ends()
        assert head == body[: limit // 2]
        assert tail == body[len(body) - limit // 2 :]
        assert copy.held <= limit + max(limit // 2, 40)
    else:
        assert copy.held == 0


def test_a_chunk_that_can_change_is_copied() -> None:
    chunk = bytearray(b"before")
    copy = BodyCopy(LIMIT)
    copy.add(chunk)
    copy.add(memoryview(chunk))
    chunk[:] = b"later!"
    assert copy.whole() == b"beforebefore"


def test_a_body_sent_byte_by_byte_is_folded_and_complete() -> None:
    body = bytes(number % 251 for number in range(5_000))
    copy = copied(body, limit=10_000, size=1)
    assert copy.whole() == body
    assert copy.chunks == 5_000
    assert len(copy._head) < 300


def test_the_tail_of_an_endless_body_stays_small() -> None:
    copy = copied(bytes(100_000), limit=1_000, size=1)
    assert copy.held <= 1_500
    assert copy.size == 100_000


def test_what_was_dropped_is_gone_and_still_counted() -> None:
    copy = copied(b"abc")
    copy.drop()
    copy.add(b"def")
    assert (copy.held, copy.size, copy.chunks, copy.cut) == (0, 6, 2, True)
    assert wire_body(copy, content_type="text/plain", coding="", limit=9, complete=True) == (
        WireBody(omitted="over_limit")
    )


# What travels


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        pytest.param(b'{"a":1}', "application/json", {"a": 1}, id="JSON"),
        pytest.param(b'{"a":1}', "APPLICATION/JSON ; x=y", {"a": 1}, id="JSON in capitals"),
        pytest.param(b"[1]", "application/vnd.api+json", [1], id="JSON by its suffix"),
        pytest.param(b'"text"', "text/json", "text", id="a JSON string"),
        pytest.param(b"null", "application/json", None, id="JSON null"),
        pytest.param(b"\xef\xbb\xbf[1]", "application/json", [1], id="a byte order mark"),
        pytest.param('["é"]'.encode("utf-16"), "application/json", ["é"], id="UTF-16 unsaid"),
        pytest.param(
            '["é"]'.encode("utf-16"), "application/json; charset=utf-16", ["é"], id="UTF-16 said"
        ),
        pytest.param(
            '\ufeff["é"]'.encode("utf-16-le"),
            "application/json; charset=utf-16le",
            ["é"],
            id="UTF-16LE with a mark",
        ),
        pytest.param(
            '["é"]'.encode("latin-1"), "application/json; charset=latin-1", ["é"], id="Latin-1"
        ),
        pytest.param(b"[NaN, Infinity]", "application/json", ["NaN", "Infinity"], id="NaN"),
        pytest.param(b'{"a":1,"a":2}', "application/json", {"a": 2}, id="a name twice"),
        pytest.param(b'["\\ud800"]', "application/json", ["\ud800"], id="a lone surrogate"),
        pytest.param(b'["\\u0000"]', "application/json", ["\0"], id="a NUL"),
        pytest.param(b"[%d]" % 2**70, "application/json", [float(2**70)], id="a large integer"),
        pytest.param(b"a=1&b=2", "application/x-www-form-urlencoded", "a=1&b=2", id="a form"),
        pytest.param(b'{"a":1}', "application/x-www-form-urlencoded", {"a": 1}, id="no form"),
        pytest.param(b' {"a":1}', "", {"a": 1}, id="JSON without a type"),
        pytest.param(b"\xef\xbb\xbf{}", "", {}, id="JSON behind a mark, without a type"),
        pytest.param(b'{"a":1}', "image/png", {"a": 1}, id="JSON that claims to be a picture"),
        pytest.param(b"x\xc3\xa9", "text/plain", "xé", id="text"),
        pytest.param(b"\xef\xbb\xbfx", "text/plain", "x", id="text behind a mark"),
        pytest.param(b"x\xe9", "text/html; charset=ISO-8859-1", "xé", id="text in Latin-1"),
        pytest.param(b"x", 'text/html; charset="utf-8"', "x", id="a charset in quotes"),
        pytest.param("é".encode("utf-16"), "text/csv; charset=utf-16", "é", id="wide text"),
        pytest.param(b"abcd", "text/plain; charset=utf-16", "abcd", id="ASCII that claims UTF-16"),
        pytest.param(b"<a/>", "image/svg+xml", "<a/>", id="XML by its suffix"),
    ],
)
def test_a_body_that_can_be_read_is_read(body: bytes, content_type: str, expected: object) -> None:
    assert wire(body, content_type) == WireBody(expected)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "charset",
    "unicode_escape raw_unicode_escape rot13 rot_13 idna punycode hex base64 zlib bz2 uu utf-7"
    " undefined mbcs cp037 cp500 no-such-charset".split(),
)
def test_a_codec_that_is_no_charset_is_never_used(charset: str) -> None:
    body = b"cnffjbeq=\\x41"
    assert wire(body, f"text/plain; charset={charset}") == WireBody(body.decode())
    assert wire(b"[1]", f"application/json; charset={charset}") == WireBody(omitted="unparsable")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(b"", "application/json", id="nothing, which is told as empty"),
        pytest.param(b"{", "application/json", id="JSON cut short"),
        pytest.param(b"   ", "application/json", id="blanks"),
        pytest.param(b"{'a': 1}", "application/json", id="no JSON at all"),
        pytest.param(b'["\xff"]', "application/json", id="JSON that is no UTF-8"),
        pytest.param(b"[1]", "application/json; charset=utf-16", id="JSON in the wrong charset"),
        pytest.param(b"[" * 400 + b"]" * 399, "application/json", id="brackets that do not match"),
        pytest.param(b"x", "multipart/form-data; boundary=B", id="multipart without a boundary"),
        pytest.param(b"--B\r\n\r\n", "multipart/form-data; boundary=B", id="multipart cut short"),
        pytest.param(b"--B--", "multipart/form-data", id="multipart of no boundary"),
    ],
)
def test_a_body_that_should_be_parsed_and_cannot_be_stays_home(
    body: bytes, content_type: str
) -> None:
    expected = WireBody(omitted="unparsable") if body else EMPTY
    assert wire(body, content_type) == expected


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * 10_000 + b"]" * 10_000, id="nested 10,000 deep"),
        pytest.param(b'{"a":' * 10_000 + b"1" + b"}" * 10_000, id="objects nested 10,000 deep"),
        pytest.param(b"[" * 100_000, id="100,000 brackets"),
        pytest.param(b"9" * 5_000, id="an integer of 5,000 digits"),
    ],
)
def test_json_beyond_every_reader_stays_home(body: bytes) -> None:
    assert wire(body, "application/json", limit=200_000) == WireBody(omitted="unparsable")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(b"x\xff", "text/plain", id="text that is no UTF-8"),
        pytest.param(b"p=1&x=\xff", "application/x-www-form-urlencoded", id="a form that is none"),
        pytest.param(b"\x89PNG\r\n", "image/png", id="a picture"),
        pytest.param(b"\0\1", "", id="bytes without a type"),
        pytest.param(b"{not JSON", "application/octet-stream", id="bytes that begin like JSON"),
        pytest.param(b"\x00\xff", "application/pdf", id="a binary format"),
        pytest.param(b"x", '\x00\xff;;;=="', id="a type that is noise"),
    ],
)
def test_everything_else_is_base64(body: bytes, content_type: str) -> None:
    assert wire(body, content_type) == base64(body)
    assert b64decode(str(wire(body, content_type).body)) == body


@pytest.mark.parametrize(
    "content_type",
    ["application/msgpack", "application/x-protobuf", "application/cbor", "application/senml+cbor"],
)
def test_data_that_nobody_can_mask_without_its_schema_stays_home(content_type: str) -> None:
    assert wire(b"\xa8password\xa1x", content_type) == WireBody(omitted="opaque_type")


def test_an_empty_body_and_one_that_was_not_read_are_told_apart() -> None:
    assert wire(b"", "application/json") == EMPTY
    assert wire(b"", "application/json", complete=False) == WireBody(omitted="not_read")


# Bodies that are cut


@pytest.mark.parametrize(
    "content_type", ["application/json", "image/png", "", "multipart/form-data; boundary=B"]
)
def test_over_the_limit_what_cannot_be_parsed_stays_home(content_type: str) -> None:
    assert wire(b"[" + b" " * LIMIT + b"]", content_type) == WireBody(omitted="over_limit")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-ndjson", "text/event-stream"]
)
def test_over_the_limit_a_line_format_keeps_whole_lines_of_both_ends(content_type: str) -> None:
    lines = [b'{"line": %3d}\n' % number for number in range(200)]
    got = wire(b"".join(lines), content_type)
    assert got.omitted == "over_limit"
    head, marker, tail = str(got.body).partition("[... ")
    left_out, _, tail = tail.partition(" bytes left out ...]\n")
    kept = head.splitlines() + tail.splitlines()
    assert marker
    assert [json.loads(line)["line"] for line in kept] == [
        *range(len(head.splitlines())),
        *range(200 - len(tail.splitlines()), 200),
    ]
    assert int(left_out) == sum(map(len, lines)) - len(head) - len(tail)
    assert 0 < len(head) <= LIMIT // 2
    assert 0 < len(tail) <= LIMIT // 2


@given(
    st.lists(st.text(alphabet="aé\r", max_size=30), min_size=30, max_size=60), st.integers(2, 90)
)
def test_lines_are_never_cut_in_two(lines: list[str], limit: int) -> None:
    body = "\n".join(lines).encode()
    got = wire(body, "text/plain", limit=limit)
    if len(body) <= limit:
        assert got == WireBody(body.decode())
    elif got.body is not None:
        head, _, rest = str(got.body).partition("[... ")
        tail = rest.partition("...]\n")[2]
        assert head == "" or (head.endswith("\n") and body.decode().startswith(head))
        assert tail == "" or body.decode().endswith("\n" + tail)


def test_one_endless_line_stays_home() -> None:
    assert wire(b"x" * 5_000, "text/plain") == WireBody(omitted="over_limit")


def test_wide_text_over_the_limit_stays_home() -> None:
    body = ('{"password": 1}\n' * 200).encode("utf-16-le")
    assert wire(body, "text/plain; charset=utf-16le") == WireBody(omitted="over_limit")


def test_an_aborted_response_keeps_its_whole_lines_only() -> None:
    body = b'{"a":1}\n{"password":"hun'
    assert wire(body, "application/x-ndjson", complete=False) == WireBody(
        '{"a":1}\n', omitted="incomplete"
    )
    assert wire(body, "application/json", complete=False) == WireBody(omitted="incomplete")
    assert wire(body, "text/plain", "gzip", complete=False) == WireBody(omitted="incomplete")


def test_an_aborted_response_over_the_limit_ends_with_its_last_whole_line() -> None:
    got = wire(b"line\n" * 500 + b'{"password":"hun', "text/plain", complete=False)
    assert got.omitted == "over_limit"
    assert str(got.body).endswith("line\n")


# Content codings


@pytest.mark.parametrize("coding", COMPRESSED)
def test_a_coding_is_undone(coding: str) -> None:
    body = COMPRESSED[coding](b"[1]")
    assert wire(body, "application/json", coding) == WireBody([1])
    assert wire(body, "application/json", coding.upper() + " ") == WireBody([1])
    assert wire(COMPRESSED[coding](b"x" * LIMIT), "text/plain", coding) == WireBody("x" * LIMIT)


@pytest.mark.parametrize("coding", COMPRESSED)
def test_a_bomb_costs_at_most_the_limit(coding: str) -> None:
    bomb = COMPRESSED[coding](bytes(50_000_000))
    assert wire(bomb, "text/plain", coding, limit=60_000) == WireBody(omitted="over_limit")
    with pytest.raises(OverflowError):
        decoded(bomb, coding, 1_000)
    out = content_encoding._DECODERS[coding](bomb, 1_000)
    assert 1_000 < len(out) <= 100_000  # brotli hands out its own buffers of 32 KiB


@pytest.mark.parametrize("coding", COMPRESSED)
def test_one_byte_over_the_limit_is_over_it(coding: str) -> None:
    body = COMPRESSED[coding](b"x" * (LIMIT + 1))
    assert wire(body, "text/plain", coding) == WireBody(omitted="over_limit")


@pytest.mark.parametrize("coding", COMPRESSED)
def test_a_body_that_is_not_in_its_coding_stays_home(coding: str) -> None:
    assert wire(b'{"password": 1}', "application/json", coding) == WireBody(omitted="bad_encoding")


@pytest.mark.parametrize("coding", COMPRESSED)
def test_a_coded_body_cut_short_stays_home(coding: str) -> None:
    body = COMPRESSED[coding](bytes(range(256)) * 2)
    for end in (1, 5, len(body) // 2, len(body) - 1):
        assert wire(body[:end], "text/plain", coding) == WireBody(omitted="bad_encoding"), end


@pytest.mark.parametrize("coding", COMPRESSED)
def test_bytes_behind_the_end_of_a_stream_are_not_passed_over(coding: str) -> None:
    body = COMPRESSED[coding](b"one ") + COMPRESSED[coding](b"two")
    assert wire(body, "text/plain", coding) == WireBody(omitted="bad_encoding")


def test_deflate_without_its_wrapper_is_undone() -> None:
    assert wire(raw_deflate(b"[1]"), "application/json", "deflate") == WireBody([1])
    bomb = raw_deflate(bytes(5_000_000))
    assert wire(bomb, "application/json", "deflate") == WireBody(omitted="over_limit")


def test_codings_on_top_of_each_other_are_undone_last_first() -> None:
    body = brotli.compress(gzip.compress(TEXT))
    assert decoded(body, "gzip, br", LIMIT) == TEXT
    with pytest.raises(ValueError, match="corrupt"):
        decoded(body, "br, gzip", LIMIT)


def test_a_bomb_inside_of_a_bomb_costs_at_most_the_limit() -> None:
    body = brotli.compress(gzip.compress(bytes(50_000_000)))
    with pytest.raises(OverflowError):
        decoded(body, "gzip, br", 100_000)


def test_more_codings_than_anybody_needs_are_not_undone() -> None:
    body = b"x"
    for _ in range(4):
        body = gzip.compress(body)
    with pytest.raises(UnsupportedEncodingError):
        decoded(body, ", ".join(["gzip"] * 4), LIMIT)
    with pytest.raises(UnsupportedEncodingError):
        decoded(b"x", "gzip," * 100_000, LIMIT)


@pytest.mark.parametrize("coding", ["compress", "snappy", "gzip, aws-chunked", "nonsense", "\0"])
def test_a_coding_that_nobody_knows_is_named_as_the_reason(coding: str) -> None:
    assert wire(b"x", "text/plain", coding) == WireBody(omitted="unsupported_encoding")


@pytest.mark.parametrize("coding", ["identity", "", ",", " , identity"])
def test_no_coding_is_no_coding(coding: str) -> None:
    assert wire(b"x", "text/plain", coding) == WireBody("x")


# Multipart


def part(head: str, content: bytes) -> bytes:
    return b"--B\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n"


def form(*parts: bytes) -> WireBody:
    return wire(b"".join(parts) + b"--B--\r\n", 'multipart/form-data; boundary="B"')


@pytest.mark.parametrize(
    ("head", "content", "expected"),
    [
        pytest.param('Content-Disposition: form-data; name="a"', b"x", "x", id="a field"),
        pytest.param("content-disposition:form-data;name=a", b"x", "x", id="a token as its name"),
        pytest.param('Content-Disposition: form-data; name="a"', b"", "", id="an empty field"),
        pytest.param(
            'Content-Disposition: form-data; name="a"\r\nContent-Type: application/json',
            b'{"b":1}',
            {"b": 1},
            id="a JSON field",
        ),
        pytest.param('Content-Disposition: form-data; name="a"', b"\xff", {"size": 1}, id="bytes"),
        pytest.param(
            'Content-Disposition: form-data; name=a; filename="b.txt"\r\nContent-Type: text/plain',
            b"12345",
            {"size": 5, "content_type": "text/plain", "filename": "b.txt"},
            id="a file",
        ),
        pytest.param(
            'Content-Disposition: form-data; filename="b;c.txt"; name="a"',
            b"1\r\n2",
            {"size": 4, "filename": "b;c.txt"},
            id="a file named before its field",
        ),
    ],
)
def test_a_multipart_form_is_reduced_to_its_fields(
    head: str, content: bytes, expected: object
) -> None:
    assert form(part(head, content)) == WireBody({"a": expected})  # type: ignore[dict-item]


def test_a_repeated_field_gives_a_list() -> None:
    field = 'Content-Disposition: form-data; name="a"'
    assert form(part(field, b"1"), part(field, b"2"), part(field, b"3")) == (
        WireBody({"a": ["1", "2", "3"]})
    )


def test_an_empty_form_is_an_empty_object() -> None:
    assert form() == WireBody({})


def test_a_part_without_a_name_keeps_the_form_at_home() -> None:
    assert form(part("Content-Type: text/plain", b"x")) == WireBody(omitted="unparsable")
    assert form(part("Content-Disposition: form-data; name*=utf-8''a", b"x")) == (
        WireBody(omitted="unparsable")
    )


# Whatever comes

CONTENT_TYPES = st.text() | st.sampled_from(
    [
        "application/json",
        "application/json; charset=utf-16",
        "text/plain; charset=unicode_escape",
        "text/event-stream",
        "application/x-ndjson",
        "application/x-www-form-urlencoded; charset=\ud800",
        "multipart/form-data; boundary=B",
        "multipart/form-data; boundary*0=B; boundary*1*=utf-8''%ff",
        "image/png",
        "text/plain;" + ';="' * 200,
        "\ud800/\udfff",
    ]
)
CODINGS = st.text(max_size=5) | st.lists(
    st.sampled_from([*COMPRESSED, "identity", "compress", ""]), max_size=3
).map(", ".join)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    body = draw(
        st.binary()
        | st.text().map(str.encode)
        | st.sampled_from(
            [
                b'{"a": "\\ud800", "b": NaN}',
                b"--B\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--B--",
                b"a\nb\nc\n",
                b"[" * 3_000,
            ]
        )
    )
    for coding in draw(st.lists(st.sampled_from(sorted(COMPRESSED)), max_size=2)):
        body = COMPRESSED[coding](body)
    return body[: draw(st.integers(0, len(body)))] if draw(st.booleans()) else body


@given(bodies(), CONTENT_TYPES, CODINGS, st.integers(0, 300), st.booleans(), st.integers(0, 7))
def test_no_body_ever_raises_and_every_one_can_be_encoded(
    body: bytes, content_type: str, coding: str, limit: int, complete: bool, size: int
) -> None:
    got = wire_body(
        copied(body, limit, size),
        content_type=content_type,
        coding=coding,
        limit=limit,
        complete=complete,
    )
    json.loads(codec.dumps(got.body))
    assert got.transfer_encoding in (None, "base64")


@given(CONTENT_TYPES)
def test_every_content_type_can_be_read(content_type: str) -> None:
    media = media_type(content_type)
    assert isinstance(media.charset, str)
    assert all(isinstance(value, str) for value in media.parameters.values())
