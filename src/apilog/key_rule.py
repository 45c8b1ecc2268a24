"""Which names call for masking: a pure judgement over words, remembered per name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import pairwise

_BORDERS = re.compile(
    r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"
    r"|(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])|[\W_]+"
)

_REMEMBERED = 10_000
"""Names whose verdict is kept: applications have hundreds, attackers as many as they like."""

_LONGEST_REMEMBERED = 200
"""Characters of a name whose verdict is kept."""

_SHAPES_REMEMBERED = 2_000
_LONGEST_SHAPE = 1_000
"""Sets of names whose verdict is kept, and the characters in one at most."""

WORDS = frozenset(
    "password passwords passwd passwds pwd pwds passphrase passcode secret secrets token apikey"
    " apikeys credential credentials creds cvv cvc otp totp pin ssn iban jwt bearer hmac dpop"
    " authorization signature sessionid sessid phpsessid jsessionid csrf xsrf privatekey"
    " accesskey secretkey clientsecret cardnumber creditcard securitycode"
    " onetimecode mnemonic passwort kennwort motdepasse contrasena senha wachtwoord losenord"
    " salasana haslo parola 密码 密碼".split()
)
"""Words that call for masking wherever they stand in a name."""

_OWNERS = "admin auth db ftp imap ldap login mail mysql pop proxy redis root smtp sql user".split()

PHRASES = frozenset(
    tuple(phrase.split())
    for phrase in (
        "api key",
        "access key",
        "private key",
        "secret key",
        "encryption key",
        "signing key",
        "master key",
        "account key",
        "shared key",
        "subscription key",
        "functions key",
        "auth key",
        "basic auth",
        "http auth",
        "proxy auth",
        "ssh key",
        "auth code",
        "authorization code",
        "access code",
        "security code",
        "verification code",
        "confirmation code",
        "recovery code",
        "backup code",
        "device code",
        "invite code",
        "mfa code",
        "fa code",
        "code verifier",
        "client assertion",
        "saml response",
        "session id",
        "session key",
        "session cookie",
        "access token",
        "api token",
        "auth token",
        "bearer token",
        "device token",
        "id token",
        "push token",
        "refresh token",
        "session token",
        "card number",
        "card no",
        "card num",
        "cc number",
        "cc num",
        "credit card",
        "debit card",
        "account number",
        "account no",
        "routing number",
        "passport number",
        "passport no",
        "social security",
        "security answer",
        "maiden name",
        "connection string",
        "magic link",
        "seed phrase",
        "recovery phrase",
    )
) | {(owner, "pass") for owner in _OWNERS}
"""Two words that call for masking beside each other; the second one in the plural, too."""

_WRITTEN_TOGETHER = frozenset(first + second for first, second in PHRASES)
"""The same without a border (``accountnumber``), when nothing else stands in the name."""

ENDINGS = (
    "passphrase",
    "secret",
    "token",
    "apikey",
    "privatekey",
    "secretkey",
)
"""Endings of names that are written without any border (``usertoken``)."""

INSIDE = re.compile(r"password(?!less)|passwd")
"""What calls for masking even inside of a name without borders (``dbpasswordconfirm``)."""

INNOCENT_LAST = frozenset(
    "count counts limit limits length size type types ttl expiry expires expired expiration"
    " required enabled disabled policy strength age at changed created updated rotated verified"
    " valid status usage endpoint algorithm format supported".split()
)
"""Last words that make a name one about the secret (``token_type``, ``password_changed_at``)."""

CURSORS = frozenset({("page", "token"), ("continuation", "token"), ("sync", "token")})
"""Last two words of names that tell where a list goes on."""

ALONE = frozenset("assertion auth card cookie cookies pan pass psk pw samlrequest sid sig".split())
"""Names that call for masking when nothing else stands in them."""

HEADER_WORDS = frozenset(
    "auth authentication session cookie sig authenticationinfo proxyauthenticationinfo".split()
)
"""Words that call for masking in a header name; a header carries less innocent text than a body."""

QUERY_WORDS = frozenset({"code", "key", "session"})
"""Names that call for masking in a query when nothing else stands in them (OAuth, signed links)."""


_LOOK_ALIKES = str.maketrans("аеорсухіѕкмтнвοαρικντ", "aeopcyxiskmthboapikvt")
"""Letters of Cyrillic and Greek, and the Latin ones that they look like."""


def words(name: str) -> tuple[str, ...]:
    """Split *name* at separators and camelCase borders; fold case and unicode look-alikes."""
    plain = name if name.isascii() else _folded(name)
    return tuple(word.casefold() for word in _BORDERS.split(plain) if word)


def _folded(name: str) -> str:
    """Return *name* in its plainest letters: no look-alikes, no accents."""
    decomposed = unicodedata.normalize("NFKD", name).translate(_LOOK_ALIKES)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


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
        return self._known(parts, whole) or ("option" if whole in self._added else None)

    def _known(self, parts: tuple[str, ...], whole: str) -> str | None:
        """Return the default rule that the name in *parts* meets."""
        last = next((word for word in reversed(parts) if not word.isdigit()), "")
        if last in INNOCENT_LAST or parts[-2:] in CURSORS:
            return None
        if whole in self._alone or whole in self._anywhere or whole in _WRITTEN_TOGETHER:
            return whole
        for word in parts:
            if word in self._anywhere:
                return word
        for first, second in pairwise(parts):
            for pair in ((first, second), (first, second.removesuffix("s"))):
                if pair in PHRASES:
                    return " ".join(pair)
        if inside := INSIDE.search(whole):
            return inside[0]
        for ending in ENDINGS:
            if whole.endswith(ending):
                return ending
        return None


class Shapes(dict[tuple[str, ...], "tuple[tuple[str, str], ...]"]):
    """Say which of an object's names call for a look, and why: ``shapes[tuple(names)]``.

    The reason is the rule that masks what stands under the name; or ``pair:`` and the name of a
    neighbour, whose value is the name of this one's (``{"name": "password", "value": ...}``); or
    `NAME`, where the name itself holds what *is_secret* says is one; or `RANDOM`, where it depends
    on the value.

    The objects of an API have few shapes: one look-up stands for one a name.
    """

    def __init__(self, rules: KeyRule, is_secret: Callable[[str], bool]) -> None:
        super().__init__()
        self._rules = rules
        self._is_secret = is_secret

    def __missing__(self, names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        found = [(name, rule) for name in names if (rule := self._rules[name]) is not None]
        secret = [(name, NAME) for name in names if self._is_secret(name)]
        shape = (*secret, *found, *pairs(names))
        if len(self) < _SHAPES_REMEMBERED and sum(map(len, names)) <= _LONGEST_SHAPE and not secret:
            self[names] = shape
        return shape


def pairs(names: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield those of *names* whose neighbours tell what they are, and the reason.

    A value has its own name in another one's (``name=password&value=...``), a ``code`` is a secret
    where OAuth exchanges it (RFC 6749 section 4.1.3), and so are the private parts of a JSON Web
    Key (RFC 7518 section 6).
    """
    spelled = {compact(name): name for name in names}
    naming = [spelled[word] for word in _NAMING if word in spelled]
    for word, name in spelled.items():
        if word in _NAMED or word.endswith("value") or name == "#text":
            yield from ((name, PAIR + label) for label in naming if label != name)
        if word == "code" and "granttype" in spelled:
            yield name, "code"
        elif word in _PRIVATE_IN_JWK and "kty" in spelled:
            yield name, "jwk"
        elif word == "tokens":
            yield name, RANDOM


NAME = "name"
PAIR = "pair:"
RANDOM = "random"
_NAMING = (
    *"name key field header parameter param variable property attribute path pointer".split(),
    *("loc", "label", "k", "id", "type"),
)
_NAMED = frozenset("value val content contents values default input v".split())
_PRIVATE_IN_JWK = frozenset("d k p q dp dq qi oth".split())
