"""Masking: every place a secret can stand in, and nothing but those."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from apilog.body import BodyCopy, wire_body
from apilog.header_mask import PLAIN
from apilog.mask_record import MAX_NOTES, Record
from apilog.masking import MASK, Masking

CANARY = "c4n4ry-7f3a"

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)
SECRET_NAMES = st.sampled_from(
    "password accessToken API_KEY client-secret ｐａｓｓｗｏｒｄ card_number pin auth".split()
)


def document(
    *,
    uri: str = "https://shop.example/orders",
    headers: dict[str, Any] | None = None,
    body: Any = None,
    content_type: str = "",
    metadata: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the document of an event."""
    lines = dict(headers or {}) | ({"Content-Type": content_type} if content_type else {})
    request = {"time": "2026-01-01T00:00:00.000Z", "uri": uri, "verb": "POST", "headers": lines}
    if body is not None:
        request["body"] = body
    return {"request": request, "metadata": {"apilog": {}, **(metadata or {})}}


def masked(masking: Masking | None = None, **parts: Any) -> dict[str, Any]:
    """Return the masked document, after checking that masking it again changes nothing."""
    masking = masking or Masking()
    event = document(**parts)
    masking.apply(event)
    once = json.dumps(event)
    assert masking.apply(event).notes == []
    assert json.dumps(event) == once
    return event


def masked_body(body: Any, content_type: str = "", masking: Masking | None = None) -> Any:
    return masked(masking, body=body, content_type=content_type)["request"].get("body")


def masked_header(name: str, value: str, masking: Masking | None = None) -> str:
    return str(masked(masking, headers={name: value})["request"]["headers"][name])


