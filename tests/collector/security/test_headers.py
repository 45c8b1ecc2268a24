"""What every answer carries, whatever it answers."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
EXPECTED = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def assert_secure(answer: httpx.Response, *, kept: str = "no-store") -> None:
    assert {name: answer.headers.get(name) for name in EXPECTED} == EXPECTED
    assert answer.headers.get_list("Cache-Control") == [kept]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/view/calls", 200),
        ("GET", "/view/calls?limit=0", 400),
        ("GET", "/view/calls?q=no:such", 400),
        ("GET", "/view/calls/nothing", 404),
        ("DELETE", "/view/calls", 405),
        ("GET", "/view/series", 200),
        ("GET", "/view/endpoints", 200),
        ("GET", "/view/health", 200),
        ("GET", "/view/export?format=har", 200),
        ("GET", "/view/export?format=exe", 400),
        ("GET", "/view/nowhere", 404),
        ("POST", "/view/login", 400),
        ("POST", "/view/purge", 400),
        ("GET", "/nowhere", 404),
        ("GET", "/v1/events", 405),
        ("POST", "/v1/events", 400),
        ("POST", "/v1/events/", 404),
        ("OPTIONS", "/v1/events", 405),
        ("GET", "/assets/nothing.js", 404),
        ("GET", "/..%2f..%2fetc/passwd", 404),
    ],
)
def test_every_answer_is_secure(collected: Any, method: str, path: str, status: int) -> None:
    headers = {"X-Apilog-CSRF": "1"}
    answer = collected().log_in().request(method, path, headers=headers)
    assert answer.status_code == status
    assert_secure(answer)


def test_a_page_may_be_asked_for_again_but_not_used_unasked(collected: Any) -> None:
    collector = collected()
    for path in ("/", "/calls/1", "/health"):
        assert_secure(collector.get(path), kept="no-cache")


def test_a_refusal_is_secure(collected: Any) -> None:
    collector = collected(sender_token="x" * 22)
    misdirected = collector.get("/", headers={"Host": "evil.test"})
    refused = collector.post("/v1/events", json={})
    nobody = collector.get("/view/calls")
    assert [each.status_code for each in (misdirected, refused, nobody)] == [421, 401, 401]
    for each in (misdirected, refused, nobody):
        assert_secure(each)


class Broken:
    """A store that fails in a way that nobody foresaw, with a secret in its message."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def page(self, *_: object, **__: object) -> None:
        raise ZeroDivisionError("secret")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def test_a_bug_of_ours_tells_nobody_what_it_was_about(
    collected: Any, caplog: pytest.LogCaptureFixture
) -> None:
    collector = collected()
    broken = collected("broken", store=Broken(collector.store)).log_in()
    answer = broken.get("/view/calls")
    assert (answer.status_code, answer.json()) == (500, {"error": "internal error"})
    assert_secure(answer)
    assert "ZeroDivisionError in test_headers.py, line" in caplog.text
    assert "secret" not in caplog.text


def test_headers_beyond_their_limit_are_refused(collected: Any) -> None:
    answer = collected().get("/healthz", headers={"X-Long": "x" * 66_000})
    assert answer.status_code == 431
    assert_secure(answer)


@pytest.mark.parametrize("path", ["/view/calls", "/view/login", "/v1/events", "/", "/healthz"])
def test_no_other_origin_is_let_in_by_cors(collected: Any, path: str) -> None:
    """Only the protocols of Umami and Swetrix are made for web pages."""
    headers = {
        "Origin": "https://elsewhere.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-apilog-csrf",
    }
    collector = collected().log_in()
    for method in ("GET", "POST", "OPTIONS"):
        answer = collector.request(method, path, headers=headers)
        assert not [name for name in answer.headers if name.startswith("access-control")]
