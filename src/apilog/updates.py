"""Updates: what is told of users, companies, subscriptions and actions, besides calls.

Names and fields are Moesif's: https://www.moesif.com/docs/api#update-a-user. An update travels like
an event, as one JSON object: ``{"$users": {...}}``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from apilog import codec, last_gate, moments
from apilog.capture import Exchange, RequestHead
from apilog.codec import JSON
from apilog.masking import Masking

_MARK = b'{"$'

STATUSES = frozenset({"active", "cancelled", "paused", "trialing", "pending", "draft", "future"})
"""States of a subscription."""


_TEXTS = frozenset({"user_id", "company_id", "subscription_id", "session_token", "action_name"})
_OBJECTS = frozenset({"metadata", "campaign"})


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of update: its name, as in its address, and the fields it cannot do without."""

    name: str
    required: tuple[str, ...]


USERS = Kind("users", ("user_id",))
COMPANIES = Kind("companies", ("company_id",))
SUBSCRIPTIONS = Kind("subscriptions", ("subscription_id", "company_id", "status"))
ACTIONS = Kind("actions", ("action_name", "request"))

_PROFILES = {kind.name: kind for kind in (USERS, COMPANIES, SUBSCRIPTIONS)}


class Update(Exchange):
    """An update on its way; pipelines treat it like a call that has ended."""

    def __init__(self, encoded: bytes) -> None:
        super().__init__(None, _no_head, request_limit=0, response_limit=0)
        self.encoded: bytes = encoded
        self.submitted = True

    @property
    def held(self) -> int:
        """Bytes this update keeps in memory, roughly."""
        return super().held + len(self.encoded)


def encoded(kind: Kind, given: Mapping[str, Any], masking: Masking) -> bytes:
    """Return the update *given*, masked.

    Raises:
        ValueError: something that it needs is missing or cannot work; the message names it.
    """
    if not isinstance(given, Mapping):
        raise ValueError(f"expected a mapping, not {type(given).__name__}")
    document = cast(
        "dict[str, JSON]", codec.loads(codec.dumps(dict(given)))
    )  # the app's may change
    for name in kind.required:
        if document.get(name) in (None, "", {}):
            raise ValueError(f"{name} is missing")
    for name in document.keys() & _TEXTS:
        document[name] = _text(name, document[name])
    for name in document.keys() & _OBJECTS:
        if not isinstance(document[name], (dict, type(None))):
            raise ValueError(f"{name}: expected a mapping")
    if kind is SUBSCRIPTIONS and str(document["status"]) not in STATUSES:
        raise ValueError(f"status: expected one of {', '.join(sorted(STATUSES))}")
    if kind is ACTIONS:
        _complete(document)
    record = masking.apply(document)
    text = codec.dumps({f"${kind.name}": document})
    if leaked := last_gate.leaked(text, record.values):
        last_gate.sweep(document, leaked, record)
        text = codec.dumps({f"${kind.name}": document})
        if last_gate.leaked(text, leaked):
            raise ValueError("it cannot be masked")
    return text


def is_update(item: bytes) -> bool:
    """Say whether *item* of a batch is an update and no event."""
    return item.startswith(_MARK)


def parts(item: bytes) -> tuple[str, bytes]:
    """Return the kind of the update *item*, by its name, and the object it holds."""
    name, _, rest = item[len(_MARK) :].partition(b'":')
    return name.decode(), rest[:-1]


def subject(item: bytes) -> tuple[str, JSON] | None:
    """Return whom the update *item* is about: what is told of one of them has to keep its order.

    None for events and for actions, each of which stands for itself.
    """
    kind = _PROFILES.get(parts(item)[0]) if is_update(item) else None
    if kind is None:
        return None
    try:
        document = codec.loads(parts(item)[1])
    except ValueError:
        return None
    return (kind.name, document.get(kind.required[0])) if isinstance(document, dict) else None


def _complete(action: dict[str, JSON]) -> None:
    """Give an action the time and the id that it has to have."""
    request = action["request"]
    if not isinstance(request, dict) or not request.get("uri"):
        raise ValueError("request: expected a mapping with a uri")
    now = time.time()
    request.setdefault("time", moments.timestamp(now))
    action.setdefault("transaction_id", moments.unique_id(now))


def _text(name: str, value: JSON) -> JSON:
    if isinstance(value, bool) or not isinstance(value, (str, int, type(None))):
        raise ValueError(f"{name}: expected a text")
    return str(value) if isinstance(value, int) else value


def _no_head(source: object) -> RequestHead:
    raise TypeError("an update has no request")
