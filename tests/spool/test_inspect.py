"""The view from outside: what the command line says of a spool, and what it may remove."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from spool_kit.faults import FaultyFiles
from spool_kit.reports import Reports, drained

from apilog.spool import Spool, SpoolError
from apilog.spool.inspect import Purged, SegmentReport, purge, survey, verify
from apilog.spool.records import Kind, encoded

NewSpool = Callable[..., Spool]


@pytest.fixture
def one_of_each(place: Path, new_spool: NewSpool) -> Path:
    """A spool with a segment in each state, and a quarantine."""
    live = new_spool()
    live.append(b"live")
    live.quarantine(b"{}", "refused")
    orphan = new_spool()
    orphan.append(b"1")
    orphan.append(b"2")
    orphan.start(b"aborted")
    parcel = orphan.next(1, 100)
    assert parcel is not None
    orphan.settle(parcel)
    orphan.renew()
    sealed = new_spool()
    sealed.append(b"sealed")
    sealed.close()
    damaged = new_spool()
    for _ in range(3):
        damaged.append(b"damaged" * 10)
    damaged.close()
    path = max(place.glob("*.seg"))
    content = bytearray(path.read_bytes())
    content[150] ^= 1
    path.write_bytes(content)
    newer = place / "newer.seg"
    newer.write_bytes(encoded(1, Kind.HEAD, 2) + b"?")
    return place


def by_state(place: Path) -> dict[str, SegmentReport]:
    return {segment.state: segment for segment in survey(place).segments}


def snapshot(place: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in place.rglob("*")
        if path.is_file()
    }


def test_a_survey_tells_the_state_of_every_segment(one_of_each: Path) -> None:
    found = by_state(one_of_each)
    assert set(found) == {"live", "orphan", "sealed", "damaged", "newer"}
    assert (found["live"].events, found["live"].lost) == (1, 0)
    assert (found["orphan"].events, found["orphan"].acked) == (2, 1)
    assert (found["damaged"].events, found["damaged"].lost) == (2, 1)
    assert found["newer"].oldest is None
    times = [each.oldest for each in found.values() if each.oldest is not None]
    assert max(times) - min(times) < 60
    result = survey(one_of_each)
    assert result.quarantined == {"refused": 1}
    sizes = [path.stat().st_size for path in one_of_each.rglob("*") if path.is_file()]
    assert result.total_bytes == sum(sizes)


def test_to_look_changes_nothing(one_of_each: Path) -> None:
    before = snapshot(one_of_each)
    survey(one_of_each)
    verify(one_of_each)
    assert snapshot(one_of_each) == before


def test_to_verify_names_the_place_of_the_damage(one_of_each: Path) -> None:
    reports = {each.what: each for each in verify(one_of_each)}
    assert set(reports) == {"damaged", "newer version"}
    assert reports["damaged"].offset <= 150 < reports["damaged"].end
    assert reports["damaged"].segment.endswith(".seg")


def test_a_torn_record_is_told_from_damage(place: Path, new_spool: NewSpool) -> None:
    spool = new_spool()
    spool.append(b"{}")
    [path] = place.glob("*.seg")
    with path.open("ab") as file:
        file.write(encoded(3, Kind.EVENT, 0, b"half")[:-2])
    assert verify(place) == [], "a live process may be writing it"
    spool.renew()
    [report] = verify(place)
    assert report.what == "torn"
    [segment] = survey(place).segments
    assert (segment.state, segment.lost) == ("orphan", 1)


def test_to_purge_spares_what_belongs_to_the_living(one_of_each: Path) -> None:
    assert purge(one_of_each) == Purged()
    purged = purge(one_of_each, segments=True)
    assert purged == Purged(segments=4, events=5)
    assert [each.state for each in survey(one_of_each).segments] == ["live"]
    assert list(one_of_each.glob("*.ack")) == []
    assert purge(one_of_each, quarantine=True) == Purged(quarantined=1)
    assert survey(one_of_each).quarantined == {}


def test_the_directories_of_lone_processes_are_seen_as_well(
    place: Path, new_spool: NewSpool
) -> None:
    class Lying(FaultyFiles):
        def lock(self, descriptor: int) -> bool:
            return True

    spool = new_spool(files=Lying())
    spool.append(b"{}")
    [segment] = survey(place).segments
    assert segment.name.startswith("alone-")
    assert segment.events == 1
    assert drained(spool)


@pytest.mark.parametrize("look", [survey, verify, purge])
def test_a_spool_that_is_not_there_is_said_to_be_unavailable(
    look: Callable[[Path], object], place: Path
) -> None:
    with pytest.raises(SpoolError) as caught:
        look(place)
    assert caught.value.reason == "unavailable"
    assert not place.exists()


def test_odd_files_are_no_segments(place: Path, new_spool: NewSpool, reports: Reports) -> None:
    place.mkdir(mode=0o700)
    os.mkfifo(place / "pipe.seg")
    (place / "link.seg").symlink_to("/dev/zero")
    (place / "empty.seg").touch()
    assert {each.what for each in verify(place)} <= {"empty"}
    assert sum(each.events for each in survey(place).segments) == 0
