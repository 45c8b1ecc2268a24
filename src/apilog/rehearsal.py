"""A rehearsal: the rules in force, applied to calls that were recorded, as the encoder does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import cast
from urllib.parse import urlsplit

from apilog import last_gate
from apilog.body import EMPTY, BodyCopy, WireBody, wire_body
from apilog.codec import JSON, dumps
from apilog.config import Config
from apilog.exceptions import ApiLogError
from apilog.headers import HeaderLines
from apilog.mask_record import Record, keyed
from apilog.masking import Masking
from apilog.policy import Policy, Rules

_WRAP = "/metadata/rest"
"""Where masking finds what is no part of an event: as metadata, under a name that is no rule's."""

_VERB = re.compile(r"[A-Za-z-]{1,32}")
_TIME = re.compile(r"[0-9T:.Z+-]{1,40}")
_ANYWHERE = urlsplit("")


class NothingPrintedError(ApiLogError):
    """Report that what was masked stands elsewhere, too, and cannot be taken out there."""


@dataclass(slots=True)
class Trace:
    """What masking one call did: ``(path, rule)`` pairs, and the values, which go nowhere."""

    notes: list[tuple[str, str]] = field(default_factory=list)
    values: set[str] = field(default_factory=set)

    def take(self, record: Record) -> None:
        """Take what *record* has."""
        for note in record.notes:
            self.note(*_path_and_rule(note))
        self.values |= record.values

    def note(self, path: str, rule: str) -> None:
        """Note that *rule* masked what stands at *path*."""
        if (path, rule) not in self.notes[-1:]:
            self.notes.append((path, rule))


