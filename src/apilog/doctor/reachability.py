"""Reachability: the name, the connection, and one batch without events."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from apilog.advice import advice
from apilog.delivery import Destination
from apilog.destination_name import base_url, name_of
from apilog.destinations import Console, File
from apilog.doctor.check import Check, ok, problem, warning
from apilog.exceptions import DeliveryError, RetryLater
from apilog.terminal import escaped

NAME = "reachability"
PATIENCE = 5.0
"""Seconds to wait for the resolver, and for a connection."""


def check_reachability(destination: Destination, *, offline: bool) -> Iterator[Check]:
    """Try *destination* without sending it an event, within some 20 seconds."""
    url = base_url(destination)
    if isinstance(destination, File):
        yield _file(destination)
    elif isinstance(destination, Console):
        yield ok(NAME, "console: is always there")
    elif url is None:
        yield ok(NAME, f"{name_of(destination)} was not tried: that would need an event")
    elif offline:
        yield ok(NAME, f"{name_of(destination)} was not tried: --offline")
    else:
        trouble = check_connection(url)
        yield trouble or _answer(destination)


def check_connection(url: str) -> Check | None:
    """Return what keeps a connection from being made; None if nothing does, or a proxy makes it."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    proxy = _proxy(parts.scheme, host, parts.netloc)
    if proxy is not None:
        host, port = proxy
    addresses = _resolved(host, port)
    through = "the proxy " if proxy is not None else ""
    if isinstance(addresses, str):
        return problem(
            NAME,
            f"{through}{host}: {addresses}",
            "check the name for typing errors, and the DNS of this machine",
        )
    reasons = []
    for address in addresses:
        began = time.monotonic()
        try:
            socket.create_connection(address, timeout=PATIENCE).close()
        except OSError as error:
            took = time.monotonic() - began
            late = isinstance(error, TimeoutError)
            reasons.append(f"no answer in {took:.0f} s" if late else _words(error))
        else:
            return None
    return problem(
        NAME,
        f"{through}{host}:{port} takes no connection: {reasons[0]}",
        "is the server running, is the port right, does a firewall stand between?",
    )


def _proxy(scheme: str, host: str, netloc: str) -> tuple[str, int] | None:
    """Return the proxy that the transport will use (see `destinations._http`)."""
    proxies = getproxies()
    proxy = proxies.get(scheme) or proxies.get("all")
    if not proxy or host in ("localhost", "127.0.0.1", "::1") or proxy_bypass(netloc):
        return None
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        return (parts.hostname or "", parts.port or 80) if parts.hostname else None
    except ValueError:
        return None


def _resolved(host: str, port: int) -> list[tuple[str, int]] | str:
    """Return the addresses of *host*, or why there is none.

    The resolver cannot be interrupted, so that it is asked on a thread, which may be left behind.
    """
    found: list[tuple[str, int]] = []
    trouble: list[str] = []

    def ask() -> None:
        try:
            each = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            trouble.append(f"the name does not resolve ({_words(error)})")
        else:
            found.extend((str(address[0]), port) for *_, address in each)

    thread = threading.Thread(target=ask, name="apilog-doctor-resolver", daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if thread.is_alive():
        return f"the resolver did not answer in {PATIENCE:.0f} s"
    return trouble[0] if trouble else list(dict.fromkeys(found))


def _answer(destination: Destination) -> Check:
    """Send a batch without events, authenticated as all are, and put the answer into words."""
    from apilog.destinations import _http

    name = name_of(destination)
    answers: list[object] = []

    def take(_: int, answer: object) -> None:
        answers.append(answer)

    _http.witnesses.append(take)
    began = time.monotonic()
    try:
        destination.send(())
    except DeliveryError as error:
        return _explained(name, error)
    except Exception as error:  # noqa: BLE001 - it is what the doctor is there for
        return problem(NAME, f"{name} failed: {type(error).__name__}", "please report this")
    finally:
        _http.witnesses.remove(take)
        close = getattr(destination, "close", None)
        if close is not None:
            close()
    if not answers:  # it has no word for a batch without events
        return ok(NAME, f"{name} takes connections; apilog send tries it with an event")
    return ok(NAME, f"{name} took an empty batch in {(time.monotonic() - began) * 1000:.0f} ms")


def _explained(name: str, error: DeliveryError) -> Check:
    said = advice(error)
    if not said.status:
        return problem(NAME, f"{name} {said.found}", said.fix)
    if said.status in (400, 422):
        what = f"{name} {said.found} to an empty batch; the way there is open"
        return warning(NAME, what, "nothing, if events arrive")
    finding = warning if isinstance(error, RetryLater) else problem
    return finding(NAME, f"{name} {said.found}", said.fix)


def _file(destination: File) -> Check:
    path: Path = destination._path  # noqa: SLF001 - it is shown to its owner only
    name = name_of(destination)
    if path.exists():
        if path.is_dir() or not os.access(path, os.W_OK):
            return problem(
                NAME, f"{name} cannot be written", "give this user the right to write it"
            )
    elif not os.access(path.parent, os.W_OK | os.X_OK):
        shown = escaped(str(path.parent))
        return problem(
            NAME, f"{name} cannot be made", f"make {shown}, and let this user write in it"
        )
    return ok(NAME, f"{name} can be written")


def _words(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or type(error).__name__).lower()
