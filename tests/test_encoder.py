"""The encoder: whatever passed, one masked event in strict JSON, or a reason why there is none."""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apilog import codec
from apilog.capture import Exchange, RequestHead
from apilog.complaints import Complaints
from apilog.config import Config
from apilog.delivery import Dropped
from apilog.encoder import LARGEST_EVENT, Encoder
from apilog.events import Event
from apilog.hooks import MASKS, Hooks

CANARY = "c4n4ry-7f3a"
JSON_TYPE = ("Content-Type", "application/json")
Hook = Callable[[Event], object]


class Failing:
    """A pattern of the user's that fails whenever it is asked."""

    def sub(self, *arguments: object) -> str:
        raise RuntimeError(CANARY)


def encoder(complaints: Complaints | None = None, **options: Any) -> Encoder:
    """Return an encoder with *options*, those of `Config` and the masks among the hooks."""
    complaints = complaints or Complaints()
    hooks = Hooks(complaints)
    for name in MASKS & options.keys():
        hooks.set(name, options.pop(name))
    return Encoder(Config(**options), complaints, hooks)


def exchange(
    *,
    request_body: bytes = b"",
    response_body: bytes = b"",
    headers: list[tuple[str, str]] | None = None,
    response_headers: list[tuple[str, str]] | None = None,
    address: str | None = "10.0.0.1",
    query: str = "",
    limit: int = 262_144,
) -> Exchange:
    """Return an exchange that has ended."""
    lines = [*(headers or []), ("Content-Length", str(len(request_body)))]
    head = RequestHead("POST", "http", "shop.example", "/orders", query, address, lines)
    call = Exchange(None, lambda source: head, request_limit=limit, response_limit=limit)
    call.request_body.add(request_body)
    call.respond(200, response_headers or [])
    call.body_sent(response_body)
    call.finish()
    return call


