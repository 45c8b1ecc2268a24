"""Why an exchange over HTTP failed, in words that hold no value of the exchange."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from apilog.destinations._deadline import HandshakeTimeout

_CERTIFICATE = {
    9: "not valid yet",
    10: "expired",
    18: "self-signed",
    19: "signed by an unknown authority",
    20: "signed by an unknown authority",
    23: "revoked",
    62: "for another host",
    64: "for another address",
}
"""What OpenSSL finds wrong with a certificate (x509_vfy.h)."""


def reason(error: BaseException) -> str:
    """Return the kind of *error* and, for TLS, what was wrong.

    The library's own messages stay out: they quote what the peer sent.
    """
    kind = type(error).__name__
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            code = cause.verify_code
            what = _CERTIFICATE.get(code, f"not trusted (OpenSSL error {code})")
            return f"{kind}: the TLS certificate is {what}"
        if isinstance(cause, ssl.SSLError):
            return f"{kind}: TLS failed ({cause.reason or type(cause).__name__})"
        if isinstance(cause, HandshakeTimeout):
            return f"{kind}: the TLS handshake did not end in time"
    return kind


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(10):  # httpx wraps httpcore wraps the socket
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__
