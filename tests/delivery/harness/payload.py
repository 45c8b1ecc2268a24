"""What a claimed id stands for: the request, the answer and the event all follow from it."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

ID_HEADER = "X-Oracle-Id"
PROCESS_HEADER = "X-Oracle-Process"
"""Headers of a request, for its id, and of its answer, for the process that gave it."""

SIZES = (200, 2_000, 8_000)
"""Bytes of text in an answer; which one an id gets is its remainder."""

STREAMED_EVERY = 4
"""One id in so many is answered in pieces and without a Content-Length."""

_WORDS = (
    "amber barley candle dune ember fern glade harbour island juniper kettle lantern meadow nettle"
    " orchard pebble quarry river saddle timber umbrella valley willow yarrow bridge copper feather"
    " garden hollow marble"
).split()
_TEXT = " ".join(random.Random(7).choices(_WORDS, k=5_000))
_STEP = 997
_SPAN = len(_TEXT) - max(SIZES)


def path_of(claim: int) -> str:
    """Return the path of the call that is made for *claim*."""
    return f"/claims/{claim}"


def is_streamed(claim: int) -> bool:
    """Say whether the answer for *claim* comes in pieces."""
    return claim % STREAMED_EVERY == 0


def question_of(claim: int) -> bytes:
    """Return the body of the request for *claim*."""
    return json.dumps({"claim": claim, "asks": _text(claim + 1, 80)}).encode()


def answer_of(claim: int) -> bytes:
    """Return the body of the answer for *claim*."""
    return json.dumps({"claim": claim, "says": _text(claim, SIZES[claim % len(SIZES)])}).encode()


def _text(claim: int, size: int) -> str:
    start = claim * _STEP % _SPAN
    return _TEXT[start : start + size]


def claim_in(event: Mapping[str, Any]) -> int | None:
    """Return the id that the address of *event* names, or None if it is about no claim."""
    path = str(event.get("request", {}).get("uri", "")).partition("?")[0]
    *_, folder, name = ["", *path.split("/")]
    return int(name) if folder == "claims" and name.isdecimal() else None


def is_aborted(event: Mapping[str, Any]) -> bool:
    """Say whether *event* tells of a call that did not get to its end."""
    return bool(event.get("metadata", {}).get("apilog", {}).get("aborted"))


def complaint(event: Mapping[str, Any], claim: int) -> str:
    """Say what *event* has wrong about *claim*; "" if it is as it must be.

    An aborted call may lack the end of its story, but what it tells must be true.
    """
    request, response = event.get("request", {}), event.get("response") or {}
    headers = {name.lower(): value for name, value in request.get("headers", {}).items()}
    whole = not is_aborted(event)
    facts = {
        "transaction id": (bool(event.get("transaction_id")), True),
        "id header": (headers.get(ID_HEADER.lower()), str(claim)),
        "verb": (request.get("verb"), "POST"),
    }
    if whole or request.get("body") is not None:
        facts["request body"] = (request.get("body"), json.loads(question_of(claim)))
    if whole:
        facts["status"] = (response.get("status"), 200)
        facts["response body"] = (response.get("body"), json.loads(answer_of(claim)))
    wrong = [name for name, (found, expected) in facts.items() if found != expected]
    return f"claim {claim}: {', '.join(wrong)}" if wrong else ""
