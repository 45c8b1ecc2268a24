"""apilog records every API call of a web app and ships it, masked and in batches, to an event API.

The app never notices: see `apilog.wsgi` and `apilog.asgi` for any app, and the packages
`apilog_flask`, `apilog_fastapi` and `apilog_django` for those frameworks.
"""

from __future__ import annotations

from apilog._version import __version__
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
