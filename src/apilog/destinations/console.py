"""Events as lines on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from apilog.destinations._selection import Filtered, Selection
from apilog.events import Event

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Console(Filtered):
    """Print a line for each event, to standard output unless *stream* says otherwise.

    Control characters are escaped: a logged address must not steer a terminal. ``only``,
    ``exclude`` and ``sample_rate`` are as for `apilog.destinations.Filter`.
    """

    def __init__(self, stream: TextIO | None = None, **selection: Unpack[Selection]) -> None:
        super().__init__(selection)
        self._stream = stream

    def send(self, batch: Sequence[bytes]) -> None:
        """Print *batch*."""
        stream = self._stream if self._stream is not None else sys.stdout
        text = "".join(f"{line(Event.from_json(event))}\n" for event in batch)
        encoding = getattr(stream, "encoding", None) or "utf-8"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()


def line(event: Event) -> str:
    """Return *event* in one line: time, status, verb, address, duration, user."""
    own = event.metadata.get("apilog")
    duration = own.get("duration_ms") if isinstance(own, dict) else None
    words = [
        event.request.time,
        str(event.response.status) if event.response else "---",
        event.request.verb,
        event.request.uri,
        f"{duration:.1f}ms" if isinstance(duration, (int, float)) else "",
        f"user={event.user_id}" if event.user_id else "",
    ]
    text = " ".join(word for word in words if word)
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
