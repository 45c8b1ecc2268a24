"""What a destination is called where others may read along: without its key."""

from __future__ import annotations

from urllib.parse import urlsplit

from apilog.destinations import (
    CollectEvent,
    Collector,
    Console,
    File,
    Logimoni,
    Memory,
    Moesif,
    Swetrix,
    Umami,
)
from apilog.destinations._selection import Selects
from apilog.destinations.moesif import Batches
from apilog.terminal import escaped


def base_url(destination: object) -> str | None:
    """Return where *destination* posts to, or None if it posts nowhere that we know of."""
    if isinstance(destination, (Batches, Selects)):  # they do not show what may hold a key
        return getattr(destination, "_base_url", None)
    return None


def name_of(destination: object) -> str:
    """Return *destination* as its URL without key and path, or the name of its class.

    A path may hold a key as well; of a file it is shown, because it is all there is.
    """
    for kind in (Moesif, Umami, Swetrix, Logimoni):
        if isinstance(destination, kind):
            return f"{kind.__name__.lower()}://…@{_host(destination)}"
    if isinstance(destination, (CollectEvent, Collector)):
        scheme = urlsplit(base_url(destination) or "").scheme
        prefix = "collect+" if isinstance(destination, CollectEvent) else ""
        return f"{prefix}{scheme}://{_host(destination)}"
    if isinstance(destination, File):
        return f"file:{escaped(str(destination._path))}"  # noqa: SLF001
    if isinstance(destination, (Console, Memory)):
        return f"{type(destination).__name__.lower()}:"
    return f"an object of class {type(destination).__name__}"


def _host(destination: object) -> str:
    return urlsplit(base_url(destination) or "").netloc.rpartition("@")[2]
