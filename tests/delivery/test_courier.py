"""How one batch comes to its end, whatever the destination says, and what it costs."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain, pairwise
from math import ceil, log2
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apilog import DeliveryError, Rejected, RetryLater
from apilog.complaints import Complaints
from apilog.consignment import lightened
from apilog.courier import BUDGET, PROBE_BYTES, STRIKES, Courier
from apilog.delivery import Limits
from apilog.destinations import Collector
from apilog.destinations._http import Answer, HttpTransport, verdict
from apilog.exceptions import Partly, Why

Rule = Callable[[tuple[bytes, ...]], "BaseException | None"]


class Endpoint:
    """A destination that answers by *rule*: an error to raise, or None."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.posts: list[tuple[bytes, ...]] = []
        self.taken: list[bytes] = []

    def send(self, batch: Sequence[bytes]) -> None:
        self.posts.append(tuple(batch))
        assert len(self.posts) < 20_000, "a storm"
        answer = self.rule(tuple(batch))
        if answer is None:
            self.taken += batch
            return
        if isinstance(answer, Partly):
            kept = {*answer.retry, *answer.rejected}
            self.taken += [event for place, event in enumerate(batch) if place not in kept]
        raise answer


class Trip:
    """A courier with a destination, a clock that only moves in pauses, and the books."""

    def __init__(self, rule: Rule, limits: Limits | None = None) -> None:
        self.endpoint = Endpoint(rule)
        self.now = 1_000.0
        self.pauses: list[float] = []
        self.retries = 0
        self.settled: list[tuple[bytes, str | None]] = []
        self.close_at: float | None = None
        self.complaints = Complaints()
        self.courier = Courier(
            self.endpoint,
            limits or Limits(),
            complaints=self.complaints,
            closing=self.is_closing,
            pause=self.pause,
            retried=self._retried,
            clock=lambda: self.now,
        )

    def is_closing(self) -> bool:
        return self.close_at is not None and self.now >= self.close_at

    def pause(self, seconds: float) -> bool:
        if self.close_at is not None:
            seconds = max(0.0, min(seconds, self.close_at - self.now))
        self.pauses.append(seconds)
        self.now += seconds
        return not self.is_closing()

    def deliver(self, batch: Sequence[bytes]) -> bool:
        return self.courier.deliver(batch, self._settle)

    @property
    def posts(self) -> list[tuple[bytes, ...]]:
        return self.endpoint.posts

    @property
    def delivered(self) -> list[bytes]:
        return [event for event, reason in self.settled if reason is None]

    def lost(self, reason: str) -> list[bytes]:
        return [event for event, why in self.settled if why == reason]

    def _settle(self, events: Sequence[bytes], reason: str | None) -> None:
        assert events, "nothing was settled"
        self.settled += [(event, reason) for event in events]

    def _retried(self) -> None:
        self.retries += 1


def numbered(count: int) -> list[bytes]:
    return [b'{"n":%d}' % number for number in range(count)]


