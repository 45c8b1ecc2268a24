"""Masking of single headers: which are touched at all, and what stays of those that are."""

from __future__ import annotations

import re

from apilog import random_tokens
from apilog.key_rule import KeyRule
from apilog.mask_record import Record

URLS = frozenset(
    "referer location content-location origin link refresh hx-current-url hx-location hx-redirect"
    " hx-push-url hx-replace-url x-accel-redirect x-forwarded-uri x-original-uri x-original-url"
    " x-envoy-original-path x-rewrite-url x-pingback sourcemap destination".split()
)
"""Headers whose value is an address, or begins with one."""

INNOCENT = frozenset(
    "accept accept-charset accept-encoding accept-language accept-ranges age allow connection"
    " content-encoding content-language content-length content-type date etag expect expires host"
    " if-match if-modified-since if-none-match if-unmodified-since keep-alive last-modified"
    " max-forwards pragma range retry-after sec-fetch-dest sec-fetch-mode sec-fetch-site server te"
    " trailer transfer-encoding upgrade user-agent vary".split()
)
"""Headers that HTTP itself needs: an allow-list keeps them."""

PLAIN = re.compile(
    "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
    '|(?!.*[0-9]{12})(?:[0-9a-f]{1,64}|(?:W/)?"[0-9a-f]{1,64}"'
    "|00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})"
)
"""UUIDs, numbers, hexadecimal ids and tags and W3C's ``traceparent``: each call has other ones. The
digits of a card stand in none of them."""

_CREDENTIALS = frozenset({"authorization", "proxy-authorization"})
_SCHEMES = frozenset(
    "apikey aws4-hmac-sha256 basic bearer digest dpop hawk hmac jwt negotiate ntlm oauth"
    " scram-sha-1 scram-sha-256 signature token".split()
)
_NEXT_COOKIE = re.compile(r"\n|,\s*(?=[^;,=\s]+=)")


class HeaderNames(dict[str, "tuple[str, str | None]"]):
    """What is known of a header by its name as it was spelled: the name in lower case, the rule."""

    def __init__(self, rules: KeyRule) -> None:
        super().__init__()
        self._rules = rules

    def __missing__(self, name: str) -> tuple[str, str | None]:
        lowered = name.lower()
        known = lowered, self._rules[lowered]
        if lowered in self._rules and len(self) < 2 * len(self._rules):
            self[name] = known
        return known


def masked(name: str, value: str, where: str, rule: str, rules: KeyRule, record: Record) -> str:
    """Return *value* of the header *name* (lower case) with what is secret in it replaced.

    The scheme of a credential stays, and so do the names of cookies and their attributes.
    """
    rule = f"header:{rule}"
    if name in _CREDENTIALS:
        scheme, separator, credential = value.strip().partition(" ")
        if separator and scheme.lower() in _SCHEMES:
            return f"{scheme} {record.replaced(credential.strip(), where, rule)}"
    if name == "cookie":
        pairs = (_cookie(each, where, rule, rules, record) for each in value.split(";"))
        return "; ".join(pairs)
    if name == "set-cookie":
        lines = (
            _set_cookie(each, where, rule, rules, record) for each in _NEXT_COOKIE.split(value)
        )
        return "\n".join(lines)
    return record.replaced(value, where, rule)


def _cookie(pair: str, where: str, rule: str, rules: KeyRule, record: Record) -> str:
    name, separator, value = pair.strip().partition("=")
    if not separator:
        return record.replaced(name, where, rule) if name else ""
    if rules.spares(name):
        return pair.strip()
    bare = value.strip('"')  # many a cookie is a mere preference, whose word may stand elsewhere
    sought = rules[name] is not None or random_tokens.token_like(bare)
    return f"{name}={record.replaced(bare, where, rule, sought=sought)}"


def _set_cookie(line: str, where: str, rule: str, rules: KeyRule, record: Record) -> str:
    pair, separator, attributes = line.partition(";")
    return _cookie(pair, where, rule, rules, record) + separator + attributes
