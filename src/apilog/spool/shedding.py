"""What to give up when a spool is full: bodies first, then successes, failures last."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from apilog.spool.directory import Directory
from apilog.spool.records import Kind
from apilog.spool.segment import Segment

STEPS = 5
"""1: response bodies of successes. 2: all request bodies. 3: whole successes. 4: all bodies.
5: everything."""

_FIRST_FAILURE = 400
_REASON = "spool_full"


def lighter(event: bytes, step: int) -> bytes | None:
    """Return *event* as *step* (1 to `STEPS`) leaves it: itself, without bodies, or not at all.

    A failure is a status of 400 and more, a call that was aborted or has no answer, and whatever
    cannot be read.
    """
    if step >= STEPS:
        return None
    document = _document(event)
    if document is None:
        return event
    success = _is_success(document)
    if success and step >= 3:
        return None
    changed = False
    if step >= 2:
        changed |= _without_body(document, "request")
    if success or step >= 4:
        changed |= _without_body(document, "response")
    return _bytes(document) if changed else event


def _document(event: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(event)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _is_success(document: dict[str, Any]) -> bool:
    response = document.get("response")
    status = response.get("status") if isinstance(response, dict) else None
    own = _own(document)
    aborted = own is not None and own.get("aborted")
    return isinstance(status, int) and status < _FIRST_FAILURE and not aborted


def _own(document: dict[str, Any]) -> dict[str, Any] | None:
    """Return the part of the metadata that is ours, if there is one."""
    metadata = document.get("metadata")
    own = metadata.get("apilog") if isinstance(metadata, dict) else None
    return own if isinstance(own, dict) else None


def _without_body(document: dict[str, Any], side: str) -> bool:
    message = document.get(side)
    if not isinstance(message, dict) or message.pop("body", None) is None:
        return False
    message.pop("transfer_encoding", None)
    own = _own(document)
    if own is None:
        metadata = document.get("metadata")
        if not isinstance(metadata, dict):
            metadata = document["metadata"] = {}
        own = metadata["apilog"] = {}
    own[f"{side}_body_omitted"] = _REASON
    return True


def _bytes(document: dict[str, Any]) -> bytes:
    try:
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half a character, which JSON can name and UTF-8 cannot
        return json.dumps(document, separators=(",", ":")).encode()


class Rewriting:
    """A segment written again, complete and under its new name before the old one goes.

    A crash in between leaves both: events are sent twice, with the same transaction id.
    """

    def __init__(self, change: Callable[[bytes], bytes | None]) -> None:
        self._change = change
        self.lightened = 0
        """How many events are smaller than they were."""

    def rewrite(self, directory: Directory, old: Segment, *, sync: bool = False) -> Segment:
        """Return a sealed copy of what waits in *old*, changed. Raises `OSError`.

        It has the age of the old one, and is on the disk for sure if *sync*.
        """
        fresh = Segment.create(directory, old.created or directory.files.time(), old.since)
        try:
            sequence = fresh.begin(1)
            for record in old.waiting():
                event = self._change(record.content)
                if event is not None:
                    self.lightened += event is not record.content
                    fresh.add(sequence, Kind.EVENT, 0, event)
                    sequence += 1
            fresh.seal()
            if sync:
                directory.files.sync(fresh.descriptor)
            fresh.publish()
        except BaseException:
            fresh.abandon()
            raise
        fresh.adopted = old.adopted
        fresh.lightness = old.lightness
        return fresh
