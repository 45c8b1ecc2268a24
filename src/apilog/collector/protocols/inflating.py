"""Inflating: the one coding of a body undone, within bounds that a bomb cannot pass."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from apilog.collector.protocols.refusing import Refused

MAX_INFLATED_BYTES: Final = 64 * 1024 * 1024
"""Largest body after decompression; Moesif's own limit for a batch is 50 MB."""

MAX_RATIO: Final = 200
"""How many times its size a body may inflate to; JSON reaches 20, zlib's most is 1,030."""

FREE_BYTES: Final = 1024 * 1024
"""Bytes that may come out whatever the ratio: a small body of spaces is nobody's attack."""

_SLICE: Final = 64 * 1024
_PIECE: Final = 1024 * 1024
_ZSTD_WINDOW: Final = 23
"""Largest window, as a power of two: RFC 9659 allows HTTP 8 MiB."""


class _Stream(Protocol):
    """A decompression under way."""

    def feed(self, data: bytes, limit: int) -> bytes:
        """Return at most *limit* bytes of what comes out."""

    def more(self, limit: int) -> bytes:
        """Return what comes out without new input, or nothing."""

    @property
    def is_whole(self) -> bool:
        """Whether the stream came to its end, and nothing follows it."""


class TooLong(Refused):
    """Report a body that inflates beyond the length that was asked for; its status is 413."""

    def __init__(self, most: int) -> None:
        super().__init__(413, f"the body is longer than the limit of {most} bytes")


def inflated(body: bytearray, coding: str, *, most: int = MAX_INFLATED_BYTES) -> bytearray:
    """Undo *coding*, the value of ``Content-Encoding``, of *body*, up to *most* bytes.

    Raises:
        TooLong: it has more than *most* bytes.
        Refused: 400 damaged, 413 a bomb, 415 unknown.
    """
    if _is_identity(coding):
        if len(body) > most:
            raise TooLong(most)
        return body
    output = bytearray()
    for piece in pieces(body, coding, most=most):
        output += piece
    return output


def pieces(body: bytearray, coding: str, *, most: int = MAX_INFLATED_BYTES) -> Iterator[bytes]:
    """Give *body* without its *coding*, in pieces of at most a mebibyte.

    One layer of gzip, deflate (with and without its header), br or zstd is undone. Several gzip
    members in a row are refused: no sender makes them, and a body of a million empty ones would
    cost more than its size.

    Raises:
        TooLong, Refused: as for `inflated`, at any piece.
    """
    if _is_identity(coding):
        yield from (bytes(body[start : start + _PIECE]) for start in range(0, len(body), _PIECE))
        return
    name = coding.strip().lower()
    opened = _STREAMS.get(name)
    if opened is None:
        raise Refused(415, "the content encoding must be one of: gzip, deflate, br, zstd, identity")
    try:
        yield from _drained(opened(body), body, most)
    except Refused as refused:
        refused.content = refused.content or bytes(body[:_SLICE])
        raise
    except _errors() as error:
        raise Refused(
            400,
            f"the {name} body is damaged ({type(error).__name__})",
            content=bytes(body[:_SLICE]),
        ) from error


def _is_identity(coding: str) -> bool:
    return coding.strip().lower() in ("", "identity")


def _drained(stream: _Stream, body: bytearray, most: int) -> Iterator[bytes]:
    size = 0
    for start in range(0, len(body), _SLICE):
        given = min(start + _SLICE, len(body))
        piece = stream.feed(bytes(body[start:given]), _PIECE)
        while piece:
            size += len(piece)
            if size > most:
                raise TooLong(most)
            if size > FREE_BYTES and size > MAX_RATIO * given:
                raise Refused(413, f"the body inflates to more than {MAX_RATIO} times its size")
            yield piece
            piece = stream.more(_PIECE)
    if not stream.is_whole:
        raise Refused(400, "the compressed body is cut short, or something follows it")


class _Zlib:
    def __init__(self, window: int) -> None:
        self._stream = zlib.decompressobj(window)

    def feed(self, data: bytes, limit: int) -> bytes:
        if self._stream.eof:
            raise Refused(400, "something follows the compressed body")
        return self._stream.decompress(data, limit)

    def more(self, limit: int) -> bytes:
        return self._stream.decompress(self._stream.unconsumed_tail, limit)

    @property
    def is_whole(self) -> bool:
        return self._stream.eof and not self._stream.unused_data


class _Zstd:
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def feed(self, data: bytes, limit: int) -> bytes:
        if self._stream.eof:
            raise Refused(400, "something follows the compressed body")
        return bytes(self._stream.decompress(data, limit))

    def more(self, limit: int) -> bytes:
        if self._stream.eof or self._stream.needs_input:
            return b""
        return bytes(self._stream.decompress(b"", limit))

    @property
    def is_whole(self) -> bool:
        return bool(self._stream.eof) and not self._stream.unused_data


class _Brotli:
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def feed(self, data: bytes, limit: int) -> bytes:
        if self._stream.is_finished():
            raise Refused(400, "something follows the compressed body")
        return bytes(self._stream.process(data, output_buffer_limit=limit))

    def more(self, limit: int) -> bytes:
        if self._stream.is_finished() or self._stream.can_accept_more_data():
            return b""
        return bytes(self._stream.process(b"", output_buffer_limit=limit))

    @property
    def is_whole(self) -> bool:
        return bool(self._stream.is_finished())


def _gzip(_body: bytearray) -> _Stream:
    return _Zlib(zlib.MAX_WBITS | 16)


def _deflate(body: bytearray) -> _Stream:
    """Tell RFC 1950, which "deflate" means, from the bare RFC 1951 that some clients send."""
    head = int.from_bytes(body[:2], "big")
    has_header = len(body) > 1 and head >> 8 & 0x0F == 8 and head % 31 == 0
    return _Zlib(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)


def _zstd(_body: bytearray) -> _Stream:
    zstd = _zstd_module()
    if zstd is None:
        raise Refused(415, "zstd is not taken here: backports.zstd is not installed")
    options = {zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW}
    return _Zstd(zstd.ZstdDecompressor(options=options))


def _br(_body: bytearray) -> _Stream:
    """Open a brotli stream; versions before 1.2 cannot bound what comes out."""
    brotli = _brotli_module()
    if brotli is None:
        raise Refused(415, "br is not taken here: brotli 1.2 or newer is not installed")
    return _Brotli(brotli.Decompressor())


def _zstd_module() -> Any:
    try:
        from compression import zstd  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        try:
            from backports import zstd
        except ImportError:
            return None
    return zstd


def _brotli_module() -> Any:
    try:
        import brotli
    except ImportError:
        return None
    return brotli if hasattr(brotli.Decompressor, "can_accept_more_data") else None


def _errors() -> tuple[type[Exception], ...]:
    """Return what the streams raise of damaged data."""
    zstd, brotli = _zstd_module(), _brotli_module()
    more = [zstd.ZstdError] if zstd is not None else []
    return (zlib.error, *more, *([brotli.error] if brotli is not None else []))


_STREAMS: Final[dict[str, Callable[[bytearray], _Stream]]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _br,
    "zstd": _zstd,
}
