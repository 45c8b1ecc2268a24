"""The framing of a response: where its body ends for the client (RFC 9112 section 6.3)."""

from __future__ import annotations

from apilog.headers import HeaderLines, content_length, find

_BODILESS = frozenset({204, 304})


def announced_length(verb: str, status: int, headers: HeaderLines) -> int | None:
    """Return how many bytes of body the client waits for after it has the head of a response.

    None where the head does not say: then the client waits for what the server writes after the
    body, the last chunk's mark or the end of the connection. A length that is no number says
    nothing.
    """
    if verb == "HEAD" or status in _BODILESS or 100 <= status < 200:
        return 0
    return content_length({"content-length": find(headers, "content-length").strip(" \t")})
