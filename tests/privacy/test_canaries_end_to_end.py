"""A real collector in a process of its own: nothing it stores, shows or says holds a secret."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from canary_kit.places import places_on
from canary_kit.removals import masking_off
from canary_kit.scene import DJANGO_WSGI, FASTAPI, FLASK
from canary_kit.trial import Outcome, trial

from apilog.destinations import Collector

WATCHDOG_SECONDS = 120
DATA = "apilog-data"
OLD_STARLETTE = "ignore:Please use `import python_multipart`:PendingDeprecationWarning"


@dataclass
class Serving:
    """A running ``apilog serve``, and what it said by the time it ended."""

    url: str
    said: bytes = b""


@contextmanager
def collector(folder: Path) -> Iterator[Serving]:
    path = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path if entry)
    environment = {
        **os.environ,
        "PYTHONPATH": path,
        "PYTHONWARNINGS": f"error,{OLD_STARLETTE}",
        "PYTHONASYNCIODEBUG": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "apilog.cli", "serve", "--port", "0", "--data", DATA],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    watchdog = threading.Timer(WATCHDOG_SECONDS, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        announced = process.stdout.readline()
        serving = Serving(announced.decode().removeprefix("apilog collector: ").strip().rstrip("/"))
        yield serving
        process.terminate()
        serving.said = announced + process.stdout.read()
        assert process.wait(WATCHDOG_SECONDS) == 0
    finally:
        process.kill()
        process.communicate()
        watchdog.cancel()


def shown(url: str, data: Path) -> dict[str, bytes]:
    """Return what the collector shows: every answer that the viewer can ask for."""
    headers = {"X-Apilog-CSRF": "1"}
    with (
        httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False) as http,
        ThreadPoolExecutor(8) as several,
    ):
        token = (data / "viewer-token").read_text().strip()
        http.post("/view/login", json={"token": token}).raise_for_status()

        def page(address: str) -> bytes:
            return http.get(address).raise_for_status().content

        lists, keys, place = [], [], ""
        while place is not None:
            lists.append(page(f"/view/calls?limit=200&place={quote(place, safe='')}"))
            listed = json.loads(lists[-1])
            keys += [row["id"] for row in listed["rows"]]
            place = listed["next"]
        numbers = [f"/view/{name}" for name in ("endpoints", "series", "health")]
        numbers += [f"/view/subjects/{each}" for each in ("user", "company", "session")]
        numbers += [f"/view/values?field={each}" for each in ("path", "route", "host", "error")]
        return {
            "the list": b"\n".join(lists),
            "the overviews": b"\n".join(several.map(page, numbers)),
            "the pages of calls": b"\n".join(
                several.map(page, [f"/view/calls/{quote(key, safe='')}" for key in keys])
            ),
            **{
                f"the export as {name}": page(f"/view/export?format={name}")
                for name in ("har", "ndjson", "csv")
            },
        }


def stored(folder: Path) -> dict[str, bytes]:
    """Return every byte that the collector has on its disk."""
    return {
        f"the disk, {path.name}": path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def passed_on(mounting: str, folder: Path, *, step: int) -> Outcome:
    """Let every so many-th place's call arrive in a collector; return what came of it."""
    mine, its_own = folder / "ours", folder / "collector"
    mine.mkdir()
    its_own.mkdir()
    with collector(its_own) as serving:
        outcome = trial(
            mounting, places_on(mounting)[::step], mine, further=[Collector(serving.url)]
        )
        sinks = {**outcome.sinks, **stored(its_own), **shown(serving.url, its_own / DATA)}
    at_the_end = {f"{name}, at the end": data for name, data in stored(its_own).items()}
    return replace(outcome, sinks={**sinks, **at_the_end, "the collector's words": serving.said})


@pytest.mark.parametrize("mounting", [FLASK, DJANGO_WSGI, FASTAPI])
def test_no_secret_is_stored_or_shown(mounting: str, tmp_path: Path) -> None:
    outcome = passed_on(mounting, tmp_path, step=13)
    assert outcome.stats.delivered == outcome.stats.captured == 5 * len(outcome.planted)
    assert outcome.sinks["the export as ndjson"].lower().count(b"x-scene") == len(outcome.planted)
    assert outcome.leaks == {}


@pytest.mark.parametrize("mounting", [FLASK, DJANGO_WSGI, FASTAPI])
@pytest.mark.long
def test_no_secret_of_all_is_stored_or_shown(mounting: str, tmp_path: Path) -> None:
    assert passed_on(mounting, tmp_path, step=1).leaks == {}


def test_what_is_stored_and_shown_is_found_with_masking_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    masking_off(monkeypatch)
    outcome = passed_on(FLASK, tmp_path, step=30)
    sinks = {each.sink for each in outcome.findings}
    exports = {"the export as har", "the export as ndjson"}
    assert sinks >= {"the list", "the overviews", "the pages of calls", *exports}
    assert any(sink.startswith("the disk") for sink in sinks)
    assert any(sink.startswith("the disk") and sink.endswith("at the end") for sink in sinks)