def event(number: int = 0, size: int = 0) -> bytes:
    """An event with bodies of *size* bytes in all."""
    side = {"body": "x" * (size // 2), "transfer_encoding": "json"}
    return json.dumps({"n": number, "request": side, "response": side}).encode()


def in_turn(*answers: BaseException | None) -> Rule:
    """Answer with these, one after the other, and take everything from then on."""
    script = list(answers)
    return lambda _: script.pop(0) if script else None


def refusing(poison: set[bytes]) -> Rule:
    return lambda batch: Rejected("400") if poison & set(batch) else None


def array(batch: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(batch) + b"]"


def larger_than(size: int) -> Rule:
    return lambda batch: Rejected("413", why="too_large") if len(array(batch)) > size else None


# The ordinary


def test_a_batch_that_is_taken_is_posted_once() -> None:
    trip = Trip(in_turn())
    batch = numbered(100)
    assert trip.deliver(batch)
    assert trip.posts == [tuple(batch)]
    assert trip.settled == [(event, None) for event in batch]
    assert trip.pauses == []
    assert not trip.complaints.counts()


def test_nothing_is_nothing_to_deliver() -> None:
    trip = Trip(in_turn())
    assert trip.deliver([])
    assert trip.posts == trip.settled == []


def test_equal_events_are_settled_each() -> None:
    trip = Trip(refusing({b"bad"}))
    assert trip.deliver([b"same", b"bad", b"same"])
    assert Counter(trip.settled) == {(b"same", None): 2, (b"bad", "rejected"): 1}


def test_more_than_the_destination_takes_at_once_is_sent_in_pieces() -> None:
    """A batch read from a disk may have been packed for another destination."""
    trip = Trip(in_turn(), Limits(batch_bytes=100, batch_events=4))
    batch = numbered(30)
    assert trip.deliver(batch)
    assert [*chain.from_iterable(trip.posts)] == batch
    assert max(len(post) for post in trip.posts) == 4
    assert max(len(array(post)) for post in trip.posts) <= 100


# Later


def test_what_is_sent_again_is_the_same_bytes_in_the_same_order() -> None:
    trip = Trip(in_turn(RetryLater("down"), RetryLater("502", status=502)))
    batch = numbered(20)
    assert trip.deliver(batch)
    assert trip.posts == [tuple(batch)] * 3
    assert trip.delivered == batch
    assert (len(trip.pauses), trip.retries) == (2, 2)


@pytest.mark.parametrize(
    ("trouble", "shortest", "longest"),
    [
        pytest.param(RetryLater("", after=7), 7, 7, id="as long as it says"),
        pytest.param(RetryLater("", after=7, status=429), 7, 7, id="as a 429 says"),
        pytest.param(RetryLater("", after=0), 0.5, 0.5, id="at once is a storm"),
        pytest.param(RetryLater("", after=-5), 0.5, 0.5, id="in the past is a storm"),
        pytest.param(RetryLater("", after=1e9), 300, 300, id="thirty years are too long"),
        pytest.param(RetryLater("", after=float("inf")), 300, 300, id="forever is too long"),
        pytest.param(RetryLater("", after=float("nan")), 300, 300, id="no number"),
        pytest.param(RetryLater("", status=429), 5, 5, id="a 429 that says nothing"),
        pytest.param(RetryLater("", status=503), 0, 0.5, id="jitter"),
        pytest.param(RetryLater("", after=2, status=429), 2, 2, id="a 429 in a hurry"),
    ],
)
def test_the_pause_after_a_failure(trouble: RetryLater, shortest: float, longest: float) -> None:
    trip = Trip(in_turn(trouble))
    assert trip.deliver(numbered(3))
    (pause,) = trip.pauses or [0.0]
    assert shortest <= pause <= longest
    assert len(trip.posts) == 2


def test_pauses_grow_while_the_endpoint_is_down_and_begin_anew_after_it() -> None:
    trip = Trip(in_turn(*[RetryLater("down")] * 200, None, RetryLater("down")))
    assert trip.deliver(numbered(3))
    assert max(trip.pauses[:3]) <= 2
    assert 16 < max(trip.pauses) <= 30
    trip.pauses.clear()
    assert trip.deliver(numbered(3))
    assert sum(trip.pauses) <= 0.5


@pytest.mark.parametrize(
    ("trouble", "large"),
    [
        pytest.param(RetryLater("down"), 3, id="down after three failures"),
        pytest.param(Rejected("401", why="closed"), 1, id="closed at once"),
    ],
)
def test_an_endpoint_that_is_down_gets_one_small_probe_a_pause(
    trouble: DeliveryError, large: int
) -> None:
    trip = Trip(in_turn(*[trouble] * 50))
    batch = [event(number, 2_000) for number in range(200)]
    assert trip.deliver(batch)
    during, after = trip.posts[:50], trip.posts[50:]
    assert len(during) == 50
    assert len(trip.pauses) <= 50, "no post without a pause before it"
    assert len(trip.pauses) >= 45, "jitter is rarely nothing"
    small = [len(array(post)) <= PROBE_BYTES for post in during]
    assert small == [*[False] * large, *[True] * (50 - large)]
    assert set(during[3:]) == {after[0]}, "the same bytes until they are taken"
    assert len(after) == 2, "then all the rest at once"
    assert trip.delivered == trip.endpoint.taken == batch


def test_a_batch_that_is_small_is_its_own_probe() -> None:
    trip = Trip(in_turn(*[RetryLater("down")] * 20))
    batch = numbered(100)
    assert trip.deliver(batch)
    assert set(trip.posts) == {tuple(batch)}


def test_the_next_batch_does_not_begin_a_new_storm() -> None:
    """What was learned of the endpoint outlives the batch: here the first one broke off."""
    trip = Trip(in_turn(RetryLater("", after=100), RetryLater("", after=100)))
    trip.close_at = trip.now
    assert not trip.deliver(numbered(3))
    assert len(trip.posts) == 1
    trip.close_at = None
    assert trip.deliver(numbered(3))
    assert trip.pauses == [100, 100]


def test_time_that_passed_between_two_batches_counts_as_a_pause() -> None:
    trip = Trip(in_turn(RetryLater("", after=100)))
    trip.close_at = trip.now
    assert not trip.deliver(numbered(3))
    trip.close_at = None
    trip.now += 60
    assert trip.deliver(numbered(3))
    assert trip.pauses == [40]


def test_an_endpoint_that_flaps_gets_one_post_more_for_each_failure() -> None:
    turns = iter(range(10**6))
    trip = Trip(lambda _: RetryLater("502", status=502) if next(turns) % 2 else None)
    for _ in range(100):
        assert trip.deliver(numbered(50))
    assert len(trip.posts) == 199
    assert {len(post) for post in trip.posts} == {50}
    assert len(trip.delivered) == 5_000


# Closing


def test_a_closing_pipeline_has_one_last_try_and_no_pauses() -> None:
    trip = Trip(lambda _: RetryLater("down"))
    trip.close_at = trip.now
    for _ in range(3):
        assert not trip.deliver(numbered(3))
    assert len(trip.posts) == 3
    assert sum(trip.pauses) == 0
    assert trip.settled == [], "the events stay the caller's"


def test_closing_ends_a_pause_and_leaves_one_last_try() -> None:
    trip = Trip(lambda _: RetryLater("", after=100))
    trip.close_at = trip.now + 150
    assert not trip.deliver(numbered(3))
    assert trip.pauses == [100, 50]
    assert len(trip.posts) == 3


def test_a_pipeline_that_closes_during_a_post_still_has_its_last_try() -> None:
    trip = Trip(lambda _: RetryLater("", after=100))

    def rule(_: tuple[bytes, ...]) -> BaseException:
        trip.close_at = trip.now
        return RetryLater("", after=100)

    trip.endpoint.rule = rule
    assert not trip.deliver(numbered(3))
    assert len(trip.posts) == 2
    assert sum(trip.pauses) == 0


def test_who_was_refused_while_others_passed_is_settled_though_the_rest_is_not() -> None:
    batch = numbered(8)
    trip = Trip(
        lambda posted: (
            Rejected("400")
            if batch[0] in posted
            else None
            if set(posted) <= {*batch[:4]}
            else RetryLater("down")
        )
    )
    trip.close_at = trip.now
    assert not trip.deliver(batch)
    assert trip.settled == [(batch[0], "rejected"), *((each, None) for each in batch[1:4])]


def test_what_arrived_before_the_end_is_settled_and_the_rest_is_not() -> None:
    answers = [Partly("207", retry={1: None})]
    trip = Trip(lambda _: answers.pop() if answers else RetryLater("down"))
    trip.close_at = trip.now
    assert not trip.deliver(numbered(3))
    assert trip.settled == [(numbered(3)[0], None), (numbered(3)[2], None)]
    assert len(trip.posts) == 1


@pytest.mark.parametrize("closing", [True, False])
def test_a_poisonous_event_is_found_even_while_closing(closing: bool) -> None:
    """Refusals come at once and need no pauses."""
    batch = numbered(10)
    trip = Trip(refusing({batch[3]}))
    trip.close_at = trip.now if closing else None
    assert trip.deliver(batch)
    assert trip.lost("rejected") == [batch[3]]


# Refused


def test_a_refusal_shows_that_the_endpoint_is_up() -> None:
    trip = Trip(in_turn(*[RetryLater("down")] * 20, Rejected("400"), RetryLater("down")))
    assert trip.deliver([event(number, 2_000) for number in range(200)])
    assert trip.pauses[-1] <= 0.5
    assert len(array(trip.posts[22])) == len(array(trip.posts[21])), "half of the probe"
    assert len(array(trip.posts[24])) > PROBE_BYTES


def test_one_poisonous_event_of_fifty_costs_itself_and_at_most_thirteen_posts() -> None:
    batch = numbered(50)
    most = 0
    for poison in batch:
        trip = Trip(refusing({poison}))
        assert trip.deliver(batch)
        assert trip.lost("rejected") == [poison]
        assert trip.posts.count((poison,)) == 1, "it was refused alone"
        assert trip.delivered == [event for event in batch if event != poison]
        assert trip.pauses == []
        most = max(most, len(trip.posts))
    assert most == 13


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1)))))
@example((50, {0}))
@example((32, set(range(32))))
@example((60, set(range(60))))
@example((33, set(range(32))))
@example((60, set(range(33, 60))))
def test_every_event_is_settled_once_wherever_the_poison_is(case: tuple[int, set[int]]) -> None:
    count, places = case
    batch = numbered(count)
    poison = {batch[place] for place in places}
    trip = Trip(refusing(poison))
    trip.close_at = trip.now + 60 * 100
    while not (done := trip.deliver(batch)) and not trip.is_closing():
        assert trip.settled == []
    settled = Counter(event for event, _ in trip.settled)
    assert max(settled.values(), default=1) == 1
    assert trip.delivered == trip.endpoint.taken
    if not trip.pauses:
        assert trip.delivered == [each for each in batch if each in trip.delivered]
    assert set(trip.lost("rejected")) <= poison
    assert all((each,) in trip.posts for each in trip.lost("rejected"))
    if done:
        assert len(settled) == count
        assert set(trip.delivered) == set(batch) - poison
    else:
        assert poison == set(batch), "one good event is enough to tell"
        assert trip.settled == []
    if not trip.pauses:
        assert len(trip.posts) <= 2 * len(poison) * ceil(log2(count)) + 1


