"""The quarantine keeps what nobody takes, readable, private and bounded."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest
from spool_kit.faults import FaultyFiles, ShortFiles
from spool_kit.reports import Reports

from apilog.spool import Spool, SpoolError
from apilog.spool.inspect import survey

NewSpool = Callable[..., Spool]


def lines(place: Path) -> list[dict[str, object]]:
    files = sorted((place / "quarantine").glob("*.ndjson"))
    return [json.loads(line) for path in files for line in path.read_text("utf-8").splitlines()]


@pytest.mark.parametrize(
    ("event", "kept"),
    [
        (b'{"a":1}', {"a": 1}),
        (b'{"a":\r\n[1.0,12345678901234567890]}', {"a": [1.0, 12345678901234567890]}),
        ('{"a":"é\u2028"}'.encode(), {"a": "é\u2028"}),
        (b"no json\n", "no json\n"),
        (b"\xff\x00", "\\xff\x00"),
        (b"", ""),
        ('{"a":1}'.encode("utf-16"), None),
    ],
    ids=repr,
)
def test_every_event_becomes_one_line_of_json(
    event: bytes, kept: object, place: Path, new_spool: NewSpool
) -> None:
    spool = new_spool()
    spool.quarantine(event, 'refused: "why"\n')
    [line] = (path.read_bytes() for path in (place / "quarantine").iterdir())
    assert line.count(b"\n") == 1
    content = json.loads(line)
    assert content["reason"] == 'refused: "why"\n'
    if kept is not None:
        assert content["event"] == kept
    age = datetime.now(timezone.utc) - datetime.fromisoformat(
        content["time"].replace("Z", "+00:00")
    )
    assert abs(age.total_seconds()) < 60


def test_the_bytes_of_an_event_stay_as_they_are(place: Path, new_spool: NewSpool) -> None:
    event = b'{"a": 1.10, "b":1e5,"a":"\\u00e9"}'
    new_spool().quarantine(event, "refused")
    [path] = (place / "quarantine").iterdir()
    assert event in path.read_bytes()


def test_reasons_are_counted(place: Path, new_spool: NewSpool) -> None:
    spool = new_spool()
    for reason in ("refused", "event_too_large", "refused"):
        spool.quarantine(b'{"reason":"mine"}', reason)
    assert survey(place).quarantined == {"refused": 2, "event_too_large": 1}


def test_the_oldest_file_goes_when_it_is_full(
    place: Path, new_spool: NewSpool, reports: Reports
) -> None:
    spool = new_spool()
    event = b'"%s"' % (b"x" * (512 << 10))
    for number in range(150):
        spool.quarantine(event, str(number))
    size = sum(path.stat().st_size for path in (place / "quarantine").iterdir())
    assert 55 << 20 < size <= 64 << 20
    kept = [int(str(line["reason"])) for line in lines(place)]
    assert kept == list(range(150 - len(kept), 150))
    assert reports == {"quarantine_full": 150 - len(kept)}


def test_half_a_line_spoils_no_other(place: Path, new_spool: NewSpool) -> None:
    files = ShortFiles(1 << 20)
    spool = new_spool(files=files)
    spool.quarantine(b'{"n":1}', "refused")
    files.room = 10
    with pytest.raises(SpoolError) as caught:
        spool.quarantine(b'{"n":2}', "refused")
    assert caught.value.reason == "disk_full"
    files.room = 1 << 20
    spool.quarantine(b'{"n":3}', "refused")
    assert survey(place).quarantined == {"refused": 2, "unreadable": 1}


def test_every_process_has_a_file_of_its_own(place: Path, new_spool: NewSpool) -> None:
    for number in range(2):
        spool = new_spool()
        spool.quarantine(b"%d" % number, "refused")
        spool.quarantine(b"%d" % number, "refused")
    assert len(list((place / "quarantine").iterdir())) == 2
    assert len(lines(place)) == 4


def test_a_quarantine_that_others_may_write_in_is_not_used(
    place: Path, new_spool: NewSpool
) -> None:
    spool = new_spool()
    spool.quarantine(b"1", "refused")
    (place / "quarantine").chmod(0o777)
    with pytest.raises(SpoolError) as caught:
        spool.quarantine(b"2", "refused")
    assert caught.value.reason == "unsafe"


def test_trouble_with_the_quarantine_is_no_trouble_with_the_spool(new_spool: NewSpool) -> None:
    files = FaultyFiles()
    spool = new_spool(files=files)
    spool.append(b"{}")
    files.fail(["names"], 5)
    with pytest.raises(SpoolError) as caught:
        spool.quarantine(b"{}", "refused")
    assert caught.value.reason == "disk_error"
    assert spool.degraded is None
