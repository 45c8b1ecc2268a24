"""What a person sees in the browser, and what logged bytes cannot do there."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.collector.pages import event_page

REFRESH = '<meta http-equiv="refresh" content="2">'
NASTY = """<script>alert("1")</script>'"><img src=x onerror=alert(2)>&lt;"""


def rows(page: str) -> list[list[str]]:
    """Return the cells of the list's rows, without tags."""
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    return [
        [re.sub("<[^>]*>", "", cell) for cell in re.findall("<td>(.*?)</td>", row)]
        for row in re.findall("<tr>(.*?)</tr>", body)
    ]


def test_the_list_shows_what_identifies_a_call(client: Any, an_event: Any) -> None:
    client.post("/v1/events", json=an_event(user_id="ada"))
    assert rows(client.get("/").text) == [
        ["1", "2026-11-20T21:06:10.700Z", "GET", "/items/7?x=1", "200", "12.0", "ada"]
    ]


def test_the_list_says_when_it_is_empty(client: Any) -> None:
    page = client.get("/").text
    assert "No events." in page
    assert REFRESH in page


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        pytest.param("http://a.test/x/y", "/x/y", id="absolute"),
        pytest.param("http://a.test", "http://a.test", id="no path"),
        pytest.param("/only/path", "/only/path", id="a path"),
        pytest.param("http://[::1/x", "http://[::1/x", id="no address at all"),
        pytest.param("", "", id="empty"),
    ],
)
def test_the_list_shows_the_path_of_a_uri(client: Any, an_event: Any, uri: str, shown: str) -> None:
    event = an_event()
    event["request"]["uri"] = uri
    client.post("/v1/events", json=event)
    assert rows(client.get("/").text)[0][3] == shown


@pytest.mark.parametrize(
    ("begin", "end", "metadata", "shown"),
    [
        pytest.param("10:00:00Z", "10:00:00.5Z", None, "500.0", id="the two times"),
        pytest.param("10:00:00", "10:00:01.123456789", None, "1123.5", id="times without zone"),
        pytest.param("10:00:00+01:00", "09:00:02Z", None, "2000.0", id="times of two zones"),
        pytest.param("10:00:00Z", None, None, "", id="no time of the response"),
        pytest.param("ten", "10:00:00Z", None, "", id="no time at all"),
        pytest.param("25:00:00Z", "10:00:00Z", None, "", id="an impossible time"),
        pytest.param("10:00:00Z", "10:00:01Z", {"apilog": {"duration_ms": 1.25}}, "1.2", id="own"),
        pytest.param("10:00:00Z", "10:00:01Z", {"apilog": {"duration_ms": 0}}, "0.0", id="own 0"),
        pytest.param("10:00:00Z", "10:00:01Z", {"apilog": {"duration_ms": "x"}}, "1000.0", id="?"),
        pytest.param("10:00:00Z", "10:00:01Z", {"apilog": 7}, "1000.0", id="another apilog"),
    ],
)
def test_the_list_shows_the_duration_from(
    client: Any, an_event: Any, begin: str, end: str | None, metadata: object, shown: str
) -> None:
    event = an_event(metadata=metadata)
    event["request"]["time"] = f"2026-11-20T{begin}"
    event["response"]["time"] = end and f"2026-11-20T{end}"
    client.post("/v1/events", json=event)
    assert rows(client.get("/").text)[0][5] == shown


def test_an_event_without_response_has_no_status(client: Any, an_event: Any) -> None:
    client.post("/v1/events", json=an_event(response=None))
    assert rows(client.get("/").text)[0][4:] == ["", "", ""]
    assert '<h2>Response</h2><p class="note">none</p>' in client.get("/events/1").text


def test_the_list_has_pages_of_100_and_only_the_first_refreshes(client: Any, an_event: Any) -> None:
    client.post("/v1/events/batch", json=[an_event() for _ in range(200)])
    first = client.get("/").text
    second = client.get("/?before=101").text
    assert [row[0] for row in rows(first)] == [str(n) for n in range(200, 100, -1)]
    assert [row[0] for row in rows(second)] == [str(n) for n in range(100, 0, -1)]
    assert (REFRESH in first, REFRESH in second) == (True, False)
    assert '<a href="/?before=101">older</a>' in first
    assert "older" not in second


@pytest.mark.parametrize("before", ["", "x", "-1", "1.5", "٣", "9" * 19, "9" * 5000])
def test_a_page_that_cannot_be_is_400(client: Any, before: str) -> None:
    assert client.get("/", params={"before": before}).status_code == 400


@pytest.mark.parametrize("row_id", ["2", "0", "-1", "x", "9" * 19, "9" * 5000, "1%27", "%D9%A3"])
def test_an_unknown_event_is_a_404_page(client: Any, an_event: Any, row_id: str) -> None:
    client.post("/v1/events", json=an_event())
    response = client.get(f"/events/{row_id}")
    assert response.status_code == 404
    assert "No such event" in response.text


