"""The queue, the batches, the retries and the account, with destinations that misbehave."""

from __future__ import annotations

import gc
import json
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from apilog import Client, Rejected, RetryLater, Stats
from apilog.capture import OVERHEAD
from apilog.delivery import Limits, pause_before
from apilog.waiting import Waiting
from apilog.wsgi import ApiLogMiddleware, read_head

LONG = 3600.0
"""A flush interval that never comes."""

New = Callable[..., Any]
Call = Callable[..., None]
Balanced = Callable[[Stats], bool]


def _delivered(destination: Any, count: int) -> bool:
    return len(destination.events) == count


class Surprise(BaseException):
    """What no ``except Exception`` sees, as asyncio.CancelledError and pytest's outcomes."""


# Batches


def test_a_full_batch_leaves_without_waiting(new_client: New, destination: Any, call: Call) -> None:
    client = new_client(destination, batch_size=3, flush_interval=LONG)
    for number in range(7):
        call(client, f"/{number}")
    destination.wait_for(lambda: len(destination.batches) == 2)
    assert [len(batch) for batch in destination.batches] == [3, 3]
    assert client.stats().queued == 1


def test_what_is_left_leaves_after_the_interval(
    new_client: New, destination: Any, call: Call
) -> None:
    client = new_client(destination, batch_size=1000, flush_interval=0.05)
    call(client, "/first")
    destination.wait_for(lambda: len(destination.batches) == 1)
    call(client, "/second")
    destination.wait_for(lambda: len(destination.batches) == 2)
    assert destination.paths == ["/first", "/second"]


def test_a_batch_keeps_within_the_destinations_bytes(
    new_client: New, destination: Any, call: Call
) -> None:
    destination.limits = Limits(batch_bytes=5_000)
    client = new_client(destination, flush_interval=LONG)
    for _ in range(20):
        call(client, "/", b"x" * 800)
    assert client.flush(10)
    sizes = [len(b"[" + b",".join(batch) + b"]") for batch in destination.batches]
    assert max(sizes) <= 5_000
    assert max(sizes) + max(map(len, destination.events)) > 5_000, "batches could be fuller"
    assert len(destination.events) == 20


def test_a_batch_may_be_exactly_as_large_as_allowed(
    new_client: New, new_destination: New, call: Call
) -> None:
    first = new_destination()
    client = new_client(first, flush_interval=LONG)
    for _ in range(3):
        call(client)
    assert client.flush(10)
    sizes = sorted(map(len, first.events))
    for allowance, batches in ((0, 1), (-1, 2)):
        destination = new_destination()
        destination.limits = Limits(batch_bytes=sizes[-1] * 3 + 4 + allowance)
        client = new_client(
            destination, flush_interval=LONG, mask_event=lambda event: _padded(event, sizes[-1])
        )
        for _ in range(3):
            call(client)
        assert client.flush(10)
        assert {len(event) for event in destination.events} == {sizes[-1]}
        assert len(destination.batches) == batches


def _padded(event: Any, size: int) -> Any:
    """Return *event* with a tag, and such that it is *size* bytes of JSON."""
    from dataclasses import replace

    from apilog import codec

    bare = replace(event, response=None, metadata={"apilog": {}}, tags="")
    return replace(bare, tags="x" * (size - len(codec.dumps(bare.document()))))


def test_many_bytes_leave_before_the_batch_is_full(
    new_client: New, destination: Any, call: Call
) -> None:
    destination.limits = Limits(batch_bytes=100_000)
    client = new_client(destination, batch_size=10_000, flush_interval=LONG)
    for _ in range(3):
        call(client, "/", b"x" * 50_000)
    destination.wait_for(lambda: bool(destination.batches))


@pytest.mark.parametrize(
    ("half", "options"),
    [
        pytest.param(5, {"queue_events": 10}, id="a queue of few events"),
        pytest.param(8, {"queue_bytes": 65_536}, id="a queue of few bytes"),
    ],
)
def test_a_queue_smaller_than_a_batch_is_shipped_before_it_overflows(
    new_client: New, destination: Any, call: Call, half: int, options: dict[str, int]
) -> None:
    client = new_client(destination, batch_size=10_000, flush_interval=LONG, **options)
    for batches in range(1, 5):
        for _ in range(half):
            call(client)
        destination.wait_for(partial(_delivered, destination, batches * half))
    assert client.stats().dropped == {}


