"""Everything the README shows, run."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import httpx
import pytest

import apilog
import apilog.wsgi
from apilog import client as clients
from apilog.config import Config
from apilog.destinations import from_url
from apilog.hooks import NAMES
from apilog.testing import CapturedEvents, capture

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path if entry),
}
"""In which a process finds what we find, wherever it runs."""


def blocks() -> dict[str, str]:
    """Return the Python blocks by the heading they stand under."""
    found: dict[str, str] = {}
    heading = ""
    for match in re.finditer(
        r"^#+ ([^\n]+)$|^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL
    ):
        if match[1]:
            heading = match[1]
        else:
            name = heading if heading not in found else f"{heading}, again"
            found[name] = match[2]
    return found


BLOCKS = blocks()


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[CapturedEvents]:
    monkeypatch.chdir(tmp_path)
    with capture() as captured:
        yield captured


def executed(name: str, **names: Any) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "readme", **names}
    exec(compile(BLOCKS[name], f"README: {name}", "exec"), namespace)
    return namespace


def test_the_flask_app_records_its_user(events: CapturedEvents) -> None:
    names = executed("Flask")
    app = names["app"]

    @app.get("/orders/<int:number>")
    def order(number: int) -> dict[str, int]:
        return {"number": number}

    browser = app.test_client()
    with browser.session_transaction() as session:
        session["user_id"] = "ada"
    browser.get("/orders/7")
    assert [each.user_id for each in events] == ["ada"]
    assert events[0].metadata["apilog"]["route"] == "/orders/{number}"  # type: ignore[index,call-overload]


def test_the_fastapi_app_records_its_user(events: CapturedEvents) -> None:
    import asyncio

    app = executed("FastAPI and Starlette")["app"]

    async def call() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            await client.get("/docs", headers={"X-User-Id": "ada"})

    asyncio.run(call())
    assert [(each.user_id, each.request.uri) for each in events] == [("ada", "http://test/docs")]


def test_the_django_settings_record_their_user(tmp_path: Path) -> None:
    """In a process of its own, because settings are global."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    hook = "def user(request, response):\n    return request.headers['x-user']\n"
    (tmp_path / "shop" / "hooks.py").write_text(hook)
    more = "\nSECRET_KEY = 'x'\nROOT_URLCONF = 'urls'\nALLOWED_HOSTS = ['test']\n"
    (tmp_path / "settings.py").write_text(BLOCKS["Django 4.2 to 5.2"] + more)
    (tmp_path / "urls.py").write_text(
        "from django.http import HttpResponse\nfrom django.urls import path\n"
        "urlpatterns = [path('hello', lambda request: HttpResponse('hi'))]\n"
    )
    script = """
import httpx
from apilog.testing import capture
from django.core.wsgi import get_wsgi_application
with capture() as events:
    transport = httpx.WSGITransport(get_wsgi_application())
    with httpx.Client(transport=transport, base_url="http://test") as client:
        client.get("/hello", headers={"X-User": "ada"})
    print(events[0].user_id, events[0].response.body)
"""
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**ENVIRONMENT, "DJANGO_SETTINGS_MODULE": "settings"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert result.stdout.split() == ["ada", "hi"]


def test_any_wsgi_app_is_recorded_into_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = executed("Any WSGI or ASGI app")
    with httpx.Client(
        transport=httpx.WSGITransport(names["app"]), base_url="http://test"
    ) as client:
        assert client.get("/").text == "hello"
    names["client"].close()
    event = apilog.Event.from_json((tmp_path / "calls.ndjson").read_bytes())
    assert event.response is not None
    assert event.response.body == "hello"


def test_the_identity_hooks_are_asked(events: CapturedEvents) -> None:
    import asyncio

    from apilog.asgi import ApiLogMiddleware

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hi"})

    recorded = ApiLogMiddleware(app, client=executed("Identity")["client"])

    async def call() -> None:
        transport = httpx.ASGITransport(recorded)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            await client.get("/", headers={"X-Company": "acme"})
            await client.get("/health")

    asyncio.run(call())
    assert [each.company_id for each in events] == ["acme"]


def test_annotate_names_the_user_and_adds_metadata(events: CapturedEvents) -> None:
    from types import SimpleNamespace

    from apilog.wsgi import ApiLogMiddleware

    checkout = executed("Identity, again")["checkout"]

    def app(environ: Any, start_response: Any) -> list[bytes]:
        checkout(SimpleNamespace(owner="ada", items=[1, 2]))
        start_response("200 OK", [])
        return [b""]

    recorded = ApiLogMiddleware(app, destination="memory:")
    with httpx.Client(transport=httpx.WSGITransport(recorded), base_url="http://test") as client:
        client.get("/")
    assert events[0].user_id == "ada"
    assert events[0].metadata["plan"] == "pro"
    assert events[0].metadata["items"] == 2


