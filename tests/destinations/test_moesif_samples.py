"""The samples of Moesif's documents, and requests of its own clients, made by the public API.

Times and ids are the moment's own; everything else is compared as it stands there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from servers.moesif import Moesif as Server

import apilog
from apilog import Client
from apilog.asgi import ApiLogMiddleware as AsgiMiddleware
from apilog.destinations import Moesif
from apilog.wsgi import ApiLogMiddleware

KEY = "eyJhcHAiOiIxOTg6MTI0Iiwib3JnIjoiODg6MjEwIn0.an-application-id"
PATIENCE = 20.0


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    with server.running():
        yield server


@pytest.fixture
def new_client(server: Server) -> Iterator[Callable[..., Client]]:
    made: list[Client] = []

    def new_client(**options: Any) -> Client:
        made.append(Client(Moesif(KEY, base_url=server.url, remote_sampling=False), **options))
        return made[-1]

    yield new_client
    for each in made:
        each.close(1)


def handle(
    client: Client,
    url: str,
    *,
    verb: str = "GET",
    headers: dict[str, str],
    body: bytes = b"",
    address: str,
    status: int,
    answer: bytes,
    answer_headers: dict[str, str],
) -> None:
    """Have a WSGI app handle the call."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        environ["wsgi.input"].read()
        apilog.annotate(session_token="tok", metadata={"foo": "bar"})
        start_response(f"{status} Said", list(answer_headers.items()))
        return [answer]

    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    path, _, query = path.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": verb,
        "wsgi.url_scheme": scheme,
        "HTTP_HOST": host,
        "PATH_INFO": slash + path,
        "QUERY_STRING": query,
        "REMOTE_ADDR": address,
        "wsgi.input": BytesIO(body),
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()},
    }
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if f"HTTP_{name}" in environ:
            environ[name] = environ.pop(f"HTTP_{name}")
    setup_testing_defaults(environ)
    response: Any = ApiLogMiddleware(app, client=client)(environ, lambda *_: lambda _: None)
    b"".join(response)
    getattr(response, "close", lambda: None)()


def sample(**changes: Any) -> dict[str, Any]:
    """Return the event of the documents and of the fixtures of Moesif's Python client."""
    return {
        "request": {
            "uri": "https://api.acmeinc.com/items/12345/reviews/",
            "verb": "POST",
            "headers": {
                "Host": "api.acmeinc.com",
                "Accept": "*/*",
                "Content-Type": "application/json",
                "Content-Length": "36",
            },
            "api_version": "1.1.0",
            "ip_address": "61.48.220.123",
            "body": {"items": [{"type": 1, "id": "fwfrf"}]},
        },
        "response": {
            "status": 500,
            "headers": {"Content-Type": "application/json; charset=utf-8"},
            "body": {"Error": "InvalidArgumentException"},
        },
        "session_token": "tok",
        "user_id": "my_user_id",
        "company_id": "my_company",
        "metadata": {"foo": "bar"},
        "direction": "Incoming",
        "weight": 1,
        **changes,
    }


def without_the_moment(event: dict[str, Any]) -> dict[str, Any]:
    event = {**event, "metadata": {**event["metadata"]}}
    assert event.pop("transaction_id")
    event["metadata"].pop("apilog")
    for side in ("request", "response"):
        if side in event:
            event[side] = {**event[side]}
            assert event[side].pop("time").endswith("Z")
    return event


IDENTITY: dict[str, Any] = {
    "identify_user": lambda *_: "my_user_id",
    "identify_company": lambda *_: "my_company",
    "api_version": "1.1.0",
}
CALL: dict[str, Any] = {
    "url": "https://api.acmeinc.com/items/12345/reviews/",
    "verb": "POST",
    "headers": {"Accept": "*/*", "Content-Type": "application/json", "Content-Length": "36"},
    "body": b'{"items":[{"type":1,"id":"fwfrf"}]} ',
    "address": "61.48.220.123",
    "status": 500,
    "answer": b'{"Error":"InvalidArgumentException"}',
    "answer_headers": {"Content-Type": "application/json; charset=utf-8"},
}


def test_an_event(server: Server, new_client: Callable[..., Client]) -> None:
    client = new_client(**IDENTITY)
    handle(client, **CALL)
    assert client.flush(PATIENCE)
    (event,) = server.events
    assert without_the_moment(event) == sample()
    assert not server.refusals