def test_the_number_of_events_a_destination_takes_beats_the_batch_size(
    new_client: New, destination: Any, call: Call
) -> None:
    destination.limits = Limits(batch_events=2)
    client = new_client(destination, batch_size=100, flush_interval=LONG)
    for _ in range(5):
        call(client)
    assert client.flush(10)
    assert [len(batch) for batch in destination.batches] == [2, 2, 1]


def test_an_event_larger_than_the_destination_takes_is_counted_and_costs_no_other(
    new_client: New, destination: Any, call: Call
) -> None:
    destination.limits = Limits(event_bytes=2_000)
    client = new_client(destination, flush_interval=LONG)
    for path, size in (("/small", 10), ("/large", 3_000), ("/small", 10)):
        call(client, path, b"x" * size)
    assert client.flush(10)
    assert destination.paths == ["/small", "/small"]
    assert client.stats().dropped == {"event_too_large": 1}


def test_a_steady_trickle_is_still_shipped_in_batches(
    new_client: New, destination: Any, call: Call
) -> None:
    """What arrives while a batch is on its way waits for the next interval."""
    client = new_client(destination, batch_size=1000, flush_interval=LONG)
    destination.gate.clear()
    call(client, "/0")
    mark = threading.Thread(target=client.flush, args=(10,))
    mark.start()
    destination.wait_for(lambda: len(destination.attempts) == 1)
    for number in range(1, 6):
        call(client, f"/{number}")
    destination.gate.set()
    mark.join(10)
    assert [len(batch) for batch in destination.batches] == [1]
    assert client.stats().queued == 5


# Flush


def test_flush_says_that_everything_arrived(new_client: New, destination: Any, call: Call) -> None:
    client = new_client(destination, flush_interval=LONG)
    assert client.flush(0), "nothing to do is done at once"
    for number in range(250):
        call(client, f"/{number}")
    assert client.flush(10)
    assert destination.paths == [f"/{number}" for number in range(250)]
    assert client.stats().queued == 0


def test_flush_says_that_something_is_still_on_its_way(
    new_client: New, destination: Any, call: Call
) -> None:
    client = new_client(destination, flush_interval=LONG)
    destination.gate.clear()
    call(client)
    assert not client.flush(0.05)
    destination.gate.set()
    assert client.flush(10)


def test_flush_waits_for_its_own_events_whatever_else_is_settled(
    new_client: New, destination: Any, call: Call
) -> None:
    client = new_client(
        destination,
        flush_interval=LONG,
        skip=lambda request, _: "skip" in str(request["PATH_INFO"]),
    )
    destination.gate.clear()
    call(client, "/slow")
    answers: list[bool] = []
    flushing = threading.Thread(target=lambda: answers.append(client.flush(0.3)))
    flushing.start()
    destination.wait_for(lambda: len(destination.attempts) == 1)
    for _ in range(5):
        call(client, "/skipped")
    flushing.join(10)
    assert answers == [False]


def test_flush_ends_in_time_while_the_worker_waits_to_try_again(
    new_client: New, destination: Any, call: Call
) -> None:
    client = new_client(destination, flush_interval=LONG)
    destination.script.append(RetryLater("come back in a minute", after=60))
    call(client)
    began = time.monotonic()
    assert not client.flush(0.2)
    assert time.monotonic() - began < 5
    assert client.stats().queued == 1


def test_a_flush_during_a_pause_is_remembered(
    new_client: New, destination: Any, call: Call
) -> None:
    client = new_client(destination, batch_size=1, flush_interval=LONG)
    destination.script.append(RetryLater("soon", after=0.5))
    call(client, "/first")
    destination.wait_for(lambda: len(destination.attempts) == 1)
    call(client, "/second")
    assert client.flush(10)
    assert destination.paths == ["/first", "/second"]


# Close