@pytest.mark.parametrize("count", [1, 2, 10, 32, 33, 100])
@pytest.mark.parametrize("once_taken", [False, True], ids=["from the start", "all at once"])
def test_when_nothing_is_accepted_it_is_not_the_events(count: int, once_taken: bool) -> None:
    trip = Trip(lambda posted: None if b"before" in posted else Rejected("400 schema"))
    batch = numbered(count)
    if once_taken:
        assert trip.deliver([b"before"])
        assert trip.deliver([b"one among others that were taken is refused for itself"])
    settled, posts = len(trip.settled), len(trip.posts)
    trip.close_at = trip.now + 600
    while not trip.is_closing():
        assert not trip.deliver(batch)
    assert trip.settled[settled:] == [], "everything is kept"
    search = min(BUDGET - once_taken, 2 * count - 1)
    probes = trip.posts[posts + search :]
    assert all(len(post) == 1 for post in probes)
    assert len(probes) == len(trip.pauses) == 15, "after 1, 2, 4 ... seconds, then each minute"
    assert len(set(probes)) == min(count, len(probes)), "each time with another event"
    assert trip.pauses[:6] == [1, 2, 4, 8, 16, 32]
    assert set(trip.pauses[6:-1]) == {60}


def test_after_the_schema_is_mended_everything_arrives() -> None:
    trip = Trip(in_turn(*[Rejected("400 schema")] * (BUDGET + 2)))
    batch = numbered(100)
    assert [trip.deliver(batch) for _ in range(4)] == [False, False, False, True]
    assert sorted(trip.delivered) == sorted(batch), "what was refused alone before, too"


