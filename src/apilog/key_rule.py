"""Which names call for masking: a pure judgement over words, remembered per name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_BORDERS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")

_REMEMBERED = 10_000
"""Names whose verdict is kept: applications have hundreds, attackers as many as they like."""

_LONGEST_REMEMBERED = 200
"""Characters of a name whose verdict is kept."""

WORDS = frozenset(
    "password passwords passwd pwd passphrase passcode secret secrets token apikey apikeys"
    " credential credentials creds cvv cvv2 cvc cvc2 otp totp mfacode pin ssn iban jwt bearer"
    " authorization signature sessionid sessid phpsessid jsessionid csrf xsrf privatekey"
    " accesskey secretkey clientsecret cardnumber creditcard securitycode".split()
)
"""Words that call for masking wherever they stand in a name."""

PHRASES = tuple(
    tuple(phrase.split())
    for phrase in (
        "api key",
        "access key",
        "private key",
        "secret key",
        "encryption key",
        "signing key",
        "master key",
        "auth key",
        "auth code",
        "authorization code",
        "session id",
        "session key",
        "card number",
        "card no",
        "credit card",
        "debit card",
        "account number",
        "routing number",
        "security code",
        "verification code",
        "recovery code",
        "backup codes",
        "social security",
        "refresh tokens",
        "access tokens",
        "one time code",
    )
)
"""Words that call for masking only beside each other."""

ENDINGS = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "privatekey",
    "secretkey",
)
"""Endings of names that are written without any border (``usertoken``, ``dbpassword``)."""

INNOCENT_LAST = frozenset(
    "count limit length size type ttl expiry expires expired expiration required enabled disabled"
    " policy strength hint age at changed created updated rotated verified valid status usage".split()
)
"""Last words that turn a name into one about the secret (``token_type``, ``password_changed_at``)."""

ALONE = frozenset({"assertion", "auth", "card", "pan", "sid", "sig"})
"""Names that call for masking when nothing else stands in them."""

HEADER_WORDS = frozenset({"auth", "session", "cookie", "sig"})
"""Words that call for masking in a header name; a header carries less innocent text than a body."""

QUERY_WORDS = frozenset({"code", "key", "session"})
"""Names that call for masking in a query when nothing else stands in them (OAuth, signed links)."""


def words(name: str) -> tuple[str, ...]:
    """Split *name* at separators and camelCase borders; fold case and unicode look-alikes."""
    plain = unicodedata.normalize("NFKC", name)
    return tuple(word.casefold() for word in _BORDERS.split(plain) if word)


def compact(name: str) -> str:
    """Return *name* as it is compared: no case, no separators."""
    return "".join(words(name))


class KeyRule(dict[str, "str | None"]):
    """Say which rule masks what stands under a name: ``rule[name]``, None for an innocent one.

    A dictionary, because a name that was judged once costs a look-up ever after.

    Args:
        added: names that call for masking as well, however they are spelled.
        unmasked: names that never do; they beat every other rule.
        anywhere: further words that call for masking wherever they stand.
        alone: further names that call for masking when nothing else stands in them.
    """

    def __init__(
        self,
        *,
        added: Iterable[str] = (),
        unmasked: Iterable[str] = (),
        anywhere: Iterable[str] = (),
        alone: Iterable[str] = (),
    ) -> None:
        super().__init__()
        self._added = frozenset(map(compact, added))
        self._unmasked = frozenset(map(compact, unmasked))
        self._anywhere = WORDS.union(anywhere)
        self._alone = ALONE.union(alone)

    def __missing__(self, name: str) -> str | None:
        verdict = self._judged(name)
        if len(self) < _REMEMBERED and len(name) <= _LONGEST_REMEMBERED:
            self[name] = verdict
        return verdict

    def spares(self, name: str) -> bool:
        """Say whether the user took *name* off the rules."""
        return compact(name) in self._unmasked

    def _judged(self, name: str) -> str | None:
        parts = words(name)
        whole = "".join(parts)
        if not whole or whole in self._unmasked:
            return None
        if whole in self._added:
            return "option"
        if parts[-1] in INNOCENT_LAST:
            return None
        if whole in self._alone or whole in self._anywhere:
            return whole
        for word in parts:
            if word in self._anywhere:
                return word
        for phrase in PHRASES:
            if _contains(parts, phrase):
                return " ".join(phrase)
        for ending in ENDINGS:
            if whole.endswith(ending):
                return ending
        return None


def _contains(parts: tuple[str, ...], phrase: tuple[str, ...]) -> bool:
    width = len(phrase)
    return any(parts[at : at + width] == phrase for at in range(len(parts) - width + 1))
