"""Destinations by URL."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog import ConfigError
from apilog.destinations import Collector, Console, File, Memory, Moesif, from_url
from apilog.destinations.urls import EXAMPLES


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("moesif://APP@api.moesif.net", "<Moesif at https://api.moesif.net>"),
        ("moesif://APP@api.moesif.net/", "<Moesif at https://api.moesif.net>"),
        ("moesif://APP@localhost:9500/collector", "<Moesif at https://localhost:9500/collector>"),
        ("moesif://APP@localhost:8090?insecure=1", "<Moesif at http://localhost:8090>"),
        ("moesif://APP@localhost:8090?insecure=0", "<Moesif at https://localhost:8090>"),
        ("moesif://A%3AP%23P@[::1]:8090?insecure=1", "<Moesif at http://[::1]:8090>"),
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
    assert kinds == {Moesif, Collector, File, Console, Memory}


def test_an_escaped_key_arrives_unescaped(endpoint: object, an_event: object) -> None:
    url = str(endpoint.url).replace("http://", "moesif://A%3AP%2F%23@")  # type: ignore[attr-defined]
    moesif = from_url(f"{url}?insecure=1")
    moesif.send([an_event()])  # type: ignore[operator]
    moesif.close()  # type: ignore[attr-defined]
    (request,) = endpoint.requests  # type: ignore[attr-defined]
    assert request.headers["x-moesif-application-id"] == "A:P/#"


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
        ("moesif://%20secret@host", "application_id"),
        ("moesif://secret@ho\u2100st", "not a URL"),
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
        ("memory:?size=1", "nothing else"),
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
