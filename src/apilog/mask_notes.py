"""What masking tells of itself: the place and the rule, never the value."""

from __future__ import annotations

from typing import TypeAlias

from apilog.codec import JSON

MASK = "***"
"""What stands in the place of a masked value: a constant, so that not even the length gets out."""

MAX_NOTES = 100
"""Notes an event carries at most; further places are masked all the same."""

_LONGEST_PATH = 200
"""Characters of a place that a note gives."""

Notes: TypeAlias = "list[JSON]"
Place: TypeAlias = "tuple[Place | None, str | int]"
"""A name or an index, and the place it stands in; the outermost has the path of the whole."""


def note(notes: Notes, path: str, rule: str) -> None:
    """Add to *notes* that *rule* masked what stands at *path*, while there is room."""
    if len(notes) < MAX_NOTES:
        notes.append({"path": path[:_LONGEST_PATH], "rule": rule})


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
