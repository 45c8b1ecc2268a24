"""What destinations for analytics have in common: they count calls, and see nothing in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from apilog import codec
from apilog._version import __version__
from apilog.codec import JSON
from apilog.destinations._call import Call
from apilog.destinations._cuts import address
from apilog.destinations._selection import Selection, Selects
from apilog.events import Event
from apilog.exceptions import ConfigError

if TYPE_CHECKING:
    from apilog.complaints import Complaints

Made = TypeVar("Made")
Name = Callable[[Event], str]
Properties = Callable[[Event], Mapping[str, Any]]

BROWSER_LIKE = f"Mozilla/5.0 (X11; Linux x86_64) apilog/{__version__}"
"""An own user agent that services which turn robots away let pass (npm ``isbot`` 5)."""

_FORWARDED = ("no", "truncated", "full")


class Analytics(Selects):
    """A destination that is told of calls, by their names and measures.

    Args:
        name: makes the name of a call of its masked event; by default ``GET /items/{id}``.
        properties: makes more properties of it.
        forward_client_ip: ``"no"``, ``"truncated"`` (to /24 or /48) or ``"full"``.
        forward_user_agent: whether the client's own is told.
        selection: ``only``, ``exclude``, ``sample_rate``.

    Raises:
        ConfigError: a setting cannot work.
    """

    def __init__(
        self,
        *,
        name: Name | None,
        properties: Properties | None,
        forward_client_ip: str,
        forward_user_agent: bool,
        selection: Selection,
    ) -> None:
        super().__init__(selection)
        check_function("name", name)
        check_function("properties", properties)
        if forward_client_ip not in _FORWARDED:
            raise ConfigError(
                f"forward_client_ip = {forward_client_ip!r}: expected {' or '.join(_FORWARDED)}"
            )
        self._name = name
        self._properties = properties
        self._forward_client_ip = forward_client_ip
        self._forward_user_agent = forward_user_agent
        self._complaints: Complaints | None = None

    def report_to(self, complaints: Complaints) -> None:
        """Take who is told when a function of the user's fails."""
        self._complaints = complaints

    def _named(self, call: Call) -> str:
        """Return the call's name; the usual one where the user's function fails or has none."""
        said = self._asked("name", self._name, call)
        return said if isinstance(said, str) and said else call.name

    def _told(self, call: Call) -> dict[str, JSON]:
        """Return the call's measures and the user's own properties, which come first."""
        return {**self._mapped("properties", self._properties, call), **call.measures()}

    def _address(self, call: Call) -> str | None:
        return address(call.event.request.ip_address, self._forward_client_ip)

    def _agent(self, call: Call) -> str:
        """Return the user agent that may be told."""
        return call.agent if self._forward_user_agent else ""

    def _mapped(self, what: str, function: Properties | None, call: Call) -> dict[str, JSON]:
        """Return what the user's *function* says, as plain JSON; nothing where it fails."""
        if function is None:
            return {}

        def plain(event: Event) -> JSON:
            return codec.loads(codec.dumps(dict(function(event) or {})))

        said = self._asked(what, plain, call)
        return said if isinstance(said, dict) else {}

    def _asked(self, what: str, function: Callable[[Event], Any] | None, call: Call) -> Any:
        """Return the answer of the user's *function*, or None where it fails: that is counted."""
        if function is None:
            return None
        try:
            return function(call.event)
        except Exception as error:  # noqa: BLE001 - one field is not worth an event
            if self._complaints is not None:
                self._complaints.complain("mapping_failed", f"the function {what} failed", error)
            return None


def check_function(option: str, function: object) -> None:
    """Refuse what is given for *option* and is no function.

    Raises:
        ConfigError: it is something else.
    """
    if function is not None and not callable(function):
        raise ConfigError(f"{option} = {function!r}: expected a function of the event")


def made(
    batch: Sequence[bytes], make: Callable[[bytes], Made]
) -> tuple[dict[int, Made], dict[int, str]]:
    """Return what *make* makes of each item of *batch*, and why it makes nothing of others.

    Both by their positions. One odd event must not cost the others.
    """
    found: dict[int, Made] = {}
    refused: dict[int, str] = {}
    for position, item in enumerate(batch):
        try:
            found[position] = make(item)
        except Exception as error:  # noqa: BLE001 - a message may quote the event
            problem = "" if isinstance(error, ValueError) else f" ({type(error).__name__})"
            refused[position] = f"not an event{problem}"
    return found, refused
