"""Show apilog at work: three apps on real servers, one collector, every call accounted for.

Starts ``apilog serve`` and the example apps (gunicorn, uvicorn), sends each the same mix of calls,
waits until every event has arrived, and prints what was sent beside what arrived. Then calls go on,
one now and then, until Ctrl-C. With ``ONCE=1`` in the environment it ends instead: with status 0 if
every event arrived and no planted secret did, else 1.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
import webbrowser
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

EXAMPLES = Path(__file__).resolve().parent
PATIENCE = 30.0
"""Seconds that a server may take to start, and events to arrive."""

DATA = "apilog-data"
"""The collector's folder, in the one of the demonstration."""

SECRET = f"planted-{secrets.token_hex(8)}"
"""What must not be found anywhere behind the apps; new in every run."""


@dataclass(frozen=True)
class Call:
    """One call of the script: what is sent, and the status that must come back."""

    name: str
    method: str
    path: str
    status: int = 200
    content: Mapping[str, Any] = field(default_factory=dict)


CALLS = (
    Call(
        "form with a password",
        "POST",
        "/login",
        content={"data": {"user": "ada", "password": SECRET}},
    ),
    Call("JSON out", "GET", "/items/7"),
    Call("secret in the query", "GET", f"/items/8?api_key={SECRET}"),
    Call(
        "JSON in, with secrets",
        "POST",
        "/orders",
        201,
        {
            "json": {
                "sku": "A-1",
                "count": 2,
                "payment": {"card_number": SECRET, "password": [SECRET]},
            }
        },
    ),
    Call(
        "upload",
        "POST",
        "/avatar",
        content={"files": {"picture": ("ada.png", SECRET.encode() * 40, "image/png")}},
    ),
    Call("PNG", "GET", "/logo.png"),
    Call("server-sent events", "GET", "/ticks"),
    Call(
        "bearer token",
        "GET",
        "/items/9",
        content={"headers": {"Authorization": f"Bearer {SECRET}"}},
    ),
    Call("not found", "GET", "/nowhere", 404),
    Call("unhandled exception", "GET", "/crash", 500),
)

GUNICORN = ("-m", "gunicorn", "--bind", "127.0.0.1:0", "--workers", "2")
UVICORN = ("-m", "uvicorn", "--port", "0")

APPS: Mapping[str, Sequence[str]] = {
    "Flask on gunicorn": (*GUNICORN, "flask_app:app"),
    "FastAPI on uvicorn": (*UVICORN, "fastapi_app:app"),
    "Django on gunicorn": (*GUNICORN, "django_app:app"),
}


def main() -> int:
    """Run the demonstration; return the exit status."""
    once = os.environ.get("ONCE", "") not in ("", "0")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="apilog-demo-")))
        collector, viewer = stack.enter_context(_collector(folder))
        clients = {
            name: stack.enter_context(_app(name, command, collector, folder))
            for name, command in APPS.items()
        }
        print(f"{len(CALLS)} calls to each of {', '.join(APPS)} ...", flush=True)
        sent = {name: _send_all(client) for name, client in clients.items()}
        events = _arrived(collector, folder, expected=len(CALLS) * len(APPS))
        missing = _print_table(sent, clients, events)
        leaks = _leaks(folder)
        print(f"\n{len(events)} events arrived, {missing} missing, {leaks} planted secrets found.")
        if once:
            return 1 if missing or leaks else 0
        print(f"\nLook at them: {viewer}\nCalls go on, one every two seconds. Ctrl-C ends it.")
        _open(viewer)
        _go_on(list(clients.values()))
    return 0


@contextmanager
def _collector(folder: Path) -> Iterator[tuple[str, str]]:
    """Run a collector; give its address, and the one at which a browser logs in."""
    command = [sys.executable, "-m", "apilog.cli", "serve", "--port", "0"]
    command += ["--data", str(folder / DATA)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            lines = [process.stdout.readline() for _ in range(2)] if process.stdout else [""]
            if "http" not in lines[-1]:
                raise SystemExit("the collector did not start")
            yield lines[0].split()[-1], lines[1].split()[-1]
        finally:
            _stop(process)


@contextmanager
def _app(name: str, command: Sequence[str], collector: str, folder: Path) -> Iterator[httpx.Client]:
    """Run one app on a server of its own, and give a client for it."""
    log = folder / f"{name}.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, *command],
            cwd=EXAMPLES,
            env={**os.environ, "APILOG_DESTINATION": collector, "APILOG_FLUSH_INTERVAL": "0.5"},
            stdout=output,
            stderr=output,
        ) as process,
    ):
        try:
            address = _announced(process, log)
            with httpx.Client(base_url=address, timeout=PATIENCE) as client:
                yield client
        finally:
            _stop(process)


