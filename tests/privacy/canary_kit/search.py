"""The search: many secrets, in many spellings, in all that left, in one pass."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias

from canary_kit.encodings import SHORTEST, spellings
from canary_kit.views import views

_GRAMS = ((SHORTEST, 6), (48, 24))
"""Bytes from which a spelling is long, and the length of the pieces that give it away."""


class Finding(NamedTuple):
    """A secret that got out: whose it is, how it was spelled, where it was and read how."""

    place: str
    spelling: str
    sink: str
    view: str


class Searcher:
    """Look for *secrets*, by the name of the place where each was planted.

    However many they are, a text is gone through once: in steps so wide that every spelling has a
    whole gram at one of them.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._indexes: list[tuple[int, int, dict[bytes, list[_Candidate]]]] = [
            (gram, shortest - gram + 1, defaultdict(list)) for shortest, gram in _GRAMS
        ]
        for place, secret in secrets.items():
            for name, spelled in spellings(secret):
                assert len(spelled) >= SHORTEST, f"{place}: {name} is too short to be told"
                length, step, index = self._indexes[len(spelled) >= _GRAMS[1][0]]
                for offset in range(step):
                    gram = spelled[offset : offset + length]
                    index[gram].append((offset, spelled, place, name))

    def search(self, sinks: Mapping[str, bytes]) -> list[Finding]:
        """Return every secret that is in *sinks*, once for each sink, spelling and view."""
        found: dict[Finding, None] = {}
        for sink, data in sinks.items():
            for view, text in views(data):
                for place, name in self._in(text):
                    found[Finding(place, name, sink, view)] = None
        return list(found)

    def _in(self, text: bytes) -> Iterator[tuple[str, str]]:
        for length, step, index in self._indexes:
            places = range(0, len(text) - length + 1, step)
            if index.keys().isdisjoint([text[at : at + length] for at in places]):
                continue
            for at in places:
                for offset, spelled, place, name in index.get(text[at : at + length], ()):
                    if text.startswith(spelled, max(0, at - offset)):
                        yield place, name


_Candidate: TypeAlias = "tuple[int, bytes, str, str]"


def by_place(findings: list[Finding]) -> dict[str, str]:
    """Return for every place one sentence on how its secret was found."""
    told: dict[str, str] = {}
    for each in findings:
        told.setdefault(each.place, f"{each.spelling}, in {each.sink} ({each.view})")
    return told