def test_what_is_new_tells_that_it_was_the_events_after_all() -> None:
    bad, good = numbered(3), [b"good", b"better"]
    trip = Trip(refusing(set(bad)))
    assert not trip.deliver(bad)
    assert trip.settled == []
    assert trip.deliver([*bad, *good]), "as the pipelines offer it, with what came meanwhile"
    assert trip.lost("rejected") == bad
    assert sorted(trip.delivered) == sorted(good)
    assert trip.pauses == [1]


def test_more_poison_than_the_budget_is_found_if_one_event_passes() -> None:
    batch = numbered(200)
    trip = Trip(refusing(set(batch[:150])))
    assert not trip.deliver(batch)
    assert trip.deliver(batch)
    assert trip.lost("rejected") == batch[:150]
    assert sorted(trip.delivered) == sorted(batch[150:])


def test_a_quiet_app_that_sends_one_event_at_a_time_keeps_them_like_a_busy_one() -> None:
    trip = Trip(lambda batch: Rejected("400") if b"bad" in batch[0] else None)
    for number in range(100):
        assert trip.deliver([b"good"])
        assert trip.deliver([b"bad %d" % number])
    assert trip.pauses == []
    assert len(trip.lost("rejected")) == len(trip.delivered) == 100
    assert not trip.deliver([b"the next one is bad, too"])
    assert trip.deliver([b"the next one is bad, too", b"good"])
    assert len(trip.lost("rejected")) == 101


# 5xx that may be the events


def test_an_event_that_breaks_the_endpoint_is_found() -> None:
    batch = numbered(50)
    trip = Trip(lambda posted: RetryLater("500", status=500) if batch[17] in posted else None)
    assert trip.deliver(batch)
    assert trip.lost("rejected") == [batch[17]]
    assert sorted(trip.delivered) == sorted(set(batch) - {batch[17]})
    assert trip.posts.count((batch[17],)) >= STRIKES
    assert len(trip.posts) <= 2 * STRIKES + 2 * ceil(log2(50))


def test_events_that_break_the_endpoint_are_found_in_minutes_while_others_pass() -> None:
    batch = numbered(50)
    for places in ({0}, {1, 2}, {48}, {49}, {0, 49}, {0, 8, 16, 24, 32, 40, 48}):
        poison = {batch[place] for place in places}
        trip = Trip(lambda posted, poison=poison: _broken_by(poison, posted))
        began = trip.now
        assert trip.deliver(batch)
        assert sorted(trip.lost("rejected")) == sorted(poison)
        assert trip.now - began < 3_000


def _broken_by(poison: set[bytes], posted: tuple[bytes, ...]) -> RetryLater | None:
    return RetryLater("500", status=500) if poison & set(posted) else None


def test_many_events_that_break_the_endpoint_are_given_up_one_an_hour() -> None:
    """Once the good ones are through, nothing tells an outage from events that are at fault."""
    batch = numbered(12)
    trip = Trip(lambda posted: _broken_by(set(batch) - {batch[5]}, posted))
    times: list[float] = []
    assert trip.courier.deliver(batch, lambda *_: times.append(trip.now))
    assert len(times) == 12
    assert all(later - sooner >= 3_500 for sooner, later in pairwise(times))