class Rehearsal:
    """Apply the rules that *config* puts in force."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._policy = Policy(config)
        # What says how to read a recording stays, where an allow-list or shapes are wanted.
        plain = replace(config, keep_fields=(), shape_only=False, mask_routes=())
        self._structure = Policy(plain).rules("", None, "").masking
        self._replacement = None if config.hash is None else keyed(config.hash)

    def rules(self, document: Mapping[str, JSON]) -> Rules:
        """Return the rules for the call in *document*, an event that need not have a request."""
        request, metadata = document.get("request"), document.get("metadata")
        known = request if isinstance(request, dict) else {}
        own = metadata.get("apilog") if isinstance(metadata, dict) else None
        route = own.get("route") if isinstance(own, dict) else None
        try:
            parts = urlsplit(str(known.get("uri", "")))
        except ValueError:
            parts = _ANYWHERE
        verb = str(known.get("verb", ""))
        return self._policy.rules(verb, route if isinstance(route, str) else None, parts.path)

    def carried(
        self,
        body: bytes,
        *,
        content_type: str,
        coding: str = "",
        enabled: bool = True,
        complete: bool = True,
    ) -> WireBody:
        """Return what an event carries of *body*; nothing where its capture is not *enabled*."""
        if not enabled:
            return WireBody(omitted="disabled") if body else EMPTY
        copy = BodyCopy(self.config.max_body_bytes)
        copy.add(body)
        return wire_body(
            copy,
            content_type=content_type,
            coding=coding,
            limit=self.config.max_body_bytes,
            complete=complete,
            digest=None if self._replacement is None else self._digest,
        )

    def _digest(self, content: bytes) -> str:
        return "" if self._replacement is None else self._replacement(content.decode("latin-1"))

    def mask(self, document: dict[str, JSON], rules: Rules, trace: Trace) -> bool:
        """Mask *document*, an event, in place; False where that failed, and nothing of it stays."""
        before = _left_out(document)
        try:
            trace.take(rules.masking.apply(document))
        except Exception:  # noqa: BLE001 - privacy fails closed
            _reduce(document)
            trace.note("", "reduced:mask_failed")
            return False
        for side, reason in _left_out(document).items():
            if before.get(side) != reason:
                trace.note(f"/{side}", f"left-out:{reason}")
        return True

    def header_lines(
        self, lines: HeaderLines, side: str, rules: Rules, trace: Trace
    ) -> HeaderLines:
        """Return *lines* masked, each as it stands; their notes are those of the joined lines."""
        masked: HeaderLines = []
        for name, value in lines:
            as_if = "Content-Location" if name == ":path" else name  # HTTP/2's word for the target
            headers: dict[str, JSON] = {as_if: value}
            quiet = Trace()
            self._apply({side: {"headers": headers}}, rules.masking, quiet)
            trace.values |= quiet.values
            masked.append((name, str(headers[as_if])))
        return masked

    def uri(self, uri: str, rules: Rules, trace: Trace) -> str:
        """Return *uri* masked."""
        request: dict[str, JSON] = {"uri": uri}
        self._apply({"request": request}, rules.masking, trace)
        return str(request["uri"])

    def form(self, text: str, rules: Rules, trace: Trace) -> str:
        """Return *text*, a form as it travels, masked."""
        headers: dict[str, JSON] = {"Content-Type": "application/x-www-form-urlencoded"}
        request: dict[str, JSON] = {"headers": headers, "body": text}
        self._apply({"request": request}, rules.masking, trace)
        return str(request.get("body", ""))

    def rest(self, value: JSON, where: str, rules: Rules, trace: Trace) -> JSON:
        """Return *value*, which has no place in an event, masked; None where that is impossible."""
        return self._loose(value, where, rules.masking, trace)

    def structure(self, value: JSON, where: str, trace: Trace) -> JSON:
        """Return *value*, which says how to read a recording, masked; no allow-list meets it."""
        return self._loose(value, where, self._structure, trace)

    def _loose(self, value: JSON, where: str, masking: Masking, trace: Trace) -> JSON:
        document: dict[str, JSON] = {"metadata": {"rest": value}}
        own = Trace()
        self._apply(document, masking, own)
        trace.values |= own.values
        for path, rule in own.notes:
            trace.note(where + path.removeprefix(_WRAP), rule)
        metadata = cast("dict[str, JSON]", document["metadata"])
        if "rest" not in metadata:
            trace.note(where, "left-out:too_deep")
        return metadata.get("rest")

    def _apply(self, document: dict[str, JSON], masking: Masking, trace: Trace) -> None:
        trace.take(masking.apply(document))

    def gate(self, root: JSON, traces: Iterable[Trace]) -> Trace:
        """Take what was masked out of every other place in *root*, and out of the notes themselves.

        Raises:
            NothingPrintedError: it is still there.
        """
        every = list(traces)
        found = Trace()
        values = set().union(*(trace.values for trace in every))
        told: list[JSON] = [[[path, rule] for path, rule in trace.notes] for trace in every]
        whole: dict[str, JSON] = {"root": root, "told": told}
        leaked = last_gate.leaked(dumps(whole), values)
        if not leaked:
            return found
        record = Record(self._replacement)
        last_gate.sweep(whole, leaked, record)
        if last_gate.leaked(dumps(whole), leaked):
            raise NothingPrintedError("what was masked stands elsewhere, too; nothing is printed")
        for trace, notes in zip(every, told, strict=True):
            trace.notes = [(str(path), str(rule)) for path, rule in cast("list[list[str]]", notes)]
        for note in record.notes:
            path, rule = _path_and_rule(note)
            if path.startswith("/root"):
                found.note(path.removeprefix("/root"), rule)
        return found


def _path_and_rule(note: JSON) -> tuple[str, str]:
    known = cast("dict[str, str]", note)
    return known["path"], known["rule"]


def _left_out(document: Mapping[str, JSON]) -> dict[str, str]:
    """Return why parts of *document* stayed home, by what they are called in its metadata."""
    metadata = document.get("metadata")
    own = metadata.get("apilog") if isinstance(metadata, dict) else None
    names = {
        "request/body": "request_body_omitted",
        "response/body": "response_body_omitted",
        "metadata": "metadata_omitted",
    }
    known = own if isinstance(own, dict) else {}
    return {place: str(known[name]) for place, name in names.items() if name in known}


def _reduce(document: dict[str, JSON]) -> None:
    """Leave of *document* only what holds no secret, as the encoder does."""
    reduced: dict[str, JSON] = {"metadata": {"apilog": {"reduced": "mask_failed"}}}
    for side in ("request", "response"):
        message = document.get(side)
        if not isinstance(message, dict):
            continue
        kept: dict[str, JSON] = {"headers": {}}
        for name, pattern in (("time", _TIME), ("verb", _VERB)):
            said = message.get(name)
            if isinstance(said, str) and pattern.fullmatch(said):
                kept[name] = said
        if isinstance(message.get("status"), int):
            kept["status"] = message["status"]
        if side == "request":
            kept["uri"] = "http://reduced.invalid/"
        reduced[side] = kept
    document.clear()
    document.update(reduced)
