"""A process may die between any two system calls, and in the middle of a write."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import pytest
from spool_kit.model import ROOT, Disk, Inode, ModelFiles
from spool_kit.reports import Reports, drained

from apilog.spool import Spool

SMALL = 32 * 1024
"""Bytes that the spool of a story may hold: its segments are an eighth of that."""


@dataclass
class Journal:
    """What the process was told, up to the moment at which it dies."""

    stored: set[bytes] = field(default_factory=set)
    synced: set[bytes] = field(default_factory=set)
    settled: set[bytes] = field(default_factory=set)
    open: set[bytes] = field(default_factory=set)
    """Calls that began and have not ended."""
    unsure: set[bytes] = field(default_factory=set)
    """What the spool was just about to store, settle, begin or end."""

    def copy(self) -> Journal:
        return replace(self, **{name: set(value) for name, value in vars(self).items()})


class Story:
    """Drive a spool by a seed, and keep every state of its disk together with the journal."""

    def __init__(self, seed: int, *, disk: Disk | None = None) -> None:
        self.random = random.Random(seed)
        self.journal = Journal()
        self.states: list[tuple[Disk, Journal]] = []
        self.files = ModelFiles(disk or Disk(), self._remember)
        self.reports = Reports()
        self.spool = Spool(ROOT, max_bytes=SMALL, report=self.reports, files=self.files)
        self.tickets: dict[int, bytes] = {}
        self.count = 0
        self.seed = seed

    def _remember(self, disks: list[Disk]) -> None:
        journal = self.journal.copy()
        self.states += [(disk, journal) for disk in disks]

    def tell(self, steps: int) -> None:
        acts: list[Callable[[], None]] = [
            *[self.store] * 6,
            *[self.begin] * 2,
            *[self.end] * 2,
            self.cancel,
            *[self.ship] * 3,
            self.sync,
            self.spool.roll,
        ]
        for _ in range(steps):
            self.random.choice(acts)()
        self._remember([self.files.disk.copy()])
        assert not self.reports, "nothing was given up"

    def event(self, kind: str) -> bytes:
        self.count += 1
        filling = "x" * self.random.choice((0, 3, 40, 700))
        return f'{{"{kind}":"{self.seed}-{self.count}","f":"{filling}"}}'.encode()

    def store(self) -> None:
        event = self.event("event")
        self.journal.unsure = {event}
        self.spool.append(event)
        self.journal.stored.add(event)
        self.journal.unsure = set()

    def begin(self) -> None:
        event = self.event("begun")
        self.journal.unsure = {event}
        ticket = self.spool.start(event)
        self.tickets[ticket] = event
        self.journal.open.add(event)
        self.journal.unsure = set()

    def end(self) -> None:
        if self.tickets:
            ticket, begun = self.tickets.popitem()
            event = self.event("event")
            self.journal.unsure = {event, begun}
            self.journal.open.discard(begun)
            self.spool.append(event, started=ticket)
            self.journal.stored.add(event)
            self.journal.unsure = set()

    def cancel(self) -> None:
        if self.tickets:
            ticket, begun = self.tickets.popitem()
            self.journal.unsure = {begun}
            self.journal.open.discard(begun)
            self.spool.cancel(ticket)
            self.journal.unsure = set()

    def ship(self) -> None:
        parcel = self.spool.next(self.random.randint(1, 6), self.random.choice((40, 900, 4000)))
        if parcel is not None:
            self.journal.unsure = set(parcel.events)
            self.spool.settle(parcel)
            self.journal.settled |= set(parcel.events)
            self.journal.unsure = set()
        self.spool.release()

    def sync(self) -> None:
        stored = set(self.journal.stored)
        self.spool.sync()
        self.journal.synced |= stored


def recovered(disk: Disk) -> Counter[bytes]:
    """Return what another process finds on the disk and ships; nothing is left behind."""
    files = ModelFiles(disk)
    reports = Reports()
    spool = Spool(ROOT, max_bytes=SMALL, report=reports, files=files)
    events: list[bytes] = []
    adopted = spool.adopt()
    while adopted or spool.pending:
        events += drained(spool)
        adopted = spool.adopt()
    assert len(events) == reports["adopted"] + reports["aborted"]
    assert spool.pending == spool.pending_bytes == 0
    names = disk.root.names[ROOT].names if ROOT in disk.root.names else {}
    assert set(names) <= {"ship.lock", "quarantine"} | {n for n in names if n.endswith(".ack")}
    return Counter(events)


def check_killed(disk: Disk, journal: Journal) -> None:
    """Nothing that was stored is lost, nothing settled comes again, nothing is invented."""
    found = recovered(disk)
    certain = journal.stored - journal.settled - journal.unsure
    assert certain <= set(found)
    assert journal.open <= set(found)
    assert set(found) <= certain | journal.open | journal.unsure
    assert all(found[event] == 1 for event in certain)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_instant_the_process_is_killed_at_nothing_is_lost_or_invented(seed: int) -> None:
    story = Story(seed)
    story.tell(60)
    assert len(story.states) > 200
    for disk, journal in story.states:
        check_killed(disk, journal)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 160))
def test_thousands_of_instants_more(seed: int) -> None:
    story = Story(seed)
    story.tell(90)
    for disk, journal in story.states:
        check_killed(disk, journal)


@pytest.mark.parametrize("seed", range(3))
def test_the_one_who_adopts_may_be_killed_at_any_instant_as_well(seed: int) -> None:
    first = Story(seed)
    first.tell(40)
    left, before = first.states[-1]
    second = Story(1000 + seed, disk=left)
    second.journal = before.copy()
    assert second.spool.adopt()
    for _ in range(12):
        second.ship()
        second.store()
    known = before.stored | before.open
    assert second.journal.settled & known
    for disk, journal in second.states:
        found = recovered(disk)
        stored = journal.stored | known
        certain = stored - journal.settled - journal.unsure
        assert certain <= set(found)
        assert set(found) <= certain | journal.unsure | before.open


@pytest.mark.parametrize("seed", range(4))
def test_a_loss_of_power_costs_only_what_came_after_the_last_sync(seed: int) -> None:
    """What a disk forgets of what was not synced: all, a part, or all but the length."""
    story = Story(seed)
    story.tell(60)
    everything = story.journal.stored | {*story.tickets.values()}
    dice = random.Random(seed)
    for forget in (_all_forgotten, partial(_half_forgotten, dice), _only_the_length_kept):
        for disk, journal in story.states[::3]:
            found = recovered(disk.copy(forget))
            assert journal.synced - journal.settled - journal.unsure <= set(found)
            assert all(b'"event"' not in event or event in everything for event in found)


def test_a_crash_while_room_is_made_leaves_an_event_whole_or_light_or_twice() -> None:
    """An event that the old file has and the new one is both: the endpoint sees the same id."""
    stored = 0
    states: list[tuple[Disk, int]] = []

    def remember(disks: list[Disk]) -> None:
        states.extend((disk, stored) for disk in disks)

    reports = Reports()
    files = ModelFiles(Disk(), remember)
    spool = Spool(ROOT, max_bytes=SMALL, report=reports, files=files)
    before = 0
    for number in range(70):
        spool.append(_answered(number))
        before = before or (reports["body_shed"] and len(states))
        stored += 1
    assert reports["body_shed"] > 10
    assert not reports["spool_full"]
    twice = False
    for disk, count in states[before - 100 :]:
        found = recovered(disk)
        numbers = Counter(json.loads(event)["n"] for event in found.elements())
        assert set(range(count)) <= set(numbers) <= set(range(count + 1))
        assert all(_is_whole_or_light(event) for event in found)
        twice = twice or max(numbers.values()) == 2
    assert twice


def _is_whole_or_light(event: bytes) -> bool:
    document = json.loads(event)
    return event == _answered(document["n"]) or document["metadata"]["apilog"] == {
        "response_body_omitted": "spool_full"
    }


def _answered(number: int) -> bytes:
    body = {"text": "x" * 500}
    return json.dumps({"n": number, "response": {"status": 200, "body": body}}).encode()


def _all_forgotten(inode: Inode) -> Inode:
    return replace(inode, content=inode.safe_content, names=inode.safe_names)


def _half_forgotten(dice: random.Random, inode: Inode) -> Inode:
    kept = dice.randint(0, len(inode.content))
    names = inode.names | inode.safe_names if dice.random() < 0.5 else inode.safe_names
    return replace(
        inode,
        content=inode.safe_content + inode.content[len(inode.safe_content) :][:kept],
        names=names,
    )


def _only_the_length_kept(inode: Inode) -> Inode:
    content = inode.safe_content.ljust(len(inode.content), b"\0")
    return replace(inode, content=content, names=inode.names | inode.safe_names)