def test_a_row_leads_to_its_event(client: Any, an_event: Any) -> None:
    client.post("/v1/events", json=an_event())
    assert '<a href="/events/1">1</a>' in client.get("/").text
    page = client.get("/events/1").text
    assert "<th>uri</th><td>http://shop.test/items/7?x=1</td>" in page
    assert "<th>status</th><td>200</td>" in page
    assert "<th>Accept</th><td>*/*</td>" in page


@pytest.mark.parametrize(
    ("body", "encoding", "shown"),
    [
        pytest.param({"a": [1]}, None, "{\n  &quot;a&quot;: [\n    1\n  ]\n}", id="JSON"),
        pytest.param("a < b\nc", None, "a &lt; b\nc", id="text"),
        pytest.param(0, "json", "0", id="a number"),
        pytest.param("aGVsbG8=", "base64", "aGVsbG8=", id="base64"),
    ],
)
def test_a_body_is_shown_as(
    client: Any, an_event: Any, body: object, encoding: str | None, shown: str
) -> None:
    event = an_event()
    event["request"] |= {"body": body, "transfer_encoding": encoding}
    client.post("/v1/events", json=event)
    assert f"<pre>{shown}</pre>" in client.get("/events/1").text


def test_a_base64_body_is_cut_and_its_size_told(client: Any, an_event: Any) -> None:
    event = an_event()
    event["response"] |= {"body": "QUFB" * 5_000 + "QQ==", "transfer_encoding": "base64"}
    client.post("/v1/events", json=event)
    page = client.get("/events/1").text
    assert "base64 of 15001 bytes" in page
    assert f"<pre>{'QUFB' * 1_024} [15908 more characters]</pre>" in page


def test_a_huge_event_makes_a_page_of_bounded_size(client: Any, an_event: Any) -> None:
    event = an_event()
    event["request"] |= {"body": "x" * 3_000_000, "headers": {str(n): "" for n in range(50_000)}}
    event["request"]["uri"] = "http://a/" + "y" * 1_000_000
    client.post("/v1/events", json=event)
    assert len(client.get("/events/1").content) < 1_000_000
    assert len(client.get("/").content) < 10_000


def test_the_event_page_tells_what_was_masked_and_all_metadata(client: Any, an_event: Any) -> None:
    masked = [{"path": "request.body.password", "rule": "key"}]
    client.post(
        "/v1/events", json=an_event(metadata={"apilog": {"masked": masked}, "zone": "west"})
    )
    masked_section, _, metadata_section = (
        client.get("/events/1").text.partition("<h2>Masked</h2>")[2].partition("<h2>Metadata</h2>")
    )
    assert "request.body.password" in masked_section
    assert "west" in metadata_section


def test_whatever_was_logged_is_text(client: Any) -> None:
    """Each place that shows logged bytes, with bytes that would like to be markup."""
    event = {
        "request": {
            "time": NASTY,
            "uri": f"http://a/{NASTY}",
            "verb": NASTY,
            "headers": {NASTY: NASTY},
            "body": NASTY,
        },
        "response": {"status": 200, "headers": {NASTY: [NASTY]}, "body": {NASTY: NASTY}},
        "user_id": NASTY,
        "metadata": {NASTY: NASTY, "apilog": {"masked": [{"path": NASTY, "rule": NASTY}]}},
        NASTY: NASTY,
    }
    assert client.post("/v1/events", json=event).status_code == 201
    for page in (client.get("/").text, client.get("/events/1").text):
        assert "<script" not in page
        assert "<img" not in page
        assert "&lt;script&gt;" in page


def test_no_logged_byte_becomes_an_address(client: Any, an_event: Any) -> None:
    event = an_event(user_id="javascript:alert(1)")
    event["request"]["uri"] = "javascript:alert(1)"
    client.post("/v1/events", json=event)
    pages = client.get("/").text + client.get("/events/1").text
    assert set(re.findall(r'(?:href|src)="([^"]*)"', pages)) == {"/style.css", "/", "/events/1"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(("request", "response", "metadata", "headers", "body", "apilog", "masked"))
EVENTS = st.dictionaries(FIELDS, st.dictionaries(FIELDS, JSON) | JSON)


@given(EVENTS.map(lambda event: json.loads(json.dumps(event))))
@settings(database=None, deadline=None)
def test_every_event_has_a_page(event: dict[str, object]) -> None:
    tags = set(re.findall(r"<(/?[^ >]*)", event_page(1, event)))
    assert {tag.lstrip("/") for tag in tags} <= {
        *("!doctype", "html", "head", "meta", "title", "link", "body", "h1", "h2", "h3", "p", "a"),
        *("table", "tr", "th", "td", "pre"),
    }
