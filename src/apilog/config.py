"""The options: each with its reason, checked once, when the app is set up."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from apilog import option_kinds as kinds
from apilog.exceptions import ConfigError
from apilog.option_kinds import Kind
from apilog.proxies import Network
from apilog.route_rules import RouteRules, routes

__all__ = ["Config"]

logger = logging.getLogger("apilog")

PREFIX = "APILOG_"
"""What the names of environment variables begin with."""

DESTINATION = "destination"
"""The one setting that is no option: it is named first, or by this variable of the environment."""

_OTHERS = frozenset({DESTINATION, "data"})
"""Variables that are no options: that one, and what names the collector's folder to commands."""


def _option(default: Any, kind: Kind) -> Any:
    return field(default=default, metadata={"kind": kind})


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What a client was told to do. Code beats environment beats default."""

    enabled: bool = _option(True, kinds.flag())
    """Off switch: the middleware hands every call straight to the app."""

    capture_request_body: bool = _option(True, kinds.flag())
    """Off: request bodies are counted, never kept."""

    capture_response_body: bool = _option(True, kinds.flag())
    """Off: response bodies are counted, never kept."""

    max_body_bytes: int = _option(262_144, kinds.whole(0, 16 * 1024 * 1024))
    """Largest body kept, in bytes. A larger one is counted, not kept: a cut JSON text cannot be
    parsed, and what cannot be parsed cannot be masked. Line formats keep both ends."""

    pause_file: str | None = _option(None, kinds.path("/run/shop/apilog.pause"))
    """While a file of this name exists, nothing is recorded: a switch that needs no restart."""

    exclude_paths: re.Pattern[str] | None = _option(None, kinds.paths())
    """Paths that are not recorded (``*`` stands for anything): health checks say nothing."""

    sample_rate: float | Callable[..., Any] = _option(1.0, kinds.rate())
    """Share of calls recorded, or a function of (request, response) that gives it for each."""

    mask_headers: tuple[str, ...] = _option((), kinds.names())
    """Header names masked besides the defaults, in any spelling."""

    mask_query: tuple[str, ...] = _option((), kinds.names())
    """Query parameters masked besides the defaults, in any spelling."""

    mask_fields: tuple[str, ...] = _option((), kinds.places())
    """Names masked in bodies and metadata besides the defaults, in any spelling; dotted paths
    (``user.address.zip``) and JSON pointers (``/items/*/zip``) mask in one place only."""

    mask_patterns: tuple[re.Pattern[str], ...] = _option((), kinds.patterns())
    """Regular expressions whose matches are masked in every text. One that can take exponential
    time is refused: it would stop the whole process."""

    unmask: tuple[str, ...] = _option((), kinds.names())
    """Names taken off the defaults, where a default meets an innocent name of yours."""

    mask_routes: tuple[RouteRules, ...] = _option((), routes())
    """Rules for some calls only: a route or a path (``*`` stands for anything, a verb may stand
    before it), and for each the options that are added or switched there."""

    keep_fields: tuple[str, ...] = _option((), kinds.places())
    """An allow-list: with any, every other value in bodies, metadata, queries and headers goes, and
    bodies without fields stay home."""

    shape_only: bool = _option(False, kinds.flag())
    """On: types and sizes stand in the place of all values."""

    hash: bytes | None = _option(None, kinds.key())
    """A key of yours: what is masked becomes a pseudonym (HMAC-SHA-256), the same for the same
    value, instead of a constant that tells nothing."""

    mask_timeout: float = _option(1.0, kinds.number(0.01, 60))
    """Seconds that `mask_body` or `mask_event` may take for one event; later it is lost or reduced,
    because a hook that hangs must not hold all the others."""

    trusted_proxies: tuple[Network | str, ...] = _option((), kinds.networks())
    """Proxies whose word about the client is taken; nobody's by default, because anybody can send
    the header. ``"unix"`` trusts peers on a unix socket."""

    authorization_header: str | None = _option("Authorization", kinds.header_name())
    """Header with the credential that the user is read from when no hook names one; it is masked.
    None reads nobody's."""

    user_claim: str | None = _option(
        "sub", kinds.text("the name of a JWT claim such as 'sub', or None")
    )
    """JWT claim with the user's id; a dotted path reaches into objects."""

    company_claim: str | None = _option(
        None, kinds.text("the name of a JWT claim such as 'org_id', or None")
    )
    """JWT claim with the company's id."""

    api_version: str | None = _option(None, kinds.text("a version such as '2.1', or None"))
    """Version of the app's API, recorded with every call."""

    transaction_header: str | None = _option(None, kinds.header_name())
    """Header that carries the event's id to the app and to the client. None by default, because a
    guest adds nothing."""

    batch_size: int = _option(100, kinds.whole(1, 10_000))
    """Events sent at once."""

    flush_interval: float = _option(2.0, kinds.number(0.01, 3600))
    """Seconds an event waits for others at most."""

    queue_events: int = _option(10_000, kinds.whole(1, 10_000_000))
    """Events that wait at most; when more come, the oldest are dropped and counted."""

    queue_bytes: int = _option(32 * 1024 * 1024, kinds.whole(65_536, 1 << 40))
    """Bytes that wait at most, roughly; the same happens."""

    spool: str | None = _option(None, kinds.path("/var/lib/shop/apilog"))
    """Directory in which events wait on disk, masked, until they are delivered: they survive the
    end of the process, however it comes, and another one delivers them. Several processes of one
    app share one directory."""

    durability: str = _option("worker", kinds.choice("worker", "request"))
    """When an event is in the spool: ``"worker"``: within 100 ms of its response; ``"request"``:
    before the last byte of its response is handed on, at the price of masking and a write (about
    0.1 ms) in the request."""

    spool_bytes: int = _option(512 * 1024 * 1024, kinds.whole(1024 * 1024, 1 << 40))
    """Bytes that the spool holds at most; when more come, bodies go first, then successes."""

    crash_capture: bool = _option(True, kinds.flag())
    """With ``durability="request"``: note the beginning of each call as well, so that one that
    kills its process is recorded as aborted."""

    shutdown_timeout: float = _option(2.0, kinds.number(0, 600))
    """Seconds that the end of the process may take to deliver what is left."""

    @classmethod
    def build(cls, options: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Config:
        """Return the configuration that *options* and the environment ask for.

        Raises:
            ConfigError: an option is unknown, or a value cannot work.
        """
        environ = os.environ if environ is None else environ
        for name in options:
            if name not in KINDS:
                raise ConfigError(_unknown(name))
        values = {
            name: _read(PREFIX + name.upper(), environ[PREFIX + name.upper()], kind.from_text, kind)
            for name, kind in KINDS.items()
            if PREFIX + name.upper() in environ and name not in options
        }
        values |= {
            name: _read(name, value, KINDS[name].parse, KINDS[name])
            for name, value in options.items()
        }
        return cls(**values)


KINDS: Mapping[str, Kind] = {each.name: each.metadata["kind"] for each in fields(Config)}
"""Every option and how it is read."""


def warn_of_unknown(environ: Mapping[str, str]) -> None:
    """Log variables of the environment that look like options and are none.

    A warning, no error: a variable for a newer version must not keep an app from starting.
    """
    for variable in sorted(environ):
        name = variable.removeprefix(PREFIX).lower()
        if variable.startswith(PREFIX) and name not in KINDS and name not in _OTHERS:
            logger.warning("apilog: %s is ignored: %s", variable, _unknown(name))


def _read(name: str, value: Any, parse: Callable[[Any], Any], kind: Kind) -> Any:
    try:
        return parse(value)
    except (ValueError, TypeError, OverflowError) as error:
        shown = "..." if kind.is_secret else repr(value)
        raise ConfigError(f"{name} = {shown}: expected {kind.expected}") from error


def _unknown(name: str) -> str:
    import difflib  # only for a mistake

    closest = difflib.get_close_matches(name.lower(), KINDS, n=1, cutoff=0)
    return (
        f"unknown option {name!r}; did you mean {closest[0]!r}?"
        f" (options: {', '.join(sorted(KINDS))})"
    )