def test_close_delivers_what_is_left(new_client: New, destination: Any, call: Call) -> None:
    client = new_client(destination, flush_interval=LONG)
    for number in range(5):
        call(client, f"/{number}")
    assert client.close(10)
    assert destination.paths == [f"/{number}" for number in range(5)]
    assert destination.closed == 1


def test_close_counts_what_it_could_not_deliver(
    new_client: New, destination: Any, call: Call, balanced: Balanced, apilog_log: Any
) -> None:
    client = new_client(destination, batch_size=2, flush_interval=LONG)
    destination.gate.clear()
    for _ in range(5):
        call(client)
    began = time.monotonic()
    assert not client.close(0.3)
    assert time.monotonic() - began < 2.3
    stats = client.stats()
    assert (stats.queued, stats.delivered, stats.dropped) == (0, 0, {"shutdown": 5})
    lines = [record.getMessage() for record in apilog_log.records]
    assert lines == ["apilog: 5 events were not delivered in time"]


def test_what_arrives_after_close_gave_up_on_it_is_counted_once(
    new_client: New, destination: Any, call: Call, balanced: Balanced, until: New
) -> None:
    client = new_client(destination, flush_interval=LONG)
    destination.gate.clear()
    call(client)
    client.close(0.1)
    destination.gate.set()
    until(lambda: destination.closed == 1)
    assert client.stats().dropped == {"shutdown": 1}
    assert balanced(client.stats())


def test_close_tries_once_more_and_does_not_wait_for_a_pause(
    new_client: New, destination: Any, call: Call
) -> None:
    client = new_client(destination, batch_size=1, flush_interval=LONG)
    destination.script.append(RetryLater("come back in a minute", after=60))
    call(client)
    destination.wait_for(lambda: len(destination.attempts) == 1)
    assert client.close(10)
    assert len(destination.events) == 1


def test_close_says_so_when_the_last_try_failed(
    new_client: New, destination: Any, call: Call, apilog_log: Any
) -> None:
    client = new_client(destination, flush_interval=LONG)
    destination.script.extend(RetryLater("down") for _ in range(3))
    call(client)
    assert not client.close(10)
    assert client.stats().dropped == {"shutdown": 1}
    assert "apilog: 1 events were not delivered in time" in apilog_log.messages


def test_a_second_close_costs_no_second_wait(new_client: New, destination: Any, call: Call) -> None:
    client = new_client(destination, flush_interval=LONG)
    destination.gate.clear()
    call(client)
    assert not client.close(0.1)
    began = time.monotonic()
    assert not client.close(30)
    assert time.monotonic() - began < 10
    assert client.stats().dropped == {"shutdown": 1}


def test_a_call_after_close_is_counted_as_closed(
    new_client: New, destination: Any, call: Call
) -> None:
    client = new_client(destination, flush_interval=LONG)
    client.close(1)
    call(client)
    assert client.stats() == Stats(captured=1, dropped={"closed": 1})
    assert client.flush(0)
    assert destination.attempts == []


def test_a_client_that_recorded_nothing_starts_no_thread_and_closes(
    new_client: New, destination: Any
) -> None:
    before = threading.active_count()
    client = new_client(destination)
    assert client.close(1)
    assert threading.active_count() == before
    assert destination.closed == 1


def test_the_client_is_a_context(destination: Any, call: Call) -> None:
    with Client(destination, flush_interval=LONG) as client:
        call(client)
    assert len(destination.events) == 1
    assert destination.closed == 1


def test_closing_while_requests_come_in_loses_no_account(
    new_client: New, new_destination: New, call: Call, balanced: Balanced
) -> None:
    for _ in range(20):
        destination = new_destination()
        client = new_client(destination, batch_size=3, flush_interval=0.01)
        start = threading.Barrier(4)

        def load(client: Client = client, start: threading.Barrier = start) -> None:
            start.wait(10)
            for _ in range(30):
                call(client)

        threads = [threading.Thread(target=load) for _ in range(3)]
        for thread in threads:
            thread.start()
        start.wait(10)
        assert client.close(10)
        for thread in threads:
            thread.join(10)
        stats = client.stats()
        assert (stats.captured, stats.queued) == (90, 0)
        assert balanced(stats)
        assert stats.delivered == len(destination.events)
        assert set(stats.dropped) <= {"closed"}