@given(st.integers(2, 12).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1)))))
@example((12, {*range(12)} - {5}))
def test_every_event_that_breaks_the_endpoint_is_found(case: tuple[int, set[int]]) -> None:
    count, places = case
    batch = numbered(count)
    poison = {batch[place] for place in places}
    trip = Trip(lambda posted: RetryLater("500", status=500) if poison & set(posted) else None)
    trip.close_at = trip.now + 3_600 * 48
    done = trip.deliver(batch)
    if poison == set(batch):
        assert not done, "nothing passed: it is the endpoint"
        assert trip.settled == []
    else:
        assert done
        assert sorted(trip.lost("rejected")) == sorted(poison)
        assert sorted(trip.delivered) == sorted(set(batch) - poison)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("count", [2, 3, 50, 300])
def test_no_outage_costs_an_event_however_long_it_is(status: int, count: int) -> None:
    """An outage answers like a poisonous event: what passes tells them apart."""
    batch = numbered(count)
    for length in (1, 7, 8, 9, 20, 30, 71, 72, 73, 100, 500, 2_000):
        trip = Trip(in_turn(*[RetryLater("down", status=status)] * length))
        assert trip.deliver(batch)
        assert sorted(trip.delivered) == sorted(batch)
        assert trip.settled == [(each, None) for each in trip.endpoint.taken]
        assert len(trip.posts) <= length + BUDGET, "no storm after it"


def test_trouble_without_an_answer_never_makes_an_event_suspicious() -> None:
    trip = Trip(in_turn(*[RetryLater("ConnectError")] * 500))
    batch = numbered(50)
    assert trip.deliver(batch)
    assert set(trip.posts) == {tuple(batch)}


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(RetryLater("429", status=429), id="too many"),
        pytest.param(RetryLater("408", status=408), id="too slow"),
        pytest.param(RetryLater("503", status=503, after=30), id="an outage that says until when"),
    ],
)
def test_trouble_that_is_the_endpoints_own_never_makes_an_event_suspicious(
    trouble: RetryLater,
) -> None:
    trip = Trip(in_turn(*[trouble] * 100))
    batch = numbered(50)
    assert trip.deliver(batch)
    assert set(trip.posts) == {tuple(batch)}


def test_an_event_that_nothing_can_be_compared_with_has_an_hour() -> None:
    trip = Trip(lambda _: RetryLater("500", status=500))
    began = trip.now
    assert trip.deliver(numbered(1))
    assert trip.lost("rejected") == numbered(1)
    assert 3_570 <= trip.now - began <= 3_630


def test_an_event_given_up_in_the_last_try_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("apilog.breaker.pause_before", lambda _: 100.0)
    trip = Trip(lambda _: RetryLater("500", status=500))
    trip.close_at = trip.now + 3_500
    assert trip.deliver(numbered(1))
    assert trip.now == trip.close_at, "it was the last try"
    assert trip.lost("rejected") == numbered(1)


# Too large


def test_a_batch_that_is_too_large_is_sent_in_pieces_and_the_size_is_remembered() -> None:
    trip = Trip(larger_than(64_000))
    batch = [event(number, 2_000) for number in range(100)]
    assert trip.deliver(batch)
    refused = [post for post in trip.posts if len(array(post)) > 64_000]
    assert 1 <= len(refused) <= 3
    assert trip.delivered == batch
    assert trip.courier.batch_bytes <= 64_000
    assert trip.courier.batch_bytes > 20_000, "no smaller than it has to be"
    trip.posts.clear()
    assert trip.deliver(batch)
    assert max(len(array(post)) for post in trip.posts) <= 64_000


def test_once_an_hour_the_full_size_is_tried_again() -> None:
    rules = [larger_than(64_000)]
    trip = Trip(lambda batch: rules[0](batch))
    batch = [event(number, 2_000) for number in range(100)]
    assert trip.deliver(batch)
    learned = trip.courier.batch_bytes
    trip.now += 3_601
    assert trip.courier.batch_bytes == Limits().batch_bytes
    trip.posts.clear()
    assert trip.deliver(batch)
    assert [len(array(post)) > 64_000 for post in trip.posts].count(True) == 1, "one post an hour"
    assert trip.courier.batch_bytes == learned
    rules[0] = in_turn()
    trip.now += 3_601
    trip.posts.clear()
    assert trip.deliver(batch)
    assert trip.posts == [tuple(batch)]


def test_an_event_too_large_alone_goes_without_its_bodies() -> None:
    trip = Trip(larger_than(64_000))
    batch = [event(0, 100), event(1, 100_000), event(2, 100)]
    assert trip.deliver(batch)
    assert trip.settled == [(each, None) for each in batch], "in the words of the caller"
    light = json.loads(trip.endpoint.taken[1])
    assert light == {
        "n": 1,
        "request": {},
        "response": {},
        "metadata": {
            "apilog": {
                "request_body_omitted": "too_large",
                "response_body_omitted": "too_large",
            }
        },
    }
    assert len(trip.posts) <= 7