def masked_uri(uri: str, masking: Masking | None = None) -> str:
    return str(masked(masking, uri=uri)["request"]["uri"])


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        pytest.param(
            "Authorization", f"Bearer {CANARY}", "Bearer ***", id="bearer keeps its scheme"
        ),
        pytest.param("Authorization", f"Basic {CANARY}", "Basic ***", id="basic keeps its scheme"),
        pytest.param("Authorization", CANARY, "***", id="a bare token goes whole"),
        pytest.param("Authorization", f"{CANARY} tail", "***", id="no scheme that is known"),
        pytest.param("AUTHORIZATION", f"digest {CANARY}", "digest ***", id="capitals"),
        pytest.param("Proxy-Authorization", f"Basic {CANARY}", "Basic ***", id="for the proxy"),
        pytest.param("X-Api-Key", CANARY, "***", id="an api key"),
        pytest.param("x_api_key", CANARY, "***", id="an api key with underscores"),
        pytest.param("X-Auth-Token", CANARY, "***", id="an auth token"),
        pytest.param("Cookie", f"a={CANARY}; b={CANARY}", "a=***; b=***", id="cookies keep names"),
        pytest.param("Cookie", f"{CANARY}", "***", id="a cookie without a name"),
        pytest.param("Cookie", f'a="{CANARY}=x"', "a=***", id="a cookie with equals signs"),
        pytest.param(
            "Set-Cookie",
            f"sid={CANARY}; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT\nb={CANARY}; Secure",
            "sid=***; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT\nb=***; Secure",
            id="set-cookie keeps attributes",
        ),
        pytest.param(
            "Set-Cookie", f"a={CANARY}, b={CANARY}; Path=/", "a=***\nb=***; Path=/", id="folded"
        ),
        pytest.param("Accept", "text/html", "text/html", id="an innocent header stays"),
        pytest.param("Idempotency-Key", "k1", "k1", id="a key that is none stays"),
        pytest.param(
            "Referer",
            f"https://u:{CANARY}@a.example/?token={CANARY}&page=2#access_token={CANARY}",
            "https://***@a.example/?token=***&page=2#access_token=***",
            id="the referer is an address",
        ),
        pytest.param(
            "Location", f"/done#access_token={CANARY}", "/done#access_token=***", id="a fragment"
        ),
        pytest.param("Link", f"</a?token={CANARY}>; rel=next", "</a?token=***", id="a link header"),
    ],
)
def test_headers_are_masked(name: str, value: str, expected: str) -> None:
    assert masked_header(name, value) == expected


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        pytest.param("/a?password=x&page=2", "/a?password=***&page=2", id="a parameter"),
        pytest.param("/a?user[password]=x", "/a?user[password]=***", id="in brackets"),
        pytest.param("/a?pass%77ord=x", "/a?pass%77ord=***", id="percent-encoded name"),
        pytest.param("/a?code=x&state=y", "/a?code=***&state=y", id="oauth code"),
        pytest.param("/a?a=1;token=x;y&b=2", "/a?a=1;token=***&b=2", id="semicolons"),
        pytest.param("/a?token=x;y", "/a?token=***", id="a semicolon inside of the secret"),
        pytest.param("/a?token=x=y", "/a?token=***", id="an equals sign inside of the secret"),
        pytest.param("/a?token=", "/a?token=***", id="nothing, which is told from nothing else"),
        pytest.param("/a?token", "/a?token", id="a name alone"),
        pytest.param("/a?q=%ff%fe&&=&", "/a?q=%ff%fe&&=&", id="noise stays as it is"),
        pytest.param("/a?author=me&key_count=2", "/a?author=me&key_count=2", id="innocents"),
        pytest.param("//u:p@h/a", "//***@h/a", id="userinfo"),
        pytest.param("//u:p@ss@h/a", "//***@h/a", id="userinfo with an at sign in it"),
        pytest.param("/#/login?token=x", "/#/login?token=***", id="a router in the fragment"),
        pytest.param('/a?f={"pin":"x"}&g=1', '/a?f={"pin":"***"}&g=1', id="JSON in a parameter"),
        pytest.param(
            "/a?%7B%22pin%22:%22x%22%7D", "/a?%7B%22pin%22%3A%22***%22%7D", id="JSON alone"
        ),
        pytest.param("/a#section", "/a#section", id="a plain fragment"),
    ],
)
def test_addresses_are_masked(uri: str, expected: str) -> None:
    host = "https:" if uri.startswith("//") else "https://h.example"
    assert masked_uri(host + uri) == host + expected


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(CANARY, id="text"),
        pytest.param(4711, id="a number"),
        pytest.param(0, id="zero"),
        pytest.param(None, id="null"),
        pytest.param(True, id="true"),
        pytest.param([CANARY, {"a": CANARY}], id="a list"),
        pytest.param({"a": {"b": CANARY}}, id="an object"),
        pytest.param("", id="empty text"),
    ],
)
def test_what_stands_under_a_sensitive_name_goes_whole(value: object) -> None:
    body = [{"user": {"name": "ann", "password": value}}]
    assert masked_body(body) == [{"user": {"name": "ann", "password": MASK}}]


