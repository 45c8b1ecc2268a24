"""Moesif and what speaks its protocol: https://www.moesif.com/docs/api."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b

from apilog import codec, moments
from apilog.delivery import Limits
from apilog.exceptions import ConfigError

_KEY = re.compile(r"[!-~]+")

_PIECE = 65_536
"""Bytes that are compressed at once: less costs calls, more costs fresh memory."""


_TELLING = 512
"""Bytes at each end of an event by which it is told from others."""


class Batches:
    """Post events to ``/v1/events/batch``, compressed.

    The transport, and httpx with it, is imported when a destination is made: not with apilog, which
    must load fast, and not at the first event, which may come while the process forks.
    """

    limits = Limits(event_bytes=1_000_000, batch_bytes=12_000_000)

    def __init__(self, base_url: str, headers: dict[str, str]) -> None:
        from apilog.destinations._http import HttpTransport

        self._transport = HttpTransport(base_url, headers)
        self._base_url = base_url

    def send(self, batch: Sequence[bytes]) -> None:
        """Deliver *batch*; events keep their ``transaction_id`` however often they are sent."""
        self._transport.post("/v1/events/batch", _array(batch), self._marks(batch))

    def _marks(self, batch: Sequence[bytes]) -> Mapping[str, str]:
        """Return the headers that only this batch has."""
        return {}

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self._base_url}>"


class Moesif(Batches):
    """Moesif's collector, or a server that speaks its protocol.

    Args:
        application_id: the key that Moesif gave the application; it is sent as a header only.
        base_url: where the API lives; a path before ``/v1`` is kept.
    """

    def __init__(self, application_id: str, *, base_url: str = "https://api.moesif.net") -> None:
        if not isinstance(application_id, str) or not _KEY.fullmatch(application_id):
            raise ConfigError(
                "application_id: missing, or not printable ASCII without spaces; "
                "copy it from Moesif's settings"
            )
        super().__init__(base_url, {"X-Moesif-Application-Id": application_id})


class Collector(Batches):
    """An apilog collector (``apilog serve``).

    ``X-Apilog-Batch-Id`` is the same whenever the same events are sent again.
    """

    def __init__(self, base_url: str) -> None:
        super().__init__(base_url, {})
        self._sender = (0, "")

    def report(self, account: Mapping[str, object]) -> None:
        """Tell the collector how this process' account stands, so that losses can be seen there."""
        if self._sender[0] != os.getpid():
            self._sender = (os.getpid(), moments.unique_id(time.time()))
        said = {"sender": self._sender[1], **account}
        self._transport.post("/v1/losses", [codec.dumps(said)])

    def _marks(self, batch: Sequence[bytes]) -> Mapping[str, str]:
        digest = blake2b(digest_size=16)
        for event in batch:  # by both ends, where its times and its id stand
            digest.update(b"%d:" % len(event))
            digest.update(event[:_TELLING])
            digest.update(event[-_TELLING:])
        return {"X-Apilog-Batch-Id": digest.hexdigest()}


def _array(batch: Sequence[bytes]) -> Iterator[bytes]:
    """Give *batch* as a JSON array, piece by piece: large batches are never copied as a whole."""
    yield b"["
    waiting: list[bytes] = []
    size = 0
    for event in batch:
        waiting.append(event)
        size += len(event)
        if size > _PIECE:
            yield b",".join(waiting)
            waiting, size = [b""], 0
    yield b",".join(waiting) + b"]"
