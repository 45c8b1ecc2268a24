"""Who called, read from the credential that the request carries.

Nothing here is verified: a JWT's signature is not checked, because the app does that, and the event
says where the name came from.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from apilog import codec

_LONGEST_CREDENTIAL = 16_384
"""Characters of a credential that are read at most."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """Who a credential says the caller is, and the kind of credential that said so."""

    user_id: str | None = None
    company_id: str | None = None
    source: str | None = None


NOBODY = Claimed()


def claimed(authorization: str, *, user_claim: str | None, company_claim: str | None) -> Claimed:
    """Return who *authorization*, a header value, claims to be; never fail.

    Bearer tokens are read as JWT (RFC 7519, base64url), Basic credentials as RFC 7617. Claims may
    be dotted paths (``"realm.user"``).
    """
    scheme, _, credential = authorization[:_LONGEST_CREDENTIAL].strip().partition(" ")
    if scheme.lower() == "basic":
        user, colon, _ = _base64(credential.strip()).partition(b":")
        name = user.decode("utf-8", "replace")
        return Claimed(user_id=name, source="basic") if colon and name else NOBODY
    token = credential.strip() if scheme.lower() == "bearer" else scheme
    if token.count(".") != 2:
        return NOBODY
    try:
        payload = codec.loads(_base64(token.split(".")[1]))
    except ValueError:
        return NOBODY
    user_id = _claim(payload, user_claim)
    company_id = _claim(payload, company_claim)
    if user_id is None and company_id is None:
        return NOBODY
    return Claimed(user_id=user_id, company_id=company_id, source="jwt")


def _base64(text: str) -> bytes:
    """Decode either base64 alphabet, padded or not; nothing for what is neither."""
    try:
        return base64.urlsafe_b64decode(
            text.replace("+", "-").replace("/", "_") + "=" * (-len(text) % 4)
        )
    except (binascii.Error, ValueError):
        return b""


def _claim(payload: codec.JSON, path: str | None) -> str | None:
    value = payload
    if path and isinstance(payload, dict) and path in payload:  # a URL as a name has dots, too
        value = payload[path]
    else:
        for name in path.split(".") if path else ():
            value = value.get(name) if isinstance(value, dict) else None
    if path is None or isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        return None
    return str(value)
