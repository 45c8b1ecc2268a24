"""Destinations by URL, for options, the environment and the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from apilog.delivery import Destination
from apilog.destinations.console import Console
from apilog.destinations.file import File
from apilog.destinations.memory import Memory
from apilog.destinations.moesif import Collector, Moesif
from apilog.exceptions import ConfigError


def from_url(url: str) -> Destination:
    """Return the destination that *url* names.

    ``moesif://APP_ID@host``, ``http://host:port`` or ``https://host`` (an apilog collector),
    ``file:///path``, ``console:``, ``memory:``. ``?insecure=1`` selects plain http for a named
    scheme.

    Raises:
        ConfigError: the URL names nothing; keys in it are not repeated in the message.
    """
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        raise ConfigError("destination: not a URL, check its brackets and characters") from None
    maker = _MAKERS.get(parts.scheme)
    if maker is None:
        raise _unfit(parts, f"unknown scheme; use one of {', '.join(EXAMPLES)}")
    return maker(parts)


def _moesif(parts: SplitResult) -> Destination:
    if not parts.username or not parts.hostname:
        raise _unfit(parts, f"no application id or no host; expected {EXAMPLES['moesif']}")
    if parts.password is not None or parts.fragment:
        raise _unfit(parts, "a ':' or '#' in the application id must be written %3A or %23")
    insecure = _parameters(parts, "insecure").get("insecure", "0")
    if insecure not in ("0", "1"):
        raise _unfit(parts, "insecure must be 0 or 1")
    base_url = f"{'http' if insecure == '1' else 'https'}://{_address(parts)}{parts.path}"
    return Moesif(unquote(parts.username), base_url=base_url.rstrip("/"))


def _collector(parts: SplitResult) -> Destination:
    _parameters(parts)
    if not parts.hostname or parts.username is not None or parts.fragment:
        raise _unfit(parts, f"expected {EXAMPLES[parts.scheme]}, no user and no fragment")
    return Collector(f"{parts.scheme}://{_address(parts)}{parts.path}".rstrip("/"))


def _file(parts: SplitResult) -> Destination:
    _parameters(parts)
    if parts.netloc not in ("", "localhost") or len(parts.path) < 2 or parts.fragment:
        raise _unfit(parts, f"expected {EXAMPLES['file']}, an absolute path")
    return File(unquote(parts.path))


def _console(parts: SplitResult) -> Destination:
    _nothing_else(parts)
    return Console()


def _memory(parts: SplitResult) -> Destination:
    _nothing_else(parts)
    return Memory()


_MAKERS: Mapping[str, Callable[[SplitResult], Destination]] = {
    "moesif": _moesif,
    "http": _collector,
    "https": _collector,
    "file": _file,
    "console": _console,
    "memory": _memory,
}

EXAMPLES: Mapping[str, str] = {
    "moesif": "moesif://APP_ID@api.moesif.net",
    "http": "http://127.0.0.1:8090",
    "https": "https://collector.example.com",
    "file": "file:///var/log/api.ndjson",
    "console": "console:",
    "memory": "memory:",
}
"""A URL of each kind."""


def _address(parts: SplitResult) -> str:
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    try:
        return f"{host}:{parts.port}" if parts.port else f"{host}"
    except ValueError:
        raise _unfit(parts, "the port is not a number from 0 to 65535") from None


def _parameters(parts: SplitResult, *known: str) -> dict[str, str]:
    parameters = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name in parameters:
        if name not in known:
            problem = f"known are: {', '.join(known)}" if known else "this kind has none"
            raise _unfit(parts, f"unknown parameter; {problem}")
    return parameters


def _nothing_else(parts: SplitResult) -> None:
    if parts.netloc or parts.path or parts.query:
        raise _unfit(parts, f"expected {EXAMPLES[parts.scheme]} and nothing else")


def _unfit(parts: SplitResult, problem: str) -> ConfigError:
    """Name the URL by its scheme, if it has one; anything after that may be a key."""
    shown = (
        f" = '{parts.scheme}:...'"
        if parts.scheme and (parts.netloc or parts.scheme in _MAKERS)
        else ""
    )
    return ConfigError(f"destination{shown}: {problem}")
