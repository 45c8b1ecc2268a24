"""Destinations by URL."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog import ConfigError
from apilog.destinations import (
    CollectEvent,
    Collector,
    Console,
    File,
    Logimoni,
    Memory,
    Moesif,
    Swetrix,
    Umami,
    from_url,
)
from apilog.destinations.urls import EXAMPLES
from apilog.events import Event


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("moesif://APP@api.moesif.net", "<Moesif at https://api.moesif.net>"),
        ("moesif://APP@api.moesif.net/", "<Moesif at https://api.moesif.net>"),
        ("moesif://APP@localhost:9500/collector", "<Moesif at https://localhost:9500/collector>"),
        ("moesif://APP@localhost:8090?insecure=1", "<Moesif at http://localhost:8090>"),
        ("moesif://APP@localhost:8090?insecure=0", "<Moesif at https://localhost:8090>"),
        ("moesif://A%3AP%23P@[::1]:8090?insecure=1", "<Moesif at http://[::1]:8090>"),
        (
            "moesif://APP@api.moesif.net?governance=1&remote_sampling=0&only=5xx&sample_rate=1",
            "<Moesif at https://api.moesif.net>",
        ),
        ("swetrix://aUn1quEid-3x@api.swetrix.com", "<Swetrix at https://api.swetrix.com>"),
        ("swetrix://aUn1quEid-3x@my.host/backend/", "<Swetrix at https://my.host/backend>"),
        (
            (
                "swetrix://aUn1quEid-3x@localhost:5005?insecure=1&kind=pageview&heartbeat=1&errors=0"
                "&forward_client_ip=truncated&forward_user_agent=1&only=/api/*&only=5xx&sample_rate=0.5"
            ),
            "<Swetrix at http://localhost:5005>",
        ),
        ("logimoni://U%40:P%3A@logimoni.com?category=Calls", "<Logimoni at https://logimoni.com>"),
        (
            "logimoni://U:P@[::1]:80/x?category=5xx:Errors&category=default:Calls&insecure=1",
            "<Logimoni at http://[::1]:80/x>",
        ),
        (
            "umami://c8861a92-8899-418e-af74-c8bab41c9766@umami.test",
            "<Umami at https://umami.test>",
        ),
        (
            (
                "umami://c8861a92-8899-418e-af74-c8bab41c9766@[::1]:3000/stats/?insecure=1"
                "&hostname=shop.test&batch_items=500&identify=1&exclude=/health&sample_rate=.1"
            ),
            "<Umami at http://[::1]:3000/stats>",
        ),
        ("collect+https://collect.test", "<CollectEvent at https://collect.test>"),
        (
            (
                "collect+http://localhost:80/x/?event_type=VIEW&constants=clientId:a:b&constants=v:1"
                "&headers=h:1&headers_field=messageheader&id_field=pingId&only=POST%20/orders"
            ),
            "<CollectEvent at http://localhost:80/x>",
        ),
        ("http://127.0.0.1:8090", "<Collector at http://127.0.0.1:8090>"),
        ("  HTTP://Localhost:8090/  ", "<Collector at http://localhost:8090>"),
        ("https://collector.test/apilog", "<Collector at https://collector.test/apilog>"),
        ("file:///var/log/api.ndjson", "<File /var/log/api.ndjson>"),
        ("file://localhost/var/log/a%20b", "<File /var/log/a b>"),
    ],
)
def test_a_url_names_a_destination(url: str, shown: str) -> None:
    assert repr(from_url(url)) == shown


def test_a_url_may_have_nothing_but_a_scheme() -> None:
    assert isinstance(from_url("console:"), Console)
    assert isinstance(from_url("memory:"), Memory)


def test_the_examples_work() -> None:
    kinds = {type(from_url(url)) for url in EXAMPLES.values()}
    services = {Moesif, Umami, Swetrix, Logimoni, CollectEvent}
    assert kinds == {*services, Collector, File, Console, Memory}


def test_an_escaped_key_arrives_unescaped(endpoint: object, an_event: object) -> None:
    url = str(endpoint.url).replace("http://", "moesif://A%3AP%2F%23@")  # type: ignore[attr-defined]
    moesif = from_url(f"{url}?insecure=1")
    moesif.send([an_event()])  # type: ignore[operator]
    moesif.close()  # type: ignore[attr-defined]
    (request,) = endpoint.requests  # type: ignore[attr-defined]
    assert request.headers["x-moesif-application-id"] == "A:P/#"


def test_what_a_url_says_is_what_the_destination_does(
    endpoint: Any, an_event: Callable[..., bytes]
) -> None:
    url = endpoint.url.replace("http://", "collect+http://")
    options = "event_type=VIEW&constants=clientId:a%3Ab&headers=version:1&id_field=pingId"
    destination = from_url(f"{url}?{options}&headers_field=messageheader&only=/items/*&only=5xx")
    assert isinstance(destination, CollectEvent)
    assert destination.is_selective
    assert destination.weigh(Event.from_json(an_event())) == 1
    other = an_event(request={"time": "", "uri": "http://shop.test/", "verb": "GET"})
    assert destination.weigh(Event.from_json(other)) is None
    destination.send([an_event()])
    destination.close()
    body = json.loads(endpoint.requests[0].raw)
    assert body["messageheader"] == {"version": "1"}
    (event,) = body["messageBody"]
    assert (event["eventType"], event["clientId"]) == ("VIEW", "a:b")
    assert event["pingId"] == "0198c5e0-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "unknown scheme"),
        ("secret", "unknown scheme"),
        ("//secret", "unknown scheme"),
        ("mosif://secret", "unknown scheme"),
        ("secret@api.moesif.net", "unknown scheme"),
        ("moesif:", "no application id or no host"),
        ("moesif:secret", "no application id or no host"),
        ("moesif://secret", "no application id or no host"),
        ("moesif://secret@", "no application id or no host"),
        ("moesif://@host", "no application id or no host"),
        ("moesif://secret:secret@host", "%3A"),
        ("moesif://sec@host#ret-secret", "%23"),
        ("moesif://secret@host:port", "port"),
        ("moesif://secret@host:99999", "port"),
        ("moesif://secret@host?insecure=yes", "0 or 1"),
        ("moesif://secret@host?token=secret", "unknown parameter"),
        ("moesif://secret@host?governance=secret", "0 or 1"),
        ("moesif://%20secret@host", "application_id"),
        ("moesif://secret@ho\u2100st", "not a URL"),
        ("swetrix://secret@host", "project_id"),
        ("swetrix://host", "no project id"),
        ("swetrix://aUn1quEid-3x@host?kind=event", "kind"),
        ("swetrix://aUn1quEid-3x@host?heartbeat=secret", "0 or 1"),
        ("swetrix://aUn1quEid-3x@host?sample_rate=secret", "a number"),
        ("swetrix://aUn1quEid-3x@host?category=secret", "unknown parameter"),
        ("logimoni://secret@host?category=x", "a key or the host is missing"),
        ("logimoni://secret:@host?category=x", "a key or the host is missing"),
        ("logimoni://:secret@host?category=x", "a key or the host is missing"),
        ("logimoni://secret:secret@?category=x", "a key or the host is missing"),
        ("logimoni://secret:se#cret@host?category=x", "a key or the host is missing"),
        ("logimoni://secret:secret@host", "no category"),
        ("logimoni://secret:secret@host?category=5xx:Errors", "no 'default'"),
        ("logimoni://secret:secret@host?category=a&category=b", "CONDITION"),
        ("logimoni://secret:%20secret@host?category=x", "project_key"),
        ("logimoni://secret:secret@host?category=x&user_key=secret", "unknown parameter"),
        ("umami://secret@host", "website_id"),
        ("umami://host", "no website id"),
        ("umami://c8861a92-8899-418e-af74-c8bab41c9766@host?batch_items=secret", "a whole number"),
        ("umami://c8861a92-8899-418e-af74-c8bab41c9766@host?identify=secret", "0 or 1"),
        ("umami://c8861a92-8899-418e-af74-c8bab41c9766@host?identify=1&identify=0", "there once"),
        ("umami://c8861a92-8899-418e-af74-c8bab41c9766@host?tag=secret", "unknown parameter"),
        ("umami://c8861a92-8899-418e-af74-c8bab41c9766@host?sample_rate=nan", "sample_rate"),
        (
            "umami://c8861a92-8899-418e-af74-c8bab41c9766@host?forward_client_ip=all",
            "forward_client_ip",
        ),
        ("collect+https:", "expected collect"),
        ("collect+https://secret@host", "no user"),
        ("collect+https://host#secret", "no fragment"),
        ("collect+https://host?constants=secret", "NAME:VALUE"),
        ("collect+https://host?insecure=1", "unknown parameter"),
        ("collect+http://host?event_type=", "event_type"),
        ("collect+ftp://secret", "unknown scheme"),
        ("http://", "expected http://"),
        ("http:///path", "expected http://"),
        ("http://user:secret@host", "no user"),
        ("http://secret@host", "no user"),
        ("http://host?token=secret", "unknown parameter"),
        ("http://host#secret", "no fragment"),
        ("http://host:port", "port"),
        ("http://[::1", "not a URL"),
        ("file:", "absolute path"),
        ("file:///", "absolute path"),
        ("file://relative/path", "absolute path"),
        ("file:///path?mode=secret", "unknown parameter"),
        ("file:///a#b", "absolute path"),
        ("console://x", "nothing else"),
        ("memory:x", "nothing else"),
        ("memory:?size=1", "unknown parameter"),
    ],
)
def test_a_url_that_names_nothing_is_a_setting_to_fix(url: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        from_url(url)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@given(
    st.one_of(
        st.text(),
        st.builds(
            "{}://{}@{}{}".format,
            st.sampled_from(list(EXAMPLES)),
            st.text(max_size=8),
            st.text(max_size=8),
            st.text(max_size=8),
        ),
    )
)
def test_any_text_is_a_destination_or_a_setting_to_fix(url: str) -> None:
    try:
        destination = from_url(url)
    except ConfigError:
        return
    assert callable(destination.send)


def test_nothing_is_touched_before_the_first_event(tmp_path: Path) -> None:
    from_url(f"file://{tmp_path}/events.ndjson")
    assert list(tmp_path.iterdir()) == []
