"""A trial: events sent to a destination once, and in words what became of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from apilog import codec, moments
from apilog.advice import Advice, advice, has_advice
from apilog.batches import batches
from apilog.delivery import Destination, Limits
from apilog.destination_name import base_url, name_of
from apilog.destinations.moesif import Batches
from apilog.document import SDK
from apilog.exceptions import DeliveryError, Partly, Rejected, RetryLater
from apilog.terminal import escaped, sized

if TYPE_CHECKING:
    from apilog.destinations._http import Answer

_SHOWN = 300
"""Characters of an answer that are shown."""


@dataclass(slots=True, kw_only=True)
class Finding:
    """What became of the events."""

    outcome: str = "delivered"
    """``delivered``, ``partly``, ``doubtful``, ``refused``, ``later`` or ``failed``."""
    destination: str
    events: int
    delivered: int = 0
    event_bytes: int = 0
    seconds: float = 0.0
    answers: list[Reply] = field(default_factory=list)
    found: str = ""
    """What was wrong."""
    fix: str = ""
    """What would mend it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer to one request of *sent* bytes."""

    status: int
    sent: int
    received: int
    said: str


def sample_event(now: float) -> bytes:
    """Return an event of a call that never was, and that says so, at *now*."""
    body = {"test": True, "message": "a test event of apilog send"}
    headers = {"Content-Type": "application/json", "User-Agent": SDK}
    event = {
        "request": {
            "time": moments.timestamp(now - 0.0125),
            "uri": "https://shop.example/apilog/test?from=apilog-send",
            "verb": "POST",
            "headers": {"Host": "shop.example", "Accept": "application/json", **headers},
            "body": body,
        },
        "response": {
            "time": moments.timestamp(now),
            "status": 200,
            "headers": {"Content-Type": "application/json"},
            "body": {"test": True, "received": True},
        },
        "metadata": {
            "test": True,
            "apilog": {"route": "/apilog/test", "duration_ms": 12.5, "sdk": SDK},
        },
        "direction": "Incoming",
        "weight": 1,
        "transaction_id": moments.unique_id(now),
    }
    return codec.dumps(event)


def tried(destination: Destination, url: str, events: Sequence[bytes]) -> Finding:
    """Send *events* to *destination*, which *url* names, and return what became of them."""
    finding = Finding(
        destination=name_of(destination),
        events=len(events),
        event_bytes=sum(map(len, events)),
    )
    secrets = _secrets(url)
    with _witnessed(finding, secrets):
        _send(destination, events, finding)
    finding.found = _clean(finding.found, secrets)
    if finding.outcome == "delivered" and any(each.said[:1] == "<" for each in finding.answers):
        finding.outcome, finding.delivered = "doubtful", 0
        finding.found = "answered with a web page, as no event API does"
        finding.fix = "check host and path, and that it is the API's host"
    return finding


@contextmanager
def _witnessed(finding: Finding, secrets: Sequence[str]) -> Iterator[None]:
    """Have *finding* hold every answer, without *secrets*."""
    from apilog.destinations import _http

    def take(sent: int, answer: Answer) -> None:
        said = _clean(answer.body.decode(errors="replace"), secrets)
        finding.answers.append(Reply(answer.status, sent, len(answer.body), said))

    _http.witnesses.append(take)
    try:
        yield
    finally:
        _http.witnesses.remove(take)


def _secrets(url: str) -> list[str]:
    """Return what in *url* may be a key, the path included, the longest first."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return []
    found = [parts.username, parts.password, parts.path.strip("/") if parts.netloc else ""]
    for _, value in parse_qsl(parts.query):
        found += [value, value.partition(":")[2]]
    plain = {each for each in found if each} | {unquote(each) for each in found if each}
    return sorted((each for each in plain if len(each) >= 4), key=len, reverse=True)