@pytest.mark.parametrize(("count", "large"), [(3, 1), (50, 1), (50, 5), (100, 3)])
def test_events_too_large_alone_cost_no_more_posts_than_a_search_for_them(
    count: int, large: int
) -> None:
    for seed in range(20):
        places = random.Random(seed).sample(range(count), large)
        trip = Trip(larger_than(64_000))
        batch = [event(each, 100_000 if each in places else 800) for each in range(count)]
        assert trip.deliver(batch)
        assert trip.lost("rejected") == []
        assert len(trip.posts) <= 2 * large * ceil(log2(count)) + 1


def test_an_event_too_large_even_without_bodies_is_refused_alone() -> None:
    trip = Trip(larger_than(64_000))
    large = json.dumps({"n": 1, "request": {"body": "x", "uri": "y" * 100_000}}).encode()
    batch = [event(0, 100), large, event(2, 100)]
    assert trip.deliver(batch)
    assert trip.lost("rejected") == [large]
    assert trip.delivered == [batch[0], batch[2]]
    assert [len(post) for post in trip.posts if len(array(post)) > 64_000].count(1) == 2


def test_an_event_beyond_the_limits_is_not_even_tried() -> None:
    trip = Trip(in_turn(), Limits(event_bytes=1_000))
    batch = [event(0, 10), event(1, 3_000), b'{"uri":"%s"}' % (b"x" * 3_000), b"x" * 3_000]
    assert trip.deliver(batch)
    assert trip.lost("event_too_large") == batch[2:]
    assert sorted(trip.delivered) == sorted(batch[:2])
    assert max(map(len, trip.endpoint.taken)) <= 1_000


def test_an_endpoint_that_finds_everything_too_large_is_not_believed() -> None:
    """A proxy with a limit of nothing: it's not the events, and not their size for good."""
    rules: list[Rule] = [lambda _: Rejected("413", why="too_large")]
    trip = Trip(lambda batch: rules[0](batch))
    batch = [event(number, 2_000) for number in range(100)]
    trip.close_at = trip.now + 600
    assert not trip.deliver(batch)
    assert trip.settled == []
    rules[0] = in_turn()
    trip.close_at = None
    assert trip.deliver(batch)
    assert trip.delivered == [batch[-1], *batch[:-1]]
    assert trip.courier.batch_bytes == Limits().batch_bytes


def test_of_a_long_text_whole_lines_stay_at_both_ends_and_then_nothing() -> None:
    lines = "".join(f"line {number}\n" for number in range(5_000))
    long = json.dumps({"request": {"body": lines}, "response": {"body": {"a": 1}}}).encode()
    first = lightened(long)
    assert first is not None
    document = json.loads(first)
    head, told, tail = document["request"]["body"].partition("[... ")
    assert lines.startswith(head)
    left_out, _, tail = tail.partition(" bytes left out ...]\n")
    assert lines.endswith(tail)
    assert told
    assert len(head) - 1 + int(left_out) + len(tail) == len(lines)
    assert document["metadata"]["apilog"] == {"response_body_omitted": "too_large"}
    second = lightened(first)
    assert second is not None
    assert "body" not in json.loads(second)["request"]
    assert lightened(second) is None


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[1]", id="a list"),
        pytest.param(b"{", id="no JSON"),
        pytest.param(b'{"request":{"uri":"/"},"response":null}', id="no bodies"),
        pytest.param(b'{"request":[],"response":{"body":null}}', id="a body that is nothing"),
    ],
)
def test_what_has_no_bodies_cannot_go_without_them(text: bytes) -> None:
    assert lightened(text) is None


# Closed


def test_a_closed_endpoint_is_asked_once_a_minute_and_gets_everything_when_it_opens(
    apilog_log: pytest.LogCaptureFixture,
) -> None:
    shut = [Rejected("401 from host", why="closed")] * 200
    trip = Trip(in_turn(*shut))
    batch = numbered(100)
    assert trip.deliver(batch)
    assert trip.pauses == [60] * 200
    assert trip.delivered == trip.endpoint.taken == batch
    lines = [line for line in apilog_log.messages if "401 from host" in line]
    (line,) = lines
    assert line.startswith("apilog: the endpoint takes nothing; everything is kept")
    assert trip.complaints.counts()["endpoint_closed"] == 200


