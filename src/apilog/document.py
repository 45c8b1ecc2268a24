"""The document: an exchange in the words of the event API, as a JSON object."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import cast

from apilog import codec, moments, proxies
from apilog._version import __version__
from apilog.body import EMPTY, BodyCopy, Change, WireBody, wire_body
from apilog.capture import Exchange, RequestHead
from apilog.codec import JSON
from apilog.config import Config
from apilog.delivery import Dropped
from apilog.headers import by_name, content_length, joined
from apilog.identity import claimed
from apilog.mask_record import keyed
from apilog.policy import Rules
from apilog.proxies import Origin

OWN_AGENT = "apilog/"
SDK = OWN_AGENT + __version__

_REDUCED_HOST = "reduced.invalid"
"""Host of a reduced event's address, which has to be absolute; RFC 2606 reserves the name."""

_LONGEST_VERB = 32
_LONGEST_IDENTITY = 1_000
"""Characters that are kept of a user, a company or a session."""


class Documents:
    """Make documents by the options of one client; *change* may change a body before it is read."""

    def __init__(self, config: Config, change: Change) -> None:
        self._config = config
        self._change = change
        self._digest = keyed(config.hash or os.urandom(32))
        self._proxies = proxies.trusted(config.trusted_proxies)
        self._authorization = (config.authorization_header or "").lower()

    def document(self, exchange: Exchange, head: RequestHead, rules: Rules) -> dict[str, JSON]:
        """Return the event of *exchange* as *rules* want it, before anything in it is masked.

        Raises:
            Dropped: it is a delivery of apilog's own, to an app that is recorded itself; each
                would make another one.
        """
        values = by_name(head.headers)
        if values.get("user-agent", "").startswith(OWN_AGENT):
            raise Dropped("self_traffic")
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
        body = self._request_body(exchange, values, enabled=rules.capture_request_body)
        _put(request, body, own, "request")
        document: dict[str, JSON] = {"request": request}
        if exchange.status is not None:
            enabled = rules.capture_response_body
            document["response"] = self._response(exchange, own, enabled=enabled)
        document |= self._identity(exchange, values.get(self._authorization, ""), request, own)
        if exchange.blocked_by is not None:
            document["blocked_by"] = exchange.blocked_by
        document["direction"] = "Incoming"
        document["weight"] = exchange.weight
        document["transaction_id"] = _transaction_id(exchange)
        return document

    def begun(self, exchange: Exchange, head: RequestHead) -> dict[str, JSON]:
        """Return the event of a call that its process does not survive, as it is when it begins."""
        return {
            "request": {
                "time": moments.timestamp(exchange.started_at),
                "uri": f"{head.scheme}://{head.authority}{head.path}{_query(head)}",
                "verb": head.verb,
                "headers": cast("dict[str, JSON]", joined(head.headers, by_name(head.headers))),
            },
            "metadata": {"apilog": {"aborted": True, "process_died": True, "sdk": SDK}},
            "direction": "Incoming",
            "weight": exchange.weight,
            "transaction_id": _transaction_id(exchange),
        }

    def _response(
        self, exchange: Exchange, own: dict[str, JSON], *, enabled: bool
    ) -> dict[str, JSON]:
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
            complete = exchange.complete or not exchange.response_body.size
            body = self._body(exchange.response_body, values, enabled, complete)
            _put(response, body, own, "response")
        return response

    def _request_body(
        self, exchange: Exchange, values: Mapping[str, str], *, enabled: bool
    ) -> WireBody:
        copy, expected = exchange.request_body, content_length(values)
        if expected is not None:
            complete = copy.size >= expected
        else:
            complete = exchange.request_ended or "transfer-encoding" not in values
        return self._body(copy, values, enabled, complete)

    def _file_digest(self, content: bytes) -> str:
        return self._digest(content.decode("latin-1"))

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
            change=self._change,
            digest=self._file_digest,
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
        for name in ("user_id", "company_id", "subscription_id", "session_token"):
            if name in said:
                found[name] = str(said[name])[:_LONGEST_IDENTITY]
        version = said.get("api_version", self._config.api_version)
        if version is not None:
            request["api_version"] = str(version)[:_LONGEST_IDENTITY]
        metadata = codec.loads(said["metadata"]) if "metadata" in said else {}
        if isinstance(metadata, dict):
            found["metadata"] = {**metadata, "apilog": own}
        return found


def _put(message: dict[str, JSON], body: WireBody, own: dict[str, JSON], side: str) -> None:
    if body.body is not None:
        message["body"] = body.body
    if body.transfer_encoding is not None:
        message["transfer_encoding"] = body.transfer_encoding
    if body.omitted is not None:
        own[f"{side}_body_omitted"] = body.omitted


def _query(head: RequestHead) -> str:
    return f"?{head.query}" if head.query else ""


def reduced(exchange: Exchange, reason: str) -> dict[str, JSON]:
    """Return the event of *exchange* with nothing in it that a client sent.

    There is no query, header, body or name of anybody; *reason* says why.
    """
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
    if exchange.blocked_by is not None:
        document["blocked_by"] = exchange.blocked_by
    if exchange.status is not None:
        time = moments.timestamp(exchange.started_at + (exchange.duration or 0.0))
        document["response"] = {"time": time, "status": exchange.status, "headers": {}}
    return document


def _transaction_id(exchange: Exchange) -> str:
    if exchange.transaction_id is None:
        exchange.transaction_id = moments.unique_id(exchange.started_at)
    return exchange.transaction_id
