"""Which rules are in force for which call."""

from __future__ import annotations

from typing import Any

import pytest

from apilog.config import Config
from apilog.policy import Policy

ROUTES = {
    "POST /login": {"mask_fields": ["name"], "capture_response_body": False},
    "/users/{id}": {"unmask": ["pin"]},
    "/reports/*": {"shape_only": True},
    "/open/*": {"keep_fields": ["status"]},
}


def masked(verb: str, route: str | None, path: str, body: Any, **options: Any) -> Any:
    rules = Policy(Config.build({"mask_routes": ROUTES, **options}, {})).rules(verb, route, path)
    document: dict[str, Any] = {"request": {"uri": f"http://h{path}", "headers": {}, "body": body}}
    rules.masking.apply(document)
    return document["request"]["body"]


@pytest.mark.parametrize(
    ("verb", "route", "path", "expected"),
    [
        pytest.param("POST", None, "/login", {"name": "***", "pin": "***"}, id="verb and path"),
        pytest.param("GET", None, "/login", {"name": "ann", "pin": "***"}, id="another verb"),
        pytest.param("GET", "/users/{id}", "/users/7", {"name": "ann", "pin": "1"}, id="a route"),
        pytest.param("GET", None, "/users/7", {"name": "ann", "pin": "***"}, id="no route known"),
        pytest.param(
            "GET", "/x", "/reports/7", {"name": "string(3)", "pin": "***"}, id="a path with a star"
        ),
        pytest.param("GET", None, "/open/a", {"name": "***", "pin": "***"}, id="an allow-list"),
        pytest.param("GET", None, "/else", {"name": "ann", "pin": "***"}, id="the usual rules"),
    ],
)
def test_the_rules_of_a_route_are_added_to_the_usual_ones(
    verb: str, route: str | None, path: str, expected: dict[str, str]
) -> None:
    assert masked(verb, route, path, {"name": "ann", "pin": "1"}) == expected


def test_what_holds_everywhere_holds_on_a_route_as_well() -> None:
    body = masked("POST", None, "/login", {"name": "ann", "town": "Ulm"}, mask_fields=["town"])
    assert body == {"name": "***", "town": "***"}


def test_a_route_switches_what_is_captured() -> None:
    policy = Policy(Config.build({"mask_routes": ROUTES}, {}))
    login, other = policy.rules("POST", None, "/login"), policy.rules("GET", None, "/")
    assert (login.capture_request_body, login.capture_response_body) == (True, False)
    assert (other.capture_request_body, other.capture_response_body) == (True, True)


def test_pseudonyms_stay_the_same_for_the_same_value_and_key_only() -> None:
    first, again = (
        masked("GET", None, "/", {"pin": "4711"}, hash="k" * 16)["pin"] for _ in range(2)
    )
    other_key = masked("GET", None, "/", {"pin": "4711"}, hash="x" * 16)["pin"]
    other_value = masked("GET", None, "/", {"pin": "4712"}, hash="k" * 16)["pin"]
    assert first == again
    assert first.startswith("hmac:")
    assert len({first, other_key, other_value}) == 3
