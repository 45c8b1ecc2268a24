"""Every place of a call that is tried."""

from __future__ import annotations

from collections.abc import Mapping

from canary_kit.places_heads import HEADS
from canary_kit.places_json import JSON_PLACES
from canary_kit.places_more import MORE
from canary_kit.places_shapes import SHAPES
from canary_kit.places_text import TEXT_PLACES
from canary_kit.scene import Place

PLACES: tuple[Place, ...] = (*HEADS, *JSON_PLACES, *TEXT_PLACES, *SHAPES, *MORE)


def places_on(mounting: str) -> list[Place]:
    """Return the places that *mounting* has."""
    return [place for place in PLACES if mounting in place.mountings]


_BOTH = {  # bodies of both directions, and why they never come as far as to masking
    "JSON, a name told twice, secret first": "the last one counts",
    "JSON, a name told twice with an escape": "the last one counts",
    "JSON behind an XSSI guard": "what says it is JSON must be",
    "JSON that is cut": "what says it is JSON must be",
    "JSON with single quotes": "what says it is JSON must be",
    "JSON without quotes": "what says it is JSON must be",
    "JSON followed by more": "what says it is JSON must be",
    "JSON with a broken character": "what says it is JSON must be",
    "JSON packed and nobody says so": "what says it is JSON must be",
    "a form said to be JSON": "what says it is JSON must be",
    "JSON in an unknown coding": "nobody here can read it",
    "a gzip file": "what is packed without a content coding stays home",
    "multipart, a field with a broken character": "only its size is taken",
    "multipart, a field's content type": "it is not taken",
    "multipart, a file's contents": "only type, size and a keyed digest are taken",
    "multipart, a text in front": "nobody reads it",
}

UNCAPTURED: Mapping[str, str] = {
    **{f"request body, {name}": reason for name, reason in _BOTH.items()},
    **{f"response body, {name}": reason for name, reason in _BOTH.items()},
    "the message of an exception": "only the class of an exception is taken",
    "an exception about JSON": "only the class of an exception is taken",
}
"""Places that are safe without masking, because what is captured leaves them out; and why."""
