"""One request an event: what becomes of each, whatever the answers are."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping

import pytest

from apilog import Rejected, RetryLater
from apilog.destinations._fan import IN_A_ROW, STRIKES, WIDTH, Fan
from apilog.exceptions import DeliveryError, Partly

PATIENCE = 20.0


class Endpoint:
    """Answers each place with *troubles*, by default with success."""

    def __init__(self, troubles: Mapping[int, Callable[[], BaseException]] | None = None) -> None:
        self.troubles = dict(troubles or {})
        self.asked: Counter[int] = Counter()
        self.taken: list[int] = []
        self._lock = threading.Lock()

    def __call__(self, place: int) -> None:
        with self._lock:
            self.asked[place] += 1
            if place in self.troubles:
                raise self.troubles[place]()
            self.taken.append(place)


def failure() -> RetryLater:
    return RetryLater("500", status=500)


def outage() -> RetryLater:
    return RetryLater("503", status=503)


def refusal() -> Rejected:
    return Rejected("400")


def outcome(endpoint: Endpoint, count: int, width: int = WIDTH) -> DeliveryError | None:
    try:
        Fan(count, endpoint, width=width).run()
    except DeliveryError as error:
        return error
    return None


def settled(endpoint: Endpoint, some: DeliveryError | None, count: int) -> bool:
    """Say whether every place is in exactly one of three."""
    assert isinstance(some, Partly)
    places = [*endpoint.taken, *some.retry, *some.rejected]
    return sorted(places) == list(range(count))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 1_000])
def test_every_event_is_sent_once(count: int) -> None:
    endpoint = Endpoint()
    assert outcome(endpoint, count) is None
    assert sorted(endpoint.taken) == list(range(count))


def test_several_are_under_way_at_a_time_and_never_more() -> None:
    gate = threading.Barrier(WIDTH)
    under_way, most, lock = 0, 0, threading.Lock()

    def send(place: int) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        if 0 < place <= WIDTH:
            gate.wait(PATIENCE)
        with lock:
            under_way -= 1

    Fan(50, send).run()
    assert most == WIDTH


def test_refused_events_cost_nothing_but_themselves() -> None:
    endpoint = Endpoint(dict.fromkeys((0, 7, 49), refusal))
    some = outcome(endpoint, 50)
    assert settled(endpoint, some, 50)
    assert isinstance(some, Partly)
    assert some.rejected == dict.fromkeys((0, 7, 49), "400")
    assert not some.retry


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(outage, id="an outage"),
        pytest.param(lambda: RetryLater("no answer"), id="no answer"),
        pytest.param(lambda: RetryLater("429", after=7.0, status=429), id="too many"),
        pytest.param(
            lambda: RetryLater("500", after=7.0, status=500), id="a 500 that names a time"
        ),
        pytest.param(lambda: Rejected("404", why="closed"), id="a closed door"),
    ],
)
def test_trouble_that_is_not_the_events_ends_the_sending(
    trouble: Callable[[], DeliveryError],
) -> None:
    first = Endpoint({0: trouble})
    assert type(outcome(first, 50)) is type(trouble())
    assert sum(first.asked.values()) == 1
    later = Endpoint(dict.fromkeys(range(10, 50), trouble))
    some = outcome(later, 50)
    assert settled(later, some, 50)
    assert isinstance(some, Partly)
    assert set(some.retry) == set(range(10, 50))
    assert sum(later.asked.values()) <= 10 + WIDTH


def test_an_event_that_the_endpoint_fails_over_is_refused_in_the_end() -> None:
    for place in (0, 1, 25):
        endpoint = Endpoint({place: failure})
        some = outcome(endpoint, 50)
        assert settled(endpoint, some, 50)
        assert isinstance(some, Partly)
        assert set(some.rejected) == {place}
        assert endpoint.asked[place] == STRIKES
        assert "while others passed" in some.rejected[place]


def test_one_at_the_end_comes_again_because_nothing_passed_after_it() -> None:
    endpoint = Endpoint({49: failure})
    some = outcome(endpoint, 50, width=1)
    assert settled(endpoint, some, 50)
    assert isinstance(some, Partly)
    assert some.retry == {49: None}
    assert endpoint.asked[49] == 1


def test_an_endpoint_that_fails_over_everything_is_left_alone() -> None:
    endpoint = Endpoint(dict.fromkeys(range(50), failure))
    trouble = outcome(endpoint, 50)
    assert isinstance(trouble, RetryLater)
    assert trouble.status == 500
    assert sum(endpoint.asked.values()) < IN_A_ROW + WIDTH


def test_an_event_that_is_taken_the_second_time_is_taken_once() -> None:
    endpoint = Endpoint({5: failure})

    def send(place: int) -> None:
        if place == 12:
            endpoint.troubles.clear()
        endpoint(place)

    Fan(50, send, width=1).run()
    assert sorted(endpoint.taken) == list(range(50))
    assert endpoint.asked[5] == 3


def test_a_slow_endpoint_is_accounted_for_now_and_then() -> None:
    """What had no turn is sent at once, after the account was told of the rest."""
    now = 0.0

    def send(place: int) -> None:
        nonlocal now
        now += 1.0

    with pytest.raises(Partly) as caught:
        Fan(50, send, width=1, longest=10.0, clock=lambda: now).run()
    assert caught.value.retry == dict.fromkeys(range(11, 50), 0.0)
    assert not caught.value.rejected


def test_a_slow_endpoint_that_takes_nothing_is_asked_all_the_same() -> None:
    now = 0.0

    def send(place: int) -> None:
        nonlocal now
        now += 30.0
        raise refusal()

    with pytest.raises(Partly) as caught:
        Fan(5, send, width=1, longest=10.0, clock=lambda: now).run()
    assert set(caught.value.rejected) == set(range(5))


def test_a_bug_is_raised_where_it_was_called() -> None:
    endpoint = Endpoint({20: lambda: ZeroDivisionError("a bug")})
    with pytest.raises(ZeroDivisionError):
        Fan(50, endpoint).run()


def test_without_threads_it_is_slower_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    endpoint = Endpoint()
    assert outcome(endpoint, 10) is None
    assert endpoint.taken == list(range(10))