def _announced(process: subprocess.Popen[Any], log: Path) -> str:
    """Return the address that a server writes into its log when it is ready."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())
        if found:
            return found[0]
        time.sleep(0.05)
    raise SystemExit(f"a server did not start:\n{log.read_text()}")


def _stop(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()


def _send_all(client: httpx.Client) -> list[int]:
    return [_send(client, call) for call in CALLS]


def _send(client: httpx.Client, call: Call) -> int:
    return client.request(call.method, call.path, **call.content).status_code


def _arrived(collector: str, folder: Path, expected: int) -> list[dict[str, Any]]:
    """Return the events that the collector has, when all have come or patience has ended."""
    deadline = time.monotonic() + PATIENCE
    with httpx.Client(base_url=collector, headers={"X-Apilog-CSRF": "1"}) as viewer:
        token = (folder / DATA / "viewer-token").read_text().strip()
        viewer.post("/view/login", json={"token": token}).raise_for_status()
        while True:
            lines = viewer.get("/view/export", params={"format": "ndjson"}).text.splitlines()
            if len(lines) >= expected or time.monotonic() > deadline:
                return [json.loads(line) for line in lines]
            time.sleep(0.1)


def _print_table(
    sent: Mapping[str, Sequence[int]],
    clients: Mapping[str, httpx.Client],
    events: Sequence[Mapping[str, Any]],
) -> int:
    """Print every call beside its event; return how many have none."""
    missing = 0
    for name, statuses in sent.items():
        print(f"\n{name}\n  {'sent':<24}{'answer':<8}{'arrived':<40}{'user':<6}{'masked':<7}ms")
        address = str(clients[name].base_url).rstrip("/")
        for call, status in zip(CALLS, statuses, strict=True):
            event = _event_of(call, address, events)
            wrong = "" if status == call.status else f"  (expected {call.status})"
            if event is None:
                missing += 1
                print(f"  {call.name:<24}{status:<8}MISSING{wrong}")
                continue
            own, answer = event["metadata"]["apilog"], event["response"]["status"]
            line = f"{event['request']['verb']} {own.get('route', '-')} {answer}"
            masked, duration = len(own.get("masked", ())), own["duration_ms"]
            user = event.get("user_id", "-")
            print(
                f"  {call.name:<24}{status:<8}{line:<40}{user:<6}{masked:<7}{duration:.1f}{wrong}"
            )
            missing += bool(wrong)
    return missing


def _event_of(
    call: Call, address: str, events: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any] | None:
    """Return the event of *call*, known by its address; an unhandled 500 may have no response."""
    uri = address + call.path.replace(SECRET, "***")
    for event in events:
        request, response = event["request"], event.get("response") or {}
        if (request["verb"], request["uri"], response.get("status")) == (
            call.method,
            uri,
            call.status,
        ):
            return event
    return None


def _leaks(folder: Path) -> int:
    """Count the planted secret, plain, in hex and in base64, in everything the collector stored."""
    export = [
        sys.executable,
        "-m",
        "apilog.cli",
        "export",
        "--ndjson",
        "--quiet",
        "--data",
        str(folder / DATA),
    ]
    events = subprocess.run(export, stdout=subprocess.PIPE, check=True).stdout
    if b"A-1" not in events:
        raise SystemExit("the collector does not show what was sent; nothing is proven")
    files = [each.read_bytes() for each in sorted((folder / DATA).iterdir())]
    return sum(each.count(form) for each in (events, *files) for form in _forms(SECRET.encode()))


def _open(address: str) -> None:
    """Open a browser that has a window; one in the terminal would be in the way."""
    if sys.platform in ("darwin", "win32") or {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys():
        webbrowser.open(address)


def _forms(secret: bytes) -> set[bytes]:
    """Return *secret* as it may stand in a file, in base64 wherever a group of three begins."""
    shifted = (base64.b64encode(secret[skip : skip + 18]) for skip in range(3))
    return {secret, secret.hex().encode(), *shifted}


def _go_on(clients: Sequence[httpx.Client]) -> None:
    try:
        for call in itertools.cycle(CALLS):
            for client in clients:
                time.sleep(2)
                _send(client, call)
    except KeyboardInterrupt:
        print("\nBye.")


if __name__ == "__main__":
    sys.exit(main())
