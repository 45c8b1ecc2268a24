"""The encoder: an exchange that has ended becomes one masked event, as JSON."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from apilog import codec, last_gate, updates
from apilog.capture import Exchange
from apilog.codec import JSON
from apilog.complaints import Complaints
from apilog.config import Config
from apilog.delivery import Dropped
from apilog.document import Documents, reduced
from apilog.hooks import Hooks
from apilog.mask_record import Record, omit
from apilog.policy import Policy
from apilog.updates import Kind
from apilog.user_masks import UserMasks

LARGEST_EVENT = 1_000_000
"""Bytes of an event at most: Moesif cuts larger ones (https://www.moesif.com/docs/api)."""


class Encoder:
    """Make events by the rules of one client; safe to use from several workers.

    Whatever is wrong with one exchange stays with that one.
    """

    def __init__(self, config: Config, complaints: Complaints, hooks: Hooks) -> None:
        self._complaints = complaints
        self._masks = UserMasks(hooks.masks, complaints, config.mask_timeout)
        self._policy = Policy(config)
        self._documents = Documents(config, self._masks.body)
        self.renew()

    def renew(self) -> None:
        """Take a new lock, in a forked child: the thread that held the old one is not there."""
        self._lock = threading.Lock()
        self._masks.renew()

    def encode(self, exchange: Exchange) -> bytes:
        """Return the event of *exchange*, encoded once whichever pipeline asks first.

        Where our own rules fail, the event is reduced to what holds no secret: verb, route, status,
        times and sizes. Where the user's `mask_event` fails, there is no event.

        Raises:
            Dropped: the exchange gives no event.
        """
        with self._lock:
            if exchange.encoded is None and exchange.drop_reason is None:
                try:
                    exchange.encoded = self._encoded(exchange)
                except Dropped as outcome:
                    exchange.drop_reason = outcome.reason
                except Exception as error:  # noqa: BLE001 - one event never costs another one
                    exchange.drop_reason = "encode_failed"
                    self._complaints.complain("encode_failed", "an event was not encoded", error)
                exchange.release()
        if exchange.encoded is None:
            raise Dropped(exchange.drop_reason or "encode_failed")
        return exchange.encoded

    def update(self, kind: Kind, given: Mapping[str, Any]) -> bytes:
        """Return the update *given*, masked by the rules that hold everywhere.

        Raises:
            ValueError: something is missing or cannot work; the message says what.
        """
        with self._lock:
            text = updates.encoded(kind, given, self._policy.everywhere.masking)
        if len(text) > LARGEST_EVENT:
            raise ValueError(f"it has {len(text)} bytes, and {LARGEST_EVENT} are the most")
        return text

    def begun(self, exchange: Exchange) -> bytes:
        """Return the event that is delivered if the process dies before *exchange* ends."""
        with self._lock:
            head = exchange.read_head(exchange.source)
            document = self._documents.begun(exchange, head)
            self._policy.rules(head.verb, None, head.path).masking.apply(document)
            return codec.dumps(document)

    def _encoded(self, exchange: Exchange) -> bytes:
        try:
            head = exchange.read_head(exchange.source)
            rules = self._policy.rules(head.verb, exchange.route, head.path)
            document = self._documents.document(exchange, head, rules)
            record = rules.masking.apply(document)
            if self._masks.have_event:
                document = self._masks.event(document)
                rules.masking.apply(document, record)  # what the hook added passes our rules, too
            return self._bounded(exchange, document, record)
        except Dropped:
            raise
        except Exception as error:  # noqa: BLE001 - privacy fails closed
            self._complaints.complain("mask_failed", "masking failed, an event is reduced", error)
            return codec.dumps(reduced(exchange, "mask_failed"))

    def _bounded(self, exchange: Exchange, document: dict[str, JSON], record: Record) -> bytes:
        own = _own(document)
        if record.notes:
            own["masked"] = record.notes
        encoded = codec.joined(document, record.encoded)
        if record.values and (leaked := last_gate.leaked(encoded, record.values)):
            last_gate.sweep(document, leaked, record)
            encoded = codec.dumps(document)
            if last_gate.leaked(encoded, leaked):
                self._complaints.count("last_gate")
                return codec.dumps(reduced(exchange, "last_gate"))
        if len(encoded) > LARGEST_EVENT:
            for side in ("request", "response"):
                message = document.get(side)
                if isinstance(message, dict) and message.pop("body", None) is not None:
                    message.pop("transfer_encoding", None)
                    omit(document, side, "event_too_large")
            encoded = codec.dumps(document)
        if len(encoded) > LARGEST_EVENT:
            self._complaints.count("event_too_large")
            return codec.dumps(reduced(exchange, "event_too_large"))
        for side in ("request", "response"):
            if reason := own.get(f"{side}_body_omitted"):
                self._complaints.count(f"{side}_body_omitted:{reason}")
        if reason := own.get("metadata_omitted"):
            self._complaints.count(f"metadata_omitted:{reason}")
        return encoded


def _own(document: dict[str, JSON]) -> dict[str, JSON]:
    """Return the part of the metadata that is ours; a hook may have taken it away."""
    metadata = document.get("metadata")
    if not isinstance(metadata, dict):
        metadata = document["metadata"] = {}
    own = metadata.get("apilog")
    if not isinstance(own, dict):
        own = metadata["apilog"] = {}
    return own
