"""What JSON looks like from afar: enough to tell in one pass what need not be looked for in it."""

from __future__ import annotations

from typing import NamedTuple

_LONG_RUN = b"a" * 16
_CLASSES = {
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+~/": b"a",
    b"-": b"-",
    b":{[": b":",
    b"=%<\\'`" + bytes(range(128, 256)): b"=",
}
_TABLE = bytes(
    next((name[0] for members, name in _CLASSES.items() if code in members), 32)
    for code in range(256)
)


_UUID = b" aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa "
"""What a UUID becomes that is no part of anything longer."""


class Outline(NamedTuple):
    """What `outline` sees: how many colons and opening brackets there are, and what else.

    ``has_runs``: a word, and no UUID, is as long as keys of vendors are at least, and text in
    base64 that is worth a look. ``has_signs``: there are signs for which JSON has no use itself,
    or bytes that are not ASCII.
    """

    marks: int
    has_runs: bool
    has_signs: bool


def outline(encoded: bytes) -> Outline:
    """Return the outline of *encoded*, JSON in UTF-8."""
    classes = encoded.translate(_TABLE)
    return Outline(classes.count(b":"), has_long_run(classes), b"=" in classes)


def has_long_run(classes: bytes) -> bool:
    """Say whether 16 letters or hyphens, at least, stand in a row somewhere, and make no UUID.

    In *classes*, a text, every letter is an ``a``, and what is between words is blank.
    """
    if b"-" in classes:
        classes = classes.replace(_UUID, b" ").replace(b"-", b"a")
    return _LONG_RUN in classes
