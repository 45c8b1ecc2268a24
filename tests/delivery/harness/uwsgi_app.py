"""The app as uWSGI loads it: from a file, by a name, in a process that it started itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from harness.apps import wsgi_app
from harness.servers import ordered_client

_app = wsgi_app(ordered_client())


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Send an answer of no known length in chunks (RFC 9112 section 7.1).

    uWSGI leaves that to what stands in front of it, and nothing does here.
    """
    is_chunked = False

    def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        nonlocal is_chunked
        is_chunked = not any(name == "Content-Length" for name, _ in headers)
        chunked = [("Transfer-Encoding", "chunked")] if is_chunked else []
        return start_response(status, [*headers, *chunked], *rest)

    answer = _app(environ, start)
    return _chunks(answer) if is_chunked else answer


def _chunks(answer: Iterable[bytes]) -> Iterator[bytes]:
    try:
        for piece in answer:
            yield b"%x\r\n%s\r\n" % (len(piece), piece)
        yield b"0\r\n\r\n"
    finally:
        getattr(answer, "close", lambda: None)()