def test_a_new_reason_is_a_new_line(
    apilog_log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    whys: list[tuple[str, Why]] = [("401", "closed"), ("401", "closed"), ("403", "closed")]
    trip = Trip(in_turn(*(Rejected(text, why=why) for text, why in whys)))
    monkeypatch.setattr("apilog.complaints.time.monotonic", lambda: trip.now)
    assert trip.deliver(numbered(3))
    assert [line[-3:] for line in apilog_log.messages] == ["401", "403"]


def test_a_door_that_closes_again_is_a_new_line(
    apilog_log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    trip = Trip(in_turn(Rejected("401", why="closed"), None, Rejected("401", why="closed")))
    monkeypatch.setattr("apilog.complaints.time.monotonic", lambda: trip.now)
    assert trip.deliver(numbered(3))
    assert trip.deliver(numbered(3))
    assert [line[-3:] for line in apilog_log.messages] == ["401", "401"]


def test_a_closed_endpoint_costs_nothing_when_the_pipeline_closes() -> None:
    trip = Trip(lambda _: Rejected("401", why="closed"))
    trip.close_at = trip.now + 90
    assert not trip.deliver(numbered(10))
    assert trip.settled == []
    assert trip.pauses == [60, 30]


# Partly


def test_of_a_batch_taken_in_part_only_what_is_wanted_is_sent_again() -> None:
    batch = numbered(6)
    trip = Trip(in_turn(Partly("207", retry={1: 9, 4: None, 5: 3}, rejected={2: "bad", 5: "?"})))
    assert trip.deliver(batch)
    assert trip.posts == [tuple(batch), (batch[1], batch[4], batch[5])]
    assert trip.pauses == [9], "the longest that was asked for"
    assert trip.lost("rejected") == [batch[2]]
    assert trip.delivered == [batch[0], batch[3], batch[1], batch[4], batch[5]]
    assert trip.retries == 1


def test_places_outside_the_batch_mean_nothing() -> None:
    trip = Trip(in_turn(Partly("207", retry={7: None}, rejected={-1: "bad", 3: "bad"})))
    assert trip.deliver(numbered(3))
    assert trip.delivered == numbered(3)
    assert len(trip.posts) == 1


def test_an_endpoint_that_refuses_each_event_of_each_batch_is_not_believed() -> None:
    def rule(batch: tuple[bytes, ...]) -> BaseException:
        return Partly("207", rejected=dict.fromkeys(range(len(batch)), "schema"))

    trip = Trip(rule)
    trip.close_at = trip.now + 600
    outcomes = [trip.deliver(numbered(2)) for _ in range(BUDGET + 5)]
    assert outcomes.index(False) == BUDGET - 1
    assert len(trip.lost("rejected")) == 2 * (BUDGET - 1)


def test_an_event_that_is_to_be_sent_again_and_again_waits_longer_and_longer() -> None:
    trip = Trip(in_turn(*[Partly("207", retry={0: None})] * 100))
    assert trip.deliver(numbered(2))
    assert trip.delivered == [*reversed(numbered(2))]
    assert max(trip.pauses) > 10


# Bugs


@pytest.mark.parametrize(
    "bug",
    [
        pytest.param(RuntimeError("a bug"), id="an error"),
        pytest.param(SystemExit(1), id="sys.exit"),
        pytest.param(DeliveryError("which?"), id="an error of no kind"),
        pytest.param(RetryLater("", after="soon"), id="a pause that is no number"),  # type: ignore[arg-type]
    ],
)
def test_a_destinations_bug_costs_what_is_left_of_its_batch(bug: BaseException) -> None:
    trip = Trip(in_turn(Rejected("400"), None, bug))
    batch = numbered(10)
    assert trip.deliver(batch)
    assert trip.delivered == batch[:5]
    assert trip.lost("destination_failed") == batch[5:]
    assert trip.deliver(batch), "and no other one"
    assert trip.complaints.counts()["destination_failed"] == 1


# Everything at once


ANSWERS = st.sampled_from(
    [
        *(lambda: RetryLater("down") for _ in range(2)),
        lambda: RetryLater("429", status=429),
        lambda: RetryLater("500", status=500),
        lambda: RetryLater("500", status=500),
        lambda: RetryLater("503", status=503, after=3),
        lambda: Rejected("400"),
        lambda: Rejected("413", why="too_large"),
        lambda: Rejected("401", why="closed"),
        lambda: Partly("207", retry={0: None, 3: 5}, rejected={1: "bad"}),
        lambda: Partly("207", rejected=dict.fromkeys(range(100), "bad")),
        lambda: Partly("207"),
        *(lambda: None for _ in range(3)),
    ]
)


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=5),
    st.lists(ANSWERS, max_size=200),
    st.none() | st.integers(0, 10_000),
)
def test_whatever_the_endpoint_answers_the_account_balances(
    counts: list[int], answers: list[Callable[[], BaseException | None]], close_after: int | None
) -> None:
    trip = Trip(in_turn(*(answer() for answer in answers)))
    trip.close_at = None if close_after is None else trip.now + close_after
    kept: list[bytes] = []
    for group, count in enumerate([*counts, *[0] * len(answers)]):
        before = len(trip.settled)
        batch = [*kept, *(event(1_000 * group + number, 100) for number in range(count))]
        done = trip.deliver(batch)
        settled = Counter(each for each, _ in trip.settled[before:])
        assert max(settled.values(), default=1) == 1
        assert set(settled) <= set(batch)
        assert done == (len(settled) == len(batch))
        assert done or trip.is_closing() or not settled, "all of it comes again, or what is left"
        kept = [each for each in batch if each not in settled]
    assert not kept or trip.is_closing()
    assert {reason for _, reason in trip.settled} <= {None, "rejected"}
    assert len(trip.delivered) == len(trip.endpoint.taken)


