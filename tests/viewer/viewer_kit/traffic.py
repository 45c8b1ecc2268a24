"""Calls as an app's middleware sends them: one at a time, and a day in the life of a shop."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

Event = dict[str, Any]


def iso(seconds: float) -> str:
    """Return a time given in seconds since 1970 as events have it."""
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def an_event(
    *,
    ago: float = 1.0,
    method: str = "GET",
    path: str = "/items/7",
    host: str = "shop.example",
    status: int | None = 200,
    took: float = 0.012,
    route: str = "",
    request_body: Any = None,
    response_body: Any = None,
    own: dict[str, Any] | None = None,
    **more: Any,
) -> Event:
    """Return the event of a call that began so many seconds *ago* and *took* so many.

    *own* goes to ``metadata.apilog``; *more* are fields of the event, such as ``user_id``.
    """
    began = time.time() - ago
    request: Event = {
        "time": iso(began),
        "verb": method,
        "uri": f"https://{host}{path}",
        "headers": {"Host": host, "User-Agent": "shop-app/4.2", "Accept": "application/json"},
    }
    response: Event = {
        "time": iso(began + took),
        "status": status,
        "headers": {"Content-Type": "application/json", "Server": "gunicorn"},
    }
    for message, body in ((request, request_body), (response, response_body)):
        if body is not None:
            message["body"] = body
            message["headers"]["Content-Type"] = "application/json"
    apilog: Event = {"duration_ms": round(took * 1000, 3), **(own or {})}
    if route:
        apilog["route"] = route
    event: Event = {
        "transaction_id": str(uuid.uuid4()),
        "request": request,
        "metadata": {"apilog": apilog},
    }
    if status is not None:
        event["response"] = response
    return {**event, **more}


ROUTES = (
    # method, route, weight, seconds it usually takes, bytes of its answer
    ("GET", "/items", 12, 0.018, 4200),
    ("GET", "/items/{id}", 30, 0.009, 900),
    ("POST", "/orders", 6, 0.085, 610),
    ("GET", "/orders/{id}", 9, 0.022, 1500),
    ("PATCH", "/orders/{id}", 3, 0.06, 320),
    ("DELETE", "/carts/{id}/lines/{line}", 2, 0.014, 0),
    ("PUT", "/carts/{id}", 5, 0.025, 480),
    ("POST", "/login", 3, 0.19, 260),
    ("GET", "/reports/daily", 1, 1.6, 88000),
    ("POST", "/checkout", 3, 0.32, 700),
    ("GET", "/images/{name}", 8, 0.004, 48000),
    ("GET", "/health", 6, 0.0006, 17),
)
USERS = ("ada", "grace", "linus", "barbara", "edsger", "margaret", "donald", "katherine", "", "")
COMPANIES = {"ada": "acme", "grace": "globex", "linus": "acme", "barbara": "initech"}


def a_day(many: int, *, seed: int = 7, seconds: float = 3600.0) -> Iterator[Event]:
    """Yield *many* calls of a shop, spread over the last *seconds*, the oldest first."""
    dice = random.Random(seed)
    for ago in sorted((seconds * dice.random() for _ in range(many)), reverse=True):
        yield _of_the_shop(dice, ago + 1)


def _of_the_shop(dice: random.Random, ago: float) -> Event:
    method, route, _, usual, size = dice.choices(ROUTES, [each[2] for each in ROUTES])[0]
    status = _status(dice, method, route)
    number = dice.randrange(1000)
    path = route.replace("{id}", str(number)).replace("{line}", str(number % 9))
    path = path.replace("{name}", f"photo-{number % 40}.jpg")
    if route == "/items" and number % 2:
        path += f"?page={number % 9}&sort=price"
    user = dice.choice(USERS)
    who = {"user_id": user, "session_token": f"s-{user}-{int(ago // 1800)}"} if user else {}
    if user in COMPANIES:
        who["company_id"] = COMPANIES[user]
    own: Event = {"response_size": round(size * dice.uniform(0.6, 1.4))}
    if status == 500:
        own |= {"exception": "KeyError", "exception_message": "'price'"}
    body = {"item": number, "amount": 1 + number % 4, "card": "***"}
    return an_event(
        ago=ago,
        method=method,
        path=path,
        route=route,
        status=status,
        took=usual * dice.lognormvariate(0, 0.5) * (20 if status == 503 else 1),
        request_body=body if method in ("POST", "PUT", "PATCH") else None,
        response_body={"ok": status < 400, "item": number, "tags": ["new", "sale"]},
        own=own,
        **who,
    )


def _status(dice: random.Random, method: str, route: str) -> int:
    luck = dice.random()
    if route == "/checkout" and luck < 0.18:
        return 500 if luck < 0.1 else 503
    if route == "/login" and luck < 0.2:
        return 401
    if luck < 0.006:
        return 500
    if luck < 0.04:
        return 404 if "{" in route else 422
    if method == "DELETE":
        return 204
    return 201 if (method, route) == ("POST", "/orders") else 200
