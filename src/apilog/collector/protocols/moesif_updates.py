"""What Moesif's API is told besides events: of users, companies and subscriptions, and actions.

https://www.moesif.com/docs/api#update-a-user and what follows there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import orjson

from apilog.collector.call import Call, Profile
from apilog.collector.protocols import moments, texts
from apilog.collector.protocols.event_call import (
    call_of,
    check_id,
    encoded_within,
    optional,
    required_text,
)
from apilog.collector.protocols.refusing import Refused

STATUSES: Final = ("active", "cancelled", "paused", "trialing", "pending", "draft", "future")
"""States of a subscription."""

ACTION: Final = "ACTION"
"""The method of an action, which is no HTTP call."""

_IDS: Final = {"user": "user_id", "company": "company_id", "subscription": "subscription_id"}


def profile_of(kind: str, said: Any, arrived: int) -> Profile:
    """Return what is *said* of a user, a company or a subscription.

    Raises:
        Refused: 400, it names nobody, or is no object; 413, it is too large.
    """
    if not isinstance(said, dict):
        raise Refused(400, f"a {kind} must be an object")
    check_id(said, _IDS[kind])
    key = texts.identifier(said.get(_IDS[kind]))
    if not key:
        raise Refused(400, f"{_IDS[kind]} is required")
    for name in ("metadata", "campaign"):
        optional(said, name, dict, "an object")
    if kind == "subscription":
        check_id(said, "company_id")
        if not texts.identifier(said.get("company_id")):
            raise Refused(400, "company_id is required")
        if said.get("status") not in STATUSES:
            raise Refused(400, f"status must be one of {', '.join(STATUSES)}")
    known = {name: value for name, value in said.items() if value is not None}
    document = encoded_within(known)
    return Profile(kind=kind, id=key, time=_said_at(said, arrived), document=document)


def action_call(action: Any, arrived: int) -> Call:
    """Return an action as a call whose route is the action's name.

    Raises:
        Refused: 400, it has no name or no address; 413, it is too large.
    """
    if not isinstance(action, dict):
        raise Refused(400, "an action must be an object")
    name = required_text(action, "action_name")
    request = optional(action, "request", dict, "an object")
    if request is None:
        raise Refused(400, "request is required")
    required_text(request, "request.uri")
    whole = {"verb": ACTION, **{key: value for key, value in request.items() if value is not None}}
    whole.setdefault("time", moments.iso(arrived))
    call = call_of({**action, "request": whole}, arrived)
    metadata = action.get("metadata")
    return replace(
        call,
        method=ACTION,
        route=texts.clean(name),
        text="" if metadata is None else texts.clean(orjson.dumps(metadata).decode()),
    )


def _said_at(said: dict[str, Any], arrived: int) -> int:
    modified = said.get("modified_time")
    moment = moments.microseconds(modified) if isinstance(modified, str) else None
    return moments.plausible(moment, arrived)