@pytest.mark.parametrize(
    ("text", "content_type", "expected"),
    [
        pytest.param(
            f"user=ann&password={CANARY}&page=2",
            "application/x-www-form-urlencoded",
            "user=ann&password=***&page=2",
            id="a form",
        ),
        pytest.param(
            urlencode({"payload": json.dumps({"token": CANARY})}),
            "application/x-www-form-urlencoded",
            "payload=%7B%22token%22%3A%22***%22%7D",
            id="JSON in a form",
        ),
        pytest.param(
            f'{{"a":1}}\n{{"password":"{CANARY}"}}\n\nnoise\n',
            "application/x-ndjson",
            '{"a":1}\n{"password":"***"}\n\n[... 5 bytes left out: not JSON ...]\n',
            id="NDJSON",
        ),
        pytest.param(
            f'event: a\ndata: {{"token": "{CANARY}"}}\r\n\r\ndata: {{"b": 1}}\r\n',
            "text/event-stream",
            'event: a\ndata: {"token":"***"}\r\n\r\ndata: {"b": 1}\r\n',
            id="an event stream",
        ),
        pytest.param(
            f'data: {{"token":"{CANARY}"}}\rdata: {{"token":"{CANARY}"}}\r',
            "text/event-stream",
            'data: {"token":"***"}\rdata: {"token":"***"}\r',
            id="an event stream with bare carriage returns",
        ),
        pytest.param(
            f'data: {{\ndata: "token": "{CANARY}",\ndata: "a": 1}}\n',
            "text/event-stream",
            'data: {"token":"***","a":1}\n',
            id="an event in several lines",
        ),
        pytest.param(
            json.dumps({"a": 1, "password": CANARY}, indent=2),
            "text/plain",
            '{"a":1,"password":"***"}',
            id="pretty JSON in text",
        ),
        pytest.param(
            f'\ufeff{{"password": "{CANARY}"}}',
            "text/plain",
            '\ufeff{"password": "***"}',
            id="behind a byte order mark",
        ),
        pytest.param(
            f'{{"password": "{CANARY}", "a": ',
            "text/plain",
            '{"password": "***", "a": ',
            id="broken JSON",
        ),
        pytest.param(
            f'{{"password": "{CANARY}',
            "text/plain",
            '{"password": "***"',
            id="a string that does not end",
        ),
        pytest.param(
            f'{{"password": "a\\"{CANARY}", "b": 1',
            "text/plain",
            '{"password": "***", "b": 1',
            id="an escaped quote in a secret",
        ),
        pytest.param(
            f'{{"password": {{"a": "{CANARY}"',
            "text/plain",
            '{"password": "***"',
            id="an object that does not end",
        ),
        pytest.param(
            f'x "pin": 12{CANARY} and more\nnext',
            "text/plain",
            'x "pin": "***"\nnext',
            id="a value without quotes",
        ),
        pytest.param(
            '{"pin": 1234, "name": "ann"',
            "text/plain",
            '{"pin": "***", "name": "ann"',
            id="a number in broken JSON",
        ),
        pytest.param(
            f'{{"password":"{CANARY}","password":"***"}}',
            "text/plain",
            '{"password":"***","password":"***"}',
            id="a name twice in text",
        ),
        pytest.param(
            f'{{"pass\\u0077ord":"{CANARY}","password":"***"}}',
            "text/plain",
            '{"pass\\u0077ord":"***","password":"***"}',
            id="a name twice, once in escapes",
        ),
        pytest.param(
            f'log: "{{\\"token\\":\\"{CANARY}\\\\\\"{CANARY}\\",\\"a\\":1}}"',
            "text/plain",
            'log: "{\\"token\\":\\"***\\",\\"a\\":1}"',
            id="JSON quoted in text",
        ),
        pytest.param(
            f"{{'password': '{CANARY}', 'a': 1}}",
            "text/plain",
            "{'password': '***', 'a': 1}",
            id="a dictionary as Python prints it",
        ),
        pytest.param(
            '<p>the author said: "token" is "a": 1</p>',
            "text/html",
            '<p>the author said: "token" is "a": 1</p>',
            id="innocent text",
        ),
    ],
)
def test_text_is_masked(text: str, content_type: str, expected: str) -> None:
    assert masked_body(text, content_type) == expected


def test_json_inside_of_a_json_string_is_masked() -> None:
    inner = json.dumps({"token": CANARY, "deeper": json.dumps({"pin": CANARY})})
    body = masked_body({"payload": inner, "list": [inner], "note": "it's 5: fine"})
    assert CANARY not in json.dumps(body)
    assert body["note"] == "it's 5: fine"
    assert json.loads(json.loads(body["payload"])["deeper"]) == {"pin": MASK}


