"""Progress: how far something has come, as a bar on a terminal, or in a line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TextIO

from apilog.terminal import escaped, say

BETWEEN_LINES = 10.0
"""Seconds between two lines where there is no terminal."""


class Progress(Protocol):
    """Shows progress."""

    def show(self, done: int, counts: str) -> None:
        """Show that *done* of all are done, and *counts*."""

    def tell(self, text: str) -> None:
        """Show a line of *text*."""


def progress(
    stream: TextIO, total: int, *, wanted: bool = True
) -> AbstractContextManager[Progress]:
    """Return what shows how much of *total* is done: a bar where *stream* is a terminal.

    The bar needs rich (``pip install 'apilog[cli]'``); without it there are lines.
    """
    if wanted and stream.isatty():
        try:
            return _bar(stream, total)
        except ImportError:
            pass
    return _lines(stream, total, wanted=wanted)


class Lines:
    """Progress in lines, one every `BETWEEN_LINES` seconds at most."""

    def __init__(
        self,
        stream: TextIO,
        total: int,
        *,
        wanted: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._total = total
        self._wanted = wanted
        self._clock = clock
        self._next = clock() + BETWEEN_LINES

    def show(self, done: int, counts: str) -> None:
        """Print a line, if it is time for one."""
        if self._wanted and self._clock() >= self._next:
            self._next = self._clock() + BETWEEN_LINES
            self.tell(f"{percent(done, self._total)}: {counts}")

    def tell(self, text: str) -> None:
        """Print *text*."""
        say(f"apilog: {escaped(text)}\n", self._stream)


@contextmanager
def _lines(stream: TextIO, total: int, *, wanted: bool) -> Iterator[Progress]:
    yield Lines(stream, total, wanted=wanted)


def _bar(stream: TextIO, total: int) -> AbstractContextManager[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    @contextmanager
    def bar() -> Iterator[Progress]:
        console = Console(file=stream, highlight=False, markup=False, emoji=False)
        columns = (
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TextColumn("{task.description}", markup=False),
            TimeRemainingColumn(),
        )
        with RichProgress(*columns, console=console) as shown:
            console.show_cursor(True)  # a process that is killed would leave it hidden
            task = shown.add_task("", total=max(total, 1))

            class Bar:
                def show(self, done: int, counts: str) -> None:
                    shown.update(task, completed=done, description=counts)

                def tell(self, text: str) -> None:
                    console.print(f"apilog: {escaped(text)}", soft_wrap=True)

            yield Bar()

    return bar()


def percent(done: int, total: int) -> str:
    """Return a share as people read it: ``42 %``."""
    return f"{min(100, done * 100 // max(total, 1))} %"
