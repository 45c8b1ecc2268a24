"""What Moesif says from afar: documents that a tag tells the version of, fetched off every path."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from apilog import codec
from apilog.codec import JSON
from apilog.exceptions import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from apilog.destinations._http import HttpTransport

TIMEOUT = 5.0
"""Seconds that one answer may take; no event waits for it."""

LONGEST = 4 * 1024 * 1024
"""Bytes of a document; a longer one is not read."""

SOONEST = 60.0
LATEST = 300.0
"""Seconds between two requests for a document: after a tag that is not known, and without any."""

MISSING = frozenset({404, 405, 410, 501})
"""Answers of a server that lacks a part of Moesif's protocol."""

_LONGEST_PAUSE = 900.0
"""Seconds between two requests while they fail: each failure doubles the pause up to this."""


class RemoteDocument:
    """A document and its version.

    Args:
        path: where it is, below the base URL.
        tag: the header that names the version, in answers of all kinds.
        take: takes the document, decoded.
    """

    def __init__(
        self,
        path: str,
        tag: str,
        take: Callable[[JSON], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._tag = tag
        self._take = take
        self._clock = clock
        self._known: str | None = None
        self._heard: str | None = None
        self._asked: float | None = None
        self._failures = 0

    def hear(self, headers: Mapping[str, str]) -> None:
        """Take note of the version that any answer names."""
        self._heard = headers.get(self._tag) or self._heard

    @property
    def is_due(self) -> bool:
        """Whether it is time to ask for it."""
        if self._asked is None:
            return True
        passed = self._clock() - self._asked
        if self._failures:
            return passed >= min(SOONEST * 2.0 ** min(self._failures - 1, 10), _LONGEST_PAUSE)
        is_old = self._heard is not None and self._heard != self._known
        return passed >= (SOONEST if is_old else LATEST)

    def fetch(self, transport: HttpTransport) -> None:
        """Ask for it, unless it is what is known already.

        Raises:
            DeliveryError: there is no answer, or one that cannot be used; the next request has its
                time.
        """
        self._asked = self._clock()
        self._failures += 1
        headers = {} if self._known is None else {"If-None-Match": self._known}
        answer = transport.get(self._path, headers)
        if answer.status in MISSING:  # a server that has no such thing says nothing new
            self._failures = 0
            return
        if answer.status not in (200, 304):
            raise DeliveryError(f"{answer.status} for {self._path}")
        if answer.status == 200:
            if len(answer.body) >= LONGEST:
                raise DeliveryError(f"{self._path} is too long")
            try:
                document = codec.loads(answer.body)
            except ValueError as error:
                raise DeliveryError(f"{self._path} is no JSON") from error
            self._take(document)
            self._known = answer.headers.get(self._tag) or answer.headers.get("etag")
        self._heard = self._known
        self._failures = 0


class Refresher:
    """Fetch documents that are due on a thread that lives as long as it takes.

    Nobody waits for it: neither events nor the end of the process, which a hanging server would
    else hold up. A second one never starts while one runs.
    """

    def __init__(
        self,
        transport: HttpTransport,
        documents: list[RemoteDocument],
        failed: Callable[[str], None],
    ) -> None:
        self._transport = transport
        self._documents = documents
        self._failed = failed
        self._claims: dict[int, object] = {}
        """Who fetches, by process: a fork does not copy the thread."""

    def refresh(self) -> None:
        """Start fetching what is due, if nothing is being fetched."""
        if not any(each.is_due for each in self._documents):
            return
        claim, process = object(), os.getpid()
        if self._claims.setdefault(process, claim) is not claim:  # in one step, for all threads
            return
        due = [each for each in self._documents if each.is_due]
        thread = threading.Thread(
            target=self._fetch, args=(due,), name="apilog-config", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # no threads here, or the interpreter is going down
            del self._claims[process]

    def _fetch(self, due: list[RemoteDocument]) -> None:
        try:
            for document in due:
                try:
                    document.fetch(self._transport)
                except DeliveryError as error:
                    self._failed(str(error))
        except BaseException as error:  # noqa: BLE001 - a thread of ours says nothing on stderr
            self._failed(type(error).__name__)
        finally:
            self._transport.close()
            self._claims.pop(os.getpid(), None)
