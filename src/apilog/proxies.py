"""Where a call came from: the peer, and what trusted proxies say in front of it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from apilog.headers import HeaderLines

Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"

_LONGEST = 8_192
"""Characters of a forwarding header that are read at most, from the right."""

_PAIR = re.compile(
    r"\s*([\w!#$%&'*+.^`|~-]+)=(?:\"((?:[^\"\\]|\\.)*)\"|([^;,\s\"]*))\s*(?:;|$)", re.ASCII
)
_ESCAPED = re.compile(r"\\(.)")
_LONGEST_ESCAPE = 64
"""Backslashes in a row that are counted."""

_PORT = re.compile(r":\d+$")
_AUTHORITY = re.compile(r"[\w.:\[\]-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Hop:
    """What one proxy says of the request that it took."""

    address: str | None = None
    scheme: str | None = None
    authority: str | None = None


class Origin(NamedTuple):
    """Where a call came from and what it was addressed to, as far as proxies can be trusted."""

    address: str | None
    scheme: str
    authority: str


class TrustedProxies:
    """Read ``Forwarded`` (RFC 7239) and ``X-Forwarded-*`` from the right, as far as trust goes.

    Args:
        networks: addresses and networks of the proxies; anybody else's word is ignored.
        unix: trust peers on a unix socket, which have no address.
    """

    def __init__(self, networks: Sequence[Network], *, unix: bool = False) -> None:
        self._networks = tuple(networks)
        self._unix = unix

    def origin(self, direct: Origin, headers: HeaderLines) -> Origin:
        """Return the origin of a call that *direct* describes as the server saw it."""
        if not self._trusts(direct.address):
            return direct
        forwarded = [value for name, value in headers if name.lower() == "forwarded"]
        hops = _forwarded(forwarded) if forwarded else _x_forwarded(headers)
        origin = direct
        for hop in reversed(hops):
            origin = Origin(
                address=hop.address or origin.address,
                scheme=hop.scheme or origin.scheme,
                authority=hop.authority or origin.authority,
            )
            if hop.address is None or not self._trusts(hop.address):
                break
        return origin

    def _trusts(self, address: str | None) -> bool:
        if not address:
            return self._unix
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        return any(parsed in network for network in self._networks)


def trusted(said: Sequence[Network | str]) -> TrustedProxies | None:
    """Return the proxies that *said*, an option, names; None without any."""
    networks = [each for each in said if not isinstance(each, str)]
    unix = "unix" in said
    return TrustedProxies(networks, unix=unix) if networks or unix else None


def _forwarded(values: Sequence[str]) -> list[Hop]:
    """Return the hops in ``Forwarded`` lines, the farthest first (RFC 7239 section 4)."""
    hops = []
    for element in _elements(",".join(values)[-_LONGEST:]):
        if not element.strip():
            continue
        pairs = _pairs(element)
        hops.append(
            Hop(
                address=_address(pairs.get("for", "")),
                scheme=_scheme(pairs.get("proto", "")),
                authority=_authority(pairs.get("host", "")),
            )
        )
    return hops


def _elements(text: str) -> list[str]:
    """Divide *text* at commas outside of quotes, read from the right.

    A quote that a client left open must not swallow what a proxy wrote behind it.
    """
    elements = []
    end = len(text)
    quoted = False
    for at in range(len(text) - 1, -1, -1):
        if text[at] == '"':
            before = text[max(0, at - _LONGEST_ESCAPE) : at]
            escaped = (len(before) - len(before.rstrip("\\"))) % 2 == 1
            quoted = not quoted or escaped
        elif text[at] == "," and not quoted:
            elements.append(text[at + 1 : end])
            end = at
    elements.append(text[:end])
    return elements[::-1]


def _pairs(element: str) -> dict[str, str]:
    """Return the parameters of one element by name; none of them if it is malformed."""
    pairs: dict[str, str] = {}
    at = 0
    while at < len(element):
        pair = _PAIR.match(element, at)
        if pair is None:
            return {}
        pairs[pair[1].lower()] = _ESCAPED.sub(r"\1", pair[2]) if pair[2] else pair[3] or ""
        at = pair.end()
    return pairs


def _x_forwarded(headers: HeaderLines) -> list[Hop]:
    """Return the hops in ``X-Forwarded-For``, ``-Proto`` and ``-Host`` lines, the farthest first.

    A proto or host list not as long as the list of addresses can only be matched at its end.
    """
    addresses = _listed(headers, "x-forwarded-for") or [""]
    schemes = _aligned(_listed(headers, "x-forwarded-proto"), len(addresses))
    authorities = _aligned(_listed(headers, "x-forwarded-host"), len(addresses))
    return [
        Hop(_address(address), _scheme(scheme), _authority(authority))
        for address, scheme, authority in zip(addresses, schemes, authorities, strict=True)
    ]


def _listed(headers: HeaderLines, name: str) -> list[str]:
    values = ",".join(value for key, value in headers if key.lower() == name)[-_LONGEST:]
    return [each.strip() for each in values.split(",")] if values else []


def _aligned(values: list[str], count: int) -> list[str]:
    if len(values) == count:
        return values
    return [""] * (count - 1) + values[-1:] if values else [""] * count


def _address(text: str) -> str | None:
    """Return the address in ``1.2.3.4:80``, ``[2001:db8::1]:80`` or bare; None without one."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = _PORT.sub("", text)
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _scheme(text: str) -> str | None:
    return text.lower() if text.lower() in ("http", "https") else None


def _authority(text: str) -> str | None:
    return text if _AUTHORITY.fullmatch(text) else None
