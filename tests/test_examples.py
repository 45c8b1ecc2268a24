"""Examples do what they say."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from http_kit import Handler, Listener, serving

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
MINUTE = 60


@dataclass
class Hook:
    """A chat's webhook."""

    url: str
    statuses: list[int]
    texts: list[str] = field(default_factory=list)


@pytest.fixture
def hook() -> Iterator[Hook]:
    """A webhook that answers with its statuses in turn, and with 200 after the last one."""

    class Answering(Handler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = hook.statuses.pop(0) if hook.statuses else 200
            if status == 200:
                hook.texts.append(json.loads(body)["text"])
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Listener(Answering)) as server:
        hook = Hook(server.url, [])
        yield hook


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=MINUTE, check=False)


def test_a_destination_of_ones_own_receives_what_its_filter_lets_pass(hook: Hook) -> None:
    done = run("custom_destination.py", hook.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert hook.texts == ["GET http://127.0.0.1/orders: 503"]
    assert "delivered=1" in done.stdout
    assert "'filtered': 2" in done.stdout


def test_a_destination_of_ones_own_is_asked_again_later(hook: Hook) -> None:
    hook.statuses = [503]
    done = run("custom_destination.py", hook.url)
    assert done.returncode == 0, done.stderr
    assert len(hook.texts) == 1
    assert "retries=1" in done.stdout
