"""What is told of one user stays in order, whatever the endpoint says and however it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, count

from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.complaints import Complaints
from apilog.courier import STRIKES, Courier
from apilog.delivery import Limits
from apilog.exceptions import Partly, Rejected, RetryLater
from apilog.updates import subject

ANSWERS = {
    "taken": lambda: None,
    "down": lambda: RetryLater("down", status=503),
    "failing": lambda: RetryLater("failing", status=500),
    "slow down": lambda: RetryLater("slow down", after=1.0, status=429),
    "closed": lambda: Rejected("closed", why="closed"),
    "refused": lambda: Rejected("refused"),
    "too large": lambda: Rejected("too large", why="too_large"),
    "the last one later": lambda: Partly("some", retry={0: None}),
}
"""What an endpoint may answer while it is in trouble."""


def update(user: int, number: int) -> bytes:
    return b'{"$users":{"user_id":"u%d","metadata":{"n":%d}}}' % (user, number)


class Profiles:
    """An endpoint whose last word on each user is what it was told last."""

    def __init__(self, script: Sequence[str], poison: set[bytes], *, fails: bool) -> None:
        self.script = list(script)
        self.poison = poison
        self.fails = fails
        self.known: dict[object, bytes] = {}
        self.posts = 0

    def send(self, batch: Sequence[bytes]) -> None:
        self.posts += 1
        assert self.posts < 20_000, "a storm"
        answer = ANSWERS[self.script.pop(0)]() if self.script else None
        if answer is None and self.poison & set(batch):
            answer = RetryLater("failing", status=500) if self.fails else Rejected("refused")
        later = answer.retry if isinstance(answer, Partly) else {}
        if answer is None or later:
            for place, item in enumerate(batch):
                if place not in later:
                    self.known[subject(item)] = item
        if answer is not None:
            raise answer


def told(batches: Sequence[Sequence[bytes]], endpoint: Profiles) -> list[bytes]:
    """Bring *batches* to their end, as a pipeline does; return what was delivered."""
    settled: dict[bytes, str | None] = {}

    def settle(items: Sequence[bytes], reason: str | None) -> None:
        for item in items:
            assert item not in settled
            settled[item] = reason

    now = [0.0]

    def pause(seconds: float) -> None:
        now[0] += seconds

    courier = Courier(
        endpoint,
        Limits(),
        complaints=Complaints(),
        closing=lambda: False,
        pause=pause,
        retried=lambda: None,
        clock=lambda: now[0],
    )
    kept: list[bytes] = []
    for batch in batches:
        kept += batch
        if courier.deliver(kept, settle):
            kept = []
    for _ in range(200):
        if not kept or courier.deliver(kept, settle):
            break
    return [item for batch in batches for item in batch if settled.get(item, "kept") is None]


@settings(max_examples=300, deadline=None)
@given(
    users=st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=6), min_size=1, max_size=3),
    script=st.lists(st.sampled_from(sorted(ANSWERS)), max_size=40),
    poisoned=st.sets(st.integers(0, 17), max_size=2),
    fails=st.booleans(),
)
def test_the_last_word_on_a_user_is_no_older_than_the_newest_that_was_delivered(
    users: list[list[int]], script: list[str], poisoned: set[int], fails: bool
) -> None:
    numbers = count()
    batches = [[update(user, next(numbers)) for user in batch] for batch in users]
    turns = {item: turn for turn, item in enumerate(chain.from_iterable(batches))}
    poison = {item for item, turn in turns.items() if turn in poisoned}
    endpoint = Profiles(script, poison, fails=fails)
    newest = {subject(item): item for item in told(batches, endpoint)}
    for one, item in newest.items():
        assert turns[endpoint.known[one]] >= turns[item]


def test_an_update_that_fails_for_long_does_not_undo_a_newer_one() -> None:
    """While one is looked for that may be at fault, later ones are offered before it."""
    endpoint = Profiles(["failing"] * (STRIKES + 3) + ["taken", "failing"], set(), fails=True)
    delivered = told([[update(1, 1), update(1, 2), update(1, 3)]], endpoint)
    assert len(delivered) == 3
    assert endpoint.known == {("users", "u1"): update(1, 3)}


def test_actions_and_events_stand_for_themselves() -> None:
    assert subject(b'{"$actions":{"action_name":"x","user_id":"u1"}}') is None
    assert subject(b'{"request":{}}') is None
    assert subject(b'{"$subscriptions":{"subscription_id":"s","company_id":"c"}}') == (
        "subscriptions",
        "s",
    )
    assert subject(b'{"$users":{"user_id":') is None
