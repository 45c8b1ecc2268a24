"""What makes a field look sensitive: names near those of secrets, names and values of people.

A suspicion is for people to judge, so it may go further than a rule that masks; it must still be
rare, or nobody reads it.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

from apilog.key_rule import INNOCENT_LAST, words
from apilog.random_tokens import token_like


class Suspicion(NamedTuple):
    """Why a field looks sensitive; the most alarming come first."""

    alarm: int
    text: str
    is_personal: bool = False


EMAIL = r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,4}\.[A-Za-z]{2,24}"
IBAN = r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b"
PATTERNS = {"an e-mail address": EMAIL, "an IBAN": IBAN}
"""Patterns for `mask_patterns`, where no name tells what a value is."""

_EMAIL = re.compile(EMAIL)
_IBAN = re.compile(IBAN)
_PHONE = re.compile(r"\+[0-9](?:[ ().-]{0,2}[0-9]){7,14}")
_SECRET_PART = re.compile(
    "secret|token|passw|passphrase|passwort|kennwort|pwd|apikey|credential|bearer"
)
_NO_SECRET = frozenset(
    "bearers detokenize detokenized forbearer passwordless secretarial secretariat secretary"
    " tokenization tokenize tokenized tokenizer tokenizers tokens".split()
)
_NEAR = {
    "key": "a key by its name",
    "keys": "keys by their name",
    "auth": "a credential by its name",
    "oauth": "a credential by its name",
    "sso": "a credential by its name",
    "pass": "a password by its name",
    "pswd": "a password by its name",
    "salt": "a salt by its name",
    "nonce": "a nonce by its name",
    "session": "a session by its name",
    "cookie": "a cookie by its name",
    "cookies": "cookies by their name",
    "sig": "a signature by its name",
    "cred": "a credential by its name",
    "creds": "credentials by their name",
    "license": "a licence by its name",
    "activation": "an activation by its name",
    "invite": "an invitation by its name",
    "voucher": "a voucher by its name",
    "pwhash": "a password's hash by its name",
    "pinhash": "a PIN's hash by its name",
}
"""Words that make a name come near a secret's, if the value is not one of plain words."""

_NO_KEYS = frozenset(
    "cache composite file foreign group hash idempotency image index issue locale map message"
    " object partition primary project public routing row sort storage translation unique".split()
)
"""Words before ``key`` that make it the name of something."""

_PERSONAL_TABLE = """
48 health by its name: health|diagnosis|diagnoses|medical|medication|blood type|disability|patient
48 health by its name: allergies|allergy|icd code|symptoms
47 a person's papers by their name: national id|national number|identity number|id number|id card
47 a person's papers by their name: driver license|drivers license|driving licence|licence number
47 a person's papers by their name: nino|cpf|cnpj|curp|aadhaar|pesel|bsn|personnummer|passport
47 a person's papers by their name: social insurance|insurance number
46 a tax number by its name: tax id|tax number|tax no|tin|vat|vat id|vat number|taxpayer id|ein
46 a tax number by its name: steuer id
45 date of birth by its name: dob|birth date|birthdate|birthday|date of birth|born|birth year
45 date of birth by its name: year of birth|birth place|birthplace|place of birth
44 belief or origin by its name: religion|ethnicity|race|nationality|citizenship|marital status
44 belief or origin by its name: sexual orientation|political party
43 income by its name: salary|income|wage|wages|net worth
42 bank details by their name: account holder|sort code|bic|swift|bank account
36 an e-mail address by its name: email|emails|e mail|mail address|email address
35 a phone number by its name: phone|phones|phone number|mobile|mobile number|telephone|tel|fax
35 a phone number by its name: cell phone|cellphone|msisdn|whatsapp|fax number|phone no
34 an address by its name: address|address line|street|street address|street name|house number
34 an address by its name: postal code|postcode|post code|zip|zip code|zipcode|postal address
34 an address by its name: home address|billing address|shipping address|delivery address|apartment
33 a person's name by its name: first name|firstname|last name|lastname|surname|given name
33 a person's name by its name: family name|middle name|full name|fullname|birth name
32 gender by its name: gender|sex
31 a place by its name: lat|lon|lng|latitude|longitude|geo location|geolocation|coordinates
30 an IP address by its name: ip|ip address|ipaddress|client ip|remote ip|remote addr|remote address
30 an IP address by its name: user ip
"""

_PERSONAL: Mapping[str, tuple[int, str]] = {
    phrase: (int(line[:2]), line[3:].partition(": ")[0])
    for line in _PERSONAL_TABLE.strip().splitlines()
    for phrase in line.partition(": ")[2].split("|")
}
"""Names of personal data, by the last words of a name: how much they alarm, and why."""

