"""What a destination is called where others may read along: without its key."""

from __future__ import annotations

from urllib.parse import urlsplit

from apilog.destinations import Collector, Console, File, Memory, Moesif
from apilog.destinations.moesif import Batches
from apilog.terminal import escaped


def base_url(destination: object) -> str | None:
    """Return where *destination* posts to, or None if it posts nowhere that we know of."""
    if isinstance(destination, Batches):
        return destination._base_url  # noqa: SLF001 - destinations do not show what may hold a key
    return None


def name_of(destination: object) -> str:
    """Return *destination* as its URL without key and path, or the name of its class.

    A path may hold a key as well; of a file it is shown, because it is all there is.
    """
    if isinstance(destination, Moesif):
        return f"moesif://…@{_host(destination)}"
    if isinstance(destination, Collector):
        return f"{urlsplit(base_url(destination) or '').scheme}://{_host(destination)}"
    if isinstance(destination, File):
        return f"file:{escaped(str(destination._path))}"  # noqa: SLF001
    if isinstance(destination, (Console, Memory)):
        return f"{type(destination).__name__.lower()}:"
    return f"an object of class {type(destination).__name__}"


def _host(destination: object) -> str:
    return urlsplit(base_url(destination) or "").netloc.rpartition("@")[2]
