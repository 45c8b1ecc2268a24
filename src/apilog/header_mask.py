"""Masking of single headers: which are touched at all, and what stays of those that are."""

from __future__ import annotations

import re

from apilog.key_rule import KeyRule
from apilog.mask_notes import MASK

URLS = frozenset(
    "referer location content-location origin link refresh hx-current-url x-forwarded-uri"
    " x-original-uri x-original-url x-envoy-original-path x-rewrite-url".split()
)
_CREDENTIALS = frozenset({"authorization", "proxy-authorization"})
_SCHEMES = frozenset(
    "apikey aws4-hmac-sha256 basic bearer digest dpop hawk hmac jwt negotiate ntlm oauth"
    " scram-sha-1 scram-sha-256 signature token".split()
)
_NEXT_COOKIE = re.compile(r"\n|,\s*(?=[^;,=\s]+=)")


class Treatments(dict[str, "tuple[str, str | None] | None"]):
    """What is done to a header, by its name as it was spelled: the name in lower case and the rule.

    None for a header that is left alone, which most are; *every* one is looked at for patterns.
    """

    def __init__(self, rules: KeyRule, *, every: bool) -> None:
        super().__init__()
        self._rules = rules
        self._every = every

    def __missing__(self, name: str) -> tuple[str, str | None] | None:
        lowered = name.lower()
        rule = self._rules[lowered]
        touched = self._every or rule is not None or lowered in URLS
        treatment = (lowered, rule) if touched else None
        if lowered in self._rules and len(self) < 2 * len(self._rules):
            self[name] = treatment
        return treatment


def masked(name: str, value: str, rules: KeyRule) -> str:
    """Return *value* of the header *name* (lower case) with what is secret in it replaced.

    The scheme of a credential stays, and so do the names of cookies and their attributes.
    """
    if name in _CREDENTIALS:
        scheme, separator, _ = value.strip().partition(" ")
        return f"{scheme} {MASK}" if separator and scheme.lower() in _SCHEMES else MASK
    if name == "cookie":
        return "; ".join(_cookie(each, rules) for each in value.split(";"))
    if name == "set-cookie":
        return "\n".join(_set_cookie(each, rules) for each in _NEXT_COOKIE.split(value))
    return MASK


def _cookie(pair: str, rules: KeyRule) -> str:
    name, separator, _ = pair.strip().partition("=")
    if not separator:
        return MASK
    return pair.strip() if rules.spares(name) else f"{name}={MASK}"


def _set_cookie(value: str, rules: KeyRule) -> str:
    pair, separator, attributes = value.partition(";")
    return _cookie(pair, rules) + separator + attributes
