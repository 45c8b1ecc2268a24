"""The request body on its way into a WSGI app: copied as the app reads it, never read ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from apilog.capture import Exchange


class InputTee:
    """Stand in for ``wsgi.input``, hand every call on, and copy what comes back.

    PEP 3333 asks for ``read``, ``readline``, ``readlines`` and iteration; whatever else the
    server's own stream has (``readinto``, ``seek``) is there as well.
    """

    __slots__ = ("_exchange", "_skip", "_stream")

    def __init__(self, stream: Any, exchange: Exchange) -> None:
        self._stream = stream
        self._exchange = exchange
        self._skip = 0

    def read(self, *size: int) -> bytes:
        """Read as the app asked."""
        data: bytes = self._stream.read(*size)
        self._copy(data, to_the_end=_unbounded(size) or not (data or size == (0,)))
        return data

    def readline(self, *size: int) -> bytes:
        """Read a line as the app asked."""
        data: bytes = self._stream.readline(*size)
        self._copy(data, to_the_end=not data and size != (0,))
        return data

    def readlines(self, *hint: int) -> list[bytes]:
        """Read lines as the app asked."""
        lines: list[bytes] = self._stream.readlines(*hint)
        self._copy(b"".join(lines), to_the_end=_unbounded(hint))
        return lines

    def __iter__(self) -> Iterator[bytes]:
        for line in self._stream:
            self._copy(line, to_the_end=False)
            yield line
        self._exchange.request_ended = True

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._stream, name)
        wrap = _FURTHER.get(name)
        return attribute if wrap is None else wrap(self, attribute)

    def _copy(self, data: bytes, *, to_the_end: bool) -> None:
        if to_the_end:
            self._exchange.request_ended = True
        if self._skip:
            again = min(self._skip, len(data))
            self._skip -= again
            data = data[again:]
        self._exchange.request_body.add(data)

    def _copying(self, method: Callable[..., bytes]) -> Callable[..., bytes]:
        def read(*arguments: Any) -> bytes:
            data = method(*arguments)
            self._copy(data, to_the_end=False)
            return data

        return read

    def _filling(self, method: Callable[..., int | None]) -> Callable[..., int | None]:
        def readinto(buffer: Any) -> int | None:
            count = method(buffer)
            self._copy(bytes(memoryview(buffer)[: count or 0]), to_the_end=False)
            return count

        return readinto

    def _seeking(self, method: Callable[..., int]) -> Callable[..., int]:
        def seek(*arguments: int) -> int:
            position = method(*arguments)
            place = self._stream.tell() if position is None else position
            self._skip = max(0, self._exchange.request_body.size - place)
            return position

        return seek


_FURTHER: dict[str, Callable[[InputTee, Any], Any]] = {
    "read1": InputTee._copying,
    "readall": InputTee._copying,
    "readinto": InputTee._filling,
    "readinto1": InputTee._filling,
    "seek": InputTee._seeking,
}


def _unbounded(size: tuple[int, ...]) -> bool:
    return not size or size[0] is None or size[0] < 0