def test_the_masking_options_mask(events: CapturedEvents) -> None:
    from apilog.wsgi import ApiLogMiddleware

    def app(environ: Any, start_response: Any) -> list[bytes]:
        kind = "text/xml" if environ["PATH_INFO"] == "/xml" else "application/json"
        start_response("200 OK", [("Content-Type", kind)])
        if kind == "text/xml":
            return [b"<a><note>private</note><b>1</b></a>"]
        body = {"tax_number": 12, "note": "see ACME-12345678", "session": "open"}
        body |= {"customer": {"address": "Main St 1", "name": "ada"}, "items": [{"price": 3}]}
        return [json.dumps(body).encode()]

    recorded = ApiLogMiddleware(app, client=executed("Your own rules")["client"])
    with httpx.Client(transport=httpx.WSGITransport(recorded), base_url="http://test") as client:
        client.get("/", headers={"X-Internal-User": "ada"})
        client.post("/login")
        client.get("/reports/1")
        client.get("/xml")
    usual, login, report, xml = (event.response and event.response.body for event in events)
    assert usual == {
        "tax_number": "***",
        "note": "see ***",
        "session": "open",
        "customer": {"address": "***", "name": "ada"},
        "items": [{"price": "***"}],
    }
    assert events[0].request.headers["X-Internal-User"] == "***"
    assert login is None
    assert isinstance(report, dict)
    assert report["session"] == "string(4)"
    assert xml == "<a><b>1</b></a>"


def test_the_commands_that_show_the_rules_work(tmp_path: Path) -> None:
    privacy = README.partition("## Privacy\n")[2].partition("\n## ")[0]
    shown = re.findall(r"^\$ apilog (mask|lint) (\S+)", privacy, re.MULTILINE)
    assert [name for name, _ in shown] == ["mask", "lint"]
    for name, file in shown:
        path = tmp_path / file
        entry = {"request": {"method": "GET", "url": "https://h/?token=c4n4ry", "headers": []}}
        event = {
            "request": {
                "time": "t",
                "uri": "https://h/",
                "verb": "GET",
                "body": {"dob": "1815-12-10"},
            }
        }
        har = {"log": {"entries": [entry]}}
        path.write_text(json.dumps(har if file.endswith(".har") else event))
        command = [sys.executable, "-m", "apilog.cli", name, str(path)]
        done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
        assert "c4n4ry" not in done.stdout + done.stderr
        assert ("token=***" if name == "mask" else "mask_fields") in done.stdout
        assert done.returncode == (0 if name == "mask" else 1)


def test_the_account_adds_up() -> None:
    executed("Every call is accounted for")


