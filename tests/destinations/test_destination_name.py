"""What destinations are called in messages: without their keys."""

from __future__ import annotations

import pytest

from apilog.destination_name import base_url, name_of
from apilog.destinations import from_url

KEY = "c8861a92-8899-418e-af74-c8bab41c9766"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (f"moesif://{KEY}@api.moesif.net/collector", "moesif://…@api.moesif.net"),
        (f"umami://{KEY}@umami.test:3000/stats", "umami://…@umami.test:3000"),
        ("swetrix://STEzHcB1rALV@api.swetrix.com", "swetrix://…@api.swetrix.com"),
        (f"logimoni://{KEY}:{KEY}@logimoni.com?category=Calls", "logimoni://…@logimoni.com"),
        (f"collect+https://c.test?constants=clientId:{KEY}", "collect+https://c.test"),
        (f"collect+http://[::1]:8090/{KEY}", "collect+http://[::1]:8090"),
        (f"https://collector.test/{KEY}", "https://collector.test"),
        ("file:///var/log/api.ndjson", "file:/var/log/api.ndjson"),
        ("console:", "console:"),
        ("memory:", "memory:"),
    ],
)
def test_a_destination_is_called_by_its_url_without_keys(url: str, name: str) -> None:
    assert name_of(from_url(url)) == name


def test_only_what_posts_has_an_address() -> None:
    assert base_url(from_url(f"umami://{KEY}@umami.test/x?insecure=1")) == "http://umami.test/x"
    assert base_url(from_url("memory:")) is None
    assert base_url(object()) is None


def test_anything_else_is_called_by_its_class() -> None:
    assert name_of(object()) == "an object of class object"
