"""Other people's pages: they can neither read nor change anything, whatever they try."""

from __future__ import annotations

from typing import Any

import pytest

CHANGES = [
    ("/view/purge", {"user": "ada"}),
    ("/view/logout", {}),
    ("/view/login", {"token": "x" * 22}),
]


@pytest.mark.parametrize(("path", "body"), CHANGES, ids=lambda part: str(part))
@pytest.mark.parametrize("value", [None, "", "0", "true", "1, 1"])
def test_a_change_needs_the_header_that_no_form_can_send(
    collected: Any, path: str, body: object, value: str | None
) -> None:
    headers = {} if value is None else {"X-Apilog-CSRF": value}
    answer = collected().log_in().request("POST", path, json=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (
        403,
        "the header X-Apilog-CSRF: 1 is missing",
    )


@pytest.mark.parametrize("site", ["cross-site", "same-site", "CROSS-SITE", "anything"])
@pytest.mark.parametrize("path", ["/view/calls", "/view/live", "/view/export?format=har"])
def test_a_browser_that_says_it_asks_for_another_site_gets_nothing(
    collected: Any, site: str, path: str
) -> None:
    answer = collected().log_in().get(path, headers={"Sec-Fetch-Site": site})
    assert answer.status_code == 403


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_our_own_pages_and_addresses_typed_in_are_served(collected: Any, site: str) -> None:
    answer = collected().log_in().get("/view/calls", headers={"Sec-Fetch-Site": site})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "origin",
    [
        "https://elsewhere.example",
        "http://localhost:8090",
        "http://127.0.0.1:8091",
        "http://127.0.0.1",
        "null",
        "",
        "127.0.0.1:8090",
        "ftp://127.0.0.1:8090",
        "http://127.0.0.1:8090.evil.test",
        "http://127.0.0.1:8090@evil.test",
    ],
)
def test_another_origin_is_refused(collected: Any, origin: str) -> None:
    collector = collected().log_in()
    for answer in (
        collector.post("/view/purge", json={"user": "ada"}, headers={"Origin": origin}),
        collector.get("/view/calls", headers={"Origin": origin}),
    ):
        assert answer.status_code == 403


def test_two_origins_are_refused(collected: Any) -> None:
    ours = "http://127.0.0.1:8090"
    headers = [("Origin", ours), ("Origin", ours)]
    assert collected().log_in().get("/view/calls", headers=headers).status_code == 403


def test_our_own_origin_may_change_something(collected: Any) -> None:
    headers = {"Origin": "http://127.0.0.1:8090", "Sec-Fetch-Site": "same-origin"}
    answer = collected().log_in().post("/view/purge", json={"user": "ada"}, headers=headers)
    assert answer.json() == {"removed": 0}


@pytest.mark.parametrize("path", ["/view/purge", "/view/logout", "/view/login"])
def test_to_get_an_address_changes_nothing(collected: Any, path: str) -> None:
    collector = collected().log_in()
    assert collector.get(path, params={"user": "ada"}).status_code == 405
    assert collector.get("/view/calls").status_code == 200


@pytest.mark.parametrize("path", ["/v1/events", "/v1/events/batch", "/v1/users", "/v1/losses"])
def test_a_page_cannot_add_events(collected: Any, an_event: Any, path: str) -> None:
    """A page of any origin may post plain text without asking; browsers then name the origin."""
    collector = collected().log_in()
    headers = {"Origin": "https://elsewhere.example", "Content-Type": "text/plain"}
    answer = collector.request("POST", path, json=an_event(), headers=headers)
    assert answer.status_code == 403
    assert collector.store.size().calls == 0