# The account


def test_the_account_balances_at_every_moment(
    new_client: New, destination: Any, call: Call, balanced: Balanced
) -> None:
    """Under load from several threads, with faults of every kind, flushes and a full queue."""
    destination.limits = Limits(batch_events=7, event_bytes=3_000)
    dice = iter(range(10**9))

    def send(batch: Any, send: Any = destination.send) -> None:
        number = next(dice)
        if number % 5 == 1:
            raise RetryLater("trouble", after=0)
        if number % 11 == 3:
            raise Surprise
        if any(b"/refused/" in event for event in batch):
            raise Rejected("no")
        send(batch)

    destination.send = send
    client = new_client(
        destination,
        batch_size=5,
        flush_interval=0.01,
        queue_events=40,
        sample_rate=0.9,
        skip=lambda request, _: "skip" in request["PATH_INFO"],
        mask_event=lambda event: None if "none" in event.request.uri else event,
    )
    wrong: list[Stats] = []
    looks = 0
    over = threading.Event()

    def watch() -> None:
        nonlocal looks
        while not over.wait(0.0001):
            stats = client.stats()
            looks += 1
            if not balanced(stats):
                wrong.append(stats)

    def load(name: str) -> None:
        for number in range(300):
            path = ("/plain", "/skip", "/none", "/refused", "/large")[number % 5]
            call(client, f"{path}/{name}/{number}", b"x" * (4_000 if path == "/large" else 10))
            if number % 60 == 0:
                client.flush(0.001)

    watcher = threading.Thread(target=watch)
    watcher.start()
    loads = [threading.Thread(target=load, args=(str(each),)) for each in range(3)]
    for thread in loads:
        thread.start()
    try:
        for thread in loads:
            thread.join(60)
        for number in range(20):  # what is refused waits for something that passes
            call(client, f"/plain/end/{number}")
        assert client.flush(60)
        client.close(0.5)
    finally:
        over.set()
        watcher.join(10)
    stats = client.stats()
    assert wrong == []
    assert looks > 10
    assert stats.captured == 920
    assert stats.queued == 0
    assert stats.delivered == len(destination.events)
    expected = {"rejected", "skipped", "sampled_out", "mask_event", "event_too_large"}
    assert expected | {"queue_full", "destination_failed"} <= set(stats.dropped)
    assert stats.retries > 0


def test_a_full_queue_drops_the_oldest(new_client: New, destination: Any, call: Call) -> None:
    destination.gate.clear()
    client = new_client(destination, batch_size=1, queue_events=3, flush_interval=LONG)
    call(client, "/in-flight")
    destination.wait_for(lambda: len(destination.attempts) == 1)
    for number in range(8):
        call(client, f"/{number}")
    stats = client.stats()
    assert (stats.queued, stats.dropped) == (4, {"queue_full": 5})
    destination.gate.set()
    assert client.flush(10)
    assert destination.paths == ["/in-flight", "/5", "/6", "/7"]


def test_in_a_queue_of_too_many_bytes_bodies_give_way_before_events(
    new_client: New, destination: Any, call: Call
) -> None:
    destination.gate.clear()
    client = new_client(destination, batch_size=1, queue_bytes=100_000, flush_interval=LONG)
    call(client, "/in-flight")
    destination.wait_for(lambda: len(destination.attempts) == 1)
    for number in range(8):
        call(client, f"/{number}", b"x" * (30_000 - OVERHEAD))
    stats = client.stats()
    assert (stats.queued, stats.dropped, stats.faults["bodies_shed"]) == (9, {}, 6)
    destination.gate.set()
    assert client.flush(10)
    assert destination.paths == ["/in-flight", *(f"/{number}" for number in range(8))]
    omitted = [
        json.loads(event)["metadata"]["apilog"].get("response_body_omitted")
        for batch in destination.batches
        for event in batch
    ]
    assert omitted == [None, *["queue_full"] * 6, None, None]


