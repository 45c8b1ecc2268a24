"""Umami: https://umami.is/docs/api/sending-stats."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from apilog import codec, updates
from apilog.codec import JSON
from apilog.delivery import Limits
from apilog.destinations import _umami_payload
from apilog.destinations._analytics import (
    BROWSER_LIKE,
    Analytics,
    Name,
    Properties,
    check_function,
    made,
)
from apilog.destinations._call import Call
from apilog.destinations._selection import Selection
from apilog.destinations._umami_answer import Question
from apilog.exceptions import ConfigError, Partly, Rejected

if TYPE_CHECKING:
    from typing_extensions import Unpack

LARGEST_BODY = 1_000_000
"""Bytes of a batch, with its items in Umami's words."""

MOST_ITEMS = 500

LONGEST_ANSWER = 65_536
LONGEST_DETAIL = 8_192
"""Bytes of an answer that are read, and for each item, which may have failed with a stack trace."""

_WEBSITE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.I
)


class Umami(Analytics):
    """Umami, as a custom event for each call: 3.1.0 and newer, one's own or the cloud.

    What Umami refused, or failed over, is not sent again: it may be stored in part. Umami has no
    way to tell that a request is a repeated one, so a lost answer may double a batch. Answers that
    say "taken for a bot", as Umami does without a word, are counted as rejected.

    Args:
        website_id: the website's id, from its settings.
        base_url: where Umami lives; a path before ``/api`` is kept.
        hostname: the website's domain, which versions after 3.3.1 insist on; by default the host
            that was called.
        name: makes the name of a call; by default ``GET /items/{id}``.
        properties: makes more properties.
        tag: makes a tag; by default ``2xx``, ``4xx``, ...
        fields: makes more fields of the payload, such as ``title`` and ``referrer``, or other ones
            in the place of ours; None leaves one out.
        batch_items: events of one request, from 1 to 500; versions after 3.3.1 take 20.
        forward_client_ip: ``"no"``, ``"truncated"`` (to /24 or /48) or ``"full"``. Umami counts
            visitors by it; with ``"no"`` they are told apart by ``user_id`` only.
        forward_user_agent: whether browsers are told; other clients are told in ``data``.
        identify: whether ``client.update_user()`` tells Umami of users.
        **selection: ``only``, ``exclude`` and ``sample_rate``.

    Raises:
        ConfigError: a setting cannot work.
    """

    def __init__(
        self,
        website_id: str,
        *,
        base_url: str,
        hostname: str | None = None,
        name: Name | None = None,
        properties: Properties | None = None,
        tag: Name | None = None,
        fields: Properties | None = None,
        batch_items: int = 20,
        forward_client_ip: str = "no",
        forward_user_agent: bool = False,
        identify: bool = False,
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
        check_function("tag", tag)
        check_function("fields", fields)
        if not isinstance(website_id, str) or not _WEBSITE.fullmatch(website_id):
            raise ConfigError(
                "website_id: expected a UUID such as c8861a92-8899-418e-af74-c8bab41c9766;"
                " copy it from the website's settings in Umami"
            )
        if hostname is not None and _umami_payload.host(hostname) is None:
            raise ConfigError(
                f"hostname = {hostname!r}: expected a domain such as shop.example.com"
            )
        if type(batch_items) is not int or not 1 <= batch_items <= MOST_ITEMS:
            raise ConfigError(f"batch_items = {batch_items!r}: expected 1 to {MOST_ITEMS}")
        self.limits = Limits(batch_events=batch_items)
        self.takes = frozenset({updates.USERS.name} if identify else ())
        self._website = website_id.lower()
        self._hostname = hostname
        self._tag = tag
        self._fields = fields
        self._base_url = base_url
        self._transport = HttpTransport(
            base_url,
            {"User-Agent": BROWSER_LIKE},
            compress=False,
            longest_answer=LONGEST_ANSWER + batch_items * LONGEST_DETAIL,
        )

    def send(self, batch: Sequence[bytes]) -> None:
        """Deliver *batch*: to ``/api/batch``, or alone to ``/api/send``.

        Raises:
            RetryLater, Rejected: nothing arrived.
            Partly: Umami refused some, took their senders for bots, or stored only half of them.
        """
        items, refused = made(batch, self._item)
        if items:
            self._post(items, refused)
        elif refused:
            raise Partly(next(iter(refused.values())), rejected=refused)

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def __repr__(self) -> str:
        return f"<Umami at {self._base_url}>"

    def _post(self, items: Mapping[int, dict[str, JSON]], refused: Mapping[int, str]) -> None:
        """Send *items*, which stand at these positions, and judge them together with *refused*."""
        told = [codec.dumps(item) for item in items.values()]
        single = len(told) == 1
        body = told[0] if single else b"[" + b",".join(told) + b"]"
        if len(body) > LARGEST_BODY:
            raise Rejected(f"{len(body)} bytes in Umami's words", why="too_large")
        question = Question(
            places=tuple(items),
            refused=refused,
            has_hostname=self._hostname is not None,
            forwards_ip=self._forward_client_ip != "no",
        )
        path = "/api/send" if single else "/api/batch"
        self._transport.post(path, [body], outcome=question.outcome)

    def _item(self, text: bytes) -> dict[str, JSON]:
        if self.takes and updates.is_update(text):
            return self._user(text)
        call = Call(text)
        payload: dict[str, JSON] = {
            "website": self._website,
            "hostname": self._hostname or call.host,
            "name": _umami_payload.label(self._named(call)) or call.name,
            "tag": self._tagged(call),
            "id": call.event.user_id,
            "timestamp": call.moment.timestamp(),
            "ip": self._address(call),
            "userAgent": (self._forward_user_agent and call.browser) or BROWSER_LIKE,
            "data": self._data(call),
        }
        more = self._mapped("fields", self._fields, call)
        found = _umami_payload.fitted({**payload, **more, "website": self._website})
        if "url" not in more:
            found["url"] = _umami_payload.path_and_query(call.path, call.query)
        return {"type": "event", "payload": found}

    def _tagged(self, call: Call) -> str:
        said = self._asked("tag", self._tag, call)
        return said if isinstance(said, str) else call.status_class

    def _data(self, call: Call) -> dict[str, JSON]:
        """Return what is told of the call; the app's own properties last, because the end goes."""
        first = call.measures()
        agent = self._agent(call)
        if agent and agent != call.browser:
            first["user_agent"] = agent
        if _umami_payload.moment(call.moment.timestamp()) is None:
            first["time"] = call.event.request.time
        return {**first, **self._told(call)}

    def _user(self, text: bytes) -> dict[str, JSON]:
        """Return the update *text* of a user as Umami's ``identify``."""
        user = cast("dict[str, JSON]", codec.loads(updates.parts(text)[1]))
        about = user.get("metadata")
        payload: dict[str, JSON] = {
            "website": self._website,
            "hostname": self._hostname,
            "url": "/",
            "id": user["user_id"],
            "userAgent": BROWSER_LIKE,
            "data": {
                **(about if isinstance(about, dict) else {}),
                "company_id": user.get("company_id"),
            },
        }
        return {"type": "identify", "payload": _umami_payload.fitted(payload)}
