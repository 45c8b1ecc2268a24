"""Who may look: a token, once, becomes a cookie for twelve hours."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from apilog.collector import tokens
from apilog.collector.sessions import (
    FAILURE_SECONDS,
    MAX_FAILURES,
    MAX_SESSIONS,
    SESSION_SECONDS,
    Failures,
    Logins,
    Sessions,
)
from apilog.exceptions import ConfigError

ROUTES = [
    ("GET", "/view/calls"),
    ("GET", "/view/calls/1"),
    ("GET", "/view/live"),
    ("GET", "/view/series"),
    ("GET", "/view/endpoints"),
    ("GET", "/view/values?field=route"),
    ("GET", "/view/subjects/user"),
    ("GET", "/view/profiles/user/ada"),
    ("GET", "/view/filter?q=x"),
    ("GET", "/view/health"),
    ("GET", "/view/export?format=csv"),
    ("POST", "/view/purge"),
    ("POST", "/view/logout"),
    ("GET", "/view/nowhere"),
]


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def log_in(collector: Any, token: object) -> Any:
    return collector.post("/view/login", json={"token": token})


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=lambda part: part)
def test_nothing_is_shown_to_whoever_has_not_logged_in(
    collected: Any, method: str, path: str
) -> None:
    collector = collected()
    for cookies in ({}, {"apilog-8090": "x"}, {"apilog-8090": ""}):
        collector.cookies = cookies
        answer = collector.request(method, path, headers={"X-Apilog-CSRF": "1"})
        assert answer.status_code == 401
        assert answer.json()["error"].startswith("log in first")


def test_a_path_written_otherwise_is_behind_the_same_gate(collected: Any) -> None:
    collector = collected()
    for path in ("/view//calls", "/view/%63alls", "/./view/calls", "//view/calls", "/VIEW/calls"):
        assert collector.get(path).status_code in (401, 404)


def test_the_kept_token_logs_in_and_the_cookie_is_as_strict_as_cookies_are(collected: Any) -> None:
    collector = collected()
    answer = log_in(collector, (collector.directory / "viewer-token").read_text().strip())
    assert (answer.status_code, answer.content) == (204, b"")
    name, _, attributes = answer.headers["set-cookie"].partition("=")
    assert name == "apilog-8090"
    parts = {each.strip().lower() for each in attributes.split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/", "max-age=43200"} <= parts
    assert not any(each.startswith("domain") for each in parts)
    collector.cookies = dict(answer.cookies)
    assert collector.get("/view/calls").status_code == 200


def test_with_tls_the_cookie_is_bound_to_the_host(collected: Any) -> None:
    collector = collected()
    token = (collector.directory / "viewer-token").read_text().strip()
    base = "https://127.0.0.1:8090"
    answer = collector.post("/view/login", json={"token": token}, base=base)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-apilog-8090=")
    assert "; secure" in cookie.lower()
    collector.cookies = dict(answer.cookies)
    assert collector.get("/view/calls", base=base).status_code == 200
    assert collector.get("/view/calls").status_code == 401


def test_a_one_time_token_works_one_time(collected: Any) -> None:
    collector = collected()
    once = collector.access.logins.one_time_token()
    answer = log_in(collector, once)
    assert answer.status_code == 204
    assert log_in(collector, once).status_code == 403
    collector.cookies = dict(answer.cookies)
    again = log_in(collector, once)
    assert again.status_code == 204, "a second tab that has the cookie already"
    assert "set-cookie" not in again.headers


def test_whoever_logs_out_is_out(collected: Any) -> None:
    collector = collected().log_in()
    answer = collector.post("/view/logout")
    assert answer.status_code == 204
    assert 'apilog-8090=""' in answer.headers["set-cookie"]
    assert collector.get("/view/calls").status_code == 401


@pytest.mark.parametrize(
    "token", ["", "x", "x" * 22, 7, None, ["x"], "\u00e9" * 22, "x" * 3_000], ids=ascii
)
def test_a_wrong_token_is_403(collected: Any, token: object) -> None:
    answer = log_in(collected(), token)
    assert answer.status_code in (400, 403)
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"token", b'"x"', b"{", b"\xff", b'{"token": "\\ud800"}']
)
def test_what_is_no_object_is_400(collected: Any, body: bytes) -> None:
    assert collected().post("/view/login", content=body).status_code == 400


def test_a_body_that_is_too_long_is_413(collected: Any) -> None:
    assert collected().post("/view/login", content=b" " * 5_000).status_code == 413


def test_whoever_guesses_waits_and_the_right_token_waits_too(collected: Any) -> None:
    collector = collected()
    statuses = [log_in(collector, "x" * 22).status_code for _ in range(MAX_FAILURES + 1)]
    assert statuses == [403] * MAX_FAILURES + [429]
    token = (collector.directory / "viewer-token").read_text().strip()
    answer = log_in(collector, token)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= FAILURE_SECONDS


def test_failures_are_forgotten_in_time_and_are_everybodys_own() -> None:
    clock = Clock()
    failures = Failures(limit=2, clock=clock)
    for _ in range(2):
        assert failures.wait("a") == 0
        failures.add("a")
    assert failures.wait("a") == FAILURE_SECONDS
    assert failures.wait("b") == 0
    clock.now += FAILURE_SECONDS
    assert failures.wait("a") == 0
    failures.add("a")
    assert failures.wait("a") == 0


def test_many_addresses_cost_little_memory() -> None:
    failures = Failures()
    for number in range(5_000):
        failures.add(str(number))
    assert len(failures._counts) <= 1_000


def test_a_session_ends_after_twelve_hours(tmp_path: Path) -> None:
    clock = Clock()
    sessions = Sessions(tmp_path / "sessions", clock=clock)
    session = sessions.begin()
    clock.now += SESSION_SECONDS - 1
    assert sessions.holds(session)
    clock.now += 1
    assert not sessions.holds(session)


def test_sessions_outlive_a_restart_but_not_their_end(tmp_path: Path) -> None:
    clock = Clock()
    before = Sessions(tmp_path / "sessions", clock=clock)
    kept, ended = before.begin(), before.begin()
    before.end(ended)
    after = Sessions(tmp_path / "sessions", clock=clock)
    assert after.holds(kept)
    assert not after.holds(ended)
    clock.now += SESSION_SECONDS
    assert not Sessions(tmp_path / "sessions", clock=clock).holds(kept)


def test_the_file_of_the_sessions_opens_nothing(tmp_path: Path) -> None:
    path = tmp_path / "sessions"
    sessions = Sessions(path)
    session = sessions.begin()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    assert session not in text
    (digest,) = json.loads(text)
    assert not sessions.holds(digest)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"x": "y"}', b'{"x": null}', b"\xff", b"{"])
def test_a_damaged_file_of_sessions_is_as_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "sessions"
    path.write_bytes(content)
    sessions = Sessions(path)
    assert sessions.holds(sessions.begin())


def test_a_file_of_sessions_cannot_make_one_last_for_ever(tmp_path: Path) -> None:
    clock = Clock()
    path = tmp_path / "sessions"
    session = Sessions(path, clock=clock).begin()
    clock.now -= 1e6
    assert not Sessions(path, clock=clock).holds(session)


def test_there_are_only_so_many_sessions(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path / "sessions")
    begun = [sessions.begin() for _ in range(MAX_SESSIONS + 5)]
    assert [sessions.holds(each) for each in begun] == [False] * 5 + [True] * MAX_SESSIONS


def test_a_folder_that_cannot_be_written_costs_the_restart_only(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path / "missing" / "sessions")
    assert sessions.holds(sessions.begin())


def test_the_token_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = tokens.kept_token(path)
    assert len(token) == 22
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert tokens.kept_token(path) == token
    assert [each.name for each in tmp_path.iterdir()] == ["token"]


def test_a_token_that_others_could_read_is_hidden_again(tmp_path: Path) -> None:
    path = tmp_path / "token"
    tokens.kept_token(path)
    path.chmod(0o644)
    tokens.kept_token(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "short", "with space in the middle", "x" * 129])
def test_a_file_that_is_no_token_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "token"
    path.write_text(content)
    with pytest.raises(ConfigError, match="holds no token; remove it"):
        tokens.kept_token(path)


def test_a_link_in_place_of_the_token_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("x" * 22)
    (tmp_path / "token").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="cannot be read"):
        tokens.kept_token(tmp_path / "token")


def test_tokens_are_compared_whole(tmp_path: Path) -> None:
    logins = Logins("x" * 22, Sessions(tmp_path / "sessions"))
    assert logins.session_for("x" * 22)
    for wrong in ("x" * 21, "x" * 23, "X" * 22, "", "x" * 22 + "\n"):
        assert logins.session_for(wrong) is None
