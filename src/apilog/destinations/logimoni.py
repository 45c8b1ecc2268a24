"""Logimoni: https://logimoni.com."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from apilog import codec
from apilog.delivery import Limits
from apilog.destinations._analytics import Analytics, Name, Properties, check_function
from apilog.destinations._call import Call
from apilog.destinations._categories import Category, category_of
from apilog.destinations._cuts import cut, flat, printable
from apilog.destinations._fan import Fan
from apilog.destinations._selection import Selection
from apilog.events import Event
from apilog.exceptions import ConfigError, DeliveryError, Rejected

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from apilog.destinations._http import Answer

LONGEST_KEY = 500
LONGEST_CATEGORY = 200
LONGEST_MESSAGE = 2_000
"""UTF-16 units; Logimoni says nothing of its own limits."""

_AT_FAULT = frozenset({400, 404, 409, 422})
"""Answers that may be about one event, once others were taken."""


class Logimoni(Analytics):
    """Logimoni, as one line of text for each call.

    Each call is a request of its own, several at a time. Logimoni says nothing but a status: what
    is answered with 2xx counts as delivered, and whether it was shown in the dashboard cannot be
    known; a category that does not exist there, or a wrong key, may lose events without a sign.
    Until the first event was taken, any 4xx is taken for a setting to mend, and everything is kept;
    later 400, 404, 409 and 422 refuse one event each. What is sent again after 429, 5xx or a lost
    answer may be there twice.

    Both keys travel in the body of each request and stand nowhere else: not in events, logs,
    errors or the spool.

    Args:
        user_key: the account's key.
        project_key: the project's key.
        category: where calls go: the name of a category, a table in which the first condition
            that fits counts (``{"5xx": "Errors", "POST /orders": "Orders", "default": "Calls"}``;
            conditions are those of ``only``), or a function of the event.
        base_url: where Logimoni lives; a path before ``/api/events`` is kept.
        message: makes the line of an event; by default ``GET /items/{id} 500 12.5ms``.
        name: makes the first part of that line.
        properties: makes more of that line: ``plan=pro``.
        **selection: ``only``, ``exclude`` and ``sample_rate``.

    Raises:
        ConfigError: a setting cannot work.
    """

    limits = Limits(batch_events=100)

    def __init__(
        self,
        user_key: str,
        project_key: str,
        *,
        category: Category,
        base_url: str = "https://logimoni.com",
        message: Callable[[Event], str] | None = None,
        name: Name | None = None,
        properties: Properties | None = None,
        **selection: Unpack[Selection],
    ) -> None:
        from apilog.destinations._http import HttpTransport, verdict

        super().__init__(
            name=name,
            properties=properties,
            forward_client_ip="no",
            forward_user_agent=False,
            selection=selection,
        )
        check_function("message", message)
        _check_key("user_key", user_key)
        _check_key("project_key", project_key)
        self._keys = {"userKey": user_key, "projectKey": project_key}
        self._category = category_of(category)
        self._message = message
        self._verdict = verdict
        self._has_passed = False
        self._base_url = base_url
        self._transport = HttpTransport(base_url, {}, outcome=self._outcome, compress=False)

    def send(self, batch: Sequence[bytes]) -> None:
        """Deliver *batch*, one request for each event and several at a time.

        Raises:
            RetryLater, Rejected: nothing arrived.
            Partly: some events did not.
        """
        Fan(len(batch), lambda place: self._deliver(batch[place])).run()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __repr__(self) -> str:
        return f"<Logimoni at {self._base_url}>"

    def _deliver(self, text: bytes) -> None:
        try:
            call = Call(text)
            body = {
                **self._keys,
                "categoryName": self._place(call),
                "message": self._line(call),
            }
        except (AttributeError, TypeError, ValueError):
            raise Rejected("not an event of a call") from None
        self._transport.post("/api/events", [codec.dumps(body)])

    def _place(self, call: Call) -> str:
        said: Any = self._asked("category", self._category, call)
        name = one_line(said, LONGEST_CATEGORY) if isinstance(said, str) else ""
        if not name:
            raise Rejected("category: no name for an event")
        return name

    def _line(self, call: Call) -> str:
        said: Any = self._asked("message", self._message, call)
        line = one_line(said, LONGEST_MESSAGE) if isinstance(said, str) else ""
        if not line:
            took = "" if call.duration_ms is None else f" {call.duration_ms:.1f}ms"
            said = f"{self._named(call)} {call.status or call.exception or 'aborted'}{took}"
            more = flat(self._mapped("properties", self._properties, call))
            said = " ".join([said, *(f"{key}={value}" for key, value in more.items())])
            line = one_line(said, LONGEST_MESSAGE)
        return line

    def _outcome(self, answer: Answer) -> DeliveryError | None:
        trouble = self._verdict(answer)
        if trouble is None:
            self._has_passed = True
        elif isinstance(trouble, Rejected) and answer.status in _AT_FAULT:
            message = f"{answer.status} from {answer.host}"
            if self._has_passed:
                return Rejected(f"{message}; is there a category of this name?")
            return Rejected(
                f"{message}; are both keys right, and is there a category of this name?",
                why="closed",
            )
        return trouble


def one_line(text: str, length: int) -> str:
    """Return *text* as one line of at most *length* units, without control characters."""
    words = " ".join(printable(text[: 4 * length]).split())
    return cut("".join(each for each in words if each.isprintable()), length)


def _check_key(option: str, key: object) -> None:
    """Refuse what cannot be a key, without repeating it."""
    if (
        not isinstance(key, str)
        or not 1 <= len(key) <= LONGEST_KEY
        or not key.isprintable()
        or key != key.strip()
    ):
        raise ConfigError(
            f"{option}: missing, or not printable text; copy it from Logimoni's settings"
        )
