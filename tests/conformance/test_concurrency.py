"""200 calls at once, each by a user of its own: nothing of one is ever told of another."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from conformance_kit import apps_django, crowd
from conformance_kit.crowd import CROWD, Call, call_asgi_together, call_wsgi_together, mixed_up
from conformance_kit.scenario import DJANGO_ASGI, DJANGO_WSGI, RAW_ASGI, RAW_WSGI
from conformance_kit.wire import Server, new_case

import apilog
from apilog import asgi, wsgi
from apilog.destinations import Memory


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def client(memory: Memory) -> Iterator[apilog.Client]:
    with apilog.Client(memory, **crowd.OPTIONS) as client:
        yield client


def _settle(calls: list[Call], client: apilog.Client, memory: Memory) -> None:
    assert client.flush(crowd.PATIENCE_SECONDS)
    assert len(calls) == CROWD
    assert mixed_up(calls, memory.events) == []


def test_nothing_is_mixed_up_in_raw_wsgi(client: apilog.Client, memory: Memory) -> None:
    app = wsgi.ApiLogMiddleware(crowd.wsgi_app, client=client)
    _settle(call_wsgi_together(app), client, memory)


def test_nothing_is_mixed_up_in_raw_asgi(client: apilog.Client, memory: Memory) -> None:
    app = asgi.ApiLogMiddleware(crowd.asgi_app, client=client)
    _settle(call_asgi_together(app), client, memory)


def test_nothing_is_mixed_up_in_flask(client: apilog.Client, memory: Memory) -> None:
    _settle(call_wsgi_together(crowd.flask_app(client)), client, memory)


def test_nothing_is_mixed_up_in_fastapi(client: apilog.Client, memory: Memory) -> None:
    _settle(call_asgi_together(crowd.fastapi_app(client)), client, memory)


@pytest.mark.parametrize("mounting", [DJANGO_WSGI, DJANGO_ASGI])
def test_nothing_is_mixed_up_in_django(mounting: str, memory: Memory) -> None:
    apps_django.set_up()
    from django.test import override_settings

    import apilog_django

    options = {name.upper(): value for name, value in crowd.OPTIONS.items()}
    settings = {
        **apps_django.SETTINGS,
        "APILOG": {"DESTINATION": memory, **options},
        "ROOT_URLCONF": "conformance_kit.crowd_django",
    }
    settings.pop("LOGGING_CONFIG")
    protocol, call = (
        ("wsgi", call_wsgi_together)
        if mounting == DJANGO_WSGI
        else ("asgi", lambda app: call_asgi_together(app, "/s/async/crowd"))
    )
    with override_settings(**settings):
        calls = call(apps_django.make(protocol, wrapped=True))
        _settle(calls, apilog_django.client(), memory)


@pytest.mark.parametrize(
    ("name", "mounting"),
    [
        pytest.param("uvicorn", RAW_ASGI, id="raw ASGI over uvicorn"),
        pytest.param("gunicorn", RAW_WSGI, id="raw WSGI over gunicorn"),
        pytest.param("wsgiref", RAW_WSGI, id="raw WSGI over wsgiref"),
    ],
)
def test_nothing_is_mixed_up_over_sockets(
    name: str, mounting: str, server_called: Callable[[str], Server]
) -> None:
    server = server_called(name)
    _, wrapped = server.sides[mounting]
    case = new_case()
    calls = crowd.call_port_together(wrapped.port, case)
    documents = server.events(case, CROWD)
    ids = {str(document["request"]["body"]["number"]): document for document in documents}
    for call in calls:  # these servers add no header, so the number in the body is the id
        call.transaction_id = ids[str(call.number)]["transaction_id"]
    events = [apilog.Event.from_document(each) for each in documents]
    assert mixed_up(calls, events) == []
