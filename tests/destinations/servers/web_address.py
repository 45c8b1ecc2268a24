"""How a browser and Node read an address: https://url.spec.whatwg.org, as far as tests need it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import unquote, unquote_to_bytes

_FORBIDDEN = re.compile(r"[\x00-\x20#/:<>?@\[\\\]^|%\x7f]")
_ENCODED = {"path": ' "#<>?`{}^', "query": " \"#<>'"}
_RESERVED = frozenset(";/?:@&=+$,#")


@dataclass(frozen=True)
class WebAddress:
    """An address in its parts."""

    host: str
    path: str
    query: str
    user: str


def parsed(text: str, base_host: str = "localhost") -> WebAddress:
    """Return what ``new URL(text, "https://" + base_host)`` makes of it.

    Raises:
        ValueError: that is a TypeError, "Invalid URL".
    """
    text = re.sub(r"[\t\n\r]", "", text.strip("".join(map(chr, range(33)))))
    text = text.partition("#")[0]
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", text)
    if scheme and scheme[1].lower() not in ("http", "https"):
        return WebAddress("", text[scheme.end() :], "", "")
    rest = text[scheme.end() :] if scheme else text
    rest, _, query = rest.partition("?")
    rest = rest.replace("\\", "/")
    user, host = "", _host(base_host)
    if scheme or rest.startswith("//"):
        authority, slash, rest = rest.lstrip("/").partition("/")
        rest = slash + rest
        user, _, address = authority.rpartition("@")
        host = _host(address)
    return WebAddress(host, _path(rest), _encoded(query, "query"), user)


def decoded(text: str) -> str:
    """Return ``decodeURI(text)``, or *text* where that raises."""

    def letter(found: re.Match[str]) -> str:
        plain = unquote_to_bytes(found[0]).decode()
        return "".join(
            "".join(f"%{byte:02X}" for byte in each.encode()) if each in _RESERVED else each
            for each in plain
        )

    try:
        if re.search(r"%(?![0-9A-Fa-f]{2})", text):
            return text
        return re.sub(r"(?:%[0-9A-Fa-f]{2})+", letter, text)
    except UnicodeDecodeError:
        return text


def decoded_component(text: str) -> str:
    """Return ``decodeURIComponent(text)``, or *text* where that raises."""
    try:
        if re.search(r"%(?![0-9A-Fa-f]{2})", text):
            return text
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text


def _host(address: str) -> str:
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]*\]|[^:]*)(?::([0-9]*))?", address)
    if not found or (found[2] and int(found[2]) > 65_535):
        raise ValueError("Invalid URL: the port")
    host = unquote(found[1], errors="replace").lower()
    if host.startswith("["):
        return f"[{ipaddress.IPv6Address(host[1:-1])}]"
    if not host or _FORBIDDEN.search(host):
        raise ValueError("Invalid URL: the host")
    for label in host.split("."):
        if label.startswith("xn--"):
            try:
                label.encode().decode("idna")
            except UnicodeError:
                raise ValueError("Invalid URL: the host") from None
    last = host.rstrip(".").rpartition(".")[2]
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", last):
        return str(ipaddress.IPv4Address(host))
    return host


def _path(text: str) -> str:
    kept: list[str] = []
    parts = text.removeprefix("/").split("/")
    for number, part in enumerate(parts):
        dots = part.lower().replace("%2e", ".")
        is_last = number == len(parts) - 1
        if dots == "..":
            del kept[-1:]
            kept += [""] if is_last else []
        elif dots == ".":
            kept += [""] if is_last else []
        else:
            kept.append(part)
    return "/" + _encoded("/".join(kept), "path")


def _encoded(text: str, where: str) -> str:
    special = _ENCODED[where]
    return "".join(
        each
        if "\x20" <= each <= "\x7e" and each not in special
        else "".join(f"%{byte:02X}" for byte in each.encode(errors="replace"))
        for each in text
    )
