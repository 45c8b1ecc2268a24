"""What each system is told, what never, and where its keys are not: the README's table, tried."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from servers.plain import Reply, Server
from systems import SYSTEMS, said

from apilog import Client, cli
from apilog.wsgi import ApiLogMiddleware

README = Path(__file__).resolve().parents[2] / "README.md"
PATIENCE = 20.0

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:132.7.7) Gecko/20100101 Firefox/132.7.7"
ADDRESS = "203.0.113.77"
SESSION = "Zx8QvL2mN5tR9wYc3KdF7hJb"

PLANTED: Mapping[str, tuple[str, ...]] = {
    "headers and bodies": (
        "told-in-a-header", "told-in-an-answers-line", "told-in-a-body", "told-in-an-answer",
    ),
    "user": ("user-8421",),
    "company": ("company-8421",),
    "client's address": (ADDRESS,),
    "client's user agent": (BROWSER,),
    "your `metadata`": ("told-in-metadata",),
}  # fmt: skip
"""What the call has, by the rows of the README's table."""

QUERY = "told-in-the-query"
HOST = "told-as-host.test"


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    environ["wsgi.input"].read()
    headers = [
        ("Content-Type", "application/json"),
        ("X-Answer", "told-in-an-answers-line"),
    ]
    start_response("201 Created", headers)
    return [b'{"note":"told-in-an-answer"}']


def make_a_call(client: Client) -> None:
    body = b'{"note":"told-in-a-body"}'
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/told-as-path",
        "QUERY_STRING": f"q={QUERY}",
        "HTTP_HOST": HOST,
        "REMOTE_ADDR": ADDRESS,
        "HTTP_USER_AGENT": BROWSER,
        "HTTP_X_NOTE": "told-in-a-header",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
    }
    setup_testing_defaults(environ)
    response: Any = ApiLogMiddleware(app, client=client)(environ, lambda *_: lambda _: None)
    b"".join(response)
    response.close()


IDENTITY: Mapping[str, Any] = {
    "identify_user": lambda *_: "user-8421",
    "identify_company": lambda *_: "company-8421",
    "get_session_token": lambda *_: SESSION,
    "get_metadata": lambda *_: {"note": "told-in-metadata"},
}


@pytest.fixture(params=SYSTEMS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(name: str) -> Iterator[Server]:
    server: Server = SYSTEMS[name].serve()
    with server.running():
        yield server


def told(server: Server, destination: Any) -> str:
    """Return all that the server of *destination* is told of one call."""
    with Client(destination, **IDENTITY) as client:
        make_a_call(client)
        assert client.flush(PATIENCE)
        assert client.stats().delivered == 1
    return said(server).decode()


def of_all(planted: tuple[str, ...], text: str) -> bool:
    """Say whether all that was *planted* stands in *text*; not whether some of it does."""
    standing = [each for each in planted if each in text]
    assert len(standing) in (0, len(planted)), standing
    return bool(standing)


def table() -> dict[str, dict[str, str]]:
    """Return the README's table: its cells by their rows and columns."""
    text = README.read_text().partition("### What each one receives")[2]
    lines = [line for line in text.partition("\n### ")[0].splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    columns = [re.sub(r",.*", "", cell) for cell in rows[0]]
    return {row[0]: dict(zip(columns[1:], row[1:], strict=True)) for row in rows[2:]}


COLUMNS = {"CollectEvent": "`/collect/event`"}


@pytest.mark.parametrize("row", PLANTED)
def test_the_table_of_the_readme_is_true(name: str, server: Server, row: str) -> None:
    cell = table()[row][COLUMNS.get(name, name)]
    system = SYSTEMS[name]
    by_default = told(server, system.destination(server.url))
    server.requests.clear()
    is_wanted = re.search("never|by choice|properties", cell) is None
    assert of_all(PLANTED[row], by_default) is is_wanted, cell
    more = {} if name == "Moesif" else {"properties": lambda event: event.metadata}
    by_choice = told(server, system.made(server.url, **more))
    assert of_all(PLANTED[row], by_choice) is (cell != "never"), cell


def test_a_session_is_told_by_a_pseudonym_only(name: str, server: Server) -> None:
    assert SESSION not in told(server, SYSTEMS[name].made(server.url))


def test_the_path_is_told_and_the_rest_of_the_address_as_the_readme_says(
    name: str, server: Server
) -> None:
    cell = table()["address"][COLUMNS.get(name, name)]
    text = told(server, SYSTEMS[name].made(server.url))
    assert "told-as-path" in text
    assert (QUERY in text) is bool(re.search("query|`qs`|uri", cell))
    assert (HOST in text) is bool(re.search("hostname|uri", cell))


# Keys


@pytest.mark.parametrize("status", [201, 400, 401, 429, 500])
def test_keys_are_in_no_log_error_repr_listing_or_file(
    name: str,
    server: Server,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    status: int,
) -> None:
    caplog.set_level(logging.NOTSET)
    system = SYSTEMS[name]
    if status != 201:  # a server that says again what it was told
        echo = {"message": " ".join(system.keys), "error": {"message": " ".join(system.keys)}}
        server.prepared.extend([Reply(status, echo)] * 50)
    destination = system.destination(server.url)
    spool = tmp_path / "spool"
    with Client(destination, spool=spool, shutdown_timeout=0.1, **IDENTITY) as client:
        make_a_call(client)
        client.flush(0.3)
        shown = [repr(destination), str(vars(client)), repr(client), repr(client.stats())]
        shown.append(client.metrics())
    assert server.requests, "nothing was sent"
    for arguments in (["spool", str(spool)], ["spool", str(spool), "--json", "--verify"]):
        assert cli.main(arguments) == 0
    output = capsys.readouterr()
    files = [
        each.read_bytes().decode(errors="replace") for each in spool.rglob("*") if each.is_file()
    ]
    for text in [*shown, caplog.text, output.out, output.err, *files]:
        assert not any(key in text for key in system.keys)
