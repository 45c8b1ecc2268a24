"""``apilog purge``: remove calls from the bytes of every file of the collector."""

from __future__ import annotations

import argparse
import fcntl
import http.client
import json
import ssl
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from apilog.amounts import moment
from apilog.collected import add_data_option, needing_the_extra
from apilog.exceptions import ApiLogError, ConfigError
from apilog.terminal import counted, say

if TYPE_CHECKING:
    from apilog.collector.address import Address

PATIENCE: Final = 3_600.0
"""Seconds that a running collector may take: it writes every file anew."""

_CONNECT: Final = 5.0
_EVER: Final = timedelta(days=36_500)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `purge` understands."""
    add_data_option(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--user", metavar="ID", help="all calls of this user, and the profile")
    what.add_argument(
        "--before",
        type=moment,
        metavar="TIME",
        help="all calls before 2026-11-20T14:30 (UTC), or 7d for seven days ago",
    )


def run(arguments: argparse.Namespace) -> int:
    """Remove; return the exit code.

    A running collector is told to do it, because it holds the files.

    Raises:
        ApiLogError: nothing, or not everything, was removed.
    """
    directory = Path(arguments.data)
    if not directory.is_dir():
        raise ConfigError(f"there is no folder {arguments.data}; name it with --data")
    if arguments.user == "":
        raise ConfigError("--user is empty; name a user")
    if _is_served(directory):
        with closing(_running(directory)) as running:
            removed = _told(running, directory, arguments.user, arguments.before)
    else:
        removed = _removed(directory, arguments.user, arguments.before)
    say(f"apilog: removed {counted(removed, 'call')}\n")
    return 0


def _removed(directory: Path, user: str | None, before: int | None) -> int:
    with needing_the_extra():
        from apilog.collector.store.sqlite import SqliteStore

    with closing(SqliteStore(directory, keep=_EVER)) as store:
        return store.purge(user=user, before=before)


def _is_served(directory: Path) -> bool:
    """Tell whether a collector holds *directory*. Only then is the address in it the collector's.

    Once it is gone anybody may listen there, and must not be told the token.
    """
    from apilog.collector.store.directory import LOCK

    with suppress(FileNotFoundError), (directory / LOCK).open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _running(directory: Path) -> http.client.HTTPConnection:
    from apilog.collector.address import Address

    address = Address.read(directory)
    if address is None:
        raise ApiLogError(
            f"another process writes {directory}, and no collector says where it is; try again"
        )
    connection = _connection(address)
    try:
        connection.connect()
    except OSError as error:
        connection.close()
        raise ApiLogError(f"the running collector cannot be reached: {error}") from error
    connection.sock.settimeout(PATIENCE)
    return connection


def _connection(address: Address) -> http.client.HTTPConnection:
    if not address.certificate:
        return http.client.HTTPConnection(address.host, address.port, timeout=_CONNECT)
    # Its own certificate is all that is trusted, whatever name stands in it.
    context = ssl.create_default_context(cafile=address.certificate)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.check_hostname = False
    return http.client.HTTPSConnection(
        address.host, address.port, timeout=_CONNECT, context=context
    )


def _told(
    connection: http.client.HTTPConnection, directory: Path, user: str | None, before: int | None
) -> int:
    from apilog.collector import tokens

    token = tokens.kept_token(directory / tokens.VIEWER_FILE)
    asked = {"user": user} if user is not None else {"before": (before or 0) / 1_000}
    try:
        cookie = _post(connection, "/view/login", {"token": token}).getheader("Set-Cookie", "")
        cookie = cookie.partition(";")[0]
        answer = _post(connection, "/view/purge", asked, cookie=cookie)
        removed = int(json.loads(answer.read())["removed"])
        _post(connection, "/view/logout", {}, cookie=cookie)
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        raise ApiLogError(f"the running collector did not do it: {error}") from error
    return removed


def _post(
    connection: http.client.HTTPConnection, path: str, said: dict[str, Any], *, cookie: str = ""
) -> http.client.HTTPResponse:
    headers = {"Content-Type": "application/json", "X-Apilog-CSRF": "1", "Cookie": cookie}
    connection.request("POST", path, json.dumps(said).encode(), headers)
    answer = connection.getresponse()
    if answer.status not in (200, 204):
        raise ApiLogError(
            f"the running collector did not do it: {answer.status} {answer.read(500).decode()}"
        )
    if answer.status == 204:
        answer.read()
    return answer
