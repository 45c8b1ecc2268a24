"""The inlet: what is promised to whoever hands calls in, whatever the store does."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, cast

import pytest

from apilog.collector import inlet as module
from apilog.collector import loads
from apilog.collector.call import Call, Profile, Refusal
from apilog.collector.inlet import Inlet, InletFull, Unstorable
from apilog.collector.store.protocol import Prepared, Store, StoreFull, StoreUnavailable

PATIENCE = 30.0


class Shelf:
    """A store in memory, which can be held up and made to fail."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}
        self.profiles: list[Profile] = []
        self.refusals: list[Refusal] = []
        self.commits: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.trouble: Exception | None = None
        self.poison: set[str] = set()

    def prepare(self, calls: Sequence[Call]) -> list[Prepared]:
        return [Prepared(call) for call in calls]

    def add(self, prepared: Sequence[Prepared]) -> int:
        calls = [each.call for each in prepared]
        self.entered.release()
        assert self.gate.wait(PATIENCE)
        if self.trouble is not None:
            raise self.trouble
        if poisoned := self.poison & {call.id for call in calls}:
            raise ValueError(f"{poisoned} cannot be stored")
        new = {call.id: call for call in calls if call.id not in self.calls}
        self.calls |= new
        self.commits.append(len(calls))
        return len(new)

    def describe(self, profiles: Sequence[Profile]) -> None:
        if self.poison & {profile.id for profile in profiles}:
            raise ValueError("a profile cannot be stored")
        self.profiles += profiles

    def refuse(self, refusals: Sequence[Refusal]) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.refusals += refusals

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep a first commit waiting for the length of the block."""
        self.gate.clear()
        try:
            yield
        finally:
            self.gate.set()

    def await_commit(self) -> None:
        assert self.entered.acquire(timeout=PATIENCE)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def inlet(shelf: Shelf) -> Iterator[Inlet]:
    found = Inlet(cast("Store", shelf))
    yield found
    shelf.gate.set()
    found.close()


def a_call(key: str, *, size: int = 10) -> Call:
    return Call(id=key, time=1, source="moesif", method="GET", event=b"x" * size)


def a_profile(key: str) -> Profile:
    return Profile(kind="user", id=key, time=1, document=b"{}")


def a_refusal(key: int) -> Refusal:
    return Refusal(time=key, source="moesif", path="/", status=400, reason="", content=b"")


def ended(future: Future[None]) -> BaseException | None:
    return future.exception(PATIENCE)


def test_whoever_hands_calls_in_learns_when_they_are_stored(shelf: Shelf, inlet: Inlet) -> None:
    asyncio.run(inlet.take([a_call("a"), a_call("b")], [a_profile("ada")]))
    assert set(shelf.calls) == {"a", "b"}
    assert [profile.id for profile in shelf.profiles] == ["ada"]


def test_what_waits_is_committed_together(shelf: Shelf, inlet: Inlet) -> None:
    with shelf.held():
        first = inlet.offer([a_call("first")])
        shelf.await_commit()
        others = [inlet.offer([a_call(str(number))]) for number in range(100)]
        assert not any(each.done() for each in (first, *others))
    assert not any(map(ended, (first, *others)))
    assert shelf.commits == [1, 100]


def test_few_calls_wait_for_those_that_are_expected(
    shelf: Shelf, inlet: Inlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GATHERING", PATIENCE)
    assert ended(inlet.offer([a_call("alone")])) is None
    with inlet.expecting():
        few = inlet.offer([a_call("few")])
        many = inlet.offer([a_call(str(each)) for each in range(module.GATHERED_CALLS)])
        assert [ended(few), ended(many)] == [None, None]
    assert shelf.commits == [1, 1 + module.GATHERED_CALLS]


def test_nobody_waits_long_for_what_never_comes(shelf: Shelf, inlet: Inlet) -> None:
    with inlet.expecting():
        assert ended(inlet.offer([a_call("few")])) is None
    assert shelf.commits == [1]


def test_an_end_waits_for_nobody(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GATHERING", PATIENCE)
    inlet = Inlet(cast("Store", shelf))
    began = time.monotonic()
    with inlet.expecting():
        few = inlet.offer([a_call("few")])
        inlet.close()
    assert ended(few) is None
    assert time.monotonic() - began < PATIENCE / 2


def test_a_group_has_2000_calls_at_most_unless_one_request_brought_more(
    shelf: Shelf, inlet: Inlet
) -> None:
    with shelf.held():
        futures = [inlet.offer([a_call("first")])]
        shelf.await_commit()
        for start in range(0, 4_500, 900):
            calls = [a_call(str(start + each)) for each in range(900)]
            futures += [inlet.offer(calls)]
        futures.append(inlet.offer([a_call(f"x{each}") for each in range(2_500)]))
    assert not any(map(ended, futures))
    assert shelf.commits == [1, 1_800, 1_800, 900, 2_000, 500]


def test_a_poisonous_call_costs_itself_only(shelf: Shelf, inlet: Inlet) -> None:
    shelf.poison = {"bad"}
    with shelf.held():
        first = inlet.offer([a_call("first")])
        shelf.await_commit()
        good = inlet.offer([a_call("a"), a_call("b")])
        bad = inlet.offer([a_call("c"), a_call("bad"), a_call("d")])
        other = inlet.offer([a_call("e")])
    assert [ended(each) for each in (first, good, other)] == [None] * 3
    assert isinstance(ended(bad), Unstorable)
    assert set(shelf.calls) == {"first", "a", "b", "c", "d", "e"}


def test_a_poisonous_profile_costs_itself_only(shelf: Shelf, inlet: Inlet) -> None:
    shelf.poison = {"bad"}
    bad = inlet.offer([a_call("a")], [a_profile("bad"), a_profile("ada")])
    assert isinstance(ended(bad), Unstorable)
    assert set(shelf.calls) == {"a"}
    assert [profile.id for profile in shelf.profiles] == ["ada"]


@pytest.mark.parametrize("trouble", [StoreFull("full"), StoreUnavailable("locked")])
def test_trouble_of_the_store_is_told_and_passes(
    shelf: Shelf, inlet: Inlet, trouble: StoreUnavailable
) -> None:
    shelf.trouble = trouble
    assert ended(inlet.offer([a_call("a")])) is trouble
    shelf.trouble = None
    assert ended(inlet.offer([a_call("a")])) is None
    assert set(shelf.calls) == {"a"}


@pytest.mark.parametrize(
    "load",
    [
        pytest.param([a_call(str(number)) for number in range(loads.MOST_CALLS)], id="calls"),
        pytest.param([a_call("large", size=loads.MOST_BYTES)], id="bytes"),
    ],
)
def test_a_full_inlet_says_so_until_there_is_room(
    shelf: Shelf, inlet: Inlet, load: list[Call]
) -> None:
    with shelf.held():
        waiting = inlet.offer(load)
        with pytest.raises(InletFull):
            inlet.offer([a_call("one more")])
        with pytest.raises(InletFull):
            asyncio.run(inlet.room())
        with pytest.raises(InletFull):
            inlet.offer([a_call("one more")], patience=0.05)
        assert not waiting.done()
    assert ended(waiting) is None
    assert ended(inlet.offer([a_call("one more")])) is None
    asyncio.run(inlet.room())


def test_who_waits_for_room_gets_it(
    shelf: Shelf, inlet: Inlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", PATIENCE)

    async def wait() -> None:
        waiting = [asyncio.ensure_future(inlet.room()) for _ in range(3)]
        await asyncio.sleep(0)
        assert not any(each.done() for each in waiting)
        shelf.gate.set()
        await asyncio.gather(*waiting)

    with shelf.held():
        load = inlet.offer([a_call(str(number)) for number in range(loads.MOST_CALLS)])
        asyncio.run(wait())
    assert ended(load) is None


def test_a_thread_that_waits_for_room_gets_it(shelf: Shelf, inlet: Inlet) -> None:
    late: list[BaseException | None] = []

    def offer() -> None:
        late.append(ended(inlet.offer([a_call("late")], patience=PATIENCE)))

    with shelf.held():
        load = inlet.offer([a_call(str(number)) for number in range(loads.MOST_CALLS)])
        thread = threading.Thread(target=offer)
        thread.start()
    thread.join(PATIENCE)
    assert late == [None]
    assert ended(load) is None
    assert "late" in shelf.calls


def test_somebody_who_stopped_waiting_troubles_nobody(shelf: Shelf, inlet: Inlet) -> None:
    async def give_up() -> None:
        task = asyncio.ensure_future(inlet.take([a_call("abandoned")]))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with shelf.held():
        first = inlet.offer([a_call("first")])
        shelf.await_commit()
        asyncio.run(give_up())
        last = inlet.offer([a_call("last")])
    assert ended(first) is ended(last) is None
    assert {"first", "last"} <= set(shelf.calls)


def test_listeners_are_told_of_commits_and_a_bad_one_harms_nobody(
    shelf: Shelf, inlet: Inlet, caplog: pytest.LogCaptureFixture
) -> None:
    heard = threading.Semaphore(0)

    def bad() -> None:
        raise RuntimeError("a bad listener")

    inlet.subscribe(bad)

    def hear() -> None:
        heard.release()

    end = inlet.subscribe(hear)
    assert ended(inlet.offer([a_call("a")])) is None
    assert heard.acquire(timeout=PATIENCE)
    end()
    for key in ("b", "c"):
        assert ended(inlet.offer([a_call(key)])) is None
    assert not heard.acquire(blocking=False)
    assert "a listener failed" in caplog.text


def test_what_comes_in_is_counted(shelf: Shelf, inlet: Inlet) -> None:
    for keys in (("a", "b"), ("b", "c")):
        assert ended(inlet.offer([a_call(key) for key in keys])) is None
    inlet.refuse(a_refusal(1))
    counts = inlet.counts()
    assert (counts.received, counts.stored, counts.duplicates, counts.refused) == (4, 3, 1, 1)


def test_refusals_are_written_down_and_never_wait(shelf: Shelf, inlet: Inlet) -> None:
    with shelf.held():
        first = inlet.offer([a_call("first")])
        shelf.await_commit()
        for number in range(module.MOST_REFUSALS + 5):
            inlet.refuse(a_refusal(number))
    assert ended(first) is None
    assert ended(inlet.offer([a_call("next")])) is None
    assert len(shelf.refusals) == module.MOST_REFUSALS
    assert inlet.counts().refused == module.MOST_REFUSALS + 5


@pytest.mark.parametrize("trouble", [StoreFull("full"), ValueError("odd")])
def test_refusals_that_cannot_be_written_down_cost_nothing_else(
    shelf: Shelf, inlet: Inlet, trouble: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    shelf.trouble = trouble
    inlet.refuse(a_refusal(1))
    assert ended(inlet.offer([a_call("a")])) is not None
    shelf.trouble = None
    assert ended(inlet.offer([a_call("a")])) is None
    assert "1 refusals are not written down" in caplog.text


def test_a_closed_inlet_has_written_everything_and_takes_nothing(shelf: Shelf) -> None:
    inlet = Inlet(cast("Store", shelf))
    with shelf.held():
        futures: list[Any] = [inlet.offer([a_call("first")])]
        shelf.await_commit()
        futures += [inlet.offer([a_call(str(number))]) for number in range(10)]
        inlet.refuse(a_refusal(1))
    inlet.close()
    assert all(each.done() for each in futures)
    assert len(shelf.calls) == 11
    assert len(shelf.refusals) == 1
    with pytest.raises(StoreUnavailable, match="stopping"):
        inlet.offer([a_call("late")])
    inlet.close()
