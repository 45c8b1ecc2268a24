"""The bodies that apps make piece by piece, and the ways in which they read a request."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from conformance_kit.diary import note, raising
from conformance_kit.scenario import Stream


def pieces_of(stream: Stream) -> Iterator[bytes]:
    """Make the chunks one by one, and tell the diary of each."""
    for number, chunk in enumerate(stream.chunks):
        if number == stream.fails_at:
            raise raising(stream.error("in the middle"))
        if stream.pause and number:
            time.sleep(stream.pause)
        note("app made", number)
        yield chunk
    if stream.fails_at == len(stream.chunks):
        raise raising(stream.error("at the end"))


def _generator(stream: Stream) -> Iterator[bytes]:
    try:
        yield from pieces_of(stream)
    except GeneratorExit:
        note("app is left early")
        raise
    finally:
        note("app's generator ended")


class PlainIterable:
    """An iterable that is no iterator and has no close()."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        note("app's iterable is asked for an iterator")
        return pieces_of(self._stream)


class ClosableIterable(PlainIterable):
    """An iterable with a close() that counts."""

    def close(self) -> None:
        note("app is closed")


class IteratorObject:
    """An iterator that is no generator, with close()."""

    def __init__(self, stream: Stream) -> None:
        self._pieces = pieces_of(stream)

    def __iter__(self) -> IteratorObject:
        return self

    def __next__(self) -> bytes:
        return next(self._pieces)

    def close(self) -> None:
        note("app is closed")


class SizedIterable(ClosableIterable):
    """An iterable that knows how many chunks it has."""

    def __len__(self) -> int:
        return len(self._stream.chunks)


class SequenceOnly:
    """An old-fashioned sequence: items by number, no iterator of its own."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def __getitem__(self, number: int) -> bytes:
        return self._stream.chunks[number]


class FailingClose(ClosableIterable):
    """An iterable whose close() raises."""

    def close(self) -> None:
        note("app is closed")
        raise raising(self._stream.error("in close"))


class FailingIter(ClosableIterable):
    """An iterable that gives no iterator."""

    def __iter__(self) -> Iterator[bytes]:
        raise raising(self._stream.error("in iter"))


class BytesSubclass(bytes):
    """What some template engines yield."""


FORMS = {
    "generator": _generator,
    "list": lambda stream: list(stream.chunks),
    "tuple": lambda stream: tuple(stream.chunks),
    "iterable": PlainIterable,
    "closable": ClosableIterable,
    "iterator": IteratorObject,
    "sized": SizedIterable,
    "sequence": SequenceOnly,
    "map": lambda stream: map(bytes, stream.chunks),
    "failing close": FailingClose,
    "failing iter": FailingIter,
    "bytes subclass": lambda stream: [BytesSubclass(chunk) for chunk in stream.chunks],
}


def iterable_of(stream: Stream) -> Iterable[bytes]:
    """Return the body of *stream* in its form."""
    return FORMS[stream.form](stream)


async def async_pieces_of(stream: Stream) -> AsyncIterator[bytes]:
    """Make the chunks one by one, with a chance for others in between."""
    try:
        for number, chunk in enumerate(stream.chunks):
            if number == stream.fails_at:
                raise raising(stream.error("in the middle"))
            await asyncio.sleep(stream.pause if number else 0)
            note("app made", number)
            yield chunk
        if stream.fails_at == len(stream.chunks):
            raise raising(stream.error("at the end"))
    except (GeneratorExit, asyncio.CancelledError):
        note("app is left early")
        raise
    finally:
        note("app's generator ended")


def digest(pieces: Iterable[bytes]) -> bytes:
    """Return a JSON text that tells what was read, and in which pieces."""
    pieces = [bytes(each) for each in pieces]
    whole = b"".join(pieces)
    return json.dumps(
        {
            "sizes": [len(each) for each in pieces],
            "size": len(whole),
            "sha256": hashlib.sha256(whole).hexdigest(),
            "begins": whole[:20].decode("latin-1"),
        }
    ).encode()


def read_stream(stream: Any, how: str, length: int | None) -> list[bytes]:
    """Read a file-like request body in the way called *how*; *length* is None if not announced."""
    if how in ("all", "form", "json"):
        return [stream.read() if length is None else stream.read(length)]
    if how == "to the end":
        return [stream.read()]
    if how == "pieces":
        pieces = []
        left = length
        while left is None or left > 0:
            piece = stream.read(1000 if left is None else min(1000, left))
            if not piece:
                break
            pieces.append(piece)
            left = None if left is None else left - len(piece)
        return pieces
    if how == "lines":
        return list(iter(stream.readline, b""))
    if how == "short lines":
        return list(iter(lambda: stream.readline(5), b""))
    if how == "line list":
        return list(stream.readlines())
    if how == "some lines":
        return list(stream.readlines(8))
    if how == "iterated":
        return list(stream)
    if how == "first line":
        return [next(iter(stream))]
    if how == "some":
        return [stream.read(10)]
    if how == "mixed":
        return [stream.read(3), stream.readline(), stream.read(2), *stream.readlines()]
    if how == "nothing of it":
        return [stream.read(0)]
    if how == "again":
        first = stream.read(10)
        stream.seek(0)
        return [first, stream.read()]
    if how == "into":
        buffer = bytearray(8)
        count = stream.readinto(buffer)
        return [bytes(buffer[:count]), stream.read()]
    if how == "none":
        return []
    raise LookupError(how)
