"""Advice: what an endpoint's answer says, in words, and what would mend it."""

from __future__ import annotations

import re
from typing import NamedTuple

from apilog.exceptions import DeliveryError, Rejected, RetryLater

_ANSWER = re.compile(r"(\d{3}) from (?:[^\s;,:]|:(?! ))+(.*)", re.DOTALL)
"""Status, and what a destination says of it, behind the host."""

_FIXES = {
    401: "it does not take the key: copy it again from its settings, every character of it",
    402: "look at the account there: it is suspended, or over its plan",
    403: "it knows the key and does not let it write: look at the rights of the key",
    404: "nothing takes events at this address: check host and path, and that it is the API's host",
    405: "nothing takes events at this address: check host and path",
    407: "a proxy on the way wants its own credentials: put them into HTTPS_PROXY",
    413: "it refuses even an empty batch: look at its limits, and at those of a proxy before it",
    429: "it wants fewer requests: raise flush_interval and batch_size; events wait meanwhile",
}
_REDIRECT = (
    "apilog never follows a redirect, which would carry the key elsewhere: name the final URL"
)
_TROUBLE = "the server has trouble of its own; events wait, and are sent again later"
_REFUSED = "it does not take what apilog sends: is it an API that speaks Moesif's protocol?"
_CERTIFICATE = "mend its certificate, or have SSL_CERT_FILE name the authority that signed it"
_TLS = "check the port: where no TLS is spoken, it is http://, or ?insecure=1 for a named scheme"
_TROUBLES = {
    "ConnectError": "it could not be reached",
    "ConnectTimeout": "the connection took too long",
    "ProxyError": "the proxy did not let it through",
    "ReadError": "it broke the connection off",
    "ReadTimeout": "it took the batch, and said nothing in time",
    "RemoteProtocolError": "it closed the connection, or speaks no HTTP",
    "WriteError": "it broke the connection off",
    "WriteTimeout": "it did not read the batch in time",
}
_SILENCE = "look for a firewall or a proxy in between; events wait, and are sent again later"


class Advice(NamedTuple):
    """What an endpoint's answer says."""

    status: int
    """0 if there was no answer."""
    found: str
    fix: str
    """What would mend it, in general."""
    hint: str = ""
    """What would mend it, in the words of the destination, which knows its service."""


def has_advice(status: int) -> bool:
    """Say whether answers of this *status* mean the same everywhere."""
    return status in _FIXES or 300 <= status < 400


def advice(error: DeliveryError) -> Advice:
    """Return what *error*, which a destination raised, says of the endpoint."""
    match = _ANSWER.search(str(error))
    status = getattr(error, "status", None) or (int(match[1]) if match else 0)
    if not status:
        kind, _, rest = str(error).partition(" at ")[0].partition(": ")
        if "TLS" in rest:
            fix = _CERTIFICATE if "certificate" in rest else _TLS
            return Advice(0, f"gave no answer: {rest}", fix)
        return Advice(0, f"gave no answer: {_TROUBLES.get(kind, kind)}", _SILENCE)
    what, _, hint = match[2].partition("; ") if match else ("", "", "")
    found = f"answered {status}{what}"
    if 300 <= status < 400:
        return Advice(status, f"{found}, a redirect", _REDIRECT)
    if isinstance(error, RetryLater):
        return Advice(status, found, _FIXES.get(status, _TROUBLE), hint)
    fallback = _FIXES[404] if isinstance(error, Rejected) and error.why == "closed" else _REFUSED
    return Advice(status, found, _FIXES.get(status, fallback), hint)
