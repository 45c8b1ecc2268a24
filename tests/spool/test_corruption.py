"""Nine hundred damaged spools: the whole events arrive, the damage is counted and kept aside."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from spool_kit.damage import KINDS
from spool_kit.reports import Reports, drained

from apilog.spool import Spool
from apilog.spool.inspect import survey, verify

EVENTS = [b'{"n":%d,"f":"%s"}' % (n, b"x" * (n * 37 % 700)) for n in range(60)]
TRIALS = 150


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes]:
    """Return the name and the content of a segment that a killed process left."""
    place = tmp_path_factory.mktemp("left") / "spool"
    spool = Spool(place, report=Reports())
    for event in EVENTS:
        spool.append(event)
    spool.renew()
    [segment] = place.glob("*.seg")
    return segment.name, segment.read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_segment_gives_what_is_whole_in_it(
    kind: str,
    left: tuple[str, bytes],
    place: Path,
    new_spool: Callable[..., Spool],
    reports: Reports,
) -> None:
    name, content = left
    dice = Random(kind)
    place.mkdir(mode=0o700)
    complete = 0
    for _ in range(TRIALS):
        reports.clear()
        damaged, _, _ = KINDS[kind](content, dice)
        (place / name).write_bytes(damaged)
        places = verify(place)
        assert survey(place).segments[0].lost >= bool(places)
        spool = new_spool()
        assert spool.adopt() == reports["adopted"]
        found = drained(spool)
        assert len(found) == len(set(found)) == reports["adopted"]
        assert set(found) <= set(EVENTS)
        assert (reports["corrupt"] > 0) >= bool(places)
        assert list(place.glob("*.seg")) == []
        assert (place / "quarantine" / f"{name[:-4]}.damaged").exists() == bool(places)
        for kept in place.glob("quarantine/*"):
            kept.unlink()
        spool.close()
        complete += len(found) == len(EVENTS)
        if kind == "a bit is flipped":
            assert len(found) >= len(EVENTS) - 1
            assert reports["corrupt"] <= 1
    assert complete < TRIALS


def test_a_random_file_is_kept_aside(
    place: Path, new_spool: Callable[..., Spool], reports: Reports
) -> None:
    place.mkdir(mode=0o700)
    dice = Random(1)
    for trial in range(20):
        (place / f"{trial}.seg").write_bytes(dice.randbytes(10_000))
    spool = new_spool()
    while list(place.glob("*.seg")):
        assert spool.adopt() == 0
    assert spool.next(10, 1000) is None
    assert reports == {"corrupt": 20}
    assert len(list(place.glob("quarantine/*.damaged"))) == 20


def test_an_empty_file_is_counted_and_removed(
    place: Path, new_spool: Callable[..., Spool], reports: Reports
) -> None:
    place.mkdir(mode=0o700)
    (place / "empty.seg").touch()
    assert new_spool().adopt() == 0
    assert reports == {"corrupt": 1}
    assert list(place.glob("*.seg")) == []


def test_a_gibibyte_of_nothing_costs_neither_memory_nor_disk(
    place: Path, new_spool: Callable[..., Spool], reports: Reports, left: tuple[str, bytes]
) -> None:
    place.mkdir(mode=0o700)
    name, content = left
    (place / name).write_bytes(content)
    os.truncate(place / name, 1 << 30)
    spool = new_spool()
    assert spool.adopt() == len(EVENTS)
    assert drained(spool) == EVENTS
    assert reports["corrupt"] == 1
    assert sum(path.stat().st_size for path in place.rglob("*")) < 2 << 20


def test_a_newer_segment_is_left_alone_and_counted_once(
    place: Path, new_spool: Callable[..., Spool], reports: Reports
) -> None:
    from apilog.spool.records import Kind, encoded

    place.mkdir(mode=0o700)
    content = encoded(1, Kind.HEAD, 99, b"of the future") + b"anything"
    (place / "newer.seg").write_bytes(content)
    spool = new_spool()
    for _ in range(3):
        assert spool.adopt() == 0
    assert reports == {"unknown_version": 1}
    assert (place / "newer.seg").read_bytes() == content


def test_names_that_are_none_of_ours_disturb_nobody(
    place: Path, new_spool: Callable[..., Spool], reports: Reports
) -> None:
    place.mkdir(mode=0o700)
    os.mkfifo(place / "pipe.seg")
    (place / "folder.seg").mkdir()
    (place / "link.seg").symlink_to("/dev/zero")
    (place / "notes.txt").write_text("hello")
    (place / "dangling.tmp").symlink_to("nowhere")
    spool = new_spool()
    assert spool.adopt() == 0
    spool.append(b"{}")
    assert drained(spool) == [b"{}"]
    assert not reports
    assert {"pipe.seg", "folder.seg", "link.seg", "notes.txt"} <= {p.name for p in place.iterdir()}