def test_what_still_does_not_fit_is_dropped_successes_first(
    new_client: New, destination: Any, call: Call
) -> None:
    destination.gate.clear()
    client = new_client(destination, batch_size=1, queue_events=3, flush_interval=LONG)
    call(client, "/in-flight")
    destination.wait_for(lambda: len(destination.attempts) == 1)
    for path in ("/error", "/0", "/1", "/2", "/error", "/3"):
        call(client, path, status=500 if path == "/error" else 200)
    stats = client.stats()
    assert (stats.queued, stats.dropped) == (4, {"queue_full": 3})
    destination.gate.set()
    assert client.flush(10)
    assert destination.paths == ["/in-flight", "/error", "/error", "/3"]


def test_a_call_larger_than_the_whole_queue_loses_its_body(
    new_client: New, destination: Any, call: Call
) -> None:
    client = new_client(destination, queue_bytes=65_536, flush_interval=LONG)
    call(client, "/", b"x" * 70_000)
    assert client.stats().dropped == {}
    assert client.flush(10)
    (event,) = destination.batches[0]
    assert json.loads(event)["metadata"]["apilog"]["response_body_omitted"] == "queue_full"


def test_calls_that_are_left_out_are_counted_by_reason(
    new_client: New, destination: Any, call: Call
) -> None:
    client = new_client(destination, sample_rate=0.0)
    call(client)
    assert client.stats().dropped == {"sampled_out": 1}
    client = new_client(destination, skip=lambda _request, _response: True)
    call(client)
    assert client.stats().dropped == {"skipped": 1}
    assert client.flush(0)


def test_excluded_and_disabled_calls_are_not_in_the_account(
    new_client: New, destination: Any, call: Call
) -> None:
    client = new_client(destination, exclude_paths=["/health"])
    call(client, "/health")
    assert client.stats() == Stats()
    client = new_client(destination, enabled=False)
    call(client)
    assert client.stats() == Stats()


def test_an_exchange_that_cannot_be_taken_is_in_the_account(
    new_client: New, destination: Any, call: Call, balanced: Balanced
) -> None:
    class Hostile(dict[str, str]):
        def items(self) -> Any:
            raise OSError("no items today")

        __iter__ = keys = items

    client = new_client(destination, get_metadata=lambda *_: {"a": {1: Hostile({"b": "c"})}})
    call(client)
    client.flush(5)
    stats = client.stats()
    assert stats.captured == 1
    assert balanced(stats)


# Verdicts and faults


def test_a_retry_sends_the_same_bytes(new_client: New, destination: Any, call: Call) -> None:
    client = new_client(destination, flush_interval=LONG)
    destination.script.extend([RetryLater("one"), RetryLater("two")])
    for number in range(3):
        call(client, f"/{number}")
    assert client.flush(10)
    first, *others = destination.attempts
    assert others == [first, first]
    assert client.stats().retries == 2
    assert client.stats().delivered == 3


def test_a_refused_event_costs_no_other_one(new_client: New, destination: Any, call: Call) -> None:
    def send(batch: Any, send: Any = destination.send) -> None:
        if any(b"/refused" in event for event in batch):
            raise Rejected("400")
        send(batch)

    destination.send = send
    client = new_client(destination, batch_size=4, flush_interval=LONG)
    for path in ("/0", "/1", "/refused", "/2", "/3", "/4"):
        call(client, path)
    assert client.flush(10)
    assert destination.paths == ["/0", "/1", "/2", "/3", "/4"]
    assert client.stats().dropped == {"rejected": 1}


def test_events_wait_while_everything_is_refused_and_arrive_when_it_is_not(
    new_client: New, destination: Any, call: Call, balanced: Balanced
) -> None:
    destination.script.extend(Rejected("400 schema") for _ in range(4))
    client = new_client(destination, flush_interval=LONG)
    for number in range(2):
        call(client, f"/{number}")
    assert not client.flush(0.2)
    assert client.stats().queued == 2
    assert len(destination.attempts) == 3, "both, and each of them alone"
    call(client, "/2")
    assert client.flush(10)
    assert sorted(destination.paths) == ["/0", "/1", "/2"]
    assert client.stats().delivered == 3
    assert balanced(client.stats())


