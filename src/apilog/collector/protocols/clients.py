"""Clients: where a request comes from, and whether a robot sent it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

from starlette.requests import Request

_ROBOT: Final = re.compile(
    r"(?i)bot|crawl|spider|https?:|www\.|@|headless|lighthouse|preview|curl|python|wget|java/|"
    r"monitor|scan|fetch|phantom|slurp|archive|google(?!(?:app|/google| pixel|toolbar))|"
    r"compatible; (?!msie)|httpclient|^[\w.-]+(?:/[\w.]+)?$|^node"
)
"""What says that it is no person's browser, after npm ``isbot`` 5."""


def is_robot(agent: str) -> bool:
    """Say whether *agent*, a ``User-Agent``, is a robot's; an empty one is not."""
    return bool(agent) and _ROBOT.search(agent[:1_000]) is not None


def client_ip(request: Request, headers: Sequence[str]) -> str:
    """Return the address of the client: the first that one of *headers* holds, or the peer's."""
    for name in headers:
        for value in request.headers.getlist(name):
            first = value.partition(",")[0].strip()
            if is_ip(first):
                return first
    return "" if request.client is None else request.client.host


def is_ip(text: str) -> bool:
    """Say whether *text* is an address of version 4 or 6."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
