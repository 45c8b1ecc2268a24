"""What masking one event did: what stands in the place of a secret, and what may be told of it."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from apilog import codec, random_tokens
from apilog.codec import JSON

MASK = "***"
"""What stands in the place of a masked value: a constant, so that not even the length gets out."""

MAX_NOTES = 100
"""Notes an event carries at most; further places are masked all the same."""

_LONGEST_PATH = 200
"""Characters of a place that a note gives."""

_LONGEST_NAME = 40
"""Characters of a name in it; people make no longer ones."""

_NAME = re.compile("[^/?]+")

_PSEUDONYM = re.compile(r"(?:hmac|sha256):[0-9a-f]{32}")

Notes: TypeAlias = "list[JSON]"
Place: TypeAlias = "tuple[Place | None, str | int]"
"""A name or an index, and the place it stands in; the outermost has the path of the whole."""

Replacement: TypeAlias = "Callable[[str], str]"
"""What makes the text that stands in the place of a masked one."""


class BodyNotMaskedError(ValueError):
    """Report a body that the rules cannot be applied to; it must stay home, for this reason."""


class Record:
    """Replace what is masked in one event, and note where and by which rule, never what.

    ``values`` are the masked ones, for the gate that looks for them once more before the event
    leaves; they go nowhere else. ``encoded`` has the bodies that nothing was masked in as JSON, by
    their places, so that nobody needs to encode them again.
    """

    __slots__ = ("_replacement", "encoded", "notes", "values")

    def __init__(self, replacement: Replacement | None = None) -> None:
        self._replacement = replacement
        self.notes: Notes = []
        self.values: set[str] = set()
        self.encoded: dict[str, bytes] = {}

    def replaced(
        self,
        value: JSON,
        where: str,
        rule: str,
        *,
        sought: bool = True,
        replacement: Replacement | None = None,
    ) -> str:
        """Note that *rule* masked *value* at *where*; return what stands in its place.

        A value that is *sought* must not be found in the finished event. What is a replacement
        already stays, without a note. *replacement* beats the one that all share.
        """
        if isinstance(value, str):
            if is_replacement(value):
                return value
            text = value
        else:
            text = codec.dumps(value).decode()
        if sought:
            self._seek(value)
        self.note(where, rule)
        replacement = replacement or self._replacement
        return MASK if replacement is None else replacement(text)

    def note(self, where: str, rule: str) -> None:
        """Note that *rule* masked what stands at *where*, while there is room."""
        entry: JSON = {"path": _tellable(where), "rule": rule}
        if len(self.notes) < MAX_NOTES and entry not in self.notes[-1:]:
            self.notes.append(entry)

    def _seek(self, value: JSON) -> None:
        pending = [value]
        while pending:
            each = pending.pop()
            if isinstance(each, dict):
                pending += each.values()
            elif isinstance(each, list):
                pending += each
            elif each is not None and not isinstance(each, bool) and not is_replacement(str(each)):
                self.values.add(str(each))


@lru_cache(maxsize=256)
def _tellable(where: str) -> str:
    """Return *where* without names that may be secrets: in text a name is what stands before a '='.

    Names are left out whole: of a part of one the last gate would not know what it is a part of.
    """
    names = _NAME.sub(lambda found: found[0] if _is_name(found[0]) else MASK, where)
    return names if len(names) <= _LONGEST_PATH else names[:_LONGEST_PATH].rpartition("/")[0]


def _is_name(text: str) -> bool:
    return len(text) <= _LONGEST_NAME and not random_tokens.token_like(text)


def is_replacement(text: str) -> bool:
    """Say whether *text* stands in the place of a masked value already."""
    return text == MASK or _PSEUDONYM.fullmatch(text) is not None


def keyed(key: bytes) -> Replacement:
    """Return what replaces texts by pseudonyms, the same one for the same text.

    Only who has *key* can make them (HMAC-SHA-256, 128 bits of it; RFC 2104).
    """

    def pseudonym(text: str) -> str:
        return f"hmac:{hmac.new(key, text.encode(errors='replace'), 'sha256').hexdigest()[:32]}"

    return pseudonym


def digest(text: str) -> str:
    """Return the pseudonym of *text* that anybody can make, for what nobody can guess."""
    return f"sha256:{hashlib.sha256(text.encode(errors='replace')).hexdigest()[:32]}"


def pointer(place: Place | None) -> str:
    """Return the JSON pointer (RFC 6901) of *place*."""
    names: list[str] = []
    while place is not None:
        place, name = place
        names.append(_escaped(name) if place is not None else str(name))
    return "/".join(reversed(names))


def omit(document: dict[str, JSON], side: str, reason: str) -> None:
    """Say in the metadata of *document* why the body of *side* stayed home."""
    metadata = document.setdefault("metadata", {})
    if isinstance(metadata, dict):
        own = metadata.setdefault("apilog", {})
        if isinstance(own, dict):
            own[f"{side}_body_omitted"] = reason


def _escaped(name: str | int) -> str:
    return str(name).replace("~", "~0").replace("/", "~1")
