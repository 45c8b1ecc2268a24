"""apilog records every API call of a web app and ships it, masked and in batches, to an event API.

The app never notices: see `apilog.wsgi` and `apilog.asgi` for any app, and the packages
`apilog_flask`, `apilog_fastapi` and `apilog_django` for those frameworks.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from apilog._version import __version__

if TYPE_CHECKING:
    from apilog.capture import annotate
    from apilog.client import Client
    from apilog.delivery import Destination
    from apilog.events import Event, EventRequest, EventResponse
    from apilog.exceptions import (
        ApiLogError,
        ConfigError,
        DeliveryError,
        Partly,
        Rejected,
        RetryLater,
    )
    from apilog.hooks import ResponseHead, blocking
    from apilog.ledger import Stats
else:  # to a type checker, __getattr__ would mean that every name exists

    def __getattr__(name: str) -> Any:
        """Import a public name when it is asked for the first time (PEP 562).

        Every command and the collector import this package, and need no client.
        """
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


__all__ = [
    "ApiLogError",
    "Client",
    "ConfigError",
    "DeliveryError",
    "Destination",
    "Event",
    "EventRequest",
    "EventResponse",
    "Partly",
    "Rejected",
    "ResponseHead",
    "RetryLater",
    "Stats",
    "__version__",
    "annotate",
    "blocking",
]

_HOMES = {
    "ApiLogError": "apilog.exceptions",
    "Client": "apilog.client",
    "ConfigError": "apilog.exceptions",
    "DeliveryError": "apilog.exceptions",
    "Destination": "apilog.delivery",
    "Event": "apilog.events",
    "EventRequest": "apilog.events",
    "EventResponse": "apilog.events",
    "Partly": "apilog.exceptions",
    "Rejected": "apilog.exceptions",
    "ResponseHead": "apilog.hooks",
    "RetryLater": "apilog.exceptions",
    "Stats": "apilog.ledger",
    "annotate": "apilog.capture",
    "blocking": "apilog.hooks",
}
"""The module that each public name is in."""
