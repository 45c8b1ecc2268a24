"""Patience: calls of the user's own functions, which may hang, without hanging with them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

_Call: TypeAlias = "tuple[Callable[..., Any], tuple[Any, ...]]"

_MOST_HANGING = 3
"""Calls that may hang at the same time; later ones are given up at once, until one comes back."""


class Patience:
    """Call functions on a thread of their own, and wait at most so many *seconds* for each.

    A call that takes longer goes on, but nobody waits for it: there is no way to end it.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.renew()

    def renew(self) -> None:
        """Begin without threads: at first, and in a forked child, which has none."""
        self._caller: _Caller | None = None
        self._hanging: list[_Caller] = []

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what *function* returns.

        Raises:
            TimeoutError: it takes too long.
            BaseException: whatever *function* raises.
        """
        self._hanging = [each for each in self._hanging if not each.is_back]
        if len(self._hanging) >= _MOST_HANGING:
            raise TimeoutError("too many calls hang")
        caller, self._caller = self._caller or _started(), None
        if caller is None:  # no threads here, or the interpreter is going down
            return function(*arguments)
        try:
            result = caller.call(function, arguments, self._seconds)
        except Empty:
            self._hanging.append(caller)
            raise TimeoutError(f"no answer within {self._seconds:g} s") from None
        self._caller = caller
        return result()


class _Caller:
    """A thread that makes one call after the other, as long as this object is held."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._results: SimpleQueue[Callable[[], Any]] = SimpleQueue()

    def start(self) -> None:
        queues = (self._calls, self._results)  # not this object, which would then live for ever
        threading.Thread(target=_serve, args=queues, name="apilog-caller", daemon=True).start()

    def call(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], seconds: float
    ) -> Callable[[], Any]:
        """Return a function that gives the result, or raises what the call raised."""
        self._calls.put((function, arguments))
        return self._results.get(timeout=seconds)

    @property
    def is_back(self) -> bool:
        """Whether a call that nobody waited for has come to its end."""
        return not self._results.empty()

    def __del__(self) -> None:
        with suppress(Exception):
            self._calls.put(None)  # never blocks, in no finaliser and in no forked child


def _serve(calls: SimpleQueue[_Call | None], results: SimpleQueue[Callable[[], Any]]) -> None:
    while (call := calls.get()) is not None:
        results.put(_outcome(*call))
        del call


def _outcome(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Callable[[], Any]:
    try:
        value = function(*arguments)
    except BaseException as error:  # noqa: BLE001 - raised again where somebody waits for it
        failure = error

        def fail() -> Any:
            raise failure

        return fail
    return lambda: value


def _started() -> _Caller | None:
    caller = _Caller()
    try:
        caller.start()
    except RuntimeError:
        return None
    return caller