def test_events_that_wait_for_an_endpoint_that_refuses_everything_are_counted_at_the_end(
    new_client: New, destination: Any, call: Call, balanced: Balanced
) -> None:
    destination.script.extend(Rejected("400 schema") for _ in range(100))
    client = new_client(destination, batch_size=2, flush_interval=0.01)
    for number in range(7):
        call(client, f"/{number}")
    destination.wait_for(lambda: len(destination.attempts) >= 3)
    assert not client.close(2)
    assert client.stats().dropped == {"shutdown": 7}
    assert balanced(client.stats())


@pytest.mark.parametrize(
    "surprise",
    [
        pytest.param(RuntimeError("a bug"), id="an error"),
        pytest.param(SystemExit(1), id="sys.exit"),
        pytest.param(KeyboardInterrupt(), id="an interrupt"),
        pytest.param(Surprise(), id="what no except Exception sees"),
        pytest.param(RetryLater("when?", after="soon"), id="a pause that is no number"),  # type: ignore[arg-type]
    ],
)
def test_a_destinations_bug_costs_its_batch_only(
    new_client: New, destination: Any, call: Call, surprise: BaseException
) -> None:
    client = new_client(destination, batch_size=2, flush_interval=LONG)
    destination.script.append(surprise)
    for number in range(4):
        call(client, f"/{number}")
    assert client.flush(10)
    assert destination.paths == ["/2", "/3"]
    assert sum(client.stats().dropped.values()) == 2


@pytest.mark.parametrize(
    "surprise", [RuntimeError, SystemExit, KeyboardInterrupt, GeneratorExit, Surprise]
)
def test_a_mask_event_that_raises_costs_its_event_only(
    new_client: New, destination: Any, call: Call, surprise: type[BaseException]
) -> None:
    def mask_event(event: Any) -> Any:
        if event.request.uri.endswith("/bad"):
            raise surprise
        return event

    client = new_client(destination, flush_interval=LONG, mask_event=mask_event)
    for path in ("/good", "/bad", "/good"):
        call(client, path)
    assert client.flush(10)
    assert destination.paths == ["/good", "/good"]
    assert sum(client.stats().dropped.values()) == 1


def test_a_destination_cannot_change_what_is_sent_again(
    new_client: New, destination: Any, call: Call
) -> None:
    def send(batch: Any, send: Any = destination.send) -> None:
        try:
            send(batch)
        finally:
            getattr(batch, "clear", lambda: None)()

    destination.send = send
    destination.script.append(RetryLater("again"))
    client = new_client(destination, flush_interval=LONG)
    call(client)
    assert client.flush(10)
    assert client.stats().delivered == len(destination.events) == 1


@pytest.mark.parametrize("after", [0.0, -5.0, float("nan")])
def test_an_endpoint_in_trouble_that_says_at_once_is_given_time(
    new_client: New, destination: Any, call: Call, after: float
) -> None:
    destination.script.extend(RetryLater("busy", after=after) for _ in range(1000))
    client = new_client(destination, batch_size=1, flush_interval=LONG)
    call(client)
    destination.wait_for(lambda: len(destination.attempts) == 1)
    assert not client.flush(0.3)
    assert len(destination.attempts) == 1


@pytest.mark.parametrize("after", [1e9, float("inf")])
def test_no_endpoint_can_ask_for_a_pause_that_never_ends(
    new_client: New, destination: Any, call: Call, after: float
) -> None:
    destination.script.append(RetryLater("next year", after=after))
    client = new_client(destination, batch_size=1, flush_interval=LONG)
    call(client)
    destination.wait_for(lambda: len(destination.attempts) == 1)
    assert client.close(10), "the worker waits, and can be woken"
    assert len(destination.events) == 1


def test_pauses_grow_up_to_a_bound_and_are_spread() -> None:
    longest = [pause_before(retry, jitter=lambda: 1.0) for retry in range(1, 9)]
    assert longest == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert pause_before(10**6, jitter=lambda: 1.0) == 30.0
    assert pause_before(3, jitter=lambda: 0.25) == 0.5
    assert len({pause_before(3) for _ in range(10)}) > 1


# Several destinations


