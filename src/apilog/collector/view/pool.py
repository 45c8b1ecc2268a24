"""Threads in which the store is asked, so that no question holds up the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from apilog.collector.store.protocol import StoreBusy

T = TypeVar("T")

THREADS: Final = 4
"""Questions at a time. SQLite answers most within a millisecond, and two cores do no more."""

MAX_WAITING: Final = 64
"""Questions that wait for a thread; of more, one is told to come again."""


class Pool:
    """Ask the store in one of a few threads."""

    def __init__(self, *, threads: int = THREADS, waiting: int = MAX_WAITING) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="apilog-view")
        self._limit = threads + waiting
        self._asked = 0

    async def ask(self, question: Callable[[], T]) -> T:
        """Return what *question* returns, or raise what it raises.

        Raises:
            StoreBusy: too many wait already.
        """
        if self._asked >= self._limit:
            raise StoreBusy("too many questions at once; ask again")
        future = asyncio.get_running_loop().run_in_executor(self._threads, question)
        self._asked += 1
        future.add_done_callback(self._answered)
        return await asyncio.shield(future)

    def close(self) -> None:
        """End the threads, after what they are asked now."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _answered(self, future: asyncio.Future[T]) -> None:
        self._asked -= 1
        if not future.cancelled():
            future.exception()  # whoever asked may be gone, and then nobody else looks at it
