"""``apilog spool``: what waits, what is damaged, and what is removed; never what is in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from apilog import cli
from apilog.spool import Spool

HALF_A_MINUTE = 30
PERSONAL = "ann.personal@example.org"
DAYS = 86_400


class Answer(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Look = Callable[..., Answer]
Store = Callable[..., Spool]


@pytest.fixture(autouse=True)
def no_options_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("APILOG_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def store(directory: Path) -> Iterator[Store]:
    """Store so many events in a segment, and let go of it unless its owner is to live on."""
    living: list[Spool] = []

    def store(count: int, *, alive: bool = False) -> Spool:
        spool = Spool(directory, report=lambda *_: None)
        for number in range(count):
            spool.append(json.dumps({"id": number, "user_id": PERSONAL}).encode())
        if alive:
            living.append(spool)
        else:
            spool.close()
        return spool

    yield store
    for spool in living:
        spool.close()


@pytest.fixture
def quarantine(directory: Path) -> Callable[..., None]:
    def quarantine(count: int, reason: str = "rejected") -> None:
        spool = Spool(directory, report=lambda *_: None)
        for number in range(count):
            event = json.dumps({"id": number, "user_id": PERSONAL}).encode()
            spool.quarantine(event, reason)
        spool.close()

    return quarantine


@pytest.fixture
def look(directory: Path, capfd: pytest.CaptureFixture[str]) -> Look:
    """Run the command in this process; nothing that it says may be personal."""

    def run(*options: str, path: Path = directory) -> Answer:
        code = cli.main(["spool", str(path), *options])
        answer = Answer(code, *capfd.readouterr())
        assert PERSONAL not in answer.out + answer.err
        return answer

    return run


def tree(directory: Path) -> dict[str, bytes]:
    return {
        str(each.relative_to(directory)): each.read_bytes()
        for each in directory.rglob("*")
        if each.is_file()
    }


def damage(path: Path, place: bytes) -> int:
    """Turn one bit behind *place*; return where that is."""
    content = bytearray(path.read_bytes())
    offset = content.index(place) + len(place)
    content[offset] ^= 1
    path.write_bytes(content)
    return offset


# What waits


def test_segments_are_shown_with_what_waits_in_them(
    look: Look, store: Store, directory: Path
) -> None:
    store(3)
    owner = store(2, alive=True)
    parcel = owner.next(1, 10_000)
    assert parcel is not None
    owner.settle(parcel)
    answer = look("--json")
    assert answer.code == 0
    sealed, live = sorted(answer.document["segments"], key=lambda each: each["state"] == "live")
    assert (sealed["state"], sealed["events"], sealed["acked"]) == ("sealed", 3, 0)
    assert (live["state"], live["events"], live["acked"]) == ("live", 1, 1)
    assert sealed["size"] == (directory / sealed["name"]).stat().st_size
    assert sealed["oldest"] > 1_700_000_000


def test_the_text_shows_the_same(look: Look, store: Store, directory: Path) -> None:
    store(3)
    store(2)
    out = look().out
    for path in directory.glob("*.seg"):
        assert path.name in out
    assert out.splitlines()[0].split() == "segment state events acked size oldest".split()
    assert "2 segments, 5 events waiting, " in out
    assert " of 512.0 MiB\n" in out
    assert "quarantine: 0 events\n" in out


def test_looking_changes_nothing(
    look: Look, store: Store, quarantine: Callable[..., None], directory: Path
) -> None:
    store(3)
    quarantine(2)
    before = tree(directory)
    look()
    look("--json", "--verify")
    assert tree(directory) == before


def test_the_quarantine_is_counted_by_reason(look: Look, quarantine: Callable[..., None]) -> None:
    quarantine(2)
    quarantine(1, "event_too_large")
    assert "quarantine: 3 events (event_too_large 1, rejected 2)\n" in look().out
    assert look("--json").document["quarantine"] == {"event_too_large": 1, "rejected": 2}


def test_the_cap_is_that_of_the_environment(
    look: Look, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(1)
    monkeypatch.setenv("APILOG_SPOOL_BYTES", str(2 * 1024 * 1024))
    monkeypatch.setenv("APILOG_BATCH_SIZE", "no matter")
    assert " of 2.0 MiB\n" in look().out
    document = look("--json").document
    assert document["cap"] == 2 * 1024 * 1024
    assert 0 < document["bytes"] < 10_000


def test_an_empty_directory_is_an_empty_spool(look: Look, directory: Path) -> None:
    directory.mkdir(mode=0o700)
    answer = look()
    assert answer.code == 0
    assert answer.out.startswith("0 segments, 0 events waiting, 0 B of ")
    assert list(directory.iterdir()) == []


def test_spools_of_other_destinations_are_named(look: Look, store: Store, directory: Path) -> None:
    store(1)
    (directory / "destination-3").mkdir()
    (directory / "destination-2").mkdir()
    assert look("--json").document["others"] == [
        str(directory / "destination-2"),
        str(directory / "destination-3"),
    ]
    assert f"another spool, for another destination: {directory / 'destination-2'}" in look().out


def test_names_that_a_terminal_would_obey_are_escaped(
    look: Look, store: Store, quarantine: Callable[..., None], directory: Path
) -> None:
    store(1)
    (path,) = directory.glob("*.seg")
    path.rename(directory / "a\x1b[2J\nb\u202e.seg")
    quarantine(1, "bad\x1b]0;title\x07")
    for answer in (look("--verify"), look("--json", "--verify")):
        assert not set(answer.out) & set("\x1b\x07\u202e")
    assert "a\\x1b[2J\\nb\\u202e.seg" in look().out


def test_a_name_from_another_age_is_shown(look: Look, store: Store, directory: Path) -> None:
    store(1)
    (path,) = directory.glob("*.seg")
    path.rename(directory / f"{'f' * 16}-{'0' * 24}.seg")
    assert look().code == 0
    assert look("--json").code == 0


def test_a_directory_that_others_may_write_in_can_be_looked_at(
    look: Look, store: Store, directory: Path
) -> None:
    store(1)
    directory.chmod(0o777)
    assert look().code == 0
    answer = look("--purge", "all", "--yes")
    assert (answer.code, answer.out) == (2, "")
    assert "other users may write" in answer.err
    assert len(list(directory.glob("*.seg"))) == 1


@pytest.mark.parametrize("kind", ["missing", "a file", "a link"])
def test_what_is_no_directory_is_refused(
    look: Look, directory: Path, tmp_path: Path, kind: str
) -> None:
    if kind == "a file":
        directory.touch()
    elif kind == "a link":
        directory.symlink_to(tmp_path)
    answer = look()
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"apilog: {directory}: ")


# What is damaged


def test_a_sound_spool_has_no_damage(look: Look, store: Store) -> None:
    store(3)
    store(1, alive=True)
    answer = look("--verify")
    assert answer.code == 0
    assert answer.out.endswith("\nno damage\n")
    assert look("--verify", "--json").document["damage"] == []
    assert look("--json").document["damage"] is None


def test_damage_is_named_by_segment_and_offset(look: Look, store: Store, directory: Path) -> None:
    store(5)
    (path,) = directory.glob("*.seg")
    offset = damage(path, b'"id": 3')
    answer = look("--verify", "--json")
    assert answer.code == 1
    (found,) = answer.document["damage"]
    assert found["segment"] == path.name
    assert found["offset"] <= offset < found["end"]
    assert found["what"] == "damaged"
    assert [each["state"] for each in answer.document["segments"]] == ["damaged"]
    text = look("--verify")
    assert text.code == 1
    assert f"{path.name}  {found['offset']}-{found['end']}  damaged\n" in text.out


def test_a_file_that_is_cut_short_is_named(look: Look, store: Store, directory: Path) -> None:
    store(5)
    (path,) = directory.glob("*.seg")
    os.truncate(path, path.stat().st_size - 40)
    answer = look("--verify")
    assert answer.code == 1
    assert "where a write was interrupted, or the file cut short" in answer.out


@pytest.mark.parametrize("content", [b"", b"\0" * 5000, b"no segment at all\n" * 100])
def test_files_that_are_no_segments_are_damage(
    look: Look, store: Store, directory: Path, content: bytes
) -> None:
    store(1)
    (directory / "x.seg").write_bytes(content)
    answer = look("--verify", "--json")
    assert answer.code == 1
    assert {each["segment"] for each in answer.document["damage"]} == {"x.seg"}


# What is removed


def test_the_quarantine_can_be_removed(
    look: Look, store: Store, quarantine: Callable[..., None], directory: Path
) -> None:
    store(3)
    quarantine(2)
    answer = look("--purge", "quarantine", "--yes")
    assert answer.code == 0
    assert "removed 0 segments with 0 events, and 2 events of the quarantine\n" in answer.out
    document = look("--json").document
    assert document["quarantine"] == {}
    assert [each["events"] for each in document["segments"]] == [3]


def test_all_can_be_removed_but_what_a_living_process_holds(
    look: Look, store: Store, quarantine: Callable[..., None], directory: Path
) -> None:
    store(3)
    store(1)
    quarantine(2)
    owner = store(2, alive=True)
    answer = look("--purge", "all", "--yes", "--json")
    assert answer.code == 0
    assert answer.document["removed"] == {"segments": 2, "events": 4, "quarantined": 2}
    assert [each["state"] for each in answer.document["segments"]] == ["live"]
    owner.append(b'{"id": 3}')
    parcel = owner.next(10, 10_000)
    assert parcel is not None
    assert len(parcel.events) == 3
    assert "left alone: 1 segment of living processes\n" in look("--purge", "all", "--yes").out


def test_only_what_is_old_can_be_removed(
    look: Look, store: Store, quarantine: Callable[..., None], directory: Path
) -> None:
    store(3)
    quarantine(1)
    for path in [*directory.glob("*.seg"), *(directory / "quarantine").iterdir()]:
        before = path.stat().st_mtime - 3 * DAYS
        os.utime(path, (before, before))
    store(2)
    quarantine(2)
    nothing = look("--purge", "older-than", "--age", "4d", "--yes", "--json").document["removed"]
    assert nothing == {"segments": 0, "events": 0, "quarantined": 0}
    removed = look("--purge", "older-than", "--age", "48h", "--yes", "--json").document["removed"]
    assert removed == {"segments": 1, "events": 3, "quarantined": 1}
    document = look("--json").document
    assert [each["events"] for each in document["segments"]] == [2]
    assert document["quarantine"] == {"rejected": 2}


@pytest.mark.parametrize("what", [["quarantine"], ["all"], ["older-than", "--age", "0s"]])
def test_nothing_is_removed_without_a_yes(
    look: Look, store: Store, quarantine: Callable[..., None], directory: Path, what: list[str]
) -> None:
    store(3)
    quarantine(1)
    before = tree(directory)
    answer = look("--purge", *what)
    assert answer.code == 2
    assert "3 events waiting" in answer.out
    assert "nothing was removed: --purge is for good, and needs --yes" in answer.err
    assert tree(directory) == before


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--purge", "older-than", "--yes"], id="no age"),
        pytest.param(["--purge", "all", "--age", "1d", "--yes"], id="an age for all"),
        pytest.param(["--age", "1d"], id="an age for nothing"),
    ],
)
def test_an_age_is_for_what_is_old(
    look: Look, store: Store, directory: Path, options: list[str]
) -> None:
    store(1)
    before = tree(directory)
    answer = look(*options)
    assert (answer.code, answer.out) == (2, "")
    assert "--purge older-than and --age belong together" in answer.err
    assert tree(directory) == before


def test_an_age_has_a_unit(capfd: pytest.CaptureFixture[str]) -> None:
    for text in ("3", "-1d", "1y", "1e3s", "99999999999d"):
        with pytest.raises(SystemExit) as ended:
            cli.main(["spool", "x", "--purge", "older-than", f"--age={text}"])
        assert ended.value.code == 2
        assert "is no age such as 90m, 72h or 3d" in capfd.readouterr().err


# As a process of its own


def test_it_runs_as_a_command_of_its_own(store: Store, directory: Path) -> None:
    store(2)
    paths = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path if entry)
    finished = subprocess.run(
        [sys.executable, "-m", "apilog", "spool", str(directory), "--verify", "--json"],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=HALF_A_MINUTE,
        check=False,
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    assert json.loads(finished.stdout)["segments"][0]["events"] == 2


def test_whoever_has_seen_enough_may_leave(store: Store, directory: Path) -> None:
    for _ in range(3):
        store(1)
    paths = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path if entry)
    reading, writing = os.pipe()
    os.close(reading)
    finished = subprocess.run(
        [sys.executable, "-m", "apilog", "spool", str(directory)],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=HALF_A_MINUTE,
        check=False,
    )
    os.close(writing)
    assert (finished.returncode, finished.stderr) == (2, "")
