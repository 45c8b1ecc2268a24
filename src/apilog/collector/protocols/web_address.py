"""Addresses as browsers and Node read them: https://url.spec.whatwg.org, as far as it matters."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Final

from apilog.collector.protocols import texts

_SPACE: Final = "".join(map(chr, range(33)))
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_SPECIAL: Final = frozenset({"http", "https", "ws", "wss", "ftp"})
_FORBIDDEN: Final = re.compile(r"[\x00-\x20#/:<>?@\[\\\]^|%\x7f]")
_NUMERIC: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?")
_IPV4: Final = re.compile(r"(?:(?:0[xX][0-9A-Fa-f]*|[0-9]+)\.){0,3}(?:0[xX][0-9A-Fa-f]*|[0-9]+)\.?")
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")


def is_address(text: str) -> bool:
    """Say whether ``new URL(text, "https://localhost")`` makes an address of *text*."""
    rest = re.sub(r"[\t\n\r]", "", text.strip(_SPACE))
    scheme = _SCHEME.match(rest)
    if scheme is not None and scheme[1].lower() not in _SPECIAL:
        return not rest.startswith("//", scheme.end()) or _is_authority(
            re.split(r"[/?#]", rest[scheme.end() + 2 :], maxsplit=1)[0], may_be_empty=True
        )
    if scheme is not None:
        rest = rest[scheme.end() :]
        is_relative = scheme[1].lower() == "https" and not re.match(r"[/\\]{2}", rest)
        if is_relative:  # the base has the same scheme: it is a path
            return True
        rest = rest.lstrip("/\\")
    elif re.match(r"[/\\]{2}", rest):
        rest = rest.lstrip("/\\")
    else:
        return True
    return _is_authority(re.split(r"[/\\?#]", rest, maxsplit=1)[0])


def parts(text: str) -> tuple[str, str, str]:
    """Return host, path (with its fragment) and query of *text*, which is an address or a path."""
    bare = re.sub(r"[\t\n\r]", "", text.strip(_SPACE))
    host, path, query = texts.address(bare)
    fragment = bare.partition("#")[2]
    return host, f"{path}#{texts.clean(fragment)}" if fragment else path, query


def _is_authority(text: str, *, may_be_empty: bool = False) -> bool:
    host = text.rpartition("@")[2]
    if host.startswith("["):
        address, closed, port = host[1:].partition("]")
        try:
            IPv6Address(address.partition("%")[0] if "%" not in address else "")
        except AddressValueError:
            return False
        return bool(closed) and (not port or (port[0] == ":" and _is_port(port[1:])))
    name, _, port = host.partition(":")
    if not _is_port(port):
        return False
    name = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), name)
    if not name:
        return may_be_empty
    if _FORBIDDEN.search(name):
        return False
    return not _NUMERIC.fullmatch(name) or _is_ipv4(name)


def _is_port(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit() and int(text[:6]) < 65_536)


def _is_ipv4(name: str) -> bool:
    """Say whether a name that ends in a number is an address of version 4."""
    if not _IPV4.fullmatch(name):
        return False
    numbers: list[int] = []
    for part in name.rstrip(".").split("."):
        try:
            is_octal = len(part) > 1 and part[0] == "0" and part[1] not in "xX"
            numbers.append(
                int(part, 8)
                if is_octal
                else int(part if part[1:2] not in "xX" or len(part) > 2 else "0", 0)
            )
        except ValueError:
            return False
    return all(each < 256 for each in numbers[:-1]) and numbers[-1] < 256 ** (5 - len(numbers))
