"""What a value of an option may be, from code and from the environment."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from apilog import pattern_check
from apilog.field_paths import FieldPaths, is_path
from apilog.proxies import Network

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_SHORTEST_KEY = 16
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


@dataclass(frozen=True, slots=True)
class Kind:
    """How an option is read: *parse* takes a value from code, *from_text* one from the environment.

    Both raise ValueError; *expected* ends the sentence "expected ...".
    """

    expected: str
    parse: Callable[[Any], Any]
    from_text: Callable[[str], Any]
    is_secret: bool = False
    """Whether an error must not show the value."""


def flag() -> Kind:
    """True or False; in the environment 1, true, yes, on and their opposites."""

    def parse(value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError("not a boolean")
        return value

    def from_text(text: str) -> bool:
        word = text.strip().lower()
        if word not in _TRUE | _FALSE:
            raise ValueError("not a boolean")
        return word in _TRUE

    return Kind("True or False (1 or 0 in the environment)", parse, from_text)


def whole(low: int, high: int) -> Kind:
    """A whole number from *low* to *high*."""

    def parse(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError("out of bounds")
        return value

    return Kind(f"a whole number from {low} to {high}", parse, lambda text: parse(int(text)))


def number(low: float, high: float) -> Kind:
    """A number from *low* to *high*."""

    def parse(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError("not a number")
        if not low <= value <= high:
            raise ValueError("out of bounds")
        return float(value)

    return Kind(f"a number from {low:g} to {high:g}", parse, lambda text: parse(float(text)))


def rate() -> Kind:
    """A share from 0 to 1, or a function that gives one."""
    share = number(0, 1)

    def parse(value: Any) -> Any:
        return value if callable(value) else share.parse(value)

    return Kind(
        "a number from 0 to 1, or a function of (request, response)", parse, share.from_text
    )


def listed(expected: str, parse_one: Callable[[Any], Any], *, divider: str = ",") -> Kind:
    """A sequence of values that *parse_one* takes; in the environment divided by *divider*."""

    def parse(value: Any) -> tuple[Any, ...]:
        if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
            raise ValueError("not a list")
        return tuple(parse_one(each) for each in value)

    def from_text(text: str) -> tuple[Any, ...]:
        return tuple(parse_one(each.strip()) for each in text.split(divider) if each.strip())

    return Kind(expected, parse, from_text)


def text(expected: str, pattern: re.Pattern[str] | None = None) -> Kind:
    """A string that is not empty, or None."""

    def parse(value: Any) -> str | None:
        if value is None:
            return None
        if (
            not isinstance(value, str)
            or not value.strip()
            or (pattern and not pattern.fullmatch(value))
        ):
            raise ValueError("not fit")
        return value

    return Kind(expected, parse, parse)


def path(example: str) -> Kind:
    """The path of a file or a directory, which need not exist yet, or None."""

    def parse(value: Any) -> str | None:
        if value is None:
            return None
        path = os.fspath(value)
        if not isinstance(path, str) or not path.strip() or "\0" in path:
            raise ValueError("not a path")
        return path

    return Kind(f"a path such as '{example}', or None", parse, parse)


def choice(*words: str) -> Kind:
    """One of a few words."""

    def parse(value: Any) -> str:
        if value not in words:
            raise ValueError("no such word")
        return str(value)

    return Kind(" or ".join(map(repr, words)), parse, parse)


def header_name() -> Kind:
    """A header name (RFC 9110 section 5.1), or None."""
    return text("a header name such as 'X-Request-Id', or None", _TOKEN)


def names() -> Kind:
    """Names, in any spelling; no paths."""

    def parse_one(value: Any) -> str:
        if (
            not isinstance(value, str)
            or not any(map(str.isalnum, value))
            or value.startswith("/")
            or "." in value
        ):
            raise ValueError("not a name")
        return value

    return listed("a list of plain names such as ['tax_number', 'X-Internal-Key']", parse_one)


def places() -> Kind:
    """Names in any spelling, dotted paths, JSON pointers."""

    def parse_one(value: Any) -> str:
        if not isinstance(value, str) or not any(char.isalnum() or char == "*" for char in value):
            raise ValueError("not a name")
        if is_path(value):
            FieldPaths([value])
        return value

    return listed(
        "a list of names, dotted paths and JSON pointers such as"
        " ['tax_number', 'user.address.zip', '/items/*/price']",
        parse_one,
    )


def key() -> Kind:
    """Bytes that only their owner knows, or None; text stands for its UTF-8."""

    def parse(value: Any) -> bytes | None:
        if value is None:
            return None
        value = value.encode() if isinstance(value, str) else value
        if not isinstance(value, bytes) or len(value) < _SHORTEST_KEY:
            raise ValueError("not a key")
        return value

    return Kind(f"a secret key of at least {_SHORTEST_KEY} bytes, or None", parse, parse, True)


def paths() -> Kind:
    """Paths, in which ``*`` stands for anything; made into one regular expression."""

    def parse_one(value: Any) -> str:
        if not isinstance(value, str) or not value.startswith("/"):
            raise ValueError("not a path")
        return value

    kind = listed("a list of paths such as ['/health', '/static/*']", parse_one)
    return Kind(
        kind.expected,
        lambda value: _matcher(kind.parse(value)),
        lambda value: _matcher(kind.from_text(value)),
    )


def _matcher(globs: Iterable[str]) -> re.Pattern[str] | None:
    alternatives = [".*".join(map(re.escape, glob.split("*"))) for glob in globs]
    return re.compile("|".join(alternatives), re.DOTALL) if alternatives else None


def patterns() -> Kind:
    """Regular expressions, compiled or not; in the environment one a line, for they hold commas."""

    def parse_one(value: Any) -> re.Pattern[str]:
        if not isinstance(value, (str, re.Pattern)) or not value:
            raise ValueError("not a pattern")
        try:
            pattern = re.compile(value)
        except re.error as error:
            raise ValueError("not a regular expression") from error
        if not isinstance(pattern.pattern, str) or pattern.fullmatch("") is not None:
            raise ValueError("matches nothing at all")
        if pattern_check.weakness(pattern) == "exponential":
            raise ValueError("takes exponential time")
        return pattern

    return listed(
        r"a list of regular expressions such as [r'\bACME-\d{8}\b'], none that matches nothing, and"
        " none that can take exponential time: no repeat of a repeat, as in '(a+)+'"
        " (in the environment one a line)",
        parse_one,
        divider="\n",
    )


def networks() -> Kind:
    """Addresses and networks, and the word ``unix`` for peers on a unix socket."""

    def parse_one(value: Any) -> Network | str:
        if value == "unix":
            return "unix"
        if not isinstance(value, str):
            raise ValueError("not an address")
        return ipaddress.ip_network(value, strict=False)

    return listed("addresses and networks such as ['127.0.0.1', '10.0.0.0/8']", parse_one)
