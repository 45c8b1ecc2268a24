"""The encoder: an exchange that has ended becomes one masked event, as JSON."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import cast

from apilog import codec, moments
from apilog._version import __version__
from apilog.body import EMPTY, BodyCopy, WireBody, wire_body
from apilog.capture import Exchange, RequestHead
from apilog.codec import JSON
from apilog.complaints import Complaints
from apilog.config import Config
from apilog.delivery import Dropped
from apilog.events import Event
from apilog.headers import by_name, content_length, joined
from apilog.identity import claimed
from apilog.mask_notes import Notes, omit
from apilog.masking import Masking
from apilog.proxies import Origin, TrustedProxies

SDK = f"apilog/{__version__}"

LARGEST_EVENT = 1_000_000
"""Bytes of an event at most: Moesif cuts larger ones (https://www.moesif.com/docs/api)."""

_REDUCED_HOST = "reduced.invalid"
"""Host of a reduced event's address, which has to be absolute; RFC 2606 reserves the name."""

_LONGEST_VERB = 32
_LONGEST_IDENTITY = 1_000
"""Characters that are kept of a user, a company or a session."""

MaskEvent = Callable[[Event], object]


class Encoder:
    """Make events by the rules of one client; safe to use from several workers.

    Whatever is wrong with one exchange stays with that one.
    """

    def __init__(
        self, config: Config, complaints: Complaints, mask_event: Callable[[], MaskEvent | None]
    ) -> None:
        self._config = config
        self._complaints = complaints
        self._mask_event = mask_event
        self._masking = Masking(
            headers=(*config.mask_headers, *filter(None, (config.authorization_header,))),
            query=config.mask_query,
            fields=config.mask_fields,
            patterns=config.mask_patterns,
            unmask=config.unmask,
        )
        networks = [each for each in config.trusted_proxies if not isinstance(each, str)]
        unix = "unix" in config.trusted_proxies
        self._proxies = TrustedProxies(networks, unix=unix) if networks or unix else None
        self._authorization = (config.authorization_header or "").lower()
        self.renew()

    def renew(self) -> None:
        """Take a new lock, in a forked child: the thread that held the old one is not there."""
        self._lock = threading.Lock()

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

    def _encoded(self, exchange: Exchange) -> bytes:
        try:
            document = self._document(exchange)
            notes = self._masking.apply(document)
        except Exception as error:  # noqa: BLE001 - privacy fails closed
            self._complaints.complain("mask_failed", "masking failed, an event is reduced", error)
            return codec.dumps(_reduced(exchange, "mask_failed"))
        hook = self._mask_event()
        if hook is not None:
            document, notes = self._masked_by_user(hook, document, notes)
        return self._bounded(exchange, document, notes)

    def _document(self, exchange: Exchange) -> dict[str, JSON]:
        head = exchange.read_head(exchange.source)
        values = by_name(head.headers)
        origin = Origin(head.address, head.scheme, head.authority)
        if self._proxies is not None:
            origin = self._proxies.origin(origin, head.headers)
        own = exchange.measured()
        own["sdk"] = SDK
        request: dict[str, JSON] = {
            "time": moments.timestamp(exchange.started_at),
            "uri": f"{origin.scheme}://{origin.authority}{head.path}{_query(head)}",
            "verb": head.verb,
            "headers": cast("dict[str, JSON]", joined(head.headers, values)),
        }
        if origin.address:
            request["ip_address"] = origin.address
        _put(request, self._request_body(exchange, values), own, "request")
        document: dict[str, JSON] = {"request": request}
        if exchange.status is not None:
            document["response"] = self._response(exchange, own)
        document |= self._identity(exchange, values.get(self._authorization, ""), request, own)
        document["direction"] = "Incoming"
        document["weight"] = exchange.weight
        document["transaction_id"] = _transaction_id(exchange)
        return document

    def _response(self, exchange: Exchange, own: dict[str, JSON]) -> dict[str, JSON]:
        lines = exchange.response_lines()
        values = by_name(lines)
        response: dict[str, JSON] = {
            "time": moments.timestamp(exchange.started_at + (exchange.duration or 0.0)),
            "status": exchange.status,
            "headers": cast("dict[str, JSON]", joined(lines, values)),
        }
        if exchange.file:
            own["response_body_omitted"] = "file"
            size = content_length(values)
            if size is not None:
                own["response_size"] = size
        else:
            enabled = self._config.capture_response_body
            complete = exchange.complete or not exchange.response_body.size
            body = self._body(exchange.response_body, values, enabled, complete)
            _put(response, body, own, "response")
        return response

    def _request_body(self, exchange: Exchange, values: Mapping[str, str]) -> WireBody:
        copy, expected = exchange.request_body, content_length(values)
        if expected is not None:
            complete = copy.size >= expected
        else:
            complete = exchange.request_ended or "transfer-encoding" not in values
        return self._body(copy, values, self._config.capture_request_body, complete)

    def _body(
        self, copy: BodyCopy, values: Mapping[str, str], enabled: bool, complete: bool
    ) -> WireBody:
        if not enabled:
            return WireBody(omitted="disabled") if copy.size else EMPTY
        return wire_body(
            copy,
            content_type=values.get("content-type", ""),
            coding=values.get("content-encoding", ""),
            limit=self._config.max_body_bytes,
            complete=complete,
        )

    def _identity(
        self,
        exchange: Exchange,
        authorization: str,
        request: dict[str, JSON],
        own: dict[str, JSON],
    ) -> dict[str, JSON]:
        said = exchange.annotations
        found: dict[str, JSON] = {}
        if authorization:
            claims = claimed(
                authorization,
                user_claim=self._config.user_claim,
                company_claim=self._config.company_claim,
            )
            if claims.user_id and "user_id" not in said:
                found["user_id"] = claims.user_id[:_LONGEST_IDENTITY]
                own["user_id_from"] = f"{claims.source}, not verified"
            if claims.company_id:
                found["company_id"] = claims.company_id[:_LONGEST_IDENTITY]
        for name in ("user_id", "company_id", "session_token"):
            if name in said:
                found[name] = str(said[name])[:_LONGEST_IDENTITY]
        version = said.get("api_version", self._config.api_version)
        if version is not None:
            request["api_version"] = str(version)[:_LONGEST_IDENTITY]
        metadata = codec.loads(said["metadata"]) if "metadata" in said else {}
        if isinstance(metadata, dict):
            found["metadata"] = {**metadata, "apilog": own}
        return found

    def _masked_by_user(
        self, hook: MaskEvent, document: dict[str, JSON], notes: Notes
    ) -> tuple[dict[str, JSON], Notes]:
        """Ask the user's hook, and mask again: what it added passes our rules as well."""
        try:
            event = hook(Event.from_document(document))
            if event is not None and not isinstance(event, Event):
                raise TypeError(f"expected an Event or None, not {type(event).__name__}")
            if event is not None:
                masked = cast("dict[str, JSON]", codec.loads(codec.dumps(event.document())))
                masked["transaction_id"] = document["transaction_id"]
                return masked, notes + self._masking.apply(masked)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - counted and logged, never thrown
            self._complaints.complain(
                "hook_failed:mask_event", "hook mask_event failed, the event is dropped", error
            )
            raise Dropped("mask_event_failed") from None
        raise Dropped("mask_event")

    def _bounded(self, exchange: Exchange, document: dict[str, JSON], notes: Notes) -> bytes:
        own = _own(document)
        if notes:
            own["masked"] = notes
        encoded = codec.dumps(document)
        if len(encoded) > LARGEST_EVENT:
            for side in ("request", "response"):
                message = document.get(side)
                if isinstance(message, dict) and message.pop("body", None) is not None:
                    message.pop("transfer_encoding", None)
                    omit(document, side, "event_too_large")
            encoded = codec.dumps(document)
        if len(encoded) > LARGEST_EVENT:
            self._complaints.count("event_too_large")
            return codec.dumps(_reduced(exchange, "event_too_large"))
        for side in ("request", "response"):
            if reason := own.get(f"{side}_body_omitted"):
                self._complaints.count(f"{side}_body_omitted:{reason}")
        if reason := own.get("metadata_omitted"):
            self._complaints.count(f"metadata_omitted:{reason}")
        return encoded


def _put(message: dict[str, JSON], body: WireBody, own: dict[str, JSON], side: str) -> None:
    if body.body is not None:
        message["body"] = body.body
    if body.transfer_encoding is not None:
        message["transfer_encoding"] = body.transfer_encoding
    if body.omitted is not None:
        own[f"{side}_body_omitted"] = body.omitted


def _query(head: RequestHead) -> str:
    return f"?{head.query}" if head.query else ""


def _reduced(exchange: Exchange, reason: str) -> dict[str, JSON]:
    """Return the event with nothing in it that a client sent: no query, header, body or name."""
    head = exchange.read_head(exchange.source)
    own = exchange.measured() | {"sdk": SDK, "reduced": reason}
    document: dict[str, JSON] = {
        "request": {
            "time": moments.timestamp(exchange.started_at),
            "uri": f"{head.scheme}://{_REDUCED_HOST}{exchange.route or '/'}",
            "verb": head.verb[:_LONGEST_VERB],
            "headers": {},
        },
        "metadata": {"apilog": own},
        "direction": "Incoming",
        "weight": exchange.weight,
        "transaction_id": _transaction_id(exchange),
    }
    if exchange.status is not None:
        time = moments.timestamp(exchange.started_at + (exchange.duration or 0.0))
        document["response"] = {"time": time, "status": exchange.status, "headers": {}}
    return document


def _own(document: dict[str, JSON]) -> dict[str, JSON]:
    """Return the part of the metadata that is ours; a hook may have taken it away."""
    metadata = document.get("metadata")
    if not isinstance(metadata, dict):
        metadata = document["metadata"] = {}
    own = metadata.get("apilog")
    if not isinstance(own, dict):
        own = metadata["apilog"] = {}
    return own


def _transaction_id(exchange: Exchange) -> str:
    if exchange.transaction_id is None:
        exchange.transaction_id = moments.unique_id(exchange.started_at)
    return exchange.transaction_id