def test_a_hanging_destination_never_starves_another(
    new_client: New, new_destination: New, call: Call
) -> None:
    slow, quick = new_destination(), new_destination()
    slow.gate.clear()
    client = new_client([slow, quick], flush_interval=LONG, queue_events=3, batch_size=1)
    for number in range(10):
        call(client, f"/{number}")
        quick.wait_for(partial(_delivered, quick, number + 1))
    assert quick.paths == [f"/{number}" for number in range(10)]
    assert client.stats().dropped["queue_full"] == 6


def test_a_flush_reaches_every_destination_whichever_of_them_hangs(
    new_client: New, new_destination: New, call: Call
) -> None:
    slow, quick = new_destination(), new_destination()
    slow.gate.clear()
    client = new_client([slow, quick], flush_interval=LONG)
    call(client)
    flushing = threading.Thread(target=client.flush, args=(10,))
    flushing.start()
    quick.wait_for(lambda: len(quick.events) == 1)
    slow.gate.set()
    flushing.join(10)
    assert len(slow.events) == 1


def test_every_destination_gets_the_same_bytes(
    new_client: New, new_destination: New, call: Call
) -> None:
    one, other = new_destination(), new_destination()
    client = new_client([one, other], flush_interval=LONG)
    for _ in range(20):
        call(client, "/", b"x" * 2_000)
    assert client.flush(10)
    assert one.events == other.events
    assert len({json.loads(event)["transaction_id"] for event in one.events}) == 20
    assert client.stats().captured == 40, "every destination keeps an account of its own"


def test_what_one_destination_has_sent_weighs_the_same_for_another(
    new_client: New, new_destination: New, call: Call
) -> None:
    """The first worker that encodes a call lets go of its bodies; the other queue must not grow."""
    quick, slow = new_destination(), new_destination()
    slow.gate.clear()
    client = new_client([quick, slow], batch_size=1, queue_bytes=100_000, flush_interval=LONG)
    for number in range(30):
        call(client, f"/{number}", b"x" * 20_000)
        quick.wait_for(partial(_delivered, quick, number + 1))
    assert client.stats().queued <= 5


# The request never waits


def test_calls_go_on_while_the_destination_hangs(
    new_client: New, destination: Any, call: Call
) -> None:
    destination.gate.clear()
    client = new_client(destination, batch_size=10, queue_events=50)
    for _ in range(500):
        call(client)
    stats = client.stats()
    assert stats.captured == 500
    assert stats.queued <= 50 + 10
    assert stats.delivered == 0


def test_concurrent_first_calls_start_one_worker(
    new_client: New, new_destination: New, call: Call
) -> None:
    for _ in range(20):
        destination = new_destination()
        client = new_client(destination, flush_interval=LONG)
        before = set(threading.enumerate())
        barrier = threading.Barrier(8)

        def first(client: Client = client, barrier: threading.Barrier = barrier) -> None:
            barrier.wait(10)
            call(client)

        threads = [threading.Thread(target=first) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert client.flush(10)
        workers = {thread.name for thread in set(threading.enumerate()) - before}
        assert workers == {"apilog-worker"}
        assert len(set(threading.enumerate()) - before) == 1
        assert len(destination.events) == 8
        client.close(10)


# Re-entrance: finalisers and signal handlers may interrupt any line


def test_a_response_that_is_never_closed_is_recorded_when_it_is_collected(
    new_client: New, destination: Any, call: Call
) -> None:
    client = new_client(destination, flush_interval=LONG)
    _abandon(client, "/abandoned")
    gc.collect()
    assert client.flush(10)
    assert destination.paths == ["/abandoned"]


def test_finalisers_may_submit_at_any_moment(
    new_client: New, destination: Any, call: Call, balanced: Balanced
) -> None:
    """The collector may run inside every line of ours, and ends abandoned calls there."""
    client = new_client(destination, batch_size=2, flush_interval=0.01, queue_events=20)
    calls = 400
    thresholds = gc.get_threshold()
    gc.set_threshold(1, 1, 1)
    try:
        for number in range(calls):
            _abandon(client, f"/{number}")
            if number % 50 == 0:
                client.flush(0.01)
                assert balanced(client.stats())
    finally:
        gc.set_threshold(*thresholds)
    end = time.monotonic() + 10
    while client.stats().captured < calls and time.monotonic() < end:
        gc.collect()  # in vain while another thread does it
        time.sleep(0.001)
    assert client.flush(10)
    stats = client.stats()
    assert stats.captured == calls
    assert balanced(stats)


def test_what_dies_in_a_full_queue_may_record_a_call_itself(
    new_client: New, destination: Any, call: Call, balanced: Balanced
) -> None:
    destination.gate.clear()
    client = new_client(destination, batch_size=1, queue_events=2, flush_interval=LONG)
    died: list[int] = []

    class Cargo:
        def __del__(self) -> None:
            died.append(1)
            if len(died) < 20:
                call(client, "/from-a-finaliser")

    for _ in range(10):
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "cargo": Cargo()}
        app = ApiLogMiddleware(lambda _environ, start: _started(start), client=client)
        response: Any = app(environ, lambda *_: lambda _: None)
        list(response)
        response.close()
        del environ, response
    assert died
    stats = client.stats()
    assert stats.captured == 10 + len(died)
    assert balanced(stats)


