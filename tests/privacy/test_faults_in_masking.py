"""Masking fails closed: an error raised at any line of it lets nothing out, and hurts nobody."""

from __future__ import annotations

import linecache
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from canary_kit.encodings import DIGEST
from canary_kit.exchanges import client, encoded, exchange
from canary_kit.rich import CARD, SECRETS, SESSION, rich_scenes
from canary_kit.scene import Scene
from canary_kit.search import Finding, Searcher
from canary_kit.sinks import told

import apilog
from apilog.delivery import Dropped
from apilog.destinations import Memory

OURS = str(Path(apilog.__file__).parent)

SCENES = rich_scenes()
SEARCHER = Searcher({**SECRETS, "the card": CARD})


class Planted(Exception):
    """An error that nobody expects."""


MORE_ERRORS: list[type[BaseException]] = [
    Planted,
    KeyError,
    MemoryError,
    OverflowError,
    RecursionError,
    TypeError,
    UnicodeError,
    ValueError,
]


class Saboteur:
    """Note every line of apilog that runs; raise at one of them, the time it is reached first.

    Nothing can fail at a mere ``try:``, and what is raised there by force can pass a lock by.
    """

    def __init__(self, at: tuple[str, int] | None, error: BaseException) -> None:
        self.reached: dict[tuple[str, int], None] = {}
        self._at = at
        self._error = error

    def trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        return self._line if frame.f_code.co_filename.startswith(OURS) else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line" and not _does_nothing(frame):
            place = (frame.f_code.co_filename, frame.f_lineno)
            self.reached[place] = None
            if place == self._at:
                self._at = None
                raise self._error
        return self._line


def _does_nothing(frame: FrameType) -> bool:
    return linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip() == "try:"


@contextmanager
def sabotaged(at: tuple[str, int] | None, error: BaseException) -> Iterator[Saboteur]:
    saboteur = Saboteur(at, error)
    before = sys.gettrace()
    sys.settrace(saboteur.trace)
    try:
        yield saboteur
    finally:
        sys.settrace(before)


def lines_of(scene: Scene) -> list[tuple[str, int]]:
    """Return every line that runs while the event of *scene* is made, in the order of running."""
    with client() as ours, sabotaged(None, Planted()) as saboteur:
        encoded(ours, scene)
    return list(saboteur.reached)


def sent(scene: Scene, at: tuple[str, int], error: BaseException) -> bytes:
    """Return the event that leaves when *error* is raised at the line *at*, if one does."""
    with client() as ours:
        taken = exchange(ours, scene)
        event = b""
        with sabotaged(at, error), suppress(Dropped, type(error)):
            event = ours._encoder.encode(taken)
        assert not ours._encoder._lock.locked()
        assert b'"metadata"' in encoded(ours, Scene())  # the next one is none the worse
    return event


def leaks_of(scene: Scene, error: type[BaseException], *, step: int = 1) -> list[str]:
    """Return at which lines *error* makes which secret leave; try every one, or of *step* one."""
    with told() as kept:
        events = {
            f"{error.__name__} at {Path(at[0]).name}:{at[1]}": sent(scene, at, error("planted"))
            for at in lines_of(scene)[::step]
        }
    log = b"".join(stream.getvalue().encode() for stream in kept.values())
    together = {"the events": b"\n".join(events.values()), "the log": log}
    if not found(together):
        return []
    return [
        f"{sink}: {each.place}, {each.spelling}"
        for sink, event in {**events, "the log": log}.items()
        for each in found({sink: event})[:1]
    ]


def found(sinks: Mapping[str, bytes]) -> list[Finding]:
    return [
        each for each in SEARCHER.search(sinks) if each.spelling != DIGEST or each.place != SESSION
    ]


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())
def test_nothing_leaks_without_an_error(scene: Scene) -> None:
    with client() as ours:
        event = encoded(ours, scene)
        assert ours.stats().faults.get("mask_failed", 0) == 0
    assert found({"the event": event}) == []


def test_the_scenes_reach_most_of_masking() -> None:
    reached = {at for scene in SCENES.values() for at in lines_of(scene)}
    modules = {Path(file).name for file, _ in reached}
    assert modules >= {"encoder.py", "masking.py", "header_mask.py", "key_rule.py", "body.py"}
    assert len(reached) > 500


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())
def test_nothing_leaks_wherever_an_error_is_raised(scene: Scene) -> None:
    assert leaks_of(scene, ValueError, step=3) == []  # which parsers raise, and others expect
    assert leaks_of(scene, Planted, step=7) == []


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())
@pytest.mark.parametrize("error", MORE_ERRORS, ids=lambda error: error.__name__)
@pytest.mark.long
def test_nothing_leaks_whatever_error_is_raised(scene: Scene, error: type[BaseException]) -> None:
    assert leaks_of(scene, error) == []


def test_the_worker_goes_on_wherever_an_error_is_raised() -> None:
    scene = SCENES["JSON and XML"]
    for at in lines_of(scene)[::40]:
        memory = Memory()
        with tracing(Saboteur(at, Planted("planted")).trace), apilog.Client(memory) as ours:
            for _ in range(3):
                ours.submit(exchange(ours, scene))
            assert ours.flush(10)
            stats = ours.stats()
        assert stats.captured == 3
        assert stats.delivered + sum(stats.dropped.values()) == 3
        assert stats.delivered >= 2
        assert found({"what was sent": b"\n".join(memory.raw)}) == []


@contextmanager
def tracing(trace: Callable[..., Any]) -> Iterator[None]:
    """Let *trace* see what threads do that are started in the block."""
    threading.settrace(trace)
    try:
        yield
    finally:
        threading.settrace(None)  # type: ignore[arg-type]
