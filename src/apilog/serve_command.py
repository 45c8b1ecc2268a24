"""``apilog serve``: collect calls, keep them, and show them."""

from __future__ import annotations

import argparse
import sys
import threading
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from apilog.amounts import byte_count, span
from apilog.collected import add_data_option, needing_the_extra
from apilog.exceptions import ApiLogError, ConfigError
from apilog.terminal import escaped, say

if TYPE_CHECKING:
    import socket

    from apilog.collector.server import Certificate
    from apilog.collector.store.protocol import Store

BETWEEN_CLEANINGS: Final = 60.0
"""Seconds between two looks for what is too old or too much."""

_DEMANDED: Final = ""
"""``--token`` without a token: one is made, and kept."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `serve` understands."""
    add_data_option(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=_port, default=8090, help="0 for a free one (%(default)s)")
    parser.add_argument(
        "--unix",
        type=Path,
        metavar="PATH",
        help="listen at this unix socket as well, for programs of your own user",
    )
    parser.add_argument(
        "--name",
        action="append",
        default=[],
        help="another host name that browsers and senders know it by; may be given several times",
    )
    parser.add_argument(
        "--keep", type=span, default=timedelta(days=7), metavar="TIME", help="how long (7d)"
    )
    parser.add_argument(
        "--max-size", type=byte_count, metavar="SIZE", help="the most on disk, as in 2GB (no limit)"
    )
    parser.add_argument(
        "--no-search", action="store_true", help="no index of the bodies: twice as fast"
    )
    parser.add_argument(
        "--token",
        nargs="?",
        const=_DEMANDED,
        metavar="TOKEN",
        help="ask senders for this token; without a value, for one that is made and kept",
    )
    parser.add_argument("--tls-cert", metavar="FILE", help="certificate, PEM")
    parser.add_argument("--tls-key", metavar="FILE", help="its key, if it is in another file")
    parser.add_argument(
        "--i-know-this-is-plaintext",
        action="store_true",
        help="listen beyond this machine without TLS",
    )
    parser.add_argument("--open", action="store_true", help="open the viewer in the browser")


def run(arguments: argparse.Namespace) -> int:
    """Run the collector until a signal; return the exit code.

    Its imports stay here: they need the extra.

    Raises:
        ConfigError: it cannot start.
    """
    with needing_the_extra():
        from apilog.collector import server
        from apilog.collector.address import Address, reachable
        from apilog.collector.app import create_app
        from apilog.collector.gate import Access
        from apilog.collector.guard import names_of
        from apilog.collector.inlet import Inlet
        from apilog.collector.store.day import search_is_possible
        from apilog.collector.store.sqlite import SqliteStore
        from apilog.collector.unix_socket import listening_at

    certificate = _certificate(arguments)
    directory = Path(arguments.data)
    search = not arguments.no_search and search_is_possible()
    if not search and not arguments.no_search:
        say("apilog: this Python's SQLite has no FTS5, so bodies are not indexed\n", sys.stderr)
    with ExitStack() as stack:
        listener = stack.enter_context(server.listening_socket(arguments.host, arguments.port))
        if not server.is_loopback(listener):
            _check_exposed(arguments)
        listeners = [listener]
        if arguments.unix:
            listeners.append(stack.enter_context(listening_at(arguments.unix)))
        store = stack.enter_context(
            closing(
                SqliteStore(
                    directory,
                    keep=arguments.keep,
                    max_bytes=arguments.max_size,
                    search=search,
                )
            )
        )
        access = Access.of(directory, sender_token=_sender_token(arguments, directory))
        inlet = stack.enter_context(closing(Inlet(store)))
        app = stack.enter_context(
            closing(
                create_app(
                    store,
                    inlet,
                    access,
                    names=names_of(arguments.host, *arguments.name),
                    search=search,
                )
            )
        )
        stack.enter_context(_Cleaning(store))
        url = _url(arguments.host, listener, certificate)
        stack.callback(Address.remove, directory)

        def announce() -> None:
            host, port = listener.getsockname()[:2]
            file = str(Path(certificate.certificate).resolve()) if certificate else ""
            Address(reachable(host), port, file).write(directory)
            login = f"{url}login#token={access.logins.one_time_token()}"
            say(f"apilog collector: {url}\napilog viewer: {login}\n")
            if arguments.open:
                import webbrowser  # slow to import, and seldom needed

                threading.Thread(target=webbrowser.open, args=(login,), daemon=True).start()

        server.run(app, *listeners, certificate=certificate, ready=announce)
    return 0


def _certificate(arguments: argparse.Namespace) -> Certificate | None:
    from apilog.collector.server import Certificate

    if arguments.tls_key and not arguments.tls_cert:
        raise ConfigError("--tls-key needs the certificate as well: --tls-cert FILE")
    return Certificate(arguments.tls_cert, arguments.tls_key) if arguments.tls_cert else None


def _check_exposed(arguments: argparse.Namespace) -> None:
    """Raise ConfigError unless it was thought of everybody who can reach the address."""
    if arguments.token is None:
        raise ConfigError(
            f"--host {arguments.host} can be reached from other machines: ask senders for a token "
            "with --token"
        )
    if not arguments.tls_cert and not arguments.i_know_this_is_plaintext:
        raise ConfigError(
            f"--host {arguments.host} can be reached from other machines: give a certificate with "
            "--tls-cert, or --i-know-this-is-plaintext if a proxy in front of it has one"
        )


def _sender_token(arguments: argparse.Namespace, directory: Path) -> str | None:
    from apilog.collector import tokens

    if arguments.token is None:
        return None
    if arguments.token != _DEMANDED:
        return tokens.checked_token(arguments.token)
    return tokens.kept_token(directory / tokens.SENDER_FILE)


def _url(host: str, listener: socket.socket, certificate: Certificate | None) -> str:
    name = f"[{host}]" if ":" in host else host
    scheme = "https" if certificate else "http"
    return f"{scheme}://{name}:{listener.getsockname()[1]}/"


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) < 65_536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 65535")
    return int(text)


class _Cleaning:
    """A thread that removes what is too old or too much, now and every minute."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._clean, name="apilog-cleaning", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _clean(self) -> None:
        while True:
            try:
                self._store.retain()
            except ApiLogError as error:
                say(f"apilog: old calls are not removed: {escaped(str(error))}\n", sys.stderr)
            if self._ended.wait(BETWEEN_CLEANINGS):
                return
