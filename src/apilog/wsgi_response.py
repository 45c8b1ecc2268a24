"""The response on its way out of a WSGI app: handed on chunk by chunk, and copied on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Protocol

from apilog.capture import Exchange, current


class Ending(Protocol):
    """What a tee tells of its response."""

    exchange: Exchange

    def fail(self, error: BaseException) -> None:
        """Hear of an exception of the app's."""

    def end(self, *, ask: bool = True) -> None:
        """Hear that nothing more will come; *ask* says whether hooks may be asked here."""


class EarlyEnding(Ending, Protocol):
    """What a tee tells before it hands anything on."""

    def take(self, chunk: bytes, *, is_only: bool = False) -> None:
        """Hear of the next chunk, and whether there will be another one."""

    def settle(self) -> None:
        """Hear that there are no more chunks."""


class ResponseTee:
    """Pass a WSGI response on, chunk by chunk, and copy it on the way.

    The exchange ends in ``close()``: PEP 3333 promises that call for finished, failed and abandoned
    responses alike. The clock stops with the last chunk. Only while the app's own code runs is its
    exchange the current one: a thread may serve several responses by turns.
    """

    __slots__ = ("__weakref__", "_call", "_copy", "_exchange", "_iterable", "_next")

    def __init__(self, call: Ending, iterable: Iterable[bytes]) -> None:
        self._call = call
        self._exchange = call.exchange
        self._copy = call.exchange.response_body.add
        self._iterable = iterable
        self._next: Callable[[], bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        if self._next is None:  # an iterator gives itself, however often it is asked
            before = current.get()
            current.set(self._exchange)
            try:
                self._next = iter(self._iterable).__next__
            except BaseException as error:
                self._call.fail(error)
                raise
            finally:
                current.set(before)
        return self

    def __next__(self) -> bytes:
        if self._next is None:
            iter(self)
        before = current.get()
        current.set(self._exchange)
        try:
            chunk = self._next()  # type: ignore[misc]
        except StopIteration:
            self._exchange.finish()
            raise
        except BaseException as error:
            self._call.fail(error)
            raise
        finally:
            current.set(before)
        if self._exchange.ttfb is not None:
            self._copy(chunk)
        elif chunk:
            self._exchange.body_sent(chunk)
        return chunk

    def close(self) -> None:
        """Close the app's own iterable, as PEP 3333 asks, and end the exchange."""
        before = current.get()
        current.set(self._exchange)
        try:
            close = getattr(self._iterable, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            self._call.fail(error)
            raise
        finally:
            self._call.end()
            current.set(before)

    def __del__(self) -> None:
        """End the exchange for a server that breaks the promise to call ``close()``."""
        self._call.end(ask=False)  # any thread may be the one that finds it forgotten


class SizedResponseTee(ResponseTee):
    """A tee of a response with a length, from which servers derive ``Content-Length``."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._iterable)  # type: ignore[arg-type]


class EarlyResponseTee(ResponseTee):
    """A tee that ends the exchange before it hands on the chunk that completes the response.

    Where no chunk does, the server itself writes the end once it was told that there are no more:
    then the exchange ends before it is told.
    """

    __slots__ = ("_early_call",)

    has_one_chunk = False

    def __init__(self, call: EarlyEnding, iterable: Iterable[bytes]) -> None:
        super().__init__(call, iterable)
        self._early_call = call

    def __next__(self) -> bytes:
        if self._next is None:
            iter(self)
        before = current.get()
        current.set(self._exchange)
        try:
            chunk = self._next()  # type: ignore[misc]
        except StopIteration:
            self._early_call.settle()
            raise
        except BaseException as error:
            self._call.fail(error)
            raise
        else:
            self._early_call.take(chunk, is_only=self.has_one_chunk)
        finally:
            current.set(before)
        return chunk


class EarlySizedResponseTee(EarlyResponseTee, SizedResponseTee):
    """An early tee of a response with a length; of one with a single chunk that chunk is the last.

    Servers then derive ``Content-Length`` from it (PEP 3333, "Handling the Content-Length Header").
    """

    __slots__ = ("has_one_chunk",)

    def __init__(self, call: EarlyEnding, iterable: Iterable[bytes]) -> None:
        super().__init__(call, iterable)
        self.has_one_chunk = False
        with suppress(Exception):  # of the app's own `__len__`
            self.has_one_chunk = len(self) == 1
