"""``/collect/event``: https://docs.conscent.ai/events-api-docs, and what speaks the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from apilog import codec
from apilog.codec import JSON
from apilog.delivery import Limits
from apilog.destinations._analytics import Analytics, Name, Properties, made
from apilog.destinations._call import Call
from apilog.destinations._cuts import cut, flat, printable
from apilog.destinations._selection import Selection
from apilog.exceptions import ConfigError, DeliveryError, Partly, Rejected

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from apilog.destinations._http import Answer

TEXT = 1_000
"""UTF-16 units of a text: nothing is documented, and nothing longer is worth it."""

KEYS = 100

_LARGEST = 999_999_999_999_999
_SPELLINGS = ("messageHeaders", "messageheader")
"""What the API's own page calls the same object in its example, and in its text."""


class CollectEvent(Analytics):
    """An event collection API: batches of flat events to ``/collect/event``.

    The API has a closed list of event types, and fields that depend on them: *event_type*,
    *constants* and *properties* say what suits it. It has no way to tell a repeated request, so a
    lost answer may double a batch, with the same id.

    Args:
        base_url: where the API lives; a path before ``/collect`` is kept.
        event_type: the ``eventType`` of each event, such as ``VIEW``.
        constants: what each event has besides, such as ``{"clientId": "..."}``; it is not masked.
        headers: an object that is sent with each batch, if given.
        headers_field: what that is called, ``messageHeaders`` or ``messageheader``.
        id_field: the field of the call's ``transaction_id``.
        name: makes the ``name`` of a call; by default ``GET /items/{id}``.
        properties: makes more properties, or other ones in the place of ours; None leaves one out.
        batch_items: events of one request, from 1 to 1,000.
        forward_client_ip: ``"no"``, ``"truncated"`` (to /24 or /48) or ``"full"``.
        forward_user_agent: whether the client's user agent is told.
        **selection: ``only``, ``exclude`` and ``sample_rate``.

    Raises:
        ConfigError: a setting cannot work.
    """

    def __init__(
        self,
        base_url: str,
        *,
        event_type: str = "API_CALL",
        constants: Mapping[str, Any] | None = None,
        headers: Mapping[str, Any] | None = None,
        headers_field: str = "messageHeaders",
        id_field: str = "transactionId",
        name: Name | None = None,
        properties: Properties | None = None,
        batch_items: int = 100,
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
        for option, text in (("event_type", event_type), ("id_field", id_field)):
            if not isinstance(text, str) or not text.strip() or not text.isprintable():
                raise ConfigError(f"{option} = {text!r}: expected a text such as 'VIEW' or 'id'")
        for option, given in (("constants", constants), ("headers", headers)):
            if given is not None and not isinstance(given, Mapping):
                raise ConfigError(f"{option} is a {type(given).__name__}: expected a mapping")
        if headers_field not in _SPELLINGS:
            raise ConfigError(
                f"headers_field = {headers_field!r}: expected {' or '.join(_SPELLINGS)}"
            )
        if type(batch_items) is not int or not 1 <= batch_items <= 1_000:
            raise ConfigError(f"batch_items = {batch_items!r}: expected 1 to 1000")
        self.limits = Limits(batch_events=batch_items)
        self._event_type = event_type
        self._id_field = id_field
        self._constants = dict(constants or {})
        self._end = b"]}"
        if headers is not None:
            self._end = b'],"%b":%b}' % (headers_field.encode(), codec.dumps(dict(headers)))
        self._base_url = base_url
        self._transport = HttpTransport(base_url, {}, compress=False)

    def send(self, batch: Sequence[bytes]) -> None:
        """Deliver *batch*.

        Raises:
            RetryLater, Rejected: nothing arrived.
            Partly: some of it are no events; the others arrived.
        """
        told, refused = made(batch, self._event)
        if told:
            pieces = [b'{"messageBody":[', b",".join(told.values()), self._end]
            self._transport.post("/collect/event", pieces, outcome=self._outcome)
        if refused:
            raise Partly(next(iter(refused.values())), rejected=refused)

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def __repr__(self) -> str:
        return f"<CollectEvent at {self._base_url}>"

    def _event(self, text: bytes) -> bytes:
        call = Call(text)
        measures = call.measures()
        event: dict[str, JSON] = {
            "eventType": self._event_type,
            self._id_field: measures.pop("transaction_id", None),
            "timestamp": call.event.request.time,
            "name": self._named(call),
            "path": call.path,
            "userId": call.event.user_id,
            "ip": self._address(call),
            "userAgent": self._agent(call) or None,
            **measures,
            **self._constants,
            **self._mapped("properties", self._properties, call),
        }
        return codec.dumps(_fitted(event))

    def _outcome(self, answer: Answer) -> DeliveryError | None:
        from apilog.destinations._http import verdict

        if answer.status == 400 and b"event type" in answer.body.lower():
            message = (
                f"400 from {answer.host}: invalid event type;"
                f" event_type = {self._event_type!r} is not on its list, set one that is"
            )
            return Rejected(message, why="closed")
        if answer.status < 300 and answer.body.lstrip()[:1] == b"<":
            message = f"{answer.status} from {answer.host}, and a page; is the address right?"
            return Rejected(message, why="closed")
        return verdict(answer)


def _fitted(event: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return *event* as one object of primitives that any database stores."""
    found: dict[str, JSON] = {}
    for name, value in flat(event).items():
        if value is None or len(found) == KEYS:
            continue
        if isinstance(value, str):
            value = cut(printable(value), TEXT)
        elif not isinstance(value, bool) and isinstance(value, (int, float)):
            value = value if abs(value) <= _LARGEST else str(value)[:TEXT]
        found[cut(printable(name), 100)] = value
    return found
