"""Swetrix: https://swetrix.com/docs/events-api."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from apilog import codec
from apilog.codec import JSON
from apilog.delivery import Limits
from apilog.destinations import _swetrix_payload as payload
from apilog.destinations._analytics import BROWSER_LIKE, Analytics, Name, Properties, check_function
from apilog.destinations._call import Call
from apilog.destinations._fan import Fan
from apilog.destinations._selection import Selection
from apilog.destinations._swetrix_answer import outcome
from apilog.exceptions import ConfigError, DeliveryError, Rejected, RetryLater

if TYPE_CHECKING:
    from typing_extensions import Unpack

_PROJECT = re.compile(r"(?!.*--)[a-zA-Z0-9-]{12}")
_PATHS = {"custom": "/log/custom", "pageview": "/log"}

_HEADERS = {
    "User-Agent": BROWSER_LIKE,
    "Accept": "*/*",
    "Accept-Language": "en",
    "Accept-Encoding": "identity",
}
"""Projects with strict bot protection miss the last three."""

_HALVES = 1_000
"""Calls of which half is remembered to have arrived, at most."""

_TRIES = 3
"""Answers of 5xx to the report of one error, before it is given up."""


class Swetrix(Analytics):
    """Swetrix, as a custom event or a pageview for each call: the cloud or one's own server.

    Each call is a request of its own, several at a time. Swetrix takes the time of arrival for
    the time of the call and cannot tell a repeated request, so what is sent again after 429, 5xx
    or a lost answer may be there twice. Of a call that is told in two requests, one that arrived
    is not sent again while this process lives.

    What an answer means: a project that is unknown (404), suspended (402) or disabled, and a
    sender that may not send (403, or 400 in plain words), are settings to mend: everything is kept
    meanwhile. A call that fails a check (400 with a list) or is too large (413), whose client's
    address is blocked, or whose sender is taken for a robot (201 with a ``message``, which stores
    nothing) is rejected, and counted so.

    Args:
        project_id: the project's id, 12 letters, digits and dashes.
        base_url: where the API lives; for one's own server ``https://host/backend``, or its port
            5005.
        kind: ``"custom"`` for events, ``"pageview"`` for pageviews.
        errors: whether calls that end in 5xx or in an exception are also reported as errors.
        heartbeat: whether each pageview is followed by a sign of life, which makes its visitor one
            of those online; nothing depends on its answer.
        name: makes the name of an event; by default ``GET /items/{id}``.
        properties: makes more of the event's ``meta``.
        fields: makes more fields of the body (``lc tz ref so me ca te co perf unique``), or other
            ones in the place of ours (``pg qs profileId``); None leaves one out.
        forward_client_ip: ``"no"``, ``"truncated"`` (to /24 or /48) or ``"full"``. Swetrix counts
            visitors by it; with ``"no"`` they are told apart by ``user_id`` only.
        forward_user_agent: whether the user agents of browsers are told.
        **selection: ``only``, ``exclude`` and ``sample_rate``.

    Raises:
        ConfigError: a setting cannot work.
    """

    limits = Limits(batch_events=100)

    def __init__(
        self,
        project_id: str,
        *,
        base_url: str = "https://api.swetrix.com",
        kind: str = "custom",
        errors: bool = True,
        heartbeat: bool = False,
        name: Name | None = None,
        properties: Properties | None = None,
        fields: Properties | None = None,
        forward_client_ip: str = "no",
        forward_user_agent: bool = False,
        **selection: Unpack[Selection],
    ) -> None:
        from apilog.destinations._http import HttpTransport

        super().__init__(
            name=name,
            properties=properties,
            forward_client_ip=forward_client_ip,
            forward_user_agent=forward_user_agent,
            selection=selection,
        )
        check_function("fields", fields)
        if not isinstance(project_id, str) or not _PROJECT.fullmatch(project_id):
            raise ConfigError(
                "project_id: expected 12 letters, digits and single dashes, such as aUn1quEid-3x;"
                " copy it from the project's settings in Swetrix"
            )
        if kind not in _PATHS:
            raise ConfigError(f"kind = {kind!r}: expected {' or '.join(_PATHS)}")
        for option, value in (("errors", errors), ("heartbeat", heartbeat)):
            if not isinstance(value, bool):
                raise ConfigError(f"{option} = {value!r}: expected True or False")
        if heartbeat and kind != "pageview":
            raise ConfigError("heartbeat = True: only with kind='pageview'")
        self._project = project_id
        self._kind = kind
        self._errors = errors
        self._heartbeat = heartbeat
        self._fields = fields
        self._halves: OrderedDict[str, int] = OrderedDict()
        self._base_url = base_url
        self._transport = HttpTransport(base_url, _HEADERS, compress=False)

    def send(self, batch: Sequence[bytes]) -> None:
        """Deliver *batch*, one request after the other and several at a time.

        Raises:
            RetryLater, Rejected: nothing arrived.
            Partly: some calls did not.
        """
        Fan(len(batch), lambda place: self._deliver(batch[place])).run()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __repr__(self) -> str:
        return f"<Swetrix at {self._base_url}>"

    def _deliver(self, text: bytes) -> None:
        try:
            call = Call(text)
            body = self._body(call)
            headers = self._headers(call)
        except (AttributeError, TypeError, ValueError) as error:
            raise Rejected("not an event of a call") from error
        key = str(call.event.transaction_id or hashlib.sha256(text).hexdigest())
        if key not in self._halves:
            self._post(_PATHS[self._kind], body, headers)
            if self._heartbeat:
                self._beat(body, headers)
        if self._errors and (call.status >= 500 or (call.exception and not call.is_aborted)):
            self._report(key, self._error(call, body), headers)

    def _post(self, path: str, body: Mapping[str, JSON], headers: Mapping[str, str]) -> None:
        judge = partial(
            outcome,
            of_client="X-Forwarded-For" in headers,
            only_first=body.get("unique") is True,
        )
        self._transport.post(path, [codec.dumps(body)], headers, outcome=judge)

    def _beat(self, body: Mapping[str, JSON], headers: Mapping[str, str]) -> None:
        beat = {name: body[name] for name in ("pid", "profileId") if name in body}
        try:
            self._post("/log/hb", beat, headers)
        except DeliveryError:  # 403 if there is no session; a late one would be a lie
            self._count("heartbeat_failed")

    def _report(self, key: str, body: Mapping[str, JSON], headers: Mapping[str, str]) -> None:
        """Report the error of a call that arrived: what fails here never doubles it."""
        tries = self._halves.pop(key, 0)
        try:
            self._post("/log/error", body, headers)
        except RetryLater as trouble:
            tries += trouble.status is not None and trouble.status >= 500
            if tries < _TRIES:
                self._halves[key] = tries
                if len(self._halves) > _HALVES:
                    self._halves.popitem(last=False)
                raise
            self._count("error_report_failed", trouble)
        except DeliveryError as refusal:
            self._count("error_report_failed", refusal)

    def _count(self, kind: str, trouble: DeliveryError | None = None) -> None:
        if self._complaints is None:
            return
        if trouble is None:
            self._complaints.count(kind)
        else:
            self._complaints.complain(kind, f"an error was not reported to Swetrix: {trouble}")

    def _headers(self, call: Call) -> dict[str, str]:
        headers: dict[str, str] = {}
        if (address := self._address(call)) is not None:
            headers["X-Forwarded-For"] = headers["X-Client-IP-Address"] = address
        browser = call.browser if self._forward_user_agent else ""
        if browser and browser.isascii() and browser.isprintable():
            headers["User-Agent"] = browser
        return headers

    def _body(self, call: Call) -> dict[str, JSON]:
        own = self._mapped("properties", self._properties, call)
        body: dict[str, JSON] = {
            "pid": self._project,
            "pg": payload.text(call.path),
            "qs": payload.query(call.query),
            "profileId": payload.profile(call),
            "meta": payload.meta(call.measures(), own),
            **payload.campaign(call.query),
        }
        if self._kind == "custom":
            body["ev"] = payload.text(self._named(call), payload.NAME) or call.verb or "call"
        else:
            body["perf"] = payload.perf(call, call.ttfb_ms)
        body |= payload.fields(self._mapped("fields", self._fields, call))
        return {name: value for name, value in body.items() if value is not None}

    def _error(self, call: Call, body: Mapping[str, JSON]) -> dict[str, JSON]:
        """Return the report of the error that ended *call*, of which *body* was told."""
        what = f"{call.verb} {call.place} {call.status or 'without an answer'}"
        return {
            **{name: value for name, value in body.items() if name in payload.OF_ERRORS},
            "name": payload.text(call.exception or f"HTTP {call.status}", payload.ERROR_NAME),
            "message": payload.text(what, payload.ERROR_MESSAGE),
        }