def test_a_batch_of_events(server: Server, new_client: Callable[..., Client]) -> None:
    client = new_client(flush_interval=3600, **IDENTITY)
    numbers = range(12345, 12350)
    for number in numbers:
        handle(client, **{**CALL, "url": f"https://api.acmeinc.com/items/{number}/reviews/"})
    assert client.flush(PATIENCE)
    assert server.posts == {"/v1/events/batch": 1}
    assert [event["request"]["uri"] for event in server.events] == [
        f"https://api.acmeinc.com/items/{number}/reviews/" for number in numbers
    ]


def test_an_event_whose_body_is_binary(server: Server, new_client: Callable[..., Client]) -> None:
    client = new_client(**IDENTITY)
    headers = {"Accept": "*/*", "Content-Type": "application/octet-stream", "Content-Length": "4"}
    handle(client, **{**CALL, "headers": headers, "body": bytes([0, 1, 2, 255])})
    assert client.flush(PATIENCE)
    request = server.events[0]["request"]
    assert (request["body"], request["transfer_encoding"]) == ("AAEC/w==", "base64")


def test_an_event_without_a_response(server: Server, new_client: Callable[..., Client]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        apilog.annotate(session_token="tok", metadata={"foo": "bar"})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": CALL["body"]}

    async def send(message: Any) -> None: ...

    client = new_client(**IDENTITY)
    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "https",
        "path": "/items/12345/reviews/",
        "query_string": b"",
        "client": ("61.48.220.123", 4711),
        "headers": [
            (b"Host", b"api.acmeinc.com"),
            (b"Accept", b"*/*"),
            (b"Content-Type", b"application/json"),
            (b"Content-Length", b"36"),
        ],
    }
    asyncio.run(AsgiMiddleware(app, client=client)(scope, receive, send))
    assert client.flush(PATIENCE)
    expected = sample()
    del expected["response"]
    assert without_the_moment(server.events[0]) == expected


def test_the_call_that_moesifs_middleware_for_wsgi_records(
    server: Server, new_client: Callable[..., Client]
) -> None:
    client = new_client(identify_user=lambda *_: "my_user_id", identify_company=lambda *_: "acme")
    handle(
        client,
        "http://localhost/v1/items/7?x=1&y=a%20b",
        headers={"User-Agent": "Mozilla/5.0 (Windows NT 10.0; rv:109.0) Firefox/116.0"},
        address="203.0.113.7",
        status=200,
        answer=b'{"id":7,"name":"widget"}',
        answer_headers={"Content-Type": "application/json", "Content-Length": "24"},
    )
    assert client.flush(PATIENCE)
    (event,) = server.events
    assert event["request"]["uri"] == "http://localhost/v1/items/7?x=1&y=a%20b"
    assert event["request"]["ip_address"] == "203.0.113.7"
    assert event["response"]["body"] == {"id": 7, "name": "widget"}
    assert event["response"]["headers"] == {
        "Content-Type": "application/json",
        "Content-Length": "24",
    }
    assert (event["direction"], event["weight"]) == ("Incoming", 1)


def test_the_subscription_is_named_by_the_app_or_by_the_last_hook(
    server: Server, new_client: Callable[..., Client]
) -> None:
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        apilog.annotate(subscription_id="sub_1234567890abcdefghijklmn", company_id="acme")
        start_response("200 OK", [])
        return [b""]

    from dataclasses import replace

    def by_hook(event: apilog.Event) -> apilog.Event:
        return replace(event, subscription_id="s2")

    for options in ({}, {"mask_event": by_hook}):
        client = new_client(**options)
        environ: dict[str, Any] = {}
        setup_testing_defaults(environ)
        response: Any = ApiLogMiddleware(app, client=client)(environ, lambda *_: lambda _: None)
        b"".join(response)
        response.close()
        assert client.flush(PATIENCE)
    assert [event["subscription_id"] for event in server.events] == [
        "sub_1234567890abcdefghijklmn", "s2",
    ]  # fmt: skip
    assert {event["company_id"] for event in server.events} == {"acme"}
    assert not server.refusals