def _clean(text: str, secrets: Sequence[str]) -> str:
    """Return *text* in one line that can be shown."""
    for secret in secrets:
        text = text.replace(secret, "***")
    text = escaped(" ".join(text.split()))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _send(destination: Destination, events: Sequence[bytes], finding: Finding) -> None:
    """Send *events* in batches that *destination* takes, until one is not taken."""
    limits: Limits = getattr(destination, "limits", Limits())
    too_large: list[None] = []
    began = time.monotonic()
    try:
        for batch in batches(events, limits, lambda: too_large.append(None)):
            for first in range(0, len(batch), limits.batch_events):
                _offer(destination, batch[first : first + limits.batch_events], finding)
    except DeliveryError as error:
        finding.seconds = time.monotonic() - began
        _explain(error, destination, finding)
    except Exception as error:  # noqa: BLE001 - its message may hold a key
        finding.outcome = "failed"
        finding.found = f"the destination failed: {type(error).__name__}"
        finding.fix = "please report this"
    finally:
        finding.seconds = finding.seconds or time.monotonic() - began
        close: Callable[[], object] | None = getattr(destination, "close", None)
        if close is not None:
            close()
    if too_large and not finding.found:
        finding.outcome = "partly" if finding.delivered else "refused"
        finding.found = f"an event is larger than {sized(limits.event_bytes)}, which it takes"
        finding.fix = "lower max_body_bytes; deliveries leave bodies out where they have to"


def _offer(destination: Destination, events: Sequence[bytes], finding: Finding) -> None:
    """Send *events*, those again at once that had no turn; count what arrives."""
    while events:
        try:
            destination.send(events)
        except Partly as some:
            taken = len(events) - len({*some.retry, *some.rejected})
            finding.delivered += taken
            if some.rejected or not taken or any(after != 0 for after in some.retry.values()):
                raise
            events = [events[place] for place in sorted(some.retry)]
        else:
            finding.delivered += len(events)
            return


def _explain(error: DeliveryError, destination: Destination, finding: Finding) -> None:
    """Put into *finding* what *error* means."""
    said = advice(error)
    if isinstance(error, Partly):
        finding.outcome = "refused" if error.rejected else "later"
        reasons = list(dict.fromkeys(error.rejected.values()))[:3]
        finding.found = "; ".join(reasons) or str(error)
        finding.fix = "see what it says"
    elif isinstance(error, RetryLater):
        finding.outcome = "later"
        finding.found, finding.fix = said.found, said.fix
        if error.after is not None:
            finding.found += f", and wants {error.after:.0f} s of patience"
        if base_url(destination) is None:  # a file, say
            finding.found, finding.fix = str(error), "mend that; events wait meanwhile"
        elif not finding.answers:
            _look_at_the_way(destination, finding, str(error))
    else:
        finding.outcome = "refused"
        finding.found = said.found if said.status else str(error)
        finding.fix = _fix(error, destination, said, finding)
    if finding.delivered:
        finding.outcome = "partly"


def _fix(error: DeliveryError, destination: Destination, said: Advice, finding: Finding) -> str:
    """Return what would mend it; for the services, their own destinations know best."""
    is_service = not isinstance(destination, Batches)
    if is_service and said.hint and not 300 <= said.status < 400:
        return said.hint
    if isinstance(error, Rejected) and error.why == "too_large":
        return f"it takes less than {sized(finding.event_bytes)} at once: look at its limits"
    if is_service and not has_advice(said.status):
        return "see what it says"
    return said.fix


def _look_at_the_way(destination: Destination, finding: Finding, trouble: str) -> None:
    """Find out more where there was no answer at all: perhaps nothing listens."""
    from apilog.doctor.reachability import check_connection

    url = base_url(destination)
    if url is None or "TLS" in finding.found:
        return
    found = check_connection(url)
    if found is not None:
        finding.found, finding.fix = found.found, found.fix or finding.fix
    elif url.startswith("http:") and trouble.startswith(("ReadError", "RemoteProtocolError")):
        finding.fix = "perhaps it speaks TLS there: try https://, or no ?insecure=1"
