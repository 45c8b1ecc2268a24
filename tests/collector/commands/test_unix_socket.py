"""``apilog serve --unix PATH``: the same collector, for programs of the same user."""

from __future__ import annotations

import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs unix sockets")


@pytest.fixture
def place() -> Iterator[Path]:
    """A path that is short enough, as those of tests often are not."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "apilog.sock"


def client(place: Path) -> httpx.Client:
    transport = httpx.HTTPTransport(uds=str(place))
    return httpx.Client(transport=transport, base_url="http://localhost", trust_env=False)


def test_it_takes_calls_and_shows_them(serving: Any, an_event: Any, place: Path) -> None:
    with serving("--unix", str(place)) as collector, client(place) as http:
        event = an_event()
        assert http.post("/v1/events", json=event).status_code == 201
        headers = {"X-Apilog-CSRF": "1"}
        login = http.post("/view/login", json={"token": collector.token}, headers=headers)
        assert login.status_code == 204
        found = http.get("/view/calls").json()["rows"]
        assert [row["id"] for row in found] == [event["transaction_id"]]
        assert collector.rows() == found


def test_it_is_for_its_owner_only_and_goes_with_the_collector(
    serving: Any, finished: Any, place: Path
) -> None:
    with serving("--unix", str(place)) as collector:
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
        collector.process.terminate()
        assert finished(collector.process) == (0, "", "")
    assert not place.exists()


def test_who_asks_there_needs_a_name_and_a_token_as_well(serving: Any, place: Path) -> None:
    with serving("--unix", str(place), "--token", "t" * 32), client(place) as http:
        assert http.get("/healthz", headers={"Host": "evil.test"}).status_code == 421
        assert http.get("/view/calls").status_code == 401
        assert http.post("/v1/events", json={}).status_code == 401
        for _ in range(20):
            http.post("/view/login", json={"token": "wrong"}, headers={"X-Apilog-CSRF": "1"})
        wrong = http.post("/view/login", json={"token": "wrong"}, headers={"X-Apilog-CSRF": "1"})
        assert wrong.status_code == 429


def test_what_a_killed_collector_left_is_replaced(serving: Any, place: Path) -> None:
    with serving("--unix", str(place)) as collector:
        collector.process.kill()
        collector.process.wait()
    assert place.exists()
    with serving("--unix", str(place)), client(place) as http:
        assert http.get("/healthz").status_code == 200


def test_nobody_is_pushed_aside(apilog: Any, finished: Any, place: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as other:
        other.bind(str(place))
        other.listen()
        process = apilog("serve", "--port", "0", "--unix", str(place))
        code, out, err = finished(process)
    assert (code, out) == (2, "")
    assert f"another process listens at --unix {place}" in err
    assert place.exists()


def test_no_file_is_overwritten(apilog: Any, finished: Any, place: Path) -> None:
    place.write_text("precious")
    code, out, err = finished(apilog("serve", "--port", "0", "--unix", str(place)))
    assert (code, out) == (2, "")
    assert "is a file already, and no socket" in err
    assert place.read_text() == "precious"


@pytest.mark.parametrize("path", ["nowhere/apilog.sock", "x" * 200], ids=["no folder", "too long"])
def test_a_path_that_cannot_be_is_named(apilog: Any, finished: Any, path: str) -> None:
    code, out, err = finished(apilog("serve", "--port", "0", "--unix", path))
    assert (code, out) == (2, "")
    assert f"cannot listen at --unix {path}: " in err
    assert "Traceback" not in err
