"""The ``apilog`` command."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from apilog._version import __version__
from apilog.exceptions import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line *argv* and return its exit code: 0, or 2 for what the user can mend.

    Wrong arguments end in SystemExit(2), and ``--version`` in SystemExit(0), as argparse has it.
    """
    arguments = _parser().parse_args(argv)
    try:
        _serve(arguments.host, arguments.port, arguments.db)
    except ConfigError as error:
        sys.stderr.write(f"apilog: {error}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="apilog", description="Record API calls; look at them.")
    parser.add_argument("--version", action="version", version=f"apilog {__version__}")
    commands = parser.add_subparsers(metavar="command", required=True)
    serve = commands.add_parser("serve", help="collect events and show them on a local page")
    serve.add_argument("--host", default="127.0.0.1", help="loopback address (%(default)s)")
    serve.add_argument("--port", type=_port, default=8090, help="0 for a free one (%(default)s)")
    serve.add_argument("--db", default="apilog.db", help="SQLite file or :memory: (%(default)s)")
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) < 65_536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 65535")
    return int(text)


def _serve(host: str, port: int, db: str) -> None:
    """Run the collector until a signal. Its imports stay here: they need the extra."""
    try:
        from apilog.collector import SQLiteStore, server
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in ("starlette", "uvicorn"):
            raise
        raise ConfigError(
            f"{package} is not installed; try: pip install 'apilog[collector]'"
        ) from error
    with server.listening_socket(host, port) as listener, closing(SQLiteStore(db)) as store:
        name = f"[{host}]" if ":" in host else host
        url = f"http://{name}:{listener.getsockname()[1]}/"

        def announce() -> None:
            sys.stdout.write(f"apilog collector: {url}\n")
            sys.stdout.flush()

        server.run(store, listener, host=host, ready=announce)


if __name__ == "__main__":
    sys.exit(main())