def test_multipart_fields_are_masked() -> None:
    form = (
        f'--B\r\nContent-Disposition: form-data; name="password"\r\n\r\n{CANARY}\r\n'
        '--B\r\nContent-Disposition: form-data; name="author"\r\n\r\nann\r\n'
        f'--B\r\nContent-Disposition: form-data; name="data"\r\n\r\n{{"pin":"{CANARY}"}}\r\n'
        f'--B\r\nContent-Disposition: form-data; name="doc"; filename="a.txt"\r\n\r\n{CANARY}\r\n'
        "--B--\r\n"
    )
    copy = BodyCopy(10_000)
    copy.add(form.encode())
    wire = wire_body(
        copy,
        content_type="multipart/form-data; boundary=B",
        coding="",
        limit=10_000,
        complete=True,
    )
    assert masked_body(wire.body) == {
        "password": MASK,
        "author": "ann",
        "data": '{"pin":"***"}',
        "doc": {"size": len(CANARY), "filename": "a.txt"},
    }


def test_metadata_is_masked_and_our_own_part_of_it_stays() -> None:
    event = masked(metadata={"plan": "pro", "deep": [{"apiKey": CANARY}], "apilog": {"sdk": "x"}})
    assert event["metadata"] == {
        "plan": "pro",
        "deep": [{"apiKey": MASK}],
        "apilog": {"sdk": "x"},
    }


@pytest.mark.parametrize(
    ("body", "left"),
    [
        pytest.param(b'{"password":1}', b'{"password":"***"}', id="JSON"),
        pytest.param(b"a=1&pass%77ord=x", b"a=1&pass%77ord=***", id="a form"),
        pytest.param('{"pin":"x"}'.encode("utf-16"), '{"pin":"***"}'.encode("utf-16"), id="wide"),
        pytest.param(b"\x89PNG\r\n\0\xff", b"\x89PNG\r\n\0\xff", id="a picture"),
    ],
)
def test_what_can_be_read_in_base64_is_masked(body: bytes, left: bytes) -> None:
    event = document(body=b64encode(body).decode(), content_type="application/octet-stream")
    event["request"]["transfer_encoding"] = "base64"
    Masking().apply(event)
    assert b64decode(event["request"]["body"]) == left


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\x82\xa8password\xa7hunter2", id="a name"),
        pytest.param(b"\xff\0 4111 1111 1111 1111 \xff", id="a card number"),
    ],
)
def test_binary_that_holds_a_secret_stays_home(body: bytes) -> None:
    event = document(body=b64encode(body).decode(), content_type="application/octet-stream")
    event["request"]["transfer_encoding"] = "base64"
    Masking().apply(event)
    assert "body" not in event["request"]
    assert event["metadata"]["apilog"]["request_body_omitted"] == "secret_in_binary"


def test_more_places_than_are_noted_are_masked_all_the_same() -> None:
    event = document(body=[{"password": f"{CANARY}{number}"} for number in range(250)])
    notes = Masking().apply(event).notes
    assert len(notes) == MAX_NOTES
    assert event["request"]["body"] == [{"password": MASK}] * 250


def test_notes_say_where_and_by_which_rule_and_never_what() -> None:
    event = document(
        uri=f"https://u:{CANARY}@h/?token={CANARY}",
        headers={"Cookie": f"a={CANARY}"},
        body={"a/b": [{"api~key": CANARY}]},
    )
    notes = Masking().apply(event).notes
    assert CANARY not in json.dumps(notes)
    assert [(note["path"], note["rule"]) for note in notes] == [  # type: ignore[index, call-overload]
        ("/request/uri", "userinfo"),
        ("/request/uri?token", "query:token"),
        ("/request/headers/Cookie", "header:cookie"),
        ("/request/body/a~1b/0/api~0key", "field:apikey"),
    ]


def test_the_path_of_a_note_is_bounded() -> None:
    event = document(body={"a" * 5_000: {"password": 1}})
    assert all(len(note["path"]) <= 200 for note in Masking().apply(event).notes)  # type: ignore[index, call-overload, arg-type]