def test_events_wait_in_the_spool_and_the_commands_find_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("APILOG_FLUSH_INTERVAL", "3600")
    client = executed("Nothing is lost: the spool")["client"]

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", "5")])
        return [b"hello"]

    environ: dict[str, Any] = {"PATH_INFO": "/waits"}
    setup_testing_defaults(environ)
    response: Any = apilog.wsgi.ApiLogMiddleware(app, client=client)(environ, lambda *_: print)
    assert next(iter(response)) == b"hello"
    response.close()
    assert client.stats().spooled == 1
    commands = re.findall(r"^\$ apilog (spool [^#\n]+|doctor)", README, re.MULTILINE)
    assert [command.split() for command in commands] == [["spool", "spool"], ["doctor"]]
    done = subprocess.run(
        [sys.executable, "-m", "apilog", "spool", "spool"],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert client.flush(5)


def test_the_command_that_ships_a_spool_works(tmp_path: Path) -> None:
    (shown,) = re.findall(r"^\$ apilog (ship [^#\n]+)", README, re.MULTILINE)
    directory = tmp_path / "spool"
    directory.mkdir(mode=0o700)
    words = [str(directory) if word == "spool" else word for word in shown.split()]
    done = subprocess.run(
        [sys.executable, "-m", "apilog", *words],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_fixture_sees_the_events(captured_events: CapturedEvents) -> None:
    names = executed("Flask")

    @names["app"].get("/orders/<int:number>")
    def order(number: int) -> dict[str, int]:
        return {"number": number}

    executed("Testing your app", app=names["app"])["test_orders_are_recorded"](captured_events)


def test_every_block_is_run_by_a_test() -> None:
    source = Path(__file__).read_text()
    assert [name for name in BLOCKS if f'"{name}"' not in source] == []


def test_set_up_takes_ten_lines_for_each_framework() -> None:
    for name in ("Flask", "FastAPI and Starlette", "Django 4.2 to 5.2", "Any WSGI or ASGI app"):
        lines = [line for line in BLOCKS[name].splitlines() if line.strip()]
        assert len(lines) <= 10, name


def test_every_hook_is_in_the_table() -> None:
    table = re.findall(r"^\| `(\w+)` \| (?!`)", README.partition("## Privacy")[0], re.MULTILINE)
    assert table == list(NAMES)


def test_every_picture_and_every_page_that_is_named_is_there() -> None:
    named = re.findall(r'(?:src|srcset)="([^"]+)"|\]\(([^)#:]+)\)', README)
    places = {one or other for one, other in named}
    assert [place for place in places if not (ROOT / place).is_file()] == []
    pictures = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.png")}
    assert pictures <= places


def test_every_heading_that_is_linked_is_there() -> None:
    headings = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}
    links = set(re.findall(r"\]\(#([^)]+)\)", README))
    assert links
    assert links <= anchors


def test_every_command_that_is_shown_is_run_by_a_test() -> None:
    """Those under "See every call" are run in collector/test_readme.py."""
    elsewhere = README.partition("## See every call\n")
    shown = re.findall(
        r"^\$ apilog (\w+)", elsewhere[0] + elsewhere[2].partition("\n## ")[2], re.MULTILINE
    )
    assert set(shown) == {"mask", "lint", "spool", "ship", "doctor", "send", "replay"}


IDS = {
    "WEBSITE_ID": "c8861a92-8899-418e-af74-c8bab41c9766",
    "PROJECT_ID": "STEzHcB1rALV",
}
"""What stands for them where only one of their own kind will do."""


def filled_in(url: str) -> str:
    for word, fitting in IDS.items():
        url = url.replace(word, fitting)
    return url


def test_every_destination_url_is_understood() -> None:
    shown = README.partition("## Destinations\n")[2].partition("\n```")[0]
    rows = re.findall(r"^\| [^|]+ \| `([^`]+)` \| `([^`]+)` \|$", shown, re.MULTILINE)
    assert len(rows) == 9
    for url, expression in rows:
        assert type(from_url(filled_in(url))).__name__ == expression.partition("(")[0]


def test_several_destinations_have_filters_of_their_own() -> None:
    stats = executed("Destinations")["client"].stats()
    assert stats.captured == 0


def test_users_companies_and_actions_are_told(events: CapturedEvents) -> None:
    from types import SimpleNamespace

    names = executed("Users, companies, actions")
    names["signed_up"](SimpleNamespace(id="ada", company="acme", plan="pro"))
    assert names["client"].stats().faults == {}


def test_the_commands_that_send_and_replay_work(tmp_path: Path) -> None:
    sent, *replayed = re.findall(r"^\$ apilog ((?:send|replay) [^\n]+)", README, re.MULTILINE)
    event = {"request": {"time": "2026-01-01T00:00:00.000Z", "uri": "http://h/", "verb": "GET"}}
    (tmp_path / "calls.ndjson").write_text(json.dumps(event))
    there = (tmp_path / "there.ndjson").as_uri()
    for command in (sent, *replayed):
        words = [there if word.startswith("moesif:") else word for word in command.split()]
        done = subprocess.run(
            [sys.executable, "-m", "apilog", *words],
            cwd=tmp_path,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert len((tmp_path / "there.ndjson").read_text().splitlines()) == 2


def options_table() -> str:
    """Return the table of options as the source has it: names, defaults and reasons."""
    source = (ROOT / "src" / "apilog" / "config.py").read_text()
    tree = next(
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and node.name == "Config"
    )
    reasons: dict[str, str] = {}
    for before, node in zip(tree.body, tree.body[1:]):  # noqa: B905 - neighbours
        if isinstance(before, ast.AnnAssign) and isinstance(node, ast.Expr):
            assert isinstance(before.target, ast.Name)
            reasons[before.target.id] = " ".join(ast.literal_eval(node.value).split())
    rows = ["| option | default | meaning |", "|---|---|---|"]
    for each in fields(Config):
        default = "none" if each.default in (None, ()) else f"`{each.default}`"
        reason = reasons[each.name].replace("``", "`").replace("|", r"\|")
        rows.append(f"| `{each.name}` | {default} | {reason} |")
    return "\n".join(rows)


def test_the_table_of_options_is_that_of_the_source() -> None:
    """`python tests/test_readme.py` writes it."""
    shown = README.partition("<!-- options -->\n")[2].partition("\n<!-- /options -->")[0]
    assert shown == options_table()


def test_no_tap_is_left_open() -> None:
    assert clients.taps == []


if __name__ == "__main__":
    start, end = "<!-- options -->\n", "\n<!-- /options -->"
    head, rest = README.split(start)
    (ROOT / "README.md").write_text(head + start + options_table() + end + rest.split(end)[1])