_NOT_A_PERSONS = frozenset(
    "mac contract wallet memory bus email ip network server host base token web page command"
    " event product file list template".split()
)
"""Words before ``address`` and the like that make it something else's."""

_IDENTIFIER = re.compile(
    r"(?:^|[^a-z])(?:u?u?ids?|pk|slug|hash|sha\d*|md5|digest|checksum|etag|version|rev|revision"
    r"|commit|name|cursor|integrity|fingerprint|build|traceparent|tracestate|ray|trace|span)$"
)
"""Names of values that look random and are meant to be seen."""

_RANDOM = re.compile(r"[A-Za-z0-9_+/=.~-]{16,}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NUMBERS = re.compile(r"[0-9TZ:.+-]+")
_LEAST_BITS = 3.0


@lru_cache(maxsize=10_000)
def of_name(name: str) -> Suspicion | None:
    """Return what the *name* of a field says about its value."""
    parts = words(name)
    plain = [word for word in parts if not word.isdigit()]
    if not plain or plain[-1] in INNOCENT_LAST:
        return None
    left = [word for word in plain if word not in _NO_SECRET]
    found = _SECRET_PART.search("".join(left))
    if found is not None:
        return Suspicion(80, f"its name has {found[0]!r} in it")
    if plain[-1] in _NEAR and not (plain[-1] == "key" and _NO_KEYS.intersection(plain)):
        return Suspicion(50, _NEAR[plain[-1]])
    for count in (3, 2, 1):
        known = _PERSONAL.get(" ".join(plain[-count:])) if len(plain) >= count else None
        if known is not None:
            before = plain[-count - 1] if len(plain) > count else ""
            return None if before in _NOT_A_PERSONS else Suspicion(*known, True)
    return None


def fits(suspicion: Suspicion, value: str | float) -> bool:
    """Say whether *value* can be what its name says: no flag, no plain word for a key."""
    text = str(value).strip()
    if suspicion.is_personal:
        return bool(text) and _PLAUSIBLE.get(suspicion.alarm, bool)(text)
    if not isinstance(value, str):
        return len(text) >= 4 and suspicion.alarm > 50
    if suspicion.alarm > 50:
        return len(text) >= 4 and " " not in text
    varied = any(map(str.isdecimal, text)) and any(map(str.isalpha, text))
    return len(text) >= 12 and " " not in text and (varied or token_like(text))


def of_value(value: str, *, whole: bool) -> Suspicion | None:
    """Return what *value* looks like, as a *whole* or somewhere in it."""
    if len(value) < 6:
        return None
    if any(is_iban(found[0]) for found in _IBAN.finditer(value)):
        return Suspicion(75, "an IBAN")
    if whole:
        if _PHONE.fullmatch(value.strip()):
            return Suspicion(35, "a phone number", True)
        if "@" in value and _EMAIL.fullmatch(value.strip().strip("<>")):
            return Suspicion(36, "an e-mail address", True)
    if "@" in value and len(value) < 1_000_000 and _EMAIL.search(value):
        return Suspicion(36, "an e-mail address in text", True)
    return None


def is_iban(text: str) -> bool:
    """Say whether *text* has the check digits of an IBAN (ISO 13616, mod 97)."""
    plain = text.replace(" ", "")
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(each, 36)) for each in plain[4:] + plain[:4])) % 97 == 1


def is_identifier(name: str) -> bool:
    """Say whether what stands under *name* is meant to be seen, however random it looks."""
    return _IDENTIFIER.search("-".join(words(name))) is not None


def is_random(text: str) -> bool:
    """Say whether *text* may have come from dice: long, mixed, and no date, number or UUID."""
    if not _RANDOM.fullmatch(text) or _UUID.fullmatch(text) or _NUMBERS.fullmatch(text):
        return False
    if token_like(text):
        return True
    has_digits = sum(map(str.isdecimal, text)) > 2
    return has_digits and any(map(str.isalpha, text)) and _bits(text) >= _LEAST_BITS


def _bits(text: str) -> float:
    """Return the entropy of *text* in bits a character."""
    size = len(text)
    return -sum(n / size * math.log2(n / size) for n in Counter(text).values())


def _digits(least: int) -> Callable[[str], bool]:
    return lambda text: sum(map(str.isdecimal, text)) >= least


def _is_address(text: str) -> bool:
    try:
        return not ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_PLAUSIBLE: Mapping[int, Callable[[str], bool]] = {
    46: _digits(5),
    45: _digits(2),
    36: lambda text: "@" in text,
    35: _digits(5),
    34: lambda text: len(text) > 2,
    31: _is_number,
    30: _is_address,
}
"""By their alarm the names of people's data that are something else with another kind of value."""