# Over the wire


@pytest.fixture
def trip_to() -> Iterator[Any]:
    """A trip to a destination at the end of a real socket."""
    with ExitStack() as stack:

        def trip_to(destination: Any) -> Trip:
            trip = Trip(in_turn())
            trip.courier._destination = destination
            stack.callback(destination.close)
            return trip

        yield trip_to


def test_a_batch_keeps_its_id_however_often_it_is_sent(
    endpoint: Any, answer: Any, trip_to: Any
) -> None:
    endpoint.script.extend([answer(503), answer(429, {"Retry-After": "2"})])
    trip = trip_to(Collector(endpoint.url))
    for count in (3, 3, 4):
        assert trip.deliver(numbered(count))
    ids = [request.headers["x-apilog-batch-id"] for request in endpoint.received]
    assert ids[0] == ids[1] == ids[2] == ids[3] != ids[4]
    assert len(endpoint.received) == 5
    assert len({request.body for request in endpoint.received[:4]}) == 1
    assert 2 in trip.pauses


def test_an_acknowledgement_that_got_lost_costs_a_duplicate_that_can_be_told(
    endpoint: Any, trip_to: Any
) -> None:
    """The endpoint has stored the batch and says nothing; the connection was a fresh one."""
    endpoint.script.append(lambda connection: connection.read())
    trip = trip_to(Collector(endpoint.url))
    assert trip.deliver(numbered(3))
    first, second = endpoint.received
    assert (first.answered, second.answered) == (None, 201)
    assert first.body == second.body
    assert first.headers["x-apilog-batch-id"] == second.headers["x-apilog-batch-id"]
    assert trip.delivered == numbered(3)


def test_a_batch_id_says_where_an_event_ends(endpoint: Any) -> None:
    destination = Collector(endpoint.url)
    for batch in ([b"12", b"3"], [b"1", b"23"]):
        destination.send(batch)
    destination.close()
    first, second = (request.headers["x-apilog-batch-id"] for request in endpoint.received)
    assert first != second


def test_a_poisonous_event_is_found_over_the_wire(endpoint: Any, trip_to: Any) -> None:
    """The endpoint answers 400 while a certain event is in the batch."""
    batch = numbered(50)

    def behave(connection: Any) -> int:
        connection.read()
        status = 400 if {"n": 31} in connection.request.events else 201
        connection.endpoint.note(connection, status)
        connection.send(b"HTTP/1.1 %d Whatever\r\nContent-Length: 0\r\n\r\n" % status)
        return status

    endpoint.default = behave
    trip = trip_to(Collector(endpoint.url))
    assert trip.deliver(batch)
    refused = [each for each in endpoint.received if each.answered == 400]
    assert 2 <= len(refused) <= 7
    assert len(endpoint.received) <= 13
    assert len(refused[-1].events) == 1
    assert endpoint.events == [json.loads(each) for each in trip.delivered]
    assert trip.lost("rejected") == [batch[31]]


def test_events_that_an_answer_wants_again_are_sent_again_over_the_wire(
    endpoint: Any, answer: Any, trip_to: Any
) -> None:
    def outcome(answer: Answer) -> DeliveryError | None:
        if answer.status != 207:
            return verdict(answer)
        results = json.loads(answer.body)
        return Partly(
            "207",
            retry={place: None for place, each in enumerate(results) if each == 503},
            rejected={place: "bad" for place, each in enumerate(results) if each == 400},
        )

    class Choosy:
        transport = HttpTransport(endpoint.url, {}, outcome=outcome)

        close = transport.close

        def send(self, batch: Sequence[bytes]) -> None:
            self.transport.post("/v1/events/batch", [array(batch)])

    endpoint.script.append(answer(207, {}, b"[201,503,400,503,201]"))
    batch = numbered(5)
    trip = trip_to(Choosy())
    assert trip.deliver(batch)
    assert [len(request.events) for request in endpoint.received] == [5, 2]
    assert trip.delivered == [batch[0], batch[4], batch[1], batch[3]]
    assert trip.lost("rejected") == [batch[2]]
