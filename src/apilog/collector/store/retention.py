"""Retention: which calls are taken at all, and which days go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

from apilog.collector.call import Call, Refusal
from apilog.collector.store.schema import MICROSECONDS_A_DAY

AHEAD: Final = MICROSECONDS_A_DAY
"""Microseconds by which a clock may be fast."""

MOST_CONTENT: Final = 4_096
"""Bytes of a refused call that are kept."""

SET_ASIDE: Final = 202
"""The status of a refusal for its time: the sender was told that all is well, since sending it
again would not help."""


@dataclass(frozen=True, slots=True)
class Window:
    """The times that are kept: from *oldest* to *newest*, microseconds since 1970."""

    oldest: int
    newest: int

    def holds(self, call: Call) -> bool:
        """Return whether a call is of a time that is kept."""
        return self.oldest <= call.time <= self.newest


def window(now: int, keep: timedelta) -> Window:
    """Return the times that are kept at the time *now*; nothing is older than 1970."""
    return Window(max(0, now - keep // timedelta(microseconds=1)), now + AHEAD)


def expired(numbers: Iterable[int], kept: Window) -> list[int]:
    """Return the days of which all is too old: a day goes as a whole."""
    return [number for number in numbers if (number + 1) * MICROSECONDS_A_DAY <= kept.oldest]


def refusals(calls: Sequence[Call], kept: Window, now: int) -> list[Refusal]:
    """Return why calls outside of the times kept are not taken: one for each kind.

    One for each call would drive out whatever else was refused.
    """
    kinds: dict[tuple[str, bool], list[Call]] = {}
    for call in calls:
        kinds.setdefault((call.source, call.time < kept.oldest), []).append(call)
    return [
        Refusal(
            time=now,
            source=source,
            path="",
            status=SET_ASIDE,
            reason=_reason(found, kept, is_old=is_old),
            content=found[0].event[:MOST_CONTENT],
        )
        for (source, is_old), found in kinds.items()
    ]


def _reason(calls: Sequence[Call], kept: Window, *, is_old: bool) -> str:
    time = calls[0].time
    many = "1 call is" if len(calls) == 1 else f"{len(calls)} calls are"
    why = (
        f"older than what is kept, which begins at {moment(kept.oldest)}"
        if is_old
        else "more than a day ahead of this machine's clock"
    )
    return f"{many} {why}; the first is of {moment(time)}"


def moment(time: int) -> str:
    """Return a time as people write it, to the second, or its number if it is out of all years."""
    try:
        found = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=time)
    except OverflowError:
        return f"{time} microseconds"
    return f"{found:%Y-%m-%d %H:%M:%S} UTC"