USER = {"user_id": "12345", "metadata": {"email": "a@example.com"}}
DOCUMENTED_USER = {
    "user_id": "12345",
    "company_id": "67890",
    "modified_time": "2026-11-20T21:06:10.709Z",
    "ip_address": "61.48.220.123",
    "user_agent_string": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_13_6) Chrome/70.0.3538.77",
    "campaign": {
        "utm_source": "google",
        "utm_medium": "cpc",
        "utm_campaign": "adwords",
        "utm_term": "api+tooling",
        "utm_content": "landing",
    },
    "metadata": {
        "email": "john@acmeinc.com",
        "first_name": "John",
        "last_name": "Doe",
        "title": "Software Engineer",
        "sales_info": {"stage": "Customer", "lifetime_value": 24000, "account_owner": "mary"},
    },
}
COMPANY = {"company_id": "c1", "company_domain": "acme.com"}
DOCUMENTED_COMPANY = {
    "company_id": "12345",
    "company_domain": "acmeinc.com",
    "campaign": {"utm_source": "google"},
    "metadata": {"org_name": "Acme, Inc", "plan_name": "Free", "deal_stage": "Lead", "mrr": 24000},
}
SUBSCRIPTION = {"subscription_id": "s1", "company_id": "c1", "status": "active"}
DOCUMENTED_SUBSCRIPTION = {
    "subscription_id": "12345",
    "company_id": "67890",
    "current_period_start": "2023-11-21T17:32:28.000Z",
    "current_period_end": "2024-11-21T17:32:28.000Z",
    "status": "active",
    "metadata": {
        "subscription_type": "PAYG",
        "subscription_tier": "Pro",
        "quota": {"quota_limit": 1000000, "quota_period": "Year"},
    },
}
ACTION = {
    "action_name": "Clicked Sign Up",
    "user_id": "u1",
    "request": {"uri": "https://acme.com", "time": "2024-01-01T00:00:00.000Z"},
}
DOCUMENTED_ACTION = {
    "action_name": "Purchased Subscription",
    "user_id": "12345",
    "company_id": "67890",
    "session_token": "XXXXX",
    "request": {
        "uri": "https://acmeinc.com/pricing?utm_source=adwords",
        "time": "2026-11-20T21:06:10.709Z",
        "user_agent_string": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/70.0.3538.77",
    },
    "metadata": {"plan_name": "Pay As You Go", "plan_revenue": 5000},
}

UPDATES: dict[str, tuple[str, Any]] = {
    "the user of the Python client": ("users", USER),
    "the user of the documents": ("users", DOCUMENTED_USER),
    "the company of the Python client": ("companies", COMPANY),
    "the company of the documents": ("companies", DOCUMENTED_COMPANY),
    "the subscription of the Node.js client": ("subscriptions", SUBSCRIPTION),
    "the subscription of the documents": ("subscriptions", DOCUMENTED_SUBSCRIPTION),
}
METHODS = {
    "users": ("update_user", "update_users"),
    "companies": ("update_company", "update_companies"),
    "subscriptions": ("update_subscription", "update_subscriptions"),
}


@pytest.mark.parametrize(("kind", "update"), UPDATES.values(), ids=UPDATES.keys())
@pytest.mark.parametrize("many", [False, True], ids=["one", "a batch"])
def test_an_update(
    server: Server, new_client: Callable[..., Client], kind: str, update: Any, many: bool
) -> None:
    client = new_client()
    tell = getattr(client, METHODS[kind][many])
    assert tell([update] if many else update, wait=PATIENCE)
    assert list(server.profiles[kind].values()) == [update]
    assert not server.refusals


@pytest.mark.parametrize(
    "action",
    [
        pytest.param(ACTION, id="of the Node.js client"),
        pytest.param(DOCUMENTED_ACTION, id="of the documents"),
    ],
)
def test_an_action(server: Server, new_client: Callable[..., Client], action: Any) -> None:
    assert new_client().track_action(action, wait=PATIENCE)
    (told,) = server.actions
    assert told.pop("transaction_id")
    assert told == action


def test_the_configuration_and_the_rules_are_asked_for_as_moesifs_clients_do(
    server: Server,
) -> None:
    moesif = Moesif(KEY, base_url=server.url, governance=True)
    moesif.refresh()
    server.wait_for(lambda: len(server.requests) == 2)
    assert [(asked.verb, asked.path) for asked in server.requests] == [
        ("GET", "/v1/config"),
        ("GET", "/v1/rules"),
    ]
    for asked in server.requests:
        assert asked.headers["x-moesif-application-id"] == KEY
        assert not asked.body
    moesif.close()
