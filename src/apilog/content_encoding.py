"""Undoing ``Content-Encoding`` with a bounded output, so that a bomb costs no more than a body.

gzip and deflate come with Python; ``br`` is read when `brotli` 1.2 or newer is installed and
``zstd`` when `zstandard` is. RFC 9110 section 8.4 names the codings and their order.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping

_MOST_CODINGS = 3
"""Codings undone of one body: there are bytes that decompress to themselves, for ever."""

_ZSTD_WINDOW = 8 * 1024 * 1024
"""Largest zstd window taken, in bytes: what RFC 8878 asks every HTTP decoder to support."""


class UnsupportedEncodingError(ValueError):
    """Report a content coding that cannot be undone here."""


def decoded(body: bytes, content_encoding: str, limit: int) -> bytes:
    """Return *body* with every coding in *content_encoding* undone, last one first.

    Raises:
        UnsupportedEncodingError: a coding is unknown, or its library is not installed.
        ValueError: the body is not what the header says, or cut short.
        OverflowError: more than *limit* bytes would come out.
    """
    named = [each.strip().lower() for each in content_encoding.split(",")]
    codings = [each for each in named if each not in ("", "identity")]
    if len(codings) > _MOST_CODINGS:
        raise UnsupportedEncodingError(f"{len(codings)} codings")
    for coding in reversed(codings):
        decoder = _DECODERS.get(coding)
        if decoder is None:
            raise UnsupportedEncodingError(coding)
        body = decoder(body, limit)
        if len(body) > limit:
            raise OverflowError(f"more than {limit} bytes")
    return body


def _gunzipped(body: bytes, limit: int) -> bytes:
    return _inflated(body, limit, zlib.MAX_WBITS | 16)


def _deflated(body: bytes, limit: int) -> bytes:
    """Undo ``deflate``: RFC 9110 defines it with a zlib wrapper, some servers send it without."""
    try:
        return _inflated(body, limit, zlib.MAX_WBITS)
    except ValueError:
        return _inflated(body, limit, -zlib.MAX_WBITS)


def _inflated(body: bytes, limit: int, wbits: int) -> bytes:
    inflater = zlib.decompressobj(wbits)
    try:
        text = inflater.decompress(body, limit + 1)
    except zlib.error as error:
        raise ValueError("corrupt") from error
    if len(text) <= limit and (inflater.unused_data or not inflater.eof):
        raise ValueError("not one whole stream")
    return text


def _unbrotlied(body: bytes, limit: int) -> bytes:
    try:
        import brotli
    except ImportError as error:
        raise UnsupportedEncodingError("br") from error
    decompressor = brotli.Decompressor()
    try:
        text: bytes = decompressor.process(body, output_buffer_limit=limit + 1)
    except TypeError as error:  # an older brotli, which cannot bound its output
        raise UnsupportedEncodingError("br") from error
    except brotli.error as error:
        raise ValueError("corrupt") from error
    if not decompressor.is_finished() and len(text) <= limit:
        raise ValueError("cut short")
    return text


def _unzstded(body: bytes, limit: int) -> bytes:
    try:
        import zstandard
    except ImportError as error:
        raise UnsupportedEncodingError("zstd") from error
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    try:
        text: bytes = decompressor.stream_reader(body).read(limit + 1)
        if len(text) <= limit:  # now that its size is known, a reader without bounds says the rest
            frame = decompressor.decompressobj()
            frame.decompress(body)
            if frame.unused_data or not frame.eof:
                raise ValueError("not one whole frame")
    except zstandard.ZstdError as error:
        raise ValueError("corrupt") from error
    return text


_DECODERS: Mapping[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gunzipped,
    "x-gzip": _gunzipped,
    "deflate": _deflated,
    "br": _unbrotlied,
    "zstd": _unzstded,
}
