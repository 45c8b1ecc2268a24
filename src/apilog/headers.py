"""Header lines as they were on the wire, and the mapping that hooks read them through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

HeaderLines: TypeAlias = "list[tuple[str, str]]"


class Headers(Mapping[str, str]):
    """Read header lines by name, in any case; repeated lines are joined with a comma.

    ``Headers(lines)["content-type"]`` follows RFC 9110 section 5.2; `get_list` gives the lines
    one by one, which ``Set-Cookie`` needs.
    """

    __slots__ = ("_lines",)

    def __init__(self, lines: Iterable[tuple[str, str]]) -> None:
        self._lines = list(lines)

    def get_list(self, name: str) -> list[str]:
        """Return the value of every line called *name*, in order."""
        lowered = name.lower()
        return [value for key, value in self._lines if key.lower() == lowered]

    def __getitem__(self, name: str) -> str:
        values = self.get_list(name)
        if not values:
            raise KeyError(name)
        return ", ".join(values)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name.lower() for name, _ in self._lines))

    def __len__(self) -> int:
        return len({name.lower() for name, _ in self._lines})

    def __repr__(self) -> str:
        return f"<Headers {list(self)}>"


def find(lines: Iterable[tuple[str, str]], name: str) -> str:
    """Return the value of the first line called *name* (lower case), or an empty string."""
    for key, value in lines:
        if key.lower() == name:
            return value
    return ""


def by_name(lines: HeaderLines) -> dict[str, str]:
    """Return the value of the first line of each name, by the name in lower case."""
    return {name.lower(): value for name, value in reversed(lines)}


def content_length(values: Mapping[str, str]) -> int | None:
    """Return the ``Content-Length`` among values `by_name`, if it is a number."""
    length = values.get("content-length", "")
    return int(length) if length.isdecimal() and len(length) < 20 else None


def joined(lines: HeaderLines, values: Mapping[str, str]) -> dict[str, str]:
    """Return header lines as the one mapping that the event format has room for.

    *values* are the same lines `by_name`, and tell whether a name is repeated at all.

    Repeated lines join with ``", "`` (RFC 9110 section 5.2) under the first spelling of the name;
    ``Cookie`` joins with ``"; "`` (RFC 9113 section 8.2.3) and ``Set-Cookie``, whose values contain
    commas, with a line feed, which no header value can contain.
    """
    if len(values) == len(lines):
        return dict(lines)
    mapping: dict[str, str] = {}
    spellings: dict[str, str] = {}
    for name, value in lines:
        lowered = name.lower()
        spelling = spellings.setdefault(lowered, name)
        if spelling in mapping:
            mapping[spelling] += _SEPARATORS.get(lowered, ", ") + value
        else:
            mapping[spelling] = value
    return mapping


_SEPARATORS = {"cookie": "; ", "set-cookie": "\n"}


class _HeaderNames(dict[str, "str | None"]):
    """Header names by their keys in an environ, None for other keys; each is worked out once."""

    def __missing__(self, key: str) -> str | None:
        name = key[5:].replace("_", "-").title() if key.startswith("HTTP_") else None
        if len(self) < 1_000 and len(key) < 100:
            self[key] = name
        return name


FROM_ENVIRON = _HeaderNames()