def encoded(call: Exchange, encode: Encoder | None = None) -> dict[str, Any]:
    """Return the event of *call*, read as strictly as a server could."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    text = (encode or encoder()).encode(call).decode("utf-8")
    document = json.loads(text, parse_constant=refuse)
    assert isinstance(document, dict)
    return document


def test_an_event_says_what_passed() -> None:
    call = exchange(
        request_body=b'{"a":1}',
        response_body=b"hello",
        headers=[JSON_TYPE],
        response_headers=[("Content-Type", "text/plain")],
        query="page=2",
    )
    event = encoded(call, encoder(api_version="2.1"))
    request, response = event["request"], event["response"]
    assert request["uri"] == "http://shop.example/orders?page=2"
    assert (request["verb"], request["body"], request["ip_address"]) == (
        "POST",
        {"a": 1},
        "10.0.0.1",
    )
    assert request["api_version"] == "2.1"
    assert (response["status"], response["body"]) == (200, "hello")
    assert (event["direction"], event["weight"]) == ("Incoming", 1)
    own = event["metadata"]["apilog"]
    assert (own["request_size"], own["response_size"]) == (7, 5)
    assert request["time"] <= response["time"]


def test_an_event_is_encoded_once_and_lets_go_of_its_bodies() -> None:
    encode = encoder()
    call = exchange(request_body=b"x")
    assert encode.encode(call) is encode.encode(call)
    assert call.request_body.held == 0


def test_what_was_dropped_before_gives_no_event() -> None:
    call = exchange()
    call.drop_reason = "skipped"
    with pytest.raises(Dropped, match="skipped"):
        encoder().encode(call)


@pytest.mark.parametrize(
    ("options", "call", "reason"),
    [
        pytest.param({}, {"request_body": b"{"}, "unparsable", id="no JSON"),
        pytest.param({}, {"request_body": b"[" * 9_999}, "unparsable", id="nested too deeply"),
        pytest.param(
            {}, {"request_body": b"[" * 200 + b"]" * 200}, "too_deep", id="too deep to be masked"
        ),
        pytest.param(
            {"capture_request_body": False}, {"request_body": b"{}"}, "disabled", id="not wanted"
        ),
        pytest.param({}, {"request_body": b"[1,2,3]", "limit": 4}, "over_limit", id="too large"),
    ],
)
def test_a_body_that_stays_home_says_why_and_is_counted(
    options: dict[str, Any], call: dict[str, Any], reason: str
) -> None:
    complaints = Complaints()
    event = encoded(exchange(headers=[JSON_TYPE], **call), encoder(complaints, **options))
    assert "body" not in event["request"]
    assert event["metadata"]["apilog"]["request_body_omitted"] == reason
    assert complaints.counts() == {f"request_body_omitted:{reason}": 1}


def test_a_request_body_that_the_app_left_unread_says_so() -> None:
    call = exchange(headers=[JSON_TYPE])
    head = call.read_head(None)
    head.headers[-1] = ("Content-Length", "7")
    assert encoded(call)["metadata"]["apilog"]["request_body_omitted"] == "not_read"


def test_a_request_body_that_was_read_in_part_says_so() -> None:
    call = exchange(request_body=b'{"a":1}', headers=[JSON_TYPE])
    call.read_head(None).headers[-1] = ("Content-Length", "70")
    assert encoded(call)["metadata"]["apilog"]["request_body_omitted"] == "incomplete"


def test_an_aborted_response_says_so() -> None:
    call = Exchange(
        None,
        exchange().read_head,
        request_limit=100,
        response_limit=100,
    )
    call.respond(200, [JSON_TYPE])
    call.body_sent(b'{"a":')
    call.abort()
    own = encoded(call)["metadata"]["apilog"]
    assert (own["aborted"], own["response_body_omitted"]) == (True, "incomplete")


def test_an_event_larger_than_any_server_takes_goes_without_its_bodies() -> None:
    body = json.dumps(["x" * 700_000]).encode()
    call = exchange(request_body=body, response_body=body, headers=[JSON_TYPE], limit=2_000_000)
    own = encoded(call)["metadata"]["apilog"]
    assert own["request_body_omitted"] == own["response_body_omitted"] == "event_too_large"


def test_an_event_with_endless_headers_is_reduced() -> None:
    complaints = Complaints()
    call = exchange(headers=[("X-Note", "x" * LARGEST_EVENT)])
    event = encoded(call, encoder(complaints))
    assert event["request"]["headers"] == {}
    assert event["metadata"]["apilog"]["reduced"] == "event_too_large"
    assert complaints.counts() == {"event_too_large": 1}


def test_a_failure_of_masking_reduces_the_event(caplog: pytest.LogCaptureFixture) -> None:
    complaints = Complaints()
    call = exchange(
        request_body=json.dumps({"a": CANARY}).encode(),
        response_body=CANARY.encode(),
        headers=[JSON_TYPE, ("X-Note", CANARY), ("Authorization", f"Basic {CANARY}")],
        response_headers=[("Content-Type", "text/plain"), ("X-Note", CANARY)],
        query=f"q={CANARY}",
    )
    call.annotations |= {"user_id": CANARY, "metadata": codec.dumps({"a": CANARY})}
    call.route = "/orders/{id}"
    encode = encoder(complaints, mask_patterns=(Failing(),))
    event = encoded(call, encode)
    assert CANARY not in json.dumps(event)
    assert event["request"]["uri"] == "http://reduced.invalid/orders/{id}"
    assert (event["request"]["verb"], event["response"]["status"]) == ("POST", 200)
    assert event["request"]["headers"] == event["response"]["headers"] == {}
    assert event["metadata"]["apilog"]["reduced"] == "mask_failed"
    assert event["metadata"]["apilog"]["request_size"] == call.request_body.size
    assert complaints.counts() == {"mask_failed": 1}
    assert CANARY not in caplog.text


def test_one_event_that_cannot_be_made_never_costs_another() -> None:
    def broken(source: object) -> RequestHead:
        raise RuntimeError(CANARY)

    complaints = Complaints()
    encode = encoder(complaints)
    bad = Exchange(None, broken, request_limit=0, response_limit=0)
    with pytest.raises(Dropped, match="encode_failed"):
        encode.encode(bad)
    assert encoded(exchange(), encode)["response"]["status"] == 200
    assert complaints.counts() == {"mask_failed": 1, "encode_failed": 1}


# Who called


def bearer(payload: object) -> tuple[str, str]:
    text = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
    return ("Authorization", f"Bearer e30.{text}.{CANARY}")


def test_the_user_of_a_credential_is_marked_as_not_verified() -> None:
    event = encoded(
        exchange(headers=[bearer({"sub": "u1", "org": "acme"})]), encoder(company_claim="org")
    )
    assert (event["user_id"], event["company_id"]) == ("u1", "acme")
    assert event["metadata"]["apilog"]["user_id_from"] == "jwt, not verified"
    assert CANARY not in json.dumps(event)


def test_what_hooks_and_annotations_say_beats_the_credential_field_by_field() -> None:
    call = exchange(headers=[bearer({"sub": "u1", "org": "acme"})])
    call.annotations["user_id"] = "hook"
    event = encoded(call, encoder(company_claim="org"))
    assert (event["user_id"], event["company_id"]) == ("hook", "acme")
    assert "user_id_from" not in event["metadata"]["apilog"]


def test_identities_are_bounded() -> None:
    call = exchange(headers=[bearer({"sub": "u" * 5_000})])
    call.annotations["company_id"] = "s" * 5_000
    event = encoded(call)
    assert (len(event["user_id"]), len(event["company_id"])) == (1_000, 1_000)


@pytest.mark.parametrize(
    ("token", "kept"),
    [
        pytest.param("s-1", "s-1", id="a label"),
        pytest.param("0f3a" * 8, "sha256:", id="what opens a session"),
        pytest.param("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "sha256:", id="a JWT"),
    ],
)
def test_a_session_token_that_opens_the_session_becomes_a_pseudonym(token: str, kept: str) -> None:
    call = exchange()
    call.annotations["session_token"] = token
    assert encoded(call)["session_token"].startswith(kept)


def test_a_header_with_credentials_of_another_name_is_read_and_masked() -> None:
    _, value = bearer({"sub": "u1"})
    event = encoded(
        exchange(headers=[("X-Shop-Pass-Through", value)]),
        encoder(authorization_header="X-Shop-Pass-Through"),
    )
    assert event["user_id"] == "u1"
    assert event["request"]["headers"]["X-Shop-Pass-Through"] == "***"


def test_no_credential_is_read_on_request() -> None:
    event = encoded(exchange(headers=[bearer({"sub": "u"})]), encoder(authorization_header=None))
    assert "user_id" not in event


def test_proxies_are_trusted_only_on_request() -> None:
    headers = [("X-Forwarded-For", "6.6.6.6, 1.2.3.4"), ("X-Forwarded-Proto", "https")]
    event = encoded(exchange(headers=headers))
    assert (event["request"]["ip_address"], event["request"]["uri"][:5]) == ("10.0.0.1", "http:")
    trusting = encoder(trusted_proxies=(ipaddress.ip_network("10.0.0.0/8"),))
    event = encoded(exchange(headers=headers), trusting)
    assert (event["request"]["ip_address"], event["request"]["uri"][:6]) == ("1.2.3.4", "https:")
    event = encoded(exchange(headers=headers, address=None), encoder(trusted_proxies=("unix",)))
    assert event["request"]["ip_address"] == "1.2.3.4"


# The user's own masking


def test_mask_event_sees_both_bodies_masked_and_its_answer_is_sent() -> None:
    seen: list[Event] = []

    def hook(event: Event) -> Event:
        seen.append(event)
        assert event.response is not None
        return replace(event, tags="seen", response=replace(event.response, body="replaced"))

    body = b'{"password":"%s","a":1}' % CANARY.encode()
    call = exchange(
        request_body=body,
        response_body=body,
        headers=[JSON_TYPE],
        response_headers=[JSON_TYPE],
    )
    event = encoded(call, encoder(mask_event=hook))
    [given] = seen
    assert given.response is not None
    assert given.request.body == given.response.body == {"password": "***", "a": 1}
    assert (event["tags"], event["response"]["body"]) == ("seen", "replaced")
    assert [note["path"] for note in event["metadata"]["apilog"]["masked"]] == [
        "/request/body/password",
        "/response/body/password",
    ]


def test_what_mask_event_adds_is_masked_again() -> None:
    def hook(event: Event) -> Event:
        request = replace(event.request, body={"token": CANARY, "deep": [{"pin": 1}]})
        return replace(
            event, request=request, metadata={"secret": CANARY}, transaction_id="another"
        )

    call = exchange()
    event = encoded(call, encoder(mask_event=hook))
    assert CANARY not in json.dumps(event)
    assert event["request"]["body"] == {"token": "***", "deep": [{"pin": "***"}]}
    assert event["metadata"]["secret"] == "***"
    assert event["transaction_id"] == call.transaction_id


def test_mask_event_may_add_what_json_has_no_word_for() -> None:
    def hook(event: Event) -> Event:
        return replace(event, metadata={"a": {1: {2}}, "b": float("nan"), "c": "\ud800"})  # type: ignore[dict-item]

    metadata = encoded(exchange(), encoder(mask_event=hook))["metadata"]
    assert (metadata["a"], metadata["b"], metadata["c"]) == ({"1": [2]}, None, "\ufffd")


def raising(error: BaseException) -> Hook:
    def hook(event: Event) -> object:
        raise error

    return hook


@pytest.mark.parametrize(
    ("hook", "reason"),
    [
        pytest.param(lambda event: None, "mask_event", id="None"),
        pytest.param(lambda event: event.document(), "mask_event_failed", id="a document"),
        pytest.param(lambda event: False, "mask_event_failed", id="a boolean"),
        pytest.param(
            lambda event: replace(event, request=None), "mask_event_failed", id="no request"
        ),
        pytest.param(raising(ValueError(CANARY)), "mask_event_failed", id="ValueError"),
        pytest.param(raising(SystemExit(CANARY)), "mask_event_failed", id="SystemExit"),
        pytest.param(raising(RecursionError(CANARY)), "mask_event_failed", id="RecursionError"),
    ],
)
def test_mask_event_fails_closed(hook: Hook, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    complaints = Complaints()
    encode = encoder(complaints, mask_event=hook)
    for _ in range(3):
        with pytest.raises(Dropped) as caught:
            encode.encode(exchange())
        assert caught.value.reason == reason
    failed = reason == "mask_event_failed"
    assert complaints.counts() == ({"hook_failed:mask_event": 3} if failed else {})
    assert len(caplog.messages) == (1 if failed else 0)
    assert CANARY not in caplog.text


# Whatever comes

ANY = st.text(alphabet=st.characters())
CONTENT = st.sampled_from(
    [
        "application/json",
        "application/json; charset=utf-16",
        "text/plain",
        "text/event-stream",
        "application/x-ndjson; charset=utf-16",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=B",
        "image/png",
        "",
    ]
)
CODING = st.sampled_from(["", "gzip", "br", "gzip, br", "deflate", "zstd", "nonsense"])
ENCODER = encoder(
    mask_patterns=(re.compile(r"\d{4}"),), trusted_proxies=(ipaddress.ip_network("10.0.0.0/8"),)
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    body=st.binary() | ANY.map(lambda text: text.encode("utf-8", "surrogatepass")),
    content_type=CONTENT | ANY,
    coding=CODING | ANY,
    headers=st.lists(st.tuples(ANY, ANY), max_size=3),
    query=ANY,
    said=st.dictionaries(st.sampled_from(["user_id", "session_token"]), ANY),
    metadata=st.dictionaries(ANY, ANY | st.floats() | st.binary(), max_size=2),
    limit=st.integers(0, 300),
    complete=st.booleans(),
)
def test_whatever_passes_is_one_strict_event(
    body: bytes,
    content_type: str,
    coding: str,
    headers: list[tuple[str, str]],
    query: str,
    said: dict[str, Any],
    metadata: dict[str, Any],
    limit: int,
    complete: bool,
) -> None:
    lines = [("Content-Type", content_type), ("Content-Encoding", coding), *headers]
    call = exchange(
        request_body=body,
        response_body=body,
        headers=lines,
        response_headers=lines,
        query=query,
        limit=limit,
    )
    call.complete = complete
    call.annotations |= {**said, "metadata": codec.dumps(metadata)}
    event = encoded(call, ENCODER)
    assert "reduced" not in event["metadata"]["apilog"]
    assert event["transaction_id"] == call.transaction_id
    assert Event.from_document(event).document().keys() <= event.keys()


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    beside=st.dictionaries(st.text(max_size=5), JSON_VALUES, max_size=3),
    name=st.sampled_from(["password", "accessToken", "API-KEY", "client_secret", "pin"]),
    depth=st.integers(0, 8),
    content_type=st.sampled_from(["application/json", "text/plain", "application/x-ndjson", ""]),
    indent=st.sampled_from([None, 2]),
    ascii_only=st.booleans(),
)
def test_a_secret_in_a_document_never_reaches_the_event(
    beside: dict[str, Any],
    name: str,
    depth: int,
    content_type: str,
    indent: int | None,
    ascii_only: bool,
) -> None:
    tree: Any = {**beside, name: [CANARY, {"a": CANARY}]}
    for level in range(depth):
        tree = {**beside, "k": tree} if level % 2 else [tree, beside]
    body = json.dumps(tree, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    lines = [("Content-Type", content_type)]
    call = exchange(request_body=body, response_body=body, headers=lines, response_headers=lines)
    call.annotations["metadata"] = codec.dumps({"tree": tree})
    assert CANARY.encode() not in encoder().encode(call)
