"""The requests that Moesif receives, field by field.

Expectations follow https://www.moesif.com/docs/api and requests of Moesif's own Python clients.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from io import BytesIO
from typing import Any

import pytest

from apilog import Client, ConfigError, Rejected, RetryLater
from apilog.destinations import Collector, Moesif
from apilog.exceptions import DeliveryError

KEY = "eyJhcHAiOiIxOTg6MTI0Iiwib3JnIjoiODg6MjEwIn0.secret-application-id"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

EVENT_FIELDS = {
    "request", "response", "user_id", "company_id", "subscription_id", "session_token", "metadata",
    "tags", "direction", "weight", "transaction_id", "blocked_by", "action_name", "trace_id",
    "span",
}  # fmt: skip
REQUEST_FIELDS = {
    "time", "uri", "verb", "headers", "api_version", "ip_address", "body", "transfer_encoding",
}  # fmt: skip
RESPONSE_FIELDS = {"time", "status", "headers", "body", "ip_address", "transfer_encoding"}


@pytest.fixture
def moesif(endpoint: Any) -> Any:
    moesif = Moesif(KEY, base_url=endpoint.url)
    yield moesif
    moesif.close()


def test_a_batch_is_one_compressed_array_with_the_key_in_a_header(
    endpoint: Any, moesif: Moesif, an_event: Callable[..., bytes]
) -> None:
    batch = [an_event(weight=number) for number in range(1, 4)]
    moesif.send(batch)
    (request,) = endpoint.requests
    assert (request.verb, request.path) == ("POST", "/v1/events/batch")
    assert request.headers["x-moesif-application-id"] == KEY
    assert request.headers["content-type"].split(";")[0] == "application/json"
    assert request.headers["content-encoding"] == "gzip"
    assert request.headers["user-agent"].startswith("apilog/")
    assert request.headers["content-length"] == str(len(request.raw))
    assert "transfer-encoding" not in request.headers
    assert "authorization" not in request.headers
    assert "cookie" not in request.headers
    assert request.events == [json.loads(event) for event in batch]


def test_an_event_has_the_fields_of_moesifs_own_clients(
    endpoint: Any, moesif: Moesif, call: Callable[..., None]
) -> None:
    body = b'{"name":"kettle","price":12.5}'
    with Client(
        moesif,
        identify_user=lambda *_: "u1",
        identify_company=lambda *_: "acme",
        get_session_token=lambda *_: "s-77",
        get_metadata=lambda *_: {"plan": "pro"},
        get_api_version=lambda *_: "2.1",
    ) as client:
        call(
            client,
            "/v1/items",
            REQUEST_METHOD="POST",
            QUERY_STRING="q=tea",
            CONTENT_TYPE="application/json",
            CONTENT_LENGTH=str(len(body)),
            HTTP_HOST="shop.test",
            HTTP_ACCEPT="*/*",
            REMOTE_ADDR="192.0.2.7",
            **{"wsgi.input": BytesIO(body)},
        )
    (event,) = endpoint.requests[0].events
    assert set(event) <= EVENT_FIELDS
    request, response = event["request"], event["response"]
    assert set(request) <= REQUEST_FIELDS
    assert set(response) <= RESPONSE_FIELDS
    assert request["uri"] == "http://shop.test/v1/items?q=tea"
    assert request["verb"] == "POST"
    assert request["api_version"] == "2.1"
    assert request["ip_address"] == "192.0.2.7"
    assert request["body"] == {"name": "kettle", "price": 12.5}
    assert request["headers"]["Accept"] == "*/*"
    assert request["headers"]["Content-Type"] == "application/json"
    assert response["status"] == 201
    assert response["headers"] == {"Content-Type": "application/json", "X-Shop": "1"}
    assert response["body"] == {"ok": True}
    for side in (request, response):
        assert side.get("transfer_encoding") in (None, "json")
        assert all(isinstance(value, str) for value in side["headers"].values())
        assert TIME.fullmatch(side["time"])
    assert datetime.fromisoformat(request["time"][:-1]) <= datetime.fromisoformat(
        response["time"][:-1]
    )
    assert (event["user_id"], event["company_id"]) == ("u1", "acme")
    assert event["metadata"]["plan"] == "pro"
    assert (event["direction"], event["weight"]) == ("Incoming", 1)
    assert UUID.fullmatch(event["transaction_id"])


def test_what_is_not_text_travels_as_base64(
    endpoint: Any, moesif: Moesif, call: Callable[..., None]
) -> None:
    with Client(moesif) as client:
        call(client, answer=bytes(range(6)), content_type="image/png")
    (event,) = endpoint.requests[0].events
    assert event["response"]["body"] == "AAECAwQF"
    assert event["response"]["transfer_encoding"] == "base64"


def test_a_collector_is_sent_the_same_without_a_key(
    endpoint: Any, an_event: Callable[..., bytes]
) -> None:
    collector = Collector(endpoint.url)
    collector.send([an_event()])
    collector.close()
    (request,) = endpoint.requests
    assert request.path == "/v1/events/batch"
    assert "x-moesif-application-id" not in request.headers
    assert request.events == [json.loads(an_event())]


def test_the_limits_are_moesifs(moesif: Moesif) -> None:
    assert moesif.limits.event_bytes == 1_000_000
    assert moesif.limits.batch_bytes <= 12_000_000


@pytest.mark.parametrize(("status", "kind"), [(401, Rejected), (503, RetryLater)])
def test_the_key_is_in_no_message_and_no_repr(
    endpoint: Any,
    moesif: Moesif,
    an_event: Callable[..., bytes],
    status: int,
    kind: type[DeliveryError],
) -> None:
    endpoint.status = status
    with pytest.raises(kind) as caught:
        moesif.send([an_event()])
    error: BaseException | None = caught.value
    while error is not None:
        assert "secret" not in repr(error)
        error = error.__cause__ or error.__context__
    assert "secret" not in repr(moesif)
    assert repr(moesif) == f"<Moesif at {endpoint.url}>"


def test_the_key_is_in_no_log_even_where_everything_is_logged(
    endpoint: Any, moesif: Moesif, call: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    for status in (503, 401):
        endpoint.status = status
        with Client(moesif, shutdown_timeout=1) as client:
            call(client)
    assert caplog.records
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("", id="empty"),
        pytest.param(None, id="None"),
        pytest.param(17, id="a number"),
        pytest.param(b"secret", id="bytes"),
        pytest.param("secret\n", id="a line end"),
        pytest.param(" secret", id="a space in front"),
        pytest.param("sec ret", id="a space within"),
        pytest.param("secret\r\nX-Admin: 1", id="another header"),
        pytest.param("secrét", id="not ASCII"),
        pytest.param("secret\x7f", id="not printable"),
    ],
)
def test_a_key_that_no_header_can_carry_is_a_setting_to_fix(key: Any) -> None:
    with pytest.raises(ConfigError, match="application_id") as caught:
        Moesif(key)
    assert "secret" not in str(caught.value)


def test_the_default_is_moesif_itself() -> None:
    assert repr(Moesif(KEY)) == "<Moesif at https://api.moesif.net>"


def test_a_path_before_v1_is_kept(endpoint: Any, an_event: Callable[..., bytes]) -> None:
    moesif = Moesif(KEY, base_url=f"{endpoint.url}/collector")
    moesif.send([an_event()])
    moesif.close()
    assert endpoint.requests[0].path == "/collector/v1/events/batch"


def test_bytes_are_sent_as_they_are(endpoint: Any, moesif: Moesif) -> None:
    """A destination neither parses nor rewrites events."""
    batches: Sequence[Sequence[bytes]] = [[b'{"a":  1}'], [b'{"b":"\xc3\xa9"}', b'{"c":1.0}']]
    for batch in batches:
        moesif.send(batch)
    import gzip

    assert [gzip.decompress(request.raw) for request in endpoint.requests] == [
        b'[{"a":  1}]',
        b'[{"b":"\xc3\xa9"},{"c":1.0}]',
    ]