@pytest.mark.parametrize(
    "content_type",
    [
        pytest.param("", id="as JSON"),
        pytest.param("text/plain", id="as text"),
        pytest.param("application/x-ndjson", id="as a line"),
    ],
)
def test_a_tree_too_deep_stays_home_and_says_so(content_type: str) -> None:
    deep: Any = {"password": CANARY}
    for _ in range(150):
        deep = [deep]
    event = document(body=json.dumps(deep) if content_type else deep, content_type=content_type)
    Masking().apply(event)
    assert "body" not in event["request"]
    assert event["metadata"]["apilog"]["request_body_omitted"] == "too_deep"


def test_a_tree_too_large_stays_home_and_says_so() -> None:
    event = document(body=[1] * 100_002)
    Masking().apply(event)
    assert "body" not in event["request"]
    assert event["metadata"]["apilog"]["request_body_omitted"] == "too_large"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param([{"name": "password", "value": CANARY}], id="a name and a value"),
        pytest.param([{"value": CANARY, "key": "api_key"}], id="the value first"),
        pytest.param([{"op": "add", "path": "/user/token", "value": CANARY}], id="a JSON patch"),
        pytest.param([{"loc": ["body", "pin"], "input": CANARY}], id="what a validator refused"),
        pytest.param({"grant_type": "authorization_code", "code": CANARY}, id="OAuth"),
        pytest.param([{"id": "db_pass", "label": "x", "value": CANARY}], id="one of two labels"),
        pytest.param({"@name": "password", "#text": CANARY}, id="XML as JSON"),
        pytest.param({"type": "password", "value": CANARY, "temporary": False}, id="a type"),
        pytest.param({"kty": "RSA", "e": "AQAB", "d": CANARY}, id="a JSON Web Key"),
        pytest.param({"tokens": ["Zk3jQ9rT2mX8vB4nL6wC" + CANARY]}, id="tokens"),
        pytest.param({"q": "%7B%22pin%22%3A%22" + CANARY + "%22%7D"}, id="encoded JSON"),
        pytest.param({"yaml": f"- name: DB_PASSWORD\n  value: {CANARY}\n"}, id="a manifest"),
    ],
)
def test_a_value_whose_neighbour_tells_its_name_is_masked(body: Any) -> None:
    assert CANARY not in json.dumps(masked_body(body))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param([{"name": "colour", "value": "red"}], id="an innocent name"),
        pytest.param([{"key": 7, "value": "red"}], id="a number for a name"),
        pytest.param({"country": "NL", "code": "1012"}, id="a code that is none of OAuth's"),
        pytest.param([{"loc": [], "input": "x"}], id="an empty place"),
        pytest.param({"tokens": 12, "prompt": {"tokens": ["the", "cat"]}}, id="tokens of a text"),
        pytest.param({"d": 1, "k": "x", "v": 2}, id="short names"),
    ],
)
def test_a_value_whose_neighbour_is_innocent_stays(body: Any) -> None:
    assert masked_body(json.loads(json.dumps(body))) == body


def test_a_secret_that_is_a_name_goes_and_its_value_stays() -> None:
    body = masked_body({"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl": 1, "b": 2})
    assert body == {MASK: 1, "b": 2}


def test_metadata_too_deep_goes_and_says_so() -> None:
    deep: Any = CANARY
    for _ in range(150):
        deep = {"a": deep}
    event = document(metadata={"deep": deep, "apilog": {"sdk": "x"}})
    Masking().apply(event)
    assert event["metadata"] == {"apilog": {"sdk": "x", "metadata_omitted": "too_deep"}}


def test_the_deepest_tree_that_is_kept_is_masked() -> None:
    deep: Any = {"password": CANARY}
    for _ in range(99):
        deep = [deep]
    assert CANARY not in json.dumps(masked_body(deep))


