"""The consignment: what is left of one batch, and in which pieces it is offered."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from apilog import codec
from apilog.codec import JSON
from apilog.mask_record import omit
from apilog.updates import is_update, subject

_END = 2_048
"""Characters that stay at each end of a text for which an event was too large."""

Settle: TypeAlias = Callable[[Sequence[bytes], "str | None"], None]
"""Takes events that have their last place, and the reason if that is not the endpoint."""


@dataclass(slots=True, kw_only=True)
class Piece:
    """Events offered together, by their places in the batch."""

    places: tuple[int, ...]
    strikes: int = 0
    """How often exactly this was answered with 5xx."""
    passed_before: int = 0
    """How many pieces had arrived when the endpoint began to answer with 5xx."""

    def __len__(self) -> int:
        return len(self.places)


class Consignment:
    """Keep account of one batch until every event is settled, exactly once.

    Pieces are offered in the order of the batch. An event refused alone is only a *suspect* until
    another one passes: while nothing does, it may not be the events.

    What is told of one user keeps its order: an update that arrives before an older one is offered
    again after that one, which would take its place.
    """

    def __init__(self, batch: Sequence[bytes], settle: Settle, *, largest: int) -> None:
        self._originals = tuple(batch)
        self._events = list(batch)
        self._settle = settle
        self._open = dict.fromkeys(range(len(batch)))
        self._waiting: deque[Piece] = deque()
        self._suspects: list[int] = []
        self._passed = 0
        self._tells = any(map(is_update, batch))
        self.hunting = False
        """Whether an event is looked for that the endpoint answers with 5xx."""
        self.stuck = 0.0
        """Seconds waited after answers of 5xx since anything was settled."""
        self._bound(largest)

    def __len__(self) -> int:
        return len(self._open)

    @property
    def is_lone(self) -> bool:
        """Whether there never was another event to compare with."""
        return len(self._originals) == 1

    @property
    def is_whole(self) -> bool:
        """Whether nothing of it is settled."""
        return len(self._open) == len(self._originals)

    @property
    def has_passed(self) -> bool:
        """Whether the endpoint took a piece of it."""
        return self._passed > 0

    def take(self, max_bytes: int, max_events: int) -> Piece | None:
        """Take the next piece, cut to these bounds but never below one event; None: all offered."""
        if not self._waiting:
            return None
        piece = self._waiting.popleft()
        count, size = 0, 1
        for place in piece.places[:max_events]:
            size += len(self._events[place]) + 1
            if size > max_bytes and count:
                break
            count += 1
        if count < len(piece):
            rest = Piece(places=piece.places[count:], passed_before=piece.passed_before)
            self._waiting.appendleft(rest)
            piece = replace(piece, places=piece.places[:count])
        return piece

    def take_alone(self, choose: Callable[[Sequence[bytes]], int]) -> Piece:
        """Take the one event that *choose* names by its place among all that are left."""
        left = list(self._open)
        return Piece(places=(left[choose([self._originals[place] for place in left])],))

    def events(self, piece: Piece) -> tuple[bytes, ...]:
        """Return the events of *piece* as they are to be sent."""
        return tuple(self._events[place] for place in piece.places)

    def size(self, piece: Piece) -> int:
        """Return the bytes of *piece* as a JSON array."""
        return sum(len(self._events[place]) + 1 for place in piece.places) + 1

    def put_back(self, piece: Piece) -> None:
        """Offer *piece* again, before anything else."""
        self._waiting.appendleft(piece)

    def put_last(self, piece: Piece) -> None:
        """Offer *piece* again, after everything else."""
        self._waiting.append(piece)

    def split(self, piece: Piece) -> None:
        """Offer *piece* in two halves; suspect an event that is alone."""
        if len(piece) == 1:
            self._suspects.extend(piece.places)
            return
        middle = (len(piece) + 1) // 2
        for half in (piece.places[middle:], piece.places[:middle]):
            self._waiting.appendleft(Piece(places=half, passed_before=piece.passed_before))

    def strike(self, piece: Piece, pause: float) -> None:
        """Note one more 5xx for *piece*, after which *pause* seconds pass."""
        if not piece.strikes and not self.hunting:
            piece.passed_before = self._passed
        piece.strikes += 1
        self.stuck += pause

    def saw_others_pass(self, piece: Piece) -> bool:
        """Say whether others have passed since *piece* had trouble."""
        return self._passed > piece.passed_before

    def accept(self, piece: Piece) -> int:
        """Settle *piece* as delivered and the suspects as refused; return how many these were."""
        self._passed += 1
        refused = self.condemn()
        if early := self._early(piece):
            self.put_last(Piece(places=early))
        self._close([place for place in piece.places if place not in early], None)
        return refused

    def _early(self, piece: Piece) -> tuple[int, ...]:
        """Return what of *piece* is about somebody of whom older news are still to be sent."""
        if not self._tells:
            return ()
        last = max(piece.places)
        older = [place for place in self._open if place < last and place not in piece.places]
        awaited = {subject(self._originals[place]): place for place in reversed(older)}
        awaited.pop(None, None)
        if not awaited:
            return ()
        whom = ((place, subject(self._originals[place])) for place in piece.places)
        return tuple(place for place, one in whom if awaited.get(one, place) < place)

    def refuse(self, piece: Piece) -> int:
        """Settle *piece* as refused; return how many events that were."""
        self._close(piece.places, "rejected")
        return len(piece)

    @property
    def suspects(self) -> list[bytes]:
        """Events that were refused alone, while nothing else passed."""
        return [self._originals[place] for place in self._suspects]

    def suspect(self, places: Iterable[int]) -> None:
        """Add to the suspects."""
        self._suspects.extend(places)

    def condemn(self) -> int:
        """Settle the suspects as refused; return how many these were."""
        refused, self._suspects = self._suspects, []
        self._close(refused, "rejected")
        return len(refused)

    def rejoin(self) -> None:
        """Offer all that is left again, in one piece and in its order."""
        self._waiting = deque([Piece(places=tuple(self._open))] if self._open else [])
        self._suspects = []
        self.hunting = False

    def lighten(self, piece: Piece) -> bool:
        """Take most of the bodies off the only event of *piece*; say whether it had any."""
        (place,) = piece.places
        lighter = lightened(self._events[place])
        if lighter is None:
            return False
        self._events[place] = lighter
        return True

    def give_up(self, reason: str) -> int:
        """Settle all that is left for *reason*; return how many these were."""
        left = tuple(self._open)
        self._waiting.clear()
        self._suspects = []
        self._close(left, reason)
        return len(left)

    def _bound(self, largest: int) -> None:
        """Lighten events of more than *largest* bytes, and settle those for which it is in vain."""
        for place, event in enumerate(self._originals):
            if len(event) > largest:
                self.lighten(Piece(places=(place,)))
        in_vain = [place for place in self._open if len(self._events[place]) > largest]
        self._close(in_vain, "event_too_large")
        self.rejoin()

    def _close(self, places: Sequence[int], reason: str | None) -> None:
        for place in places:
            del self._open[place]
        if places:
            self.stuck = 0.0
            self._settle(tuple(self._originals[place] for place in places), reason)


def lightened(event: bytes) -> bytes | None:
    """Return *event* with less in its bodies; None if it has none.

    Of a long text whole lines stay at both ends. Other bodies go, and those of a second time: half
    a JSON text is none. The event says so.
    """
    try:
        document = codec.loads(event)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    lighter = False
    for side in ("request", "response"):
        message = document.get(side)
        if not isinstance(message, dict) or message.get("body") is None:
            continue
        ends = None if message.get("transfer_encoding") else _both_ends(message.pop("body"))
        if ends is not None:
            message["body"] = ends
        else:
            message.pop("body", None)
            message.pop("transfer_encoding", None)
            omit(document, side, "too_large")
        lighter = True
    return codec.dumps(document) if lighter else None


def _both_ends(body: JSON) -> str | None:
    """Return the whole lines at both ends of a long text, or None for what is none."""
    if not isinstance(body, str) or len(body) <= 3 * _END:
        return None
    head, tail = body[:_END].rpartition("\n")[0], body[-_END:].partition("\n")[2]
    if not head and not tail:
        return None
    left_out = len(body.encode()) - len(head.encode()) - len(tail.encode())
    return f"{head}\n[... {left_out} bytes left out ...]\n{tail}"
