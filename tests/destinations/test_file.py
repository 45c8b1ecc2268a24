"""Events in a file: whole lines, whoever else writes and whatever the disk does."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from apilog import Client, RetryLater
from apilog.destinations import File

AnEvent = Callable[..., bytes]


def test_every_event_is_a_line(tmp_path: Path, an_event: AnEvent) -> None:
    path = tmp_path / "events.ndjson"
    file = File(path)
    file.send([an_event(weight=1), an_event(weight=2)])
    file.send([an_event(weight=3)])
    assert path.read_bytes() == b"".join(an_event(weight=each) + b"\n" for each in (1, 2, 3))


def test_only_the_owner_can_read_it(tmp_path: Path, an_event: AnEvent) -> None:
    path = tmp_path / "events.ndjson"
    before = os.umask(0)
    try:
        File(path).send([an_event()])
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_was_moved_away_is_begun_anew(tmp_path: Path, an_event: AnEvent) -> None:
    """As log rotation does it."""
    path = tmp_path / "events.ndjson"
    file = File(str(path))
    file.send([an_event(weight=1)])
    path.rename(tmp_path / "events.1")
    file.send([an_event(weight=2)])
    assert json.loads(path.read_bytes())["weight"] == 2


@pytest.mark.parametrize(
    "name", ["missing/events.ndjson", ".", "file/events.ndjson"], ids=lambda each: f"at {each}"
)
def test_a_place_that_takes_no_file_is_tried_again_later(
    tmp_path: Path, an_event: AnEvent, name: str
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RetryLater, match="cannot write") as caught:
        File(tmp_path / name).send([an_event()])
    assert str(tmp_path) in str(caught.value)


def test_a_folder_that_appears_later_gets_the_events(
    tmp_path: Path, call: Callable[..., None]
) -> None:
    path = tmp_path / "later" / "events.ndjson"
    with Client(File(path), flush_interval=0.01, shutdown_timeout=10) as client:
        call(client)
        assert not client.flush(0.05)
        path.parent.mkdir()
        assert client.flush(20)
    assert len(path.read_bytes().splitlines()) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_tried_again_later(an_event: AnEvent) -> None:
    with pytest.raises(RetryLater, match="No space left"):
        File("/dev/full").send([an_event()])


def test_what_is_half_written_is_taken_back(tmp_path: Path) -> None:
    """A process that may write 10,000 bytes a file writes whole batches only."""
    resource = pytest.importorskip("resource")
    assert resource.RLIMIT_FSIZE is not None
    program = """
import resource, sys
from apilog import RetryLater
from apilog.destinations import File

limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
file, outcomes = File(sys.argv[1]), []
for number in range(6):
    try:
        file.send([b"x" * 999] * 3)
        outcomes.append("written")
    except RetryLater:
        outcomes.append("later")
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
print(" ".join(outcomes))
"""
    path = tmp_path / "events.ndjson"
    paths = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path if entry)
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["written"] * 3 + ["later"] * 3
    assert path.read_bytes() == (b"x" * 999 + b"\n") * 9


def test_several_writers_share_a_file(tmp_path: Path, an_event: AnEvent) -> None:
    path = tmp_path / "events.ndjson"
    barrier = threading.Barrier(4)

    def write(weight: int) -> None:
        file = File(path)
        barrier.wait(10)
        for _ in range(50):
            file.send([an_event(weight=weight, tags="x" * 5_000)] * 3)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    weights = [json.loads(line)["weight"] for line in path.read_bytes().splitlines()]
    assert sorted(weights) == sorted([0, 1, 2, 3] * 150)
    assert all(len(set(weights[at : at + 3])) == 1 for at in range(0, 600, 3)), "batches are whole"


def test_it_is_shown_by_its_path() -> None:
    assert repr(File("/var/log/api.ndjson")) == "<File /var/log/api.ndjson>"