def test_the_users_patterns_count_in_every_text() -> None:
    masking = Masking(patterns=[re.compile(r"ACME-\d+")])
    event = document(
        uri="https://h/ACME-1?a=ACME-2",
        headers={"X-Note": "see ACME-3", "Referer": "https://h/ACME-4"},
        body={"note": ["ACME-5 and ACME-6", {"ACME-7": "ACME-8"}], "password": "ACME-9"},
        metadata={"note": "ACME-10"},
    )
    event |= {"user_id": "ACME-11", "company_id": "ACME-12", "session_token": "ACME-13"}
    event["response"] = {"status": 200, "headers": {}, "body": "text with ACME-14"}
    notes = masking.apply(event).notes
    assert "ACME" not in json.dumps([event, notes])
    assert event["request"]["body"]["note"] == ["*** and ***", {MASK: MASK}]
    assert masking.apply(event).notes == []


def test_a_pattern_that_meets_the_mask_itself_makes_no_second_note() -> None:
    masked_body({"a": "x"}, masking=Masking(patterns=[re.compile(".+")]))


def test_unmask_takes_names_off_every_default() -> None:
    masking = Masking(unmask=["token", "x-api-key", "theme"])
    event = masked(
        masking,
        uri="https://h/?token=1&api_key=2",
        headers={"X-Api-Key": "k", "Cookie": "theme=dark; sid=1"},
        body={"token": 1, "access_token": 2},
    )
    assert event["request"]["uri"] == "https://h/?token=1&api_key=***"
    assert event["request"]["headers"] == {"X-Api-Key": "k", "Cookie": "theme=dark; sid=***"}
    assert event["request"]["body"] == {"token": 1, "access_token": MASK}


def test_names_are_added_for_headers_queries_and_fields_each_for_itself() -> None:
    masking = Masking(headers=["X-Shop"], query=["voucher"], fields=["tax_number"])
    event = masked(
        masking,
        uri="https://h/?voucher=1&tax_number=2&x_shop=3",
        headers={"x-shop": "1", "Voucher": "2"},
        body={"taxNumber": 1, "voucher": 2},
    )
    assert event["request"]["uri"] == "https://h/?voucher=***&tax_number=2&x_shop=3"
    assert event["request"]["headers"] == {"x-shop": MASK, "Voucher": "2"}
    assert event["request"]["body"] == {"taxNumber": MASK, "voucher": 2}


@given(st.dictionaries(st.text(max_size=8), JSON_VALUES, max_size=4))
def test_masking_twice_is_masking_once(body: dict[str, Any]) -> None:
    event = document(body=body)
    masking = Masking()
    masking.apply(event)
    once = json.dumps(event)
    assert masking.apply(event).notes == []
    assert json.dumps(event) == once


@given(
    st.text(),
    st.sampled_from(["text/plain", "text/event-stream", "application/x-www-form-urlencoded"]),
)
@example('data:{"token":1}\n{"', "text/event-stream")
@example('"token":"token":', "text/plain")
@example("'pin':'\"pin\":\\", "text/plain")
@example("token=1;pin=2&=;", "application/x-www-form-urlencoded")
def test_masking_any_text_twice_is_masking_it_once(text: str, content_type: str) -> None:
    masked_body(text, content_type)


NOISE = st.text(alphabet="\"'\\:{}[], \n\tab1=&;%data*é")


@given(
    st.lists(NOISE | st.sampled_from(['"token"', "'pin'", '"password":', '\\"pin\\":', MASK])),
    st.sampled_from(["text/plain", "text/event-stream", "application/x-www-form-urlencoded"]),
)
def test_masking_text_full_of_quotes_twice_is_masking_it_once(
    pieces: list[str], content_type: str
) -> None:
    masked_body("".join(pieces), content_type)


@given(NOISE, SECRET_NAMES, NOISE)
def test_a_quoted_secret_goes_from_any_text(before: str, name: str, after: str) -> None:
    text = f'{before}"{name}": "{CANARY}"{after}'
    assert CANARY not in str(masked_body(text, "text/plain"))


