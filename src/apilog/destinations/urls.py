"""Destinations by URL, for options, the environment and the command line.

Each is imported where its URL is read: an app need not wait for those that it has not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, unquote, urlsplit

from apilog.delivery import Destination
from apilog.destinations._url_parts import (
    SELECTION,
    address,
    base_and_options,
    category,
    flag,
    options,
    pairs,
    selection_alone,
    service,
    text,
    unfit,
    whole,
)
from apilog.exceptions import ConfigError


def from_url(url: str) -> Destination:
    """Return the destination that *url* names.

    ``moesif://APP_ID@host``, ``umami://WEBSITE_ID@host``, ``swetrix://PROJECT_ID@host``,
    ``logimoni://USER_KEY:PROJECT_KEY@host?category=Calls``, ``collect+https://host?event_type=VIEW``
    (or ``collect+http``), ``http://host:port`` or ``https://host`` (an apilog collector),
    ``file:///path``, ``console:``, ``memory:``. ``?insecure=1`` selects plain http for a named
    scheme; plain options of the destination are parameters, too: ``?only=/api/*&only=5xx``.

    Raises:
        ConfigError: the URL names nothing; keys in it are not repeated in the message.
    """
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        raise ConfigError("destination: not a URL, check its brackets and characters") from None
    maker = _MAKERS.get(parts.scheme)
    if maker is None:
        # what stands before the colon may be a part of a key, if nothing of a URL follows
        shown = f" = '{parts.scheme}:...'" if parts.scheme and parts.netloc else ""
        raise ConfigError(f"destination{shown}: unknown scheme; use one of {', '.join(EXAMPLES)}")
    return maker(parts)


_MOESIF = {**SELECTION, "governance": flag, "remote_sampling": flag}


def _moesif(parts: SplitResult) -> Destination:
    from apilog.destinations.moesif import Moesif

    key, base_url, given = service(parts, "application id", EXAMPLES["moesif"], _MOESIF)
    return Moesif(key, base_url=base_url, **given)


_UMAMI = {
    **SELECTION,
    "hostname": text,
    "batch_items": whole,
    "forward_client_ip": text,
    "forward_user_agent": flag,
    "identify": flag,
}


def _umami(parts: SplitResult) -> Destination:
    from apilog.destinations.umami import Umami

    website_id, base_url, given = service(parts, "website id", EXAMPLES["umami"], _UMAMI)
    return Umami(website_id, base_url=base_url, **given)


_SWETRIX = {
    **SELECTION,
    "kind": text,
    "errors": flag,
    "heartbeat": flag,
    "forward_client_ip": text,
    "forward_user_agent": flag,
}


def _swetrix(parts: SplitResult) -> Destination:
    from apilog.destinations.swetrix import Swetrix

    project_id, base_url, given = service(parts, "project id", EXAMPLES["swetrix"], _SWETRIX)
    return Swetrix(project_id, base_url=base_url, **given)


_LOGIMONI = {**SELECTION, "category": category}


def _logimoni(parts: SplitResult) -> Destination:
    from apilog.destinations.logimoni import Logimoni

    if not parts.username or not parts.password or not parts.hostname or parts.fragment:
        raise unfit(
            parts,
            f"a key or the host is missing; expected {EXAMPLES['logimoni']},"
            " with %3A, %40 or %23 for a ':', '@' or '#' in a key",
        )
    base_url, given = base_and_options(parts, _LOGIMONI)
    if "category" not in given:
        raise unfit(parts, f"no category; expected {EXAMPLES['logimoni']}")
    user_key, project_key = unquote(parts.username), unquote(parts.password)
    return Logimoni(user_key, project_key, base_url=base_url, **given)


_COLLECT_EVENT = {
    **SELECTION,
    "event_type": text,
    "constants": pairs,
    "headers": pairs,
    "headers_field": text,
    "id_field": text,
    "batch_items": whole,
    "forward_client_ip": text,
    "forward_user_agent": flag,
}


def _collect_event(parts: SplitResult) -> Destination:
    from apilog.destinations.collect_event import CollectEvent

    if not parts.hostname or parts.username is not None or parts.fragment:
        raise unfit(parts, f"expected {EXAMPLES[parts.scheme]}, no user and no fragment")
    given = options(parts, _COLLECT_EVENT)
    scheme = parts.scheme.removeprefix("collect+")
    return CollectEvent(f"{scheme}://{address(parts)}{parts.path}".rstrip("/"), **given)


def _collector(parts: SplitResult) -> Destination:
    from apilog.destinations.moesif import Collector

    given = options(parts, SELECTION)
    if not parts.hostname or parts.username is not None or parts.fragment:
        raise unfit(parts, f"expected {EXAMPLES[parts.scheme]}, no user and no fragment")
    return Collector(f"{parts.scheme}://{address(parts)}{parts.path}".rstrip("/"), **given)


def _file(parts: SplitResult) -> Destination:
    from apilog.destinations.file import File

    given = options(parts, SELECTION)
    if parts.netloc not in ("", "localhost") or len(parts.path) < 2 or parts.fragment:
        raise unfit(parts, f"expected {EXAMPLES['file']}, an absolute path")
    return File(unquote(parts.path), **given)


def _console(parts: SplitResult) -> Destination:
    from apilog.destinations.console import Console

    return Console(**selection_alone(parts, EXAMPLES[parts.scheme]))


def _memory(parts: SplitResult) -> Destination:
    from apilog.destinations.memory import Memory

    return Memory(**selection_alone(parts, EXAMPLES[parts.scheme]))


_MAKERS: Mapping[str, Callable[[SplitResult], Destination]] = {
    "moesif": _moesif,
    "umami": _umami,
    "swetrix": _swetrix,
    "logimoni": _logimoni,
    "collect+https": _collect_event,
    "collect+http": _collect_event,
    "http": _collector,
    "https": _collector,
    "file": _file,
    "console": _console,
    "memory": _memory,
}

EXAMPLES: Mapping[str, str] = {
    "moesif": "moesif://APP_ID@api.moesif.net",
    "umami": "umami://c8861a92-8899-418e-af74-c8bab41c9766@umami.example.com",
    "swetrix": "swetrix://PROJECTid-12@api.swetrix.com",
    "logimoni": "logimoni://USER_KEY:PROJECT_KEY@logimoni.com?category=Calls",
    "collect+https": "collect+https://collections.example.com?event_type=VIEW",
    "collect+http": "collect+http://127.0.0.1:8090?event_type=VIEW",
    "http": "http://127.0.0.1:8090",
    "https": "https://collector.example.com",
    "file": "file:///var/log/api.ndjson",
    "console": "console:",
    "memory": "memory:",
}
"""A URL of each kind."""