def _started(start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b""]


def _abandon(client: Client, path: str) -> None:
    """Make a call, and leave its response in a cycle that only the collector can find."""
    app = ApiLogMiddleware(lambda _environ, start: _started(start), client=client)
    response: Any = app(
        {"REQUEST_METHOD": "GET", "PATH_INFO": path, "HTTP_HOST": "127.0.0.1"},
        lambda *_: lambda _: None,
    )
    cycle: list[Any] = [response]
    cycle.append(cycle)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
def test_a_signal_handler_may_submit_flush_and_ask_at_any_moment(
    new_client: New, destination: Any, call: Call, balanced: Balanced
) -> None:
    """The handler enters no context variable: CPython 3.11 crashes on that during a collection."""
    client = new_client(destination, batch_size=2, flush_interval=0.01)
    handled: list[int] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/from-a-handler"}

    def handler(_number: int, _frame: object) -> None:
        handled.append(1)
        exchange = client.begin("/from-a-handler", environ, read_head)
        client.submit(exchange)
        client.flush(0)
        client.stats()
        signal.setitimer(signal.ITIMER_REAL, 0.0005 + len(handled) % 7 / 10_000)

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    try:
        end = time.monotonic() + 20
        calls = 0
        while len(handled) < 200 and time.monotonic() < end:
            call(client)
            calls += 1
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert client.flush(20)
    stats = client.stats()
    assert len(handled) >= 200
    assert stats.captured == calls + len(handled)
    assert stats.faults.keys() <= {"bodies_shed", "response_body_omitted:queue_full"}
    assert balanced(stats)


def test_a_signal_between_two_lines_of_the_books_may_close_them(
    new_client: New, destination: Any, call: Call, balanced: Balanced, monkeypatch: Any
) -> None:
    client = new_client(destination, flush_interval=LONG)
    put = Waiting.put

    def interrupted(waiting: Waiting, *arguments: Any) -> Any:
        client.close(2)  # what the handler of a signal does, at the worst moment
        return put(waiting, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Waiting, "put", interrupted)
        call(client)
    stats = client.stats()
    assert (stats.queued, stats.dropped) == (0, {"closed": 1})
    assert balanced(stats)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
def test_a_signal_handler_may_close_the_client(
    new_client: New, new_destination: New, call: Call, balanced: Balanced
) -> None:
    for delay in range(1, 15):
        destination = new_destination()
        client = new_client(destination, batch_size=2, flush_interval=0.01)
        closed: list[bool] = []
        before = signal.signal(
            signal.SIGALRM,
            lambda *_, client=client, closed=closed: closed.append(client.close(2)),
        )
        signal.setitimer(signal.ITIMER_REAL, delay / 2_000)
        try:
            end = time.monotonic() + 10
            while not closed and time.monotonic() < end:
                call(client)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert closed
        call(client)
        stats = client.stats()
        assert balanced(stats)
        assert stats.dropped["closed"] >= 1
        assert stats.queued == 0
