"""Days of calls in a real store, one without a text index; makes the kit importable."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from apilog.collector.call import Call
from apilog.collector.store.reading import Reading
from apilog.collector.store.schema import BLOCK, BLOCK_SIZE
from apilog.collector.store.sqlite import SqliteStore

sys.path.insert(0, str(Path(__file__).parent))

if TYPE_CHECKING:
    from reading_kit.reference import Reference


@dataclass(frozen=True)
class Kept:
    """A store, and the plain reference that holds the same calls."""

    store: Reading
    """It waits for its answers as long as a busy machine may need."""
    reference: Reference


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """Three days in several blocks each, of which some calls came late and some were removed."""
    from reading_kit.made import NOW, calls
    from reading_kit.reference import Reference

    directory = tmp_path_factory.mktemp("kept") / "data"
    clock = count(NOW)
    days = calls(3, 700)
    late = [call for day in days for call in day[::9]]
    reference = Reference()
    for number, day in enumerate(days):
        in_time = [call for call in day if call not in late]
        with closing(opened(directory, clock, search=number > 0)) as store:
            for begin in range(0, len(in_time), 250):
                if begin:
                    skip_a_block(store, in_time[:begin])
                batch = in_time[begin : begin + 250]
                removed = [replace(call, id=f"gone {call.id}", user="gone") for call in batch[::3]]
                assert store.add([*batch, *removed]) == len(batch) + len(removed)
                reference.add(batch)
    with closing(opened(directory, clock)) as store:
        assert store.add(late) == len(late)
        reference.add(late)
        assert store.purge(user="gone") > 600
    with closing(opened(directory, clock)) as store:
        assert store.size().calls == len(reference.calls)
        assert all(blocks_of(store, number) == 3 for number in store._days.numbers())
        yield Kept(Reading(store._days, seconds=600), reference)


def opened(directory: Path, clock: Iterator[int], *, search: bool = True) -> SqliteStore:
    """Open the store; every look at its clock is one microsecond later."""
    return SqliteStore(directory, search=search, keep=timedelta(days=7), clock=lambda: next(clock))


def skip_a_block(store: SqliteStore, known: Sequence[Call]) -> None:
    """Have the next call begin another block: calls that are known use numbers up as well."""
    for _ in range(0, BLOCK_SIZE, len(known)):
        assert store.add(known) == 0


def blocks_of(store: SqliteStore, number: int) -> int:
    with store._days.reading(number) as day:
        question = f"SELECT count(DISTINCT {BLOCK}) FROM call"
        found: int = day.db.execute(question).fetchone()[0]
        return found