@st.composite
def trees_with_a_secret(draw: st.DrawFn) -> Any:
    """Draw a JSON document with the canary somewhere under a sensitive name."""
    secret: Any = draw(
        st.sampled_from([CANARY, [CANARY], {"a": CANARY}, [[{"b": {"c": CANARY}}]], f"x {CANARY}"])
    )
    tree: Any = {**draw(st.dictionaries(st.text(max_size=5), JSON_VALUES, max_size=2))}
    tree[draw(SECRET_NAMES)] = secret
    for _ in range(draw(st.integers(0, 6))):
        if draw(st.booleans()):
            tree = [*draw(st.lists(JSON_VALUES, max_size=2)), tree]
        else:
            tree = {
                **draw(st.dictionaries(st.text(max_size=5), JSON_VALUES, max_size=2)),
                "k": tree,
            }
        if draw(st.integers(0, 4)) == 0:
            tree = json.dumps(tree)
    return {"root": tree}


WRITTEN = {
    "compact": lambda tree: json.dumps(tree, separators=(",", ":")),
    "pretty": lambda tree: json.dumps(tree, indent=2),
    "unicode": lambda tree: json.dumps(tree, ensure_ascii=False),
    "a line among others": lambda tree: f'{{"a":1}}\n{json.dumps(tree)}\nnoise\n',
    "an event": lambda tree: f"event: x\ndata: {json.dumps(tree)}\n\n",
    "cut short": lambda tree: json.dumps(tree)[:-1],
    "quoted": lambda tree: json.dumps(json.dumps(tree)),
    "in a form": lambda tree: urlencode({"page": 1, "payload": json.dumps(tree)}),
}


@given(trees_with_a_secret())
def test_a_secret_never_leaves_in_a_tree(tree: Any) -> None:
    assert CANARY not in json.dumps(masked(body=tree, metadata=tree))


@pytest.mark.parametrize("form", WRITTEN)
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-ndjson", "text/html"])
@given(tree=trees_with_a_secret())
def test_a_secret_never_leaves_in_text(form: str, content_type: str, tree: Any) -> None:
    if form == "in a form":
        content_type = "application/x-www-form-urlencoded"
    assert CANARY not in json.dumps(masked_body(WRITTEN[form](tree), content_type))


@pytest.mark.parametrize(
    ("content_type", "text", "left"),
    [
        pytest.param(
            "application/x-www-form-urlencoded",
            f"note=\xff&password={CANARY}",
            "note=\xff&password=***",
            id="a form",
        ),
        pytest.param(
            "text/plain", f'\xff {{"token": "{CANARY}"}}', '\xff {"token": "***"}', id="text"
        ),
    ],
)
def test_a_secret_never_leaves_in_text_with_bytes_that_are_none(
    content_type: str, text: str, left: str
) -> None:
    """It travels in base64: every byte of it but the secret."""
    event = document(body=b64encode(text.encode("latin-1")).decode(), content_type=content_type)
    event["request"]["transfer_encoding"] = "base64"
    Masking().apply(event)
    assert b64decode(event["request"]["body"]) == left.encode("latin-1")


HEXADECIMAL = st.lists(
    st.text("0123456789", max_size=11) | st.sampled_from("41111111111 378282246310 cc a f".split()),
    max_size=8,
).map("d".join)


@given(
    st.sampled_from(['"{:.64}"', 'W/"{:.64}"', "{:.64}", "00-{:0>32.32}-{:e<16.16}-01"]),
    HEXADECIMAL,
)
def test_a_value_that_is_passed_unread_would_have_passed_anyway(shape: str, digits: str) -> None:
    text = shape.format(digits, digits[::-1])
    assume(PLAIN.fullmatch(text))
    assert Masking()._texts.masked(text, "/x", Record()) == text
