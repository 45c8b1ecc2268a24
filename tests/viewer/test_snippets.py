"""The code that the viewer makes of a call, run: it sends what was recorded, and nothing else."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from viewer_kit.echo import Echo, Received, echoing
from viewer_kit.snippets import ROLLDOWN, RUN, Snippets, run_curl

MASK = "***"


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    with echoing() as server:
        yield server


@pytest.fixture(scope="module")
def snippets(
    tmp_path_factory: pytest.TempPathFactory, lacking: Callable[[str], NoReturn]
) -> Snippets:
    if shutil.which("node") is None or not ROLLDOWN.exists():
        lacking("needs Node and the viewer's packages: cd viewer && npm ci")
    return Snippets(tmp_path_factory.mktemp("snippets"))


def event_of(
    echo: Echo,
    target: str = "/items",
    verb: str = "GET",
    headers: dict[str, str] | None = None,
    body: Any = None,
    **more: Any,
) -> dict[str, Any]:
    """Return an event as the middleware makes it."""
    request: dict[str, Any] = {
        "time": "2026-11-20T12:00:00.000Z",
        "uri": f"http://127.0.0.1:{echo.port}{target}",
        "verb": verb,
        "headers": {"Host": f"127.0.0.1:{echo.port}", **(headers or {})},
    }
    if isinstance(body, bytes):
        request |= {"body": base64.b64encode(body).decode(), "transfer_encoding": "base64"}
    elif body is not None:
        request["body"] = body
    event = {"request": request, "response": {"status": 200, "headers": {}}}
    return {**event, "metadata": {"apilog": {}}, **more}


JSON = {"Content-Type": "application/json"}
ODD = (
    'it\'s "quoted" \\ $HOME `id` !! %41 100%\ttab\nline\r\n'
    "~ * ? [a] {b} # ; & | < > é 漢 🙂 \u202e"
)

CASES: dict[str, dict[str, Any]] = {
    "a plain get": {"headers": {"Accept": "application/json", "User-Agent": "shop/4.2"}},
    "a query": {"target": "/items?page=2&sort=price&empty=&q=a+b%20c%2Bd&flag"},
    "brackets that curl would expand": {"target": "/items?filter[a]={x,y}&range=[1-3]"},
    "dots that clients resolve": {"target": "/a/../b/./c?x=../y"},
    "two slashes": {"target": "//other.example/x"},
    "characters that clients encode": {"target": "/a|b^c`d'e\"f<g>h\\i?q=|^`'\"<>\\{}"},
    "percent signs alone": {"target": "/100%/%zz?p=50%"},
    "a path with encoded slashes": {"target": "/files/a%2Fb%2e%2e?next=%2Fhome"},
    "a head": {"verb": "HEAD", "target": "/items/1"},
    "a delete": {"verb": "DELETE", "target": "/items/1"},
    "options of a browser": {"verb": "OPTIONS", "headers": {"Origin": "https://shop.example"}},
    "a verb of webdav": {"verb": "PROPFIND", "headers": {"Depth": "1"}},
    "json": {
        "verb": "POST",
        "headers": JSON,
        "body": {"name": ODD, "n": [1, 2.5, True, None, {"deep": [[]]}], "": {}},
    },
    "json of an api": {
        "verb": "PATCH",
        "headers": {"Content-Type": "application/vnd.api+json"},
        "body": [{"data": {"id": "1"}}],
    },
    "json without a type": {"verb": "POST", "body": {"a": 1}},
    "numbers beyond what javascript holds": {
        "verb": "POST",
        "headers": JSON,
        "body": {"id": 12345678901234567890, "price": 1.10, "big": 1e300, "small": -0.0},
    },
    "a text with everything in it": {
        "verb": "PUT",
        "headers": {"Content-Type": "text/plain; charset=utf-8"},
        "body": ODD,
    },
    "a text that looks like a file for curl": {
        "verb": "POST",
        "headers": {"Content-Type": "text/plain"},
        "body": "@/etc/hostname",
    },
    "a text with a nul": {
        "verb": "POST",
        "headers": {"Content-Type": "text/plain"},
        "body": "a\0b",
    },
    "a text longer than an argument may be": {
        "verb": "POST",
        "headers": {"Content-Type": "text/plain"},
        "body": "0123456789abcdef" * 20_000,
    },
    "a form": {
        "verb": "POST",
        "headers": {"Content-Type": "application/x-www-form-urlencoded"},
        "body": "name=Ada+Lovelace&city=%E4%BA%AC&empty=",
    },
    "bytes": {
        "verb": "POST",
        "headers": {"Content-Type": "application/octet-stream"},
        "body": bytes(range(256)),
    },
    "a body without a type": {"verb": "POST", "body": "plain"},
    "odd headers": {
        "headers": {
            "X-Quotes": "it's \"quoted\" $HOME `id` !! %s",
            "X-Empty": "",
            "X-Latin": "caf\xe9 \xff",
            "X-Wide": "漢 🙂",
            "X-At": "@/etc/hostname",
            "X-Equals": "=1",
            "X-Colons": ":=[1]",
            "Cookie": "a=1; b=\"2\"; c=3,4",
            "If-None-Match": 'W/"67ab43", "54ed21"',
        }
    },
    "a backslash in a header": {"headers": {"X-Path": "C:\\temp\\:x"}},
    "an encoding that was undone": {
        "verb": "POST",
        "headers": {**JSON, "Content-Encoding": "gzip", "Content-Length": "12"},
        "body": {"a": 1},
    },
    "what concerns one connection": {
        "headers": {"Connection": "keep-alive", "TE": "trailers", "Accept-Encoding": "gzip, br"}
    },
}  # fmt: skip
HTTPIE_CANNOT = {
    "odd headers",
    "a backslash in a header",
    "brackets that curl would expand",
    "characters that clients encode",
    "percent signs alone",
    "a path with encoded slashes",
}
CLIENTS_OWN = {"host", "accept", "accept-encoding", "connection", "user-agent", "content-length"}
NOT_SENT = {"host", "content-encoding", "content-length", "connection", "te"}


def on_the_wire(value: str) -> str:
    """Return a recorded value as `http.server` shows it: each byte as one character."""
    latin = all(ord(character) < 256 for character in value)
    return value if latin else value.encode().decode("latin-1")


def check(received: Received, event: dict[str, Any]) -> None:
    """Compare a request with the one that was recorded: verb, address, every header, the body."""
    request = event["request"]
    assert received.method == request["verb"]
    assert received.target == "/" + request["uri"].split("/", 3)[3]
    recorded = {
        name.lower(): on_the_wire(value)
        for name, value in request["headers"].items()
        if name.lower() not in NOT_SENT
    }
    sent = {name.lower(): value for name, value in received.headers}
    assert len(sent) == len(received.headers), "a header was sent twice"
    assert {name: sent.get(name) for name in recorded} == recorded
    assert sent.keys() - recorded.keys() <= CLIENTS_OWN
    body = request.get("body")
    if request.get("transfer_encoding") == "base64":
        assert received.body == base64.b64decode(body)
    elif isinstance(body, str):
        assert received.body == body.encode()
    elif body is None:
        assert received.body == b""
    else:
        assert json.loads(received.body) == body


@pytest.fixture(scope="module")
def codes(snippets: Snippets, echo: Echo) -> dict[str, dict[str, Any]]:
    events = [event_of(echo, **case) for case in CASES.values()]
    return dict(zip(CASES, snippets.of(*events), strict=True))


@pytest.mark.parametrize("language", RUN)
@pytest.mark.parametrize("case", CASES)
def test_a_snippet_sends_what_was_recorded(
    case: str, language: str, echo: Echo, codes: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    code = codes[case][language]
    if code is None:
        assert language == "httpie"
        assert case in HTTPIE_CANNOT
        return
    RUN[language](code, tmp_path)
    check(echo.take(), event_of(echo, **CASES[case]))


def can_be_pasted(code: str) -> bool:
    """Say whether *code* holds nothing that a terminal obeys, or that hides from a reader."""
    categories = {unicodedata.category(each) for each in code.replace("\n", "")}
    return not categories & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


_WIRE = st.characters(codec="utf-8", exclude_characters="\x7f", exclude_categories=["Cc", "Cs"])
_VALUES = st.text(_WIRE, max_size=30).map(lambda text: text.strip().strip("\xa0\x85"))
_TARGETS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#"))
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
_CALLS = st.fixed_dictionaries(
    {
        "target": _TARGETS.map("/{}".format),
        "verb": st.sampled_from(["POST", "PUT", "DELETE"]),
        "headers": st.fixed_dictionaries({
            "X-Odd": _VALUES,
            "Content-Type": st.sampled_from(["application/json", "text/plain", "a/b; c=\"d'e\""]),
        }),
        "body": st.text(st.characters(codec="utf-8"), min_size=1) | st.binary(min_size=1)
        | st.lists(_JSON) | st.dictionaries(st.text(), _JSON),
    }
)  # fmt: skip


@settings(
    max_examples=25,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # an example takes a second
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(calls=st.lists(_CALLS, min_size=4, max_size=4))
def test_a_snippet_sends_any_bytes_that_were_recorded(
    calls: list[dict[str, Any]], echo: Echo, snippets: Snippets, tmp_path: Path
) -> None:
    events = [event_of(echo, **call) for call in calls]
    for event, code in zip(events, snippets.of(*events), strict=True):
        for language in ("curl", "httpx"):
            assert can_be_pasted(code[language])
            RUN[language](code[language], tmp_path)
            check(echo.take(), event)


def test_a_masked_value_is_a_placeholder_that_nobody_overlooks(
    echo: Echo, snippets: Snippets, tmp_path: Path
) -> None:
    masked = [{"path": "/request/body/card", "rule": "field:card"}]
    event = event_of(
        echo,
        "/login?token=***&page=1",
        "POST",
        {"Authorization": "Bearer ***", "Cookie": "sid=***; theme=dark", **JSON},
        {"card": MASK, "note": "pays with ***", "user": f"hmac:{'0a' * 16}", "plan": "gold"},
        metadata={"apilog": {"masked": masked}},
    )
    (code,) = snippets.of(event)
    for language in RUN:
        RUN[language](code[language], tmp_path)
        received = echo.take()
        assert received.target == "/login?token=REPLACE_ME&page=1"
        assert received.header("Authorization") == ["Bearer REPLACE_ME"]
        assert received.header("Cookie") == ["sid=REPLACE_ME; theme=dark"]
        assert json.loads(received.body) == {
            "card": "REPLACE_ME",
            "note": "pays with REPLACE_ME",
            "user": "REPLACE_ME",
            "plan": "gold",
        }
    assert "REPLACE_ME" in code["remarks"][0]


def test_stars_that_somebody_typed_stay(echo: Echo, snippets: Snippets, tmp_path: Path) -> None:
    event = event_of(echo, "/notes", "POST", JSON, {"text": "five *** of five"})
    run_curl(snippets.of(event)[0]["curl"], tmp_path)
    assert json.loads(echo.take().body) == {"text": "five *** of five"}


def test_a_form_of_several_parts_is_built_again_but_no_file_of_ours_is_read(
    echo: Echo, snippets: Snippets, tmp_path: Path
) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    file = {"size": 6, "content_type": "text/plain", "filename": str(tmp_path / "secret.txt")}
    event = event_of(
        echo, "/upload", "POST",
        {"Content-Type": "multipart/form-data; boundary=abc"},
        {"title": "a;b=\"c\"", "at": "@secret.txt", "tags": ["x", "y"], "file": file},
    )  # fmt: skip
    (code,) = snippets.of(event)
    (tmp_path / "REPLACE_ME").write_text("mine")
    for language in RUN:
        RUN[language](code[language], tmp_path)
        received = echo.take()
        (content_type,) = received.header("Content-Type")
        assert content_type.startswith("multipart/form-data; boundary=")
        assert "abc" not in content_type
        tags = [b'name="tags"\r\n\r\nx', b'name="tags"\r\n\r\ny']
        for text in (b'a;b="c"', b"@secret.txt", *tags):
            assert text in received.body
        assert b"\r\n\r\nsecret\r\n" not in received.body


HOSTILE = {
    "another protocol": {"uri": "file:///etc/passwd"},
    "a script": {"uri": "javascript://%0aalert(1)"},
    "an option": {"uri": "-o/tmp/pwned"},
    "a host that is a command": {"uri": "http://a;touch pwned;/x"},
    "a user and a password": {"uri": "http://ada:secret@unknown.invalid/x"},
    "a verb that is a command": {"verb": "GET; touch pwned"},
    "a header name that is a command": {"headers": {"X; touch pwned;": "1", "@secret.txt": "1"}},
    "a header that is two": {"headers": {"X-A": "1\r\nX-Injected: 2"}},
    "the end of a paste": {"headers": {"X-A": "\x1b[201~\ntouch pwned\n"}, "body": "\x1b[201~"},
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_was_logged_can_do_nothing_but_be_sent(
    case: str, echo: Echo, snippets: Snippets, tmp_path: Path
) -> None:
    event = event_of(echo, "/x", "POST", body="x")
    event["request"] |= HOSTILE[case]
    (code,) = snippets.of(event)
    for text in (code["curl"], code["httpie"], code["httpx"], code["pytest"]):
        assert text is None or can_be_pasted(text)
    assert "secret@" not in code["curl"]
    if event["request"]["uri"].startswith("http://127.0.0.1"):
        run_curl(code["curl"], tmp_path)
        assert not echo.take().header("X-Injected")
    else:
        assert "http://unknown.invalid" in code["curl"]
        with pytest.raises(subprocess.CalledProcessError):  # there is no such host
            run_curl(code["curl"], tmp_path)
    assert not (tmp_path / "pwned").exists()


def test_the_tests_that_it_writes_pass_on_the_recorded_answer_and_fail_on_another_one(
    echo: Echo, snippets: Snippets, tmp_path: Path
) -> None:
    answer = {"id": 12345678901234567890, "total": 1.10, "token": "t-81", "tags": ["a", ODD]}
    noted = {"apilog": {"masked": [{"path": "/response/body/token", "rule": "field:token"}]}}
    response = {"status": 201, "headers": JSON, "body": {**answer, "token": MASK}}
    event = event_of(
        echo, "/orders?dry=1", "POST", JSON, {"item": 1}, response=response, metadata=noted
    )
    (tmp_path / "test_call.py").write_text(snippets.of(event)[0]["pytest"])
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    try:
        echo.status, echo.content = 201, json.dumps(answer).encode()
        passed = subprocess.run(command, capture_output=True, timeout=60, cwd=tmp_path, check=False)
        assert passed.returncode == 0, passed.stdout.decode()
        check(echo.take(), event)
        echo.content = json.dumps({**answer, "total": 1.2}).encode()
        failed = subprocess.run(command, capture_output=True, timeout=60, cwd=tmp_path, check=False)
        assert b"1 failed" in failed.stdout
        echo.take()
    finally:
        echo.status, echo.content = 200, b"{}"
