"""Django under WSGI: views, bodies, hooks, exceptions, middlewares, settings and routes."""

from __future__ import annotations

import gc
import io
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.contrib.auth import login
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.handlers.wsgi import WSGIHandler
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    JsonResponse,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.test import Client, RequestFactory
from django.urls import include, path, re_path
from django.views import View
from django.views.decorators.http import require_GET

import apilog
import apilog_django

Recorder = Any
"""The recorder of conftest.py."""

Call = Callable[..., httpx.Response]
Site = Callable[..., Any]

OURS = "apilog_django.ApiLogMiddleware"
HERE = __name__


class Boom(Exception):
    """Raised by views."""


def item(request: HttpRequest, **arguments: Any) -> HttpResponse:
    return JsonResponse(arguments)


def boom(request: HttpRequest) -> HttpResponse:
    raise Boom("the secret of the boom")


def missing(request: HttpRequest) -> HttpResponse:
    raise Http404


def forbidden(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


@require_GET
def only_get(request: HttpRequest) -> HttpResponse:
    return HttpResponse("got")


def body(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.body)


def post(request: HttpRequest) -> HttpResponse:
    names = {name: file.name for name, file in request.FILES.items()}
    return JsonResponse({**request.POST.dict(), **names})


def read(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.read(4) + request.read())


def lines(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"".join(request))


def unread(request: HttpRequest) -> HttpResponse:
    return HttpResponse("unread")


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def parts() -> Iterator[str]:
        yield "one\n"
        if "fail" in request.GET:
            raise Boom
        yield "two\n"

    return StreamingHttpResponse(parts(), content_type="text/plain")


async def async_view(request: HttpRequest) -> HttpResponse:
    apilog.annotate(user_id="u-async")
    return HttpResponse("async")


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(Path(__file__).open("rb"), content_type="text/x-python")


def me(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.user}")


def enter(request: HttpRequest) -> HttpResponse:
    from django.contrib.auth.models import User

    login(request, User.objects.get(username="ann"))
    return HttpResponse(status=204)


def cookies(request: HttpRequest) -> HttpResponse:
    response = HttpResponse("x")
    response.set_cookie("a", "1")
    response.set_cookie("b", "2", httponly=True)
    return response


class Cart(View):
    def put(self, request: HttpRequest, cart: str) -> HttpResponse:
        return HttpResponse(cart)


nested = [path("lines/<int:line>/", item, name="line"), re_path(r"^raw/(?P<name>\w+)$", item)]

urlpatterns = [
    path("", only_get, name="home"),
    path("items/<int:item_id>/", item, name="item"),
    path("plain/<name>", item),
    path("orders/<uuid:order>/", include((nested, "orders"), namespace="shop")),
    re_path(r"^archive/(?P<year>[0-9]{4})/(?P<rest>(?:\w+/)*)$", item, name="archive"),
    re_path(r"^files/(?P<name>[^/]+\.(?:png|jpe?g(?:2000)?))$", item, name="picture"),
    re_path(r"^v(?:1)/(?i:x)\.json$", item, name="version"),
    re_path(r"^unnamed/(\d+)/([^/]+)/$", lambda request, *found: item(request, found=found)),
    path("carts/<slug:cart>", Cart.as_view(), name="cart"),
    path("boom", boom),
    path("missing", missing),
    path("forbidden", forbidden),
    path("only-get", only_get),
    path("body", body),
    path("post", post),
    path("read", read),
    path("lines", lines),
    path("unread", unread),
    path("stream", stream),
    path("async", async_view),
    path("file", file),
    path("me", me),
    path("enter", enter),
    path("cookies", cookies),
]


class Urls:
    """A module of URLs, made for one test."""

    def __init__(self, *patterns: Any) -> None:
        self.urlpatterns = patterns


def own(event: apilog.Event) -> dict[str, Any]:
    """Return what apilog itself says of a call."""
    return dict(event.metadata["apilog"])  # type: ignore[call-overload]


def test_a_call_becomes_one_event(django_site: Site, recorder: Recorder, call_wsgi: Call) -> None:
    with django_site(HERE):
        answer = call_wsgi(WSGIHandler(), "GET", "/items/7/?q=tea&q=%C3%BC")
        event = recorder.one(apilog_django.client())
    assert answer.json() == {"item_id": 7}
    assert (event.request.verb, event.request.uri) == (
        "GET",
        "http://shop.test/items/7/?q=tea&q=%C3%BC",
    )
    assert event.response is not None
    assert (event.response.status, event.response.body) == (200, {"item_id": 7})
    assert (own(event)["route"], own(event)["view"]) == ("/items/{item_id}/", "item")
    assert event.request.ip_address == "192.0.2.7"


@pytest.mark.parametrize(
    ("address", "route", "view"),
    [
        ("/", "/", "home"),
        ("/items/7/", "/items/{item_id}/", "item"),
        ("/plain/tea", "/plain/{name}", f"{HERE}.item"),
        (
            "/orders/11111111-1111-1111-1111-111111111111/lines/7/",
            "/orders/{order}/lines/{line}/",
            "shop:line",
        ),
        (
            "/orders/11111111-1111-1111-1111-111111111111/raw/x",
            "/orders/{order}/raw/{name}",
            f"shop:{HERE}.item",
        ),
        ("/archive/2026/a/b/", "/archive/{year}/{rest}", "archive"),
        ("/files/a.jpg", "/files/{name}", "picture"),
        ("/unnamed/7/x/", "/unnamed/{}/{}/", None),
        ("/v1/x.json", "/v1/x.json", "version"),
        ("/carts/red", "/carts/{cart}", "cart"),
        ("/nowhere", None, None),
    ],
    ids=[
        "an empty path",
        "a converter",
        "no converter",
        "an include with arguments",
        "a regular expression in an include",
        "nested groups",
        "deeply nested groups",
        "groups without names",
        "groups that are no arguments",
        "a view class",
        "no route",
    ],
)
def test_route_and_view_are_told(
    django_site: Site,
    recorder: Recorder,
    call_wsgi: Call,
    address: str,
    route: str | None,
    view: str | None,
) -> None:
    with django_site(HERE):
        call_wsgi(WSGIHandler(), "GET", address)
        said = own(recorder.one(apilog_django.client()))
    assert said.get("route") == route
    assert view is None or said.get("view") == view


def test_a_route_with_a_language_in_front_is_told(
    django_site: Site, recorder: Recorder, call_wsgi: Call
) -> None:
    from django.conf.urls.i18n import i18n_patterns

    urls = Urls(*i18n_patterns(path("items/<int:item_id>/", item, name="item")))
    middleware = [OURS, "django.middleware.locale.LocaleMiddleware"]
    more = {"USE_I18N": True, "LANGUAGES": [("en", "English"), ("de", "German")]}
    with django_site(urls, middleware=middleware, more=more):
        assert call_wsgi(WSGIHandler(), "GET", "/de/items/7/").status_code == 200
        assert own(recorder.one(apilog_django.client()))["route"] == "/de/items/{item_id}/"


@pytest.mark.parametrize(
    ("address", "sent", "type_", "told"),
    [
        pytest.param("/body", b'{"a": 1}', "application/json", {"a": 1}, id="request.body"),
        pytest.param("/read", b'{"a": 1}', "application/json", {"a": 1}, id="request.read"),
        pytest.param("/lines", b"a\nb\nc", "text/plain", "a\nb\nc", id="iteration"),
        pytest.param(
            "/post", b"a=1&b=2", "application/x-www-form-urlencoded", "a=1&b=2", id="request.POST"
        ),
        pytest.param("/unread", b"text", "text/plain", None, id="nothing"),
        pytest.param("/body", b"", "text/plain", None, id="an empty body"),
    ],
)
def test_the_request_body_is_copied_as_the_view_reads_it(
    django_site: Site,
    recorder: Recorder,
    call_wsgi: Call,
    address: str,
    sent: bytes,
    type_: str,
    told: object,
) -> None:
    with django_site(HERE):
        headers = {"Content-Type": type_}
        answer = call_wsgi(WSGIHandler(), "POST", address, content=sent, headers=headers)
        event = recorder.one(apilog_django.client())
    assert answer.status_code == 200
    if address in ("/body", "/read", "/lines"):
        assert answer.content == sent
    assert event.request.body == told
    assert own(event).get("request_body_omitted") == ("not_read" if address == "/unread" else None)


def test_uploads_reach_the_view_and_the_event(django_site: Site, recorder: Recorder) -> None:
    with django_site(HERE):
        upload = SimpleUploadedFile("tea.txt", b"x" * 100_000, "text/plain")
        answer = Client().post("/post", {"name": "tea", "file": upload})
        event = recorder.one(apilog_django.client())
    assert answer.json() == {"name": "tea", "file": "tea.txt"}
    assert event.request.body["name"] == "tea"  # type: ignore[call-overload, index]
    assert own(event)["request_size"] > 100_000


def test_a_stream_passes_in_its_pieces(
    django_site: Site, recorder: Recorder, call_wsgi: Call
) -> None:
    with django_site(HERE):
        assert call_wsgi(WSGIHandler(), "GET", "/stream").text == "one\ntwo\n"
        event = recorder.one(apilog_django.client())
    assert event.response is not None
    assert (event.response.body, own(event)["chunks"]) == ("one\ntwo\n", 2)


def test_a_stream_that_breaks_keeps_its_status_and_names_the_exception(
    django_site: Site, recorder: Recorder
) -> None:
    with django_site(HERE):
        response = Client().get("/stream?fail=1")
        with pytest.raises(Boom):
            b"".join(response.streaming_content)  # type: ignore[attr-defined]
        response.close()
        event = recorder.one(apilog_django.client())
    assert event.response is not None
    assert (event.response.status, event.response.body) == (200, "one\n")
    assert own(event)["exception"] == "Boom"


def serve(address: str, **environ: Any) -> tuple[Any, bytes]:
    """Call the site as a server does; return its response object and what it sent."""
    request = RequestFactory().get(address).environ
    response = WSGIHandler()({**request, **environ}, lambda *head, **_: None)
    try:
        return response, b"".join(response)
    finally:
        response.close()  # type: ignore[attr-defined]


class Wrapper:
    """The file wrapper of a server."""

    def __init__(self, file: Any, size: int = 8192) -> None:
        self.file, self.size = file, size

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.file.read(self.size), b"")

    def close(self) -> None:
        self.file.close()


@pytest.mark.parametrize("wrapper", [None, Wrapper], ids=["by Django", "by the server"])
def test_a_file_is_not_wrapped_and_its_size_is_told(
    django_site: Site, recorder: Recorder, wrapper: Any
) -> None:
    environ = {"wsgi.file_wrapper": wrapper} if wrapper else {}
    with django_site(HERE):
        response, sent = serve("/file", **environ)
        event = recorder.one(apilog_django.client())
    assert isinstance(response, wrapper or FileResponse)
    assert sent == Path(__file__).read_bytes()
    assert own(event)["response_body_omitted"] == "file"
    assert own(event)["response_size"] == len(sent)
    assert own(event).get("aborted") is None


def test_cookies_of_the_response_are_told_without_their_values(
    django_site: Site, recorder: Recorder, call_wsgi: Call
) -> None:
    with django_site(HERE):
        call_wsgi(WSGIHandler(), "GET", "/cookies")
        event = recorder.one(apilog_django.client())
    assert event.response is not None
    kept = event.response.headers["Set-Cookie"].split("\n")
    assert [line.partition("=")[0] for line in kept] == ["a", "b"]


@pytest.mark.parametrize(
    ("address", "status", "exception"),
    [
        pytest.param("/boom", 500, "Boom", id="an unhandled exception"),
        pytest.param("/missing", 404, None, id="Http404"),
        pytest.param("/forbidden", 403, None, id="PermissionDenied"),
        pytest.param("/nowhere", 404, None, id="no route"),
    ],
)
def test_an_exception_is_told_by_its_status_and_its_class(
    django_site: Site,
    recorder: Recorder,
    call_wsgi: Call,
    address: str,
    status: int,
    exception: str | None,
) -> None:
    with django_site(HERE):
        assert call_wsgi(WSGIHandler(), "GET", address).status_code == status
        event = recorder.one(apilog_django.client())
    assert event.response is not None
    assert (event.response.status, own(event).get("exception")) == (status, exception)
    assert b"the secret" not in b"".join(recorder.raw)


def test_an_exception_that_django_lets_through_is_told_and_hooks_are_asked(
    django_site: Site, recorder: Recorder
) -> None:
    asked: list[int] = []
    hooks = {
        "IDENTIFY_USER": lambda request, response: request.headers["X-User"],
        "SKIP": lambda request, response: asked.append(response.status_code),
    }
    with django_site(HERE, more={"DEBUG_PROPAGATE_EXCEPTIONS": True}, **hooks):
        with pytest.raises(Boom):
            WSGIHandler()(
                RequestFactory().get("/boom", headers={"X-User": "ann"}).environ,
                lambda *head: None,
            )
        event = recorder.one(apilog_django.client())
    assert event.response is not None
    assert (event.response.status, own(event)["exception"]) == (500, "Boom")
    assert (event.user_id, asked) == ("ann", [500])
    assert own(event)["route"] == "/boom"


def user_of_header(request: HttpRequest, response: HttpResponseBase) -> str | None:
    return request.headers.get("X-User")


def half(request: HttpRequest, response: HttpResponseBase) -> float:
    return 1.0 if "X-User" in request.headers else 0.0


@pytest.mark.parametrize(
    "hook", [user_of_header, f"{HERE}.user_of_header"], ids=["a function", "a dotted path"]
)
def test_a_hook_may_be_named_in_either_way(
    django_site: Site, recorder: Recorder, call_wsgi: Call, hook: Any
) -> None:
    with django_site(HERE, IDENTIFY_USER=hook, SAMPLE_RATE=f"{HERE}.half"):
        call_wsgi(WSGIHandler(), "GET", "/items/7/", headers={"X-User": "ann"})
        call_wsgi(WSGIHandler(), "GET", "/items/7/")
        event = recorder.one(apilog_django.client())
    assert event.user_id == "ann"


@pytest.mark.parametrize(
    "address",
    ["/items/7/", "/boom", "/nowhere", "/missing", "/stream", "/file", "/async"],
    ids="for {}".format,
)
def test_every_hook_is_asked_exactly_once(
    django_site: Site, recorder: Recorder, call_wsgi: Call, address: str
) -> None:
    asked: list[int] = []

    def ask(request: HttpRequest, response: HttpResponseBase) -> None:
        asked.append(response.status_code)

    with django_site(HERE, IDENTIFY_USER=ask, SKIP=ask):
        status = call_wsgi(WSGIHandler(), "GET", address).status_code
        recorder.one(apilog_django.client())
    assert asked == [status, status]


AUTH = {
    "INSTALLED_APPS": [
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "django.contrib.sessions",
        "apilog_django",
    ],
    "SESSION_ENGINE": "django.contrib.sessions.backends.db",
    "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
}
AUTH_MIDDLEWARE = [
    OURS,
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]


def groups_of_user(request: HttpRequest, response: HttpResponseBase) -> dict[str, Any]:
    return {"groups": [group.name for group in request.user.groups.all()]}


def create_ann() -> Any:
    """Create the tables and a user."""
    from django.contrib.auth.models import Group, Permission, User
    from django.contrib.contenttypes.models import ContentType
    from django.contrib.sessions.models import Session
    from django.db import connection

    with connection.schema_editor() as editor:
        for model in (ContentType, Permission, Group, User, Session):
            editor.create_model(model)
    user = User.objects.create_user("ann")
    user.groups.add(Group.objects.create(name="buyers"))
    return user


def test_hooks_may_use_the_user_the_session_and_the_database(
    django_site: Site, recorder: Recorder, database: None
) -> None:
    hooks = {
        "IDENTIFY_USER": lambda request, response: request.user.pk,
        "GET_SESSION_TOKEN": lambda request, response: request.session.session_key,
        "GET_METADATA": f"{HERE}.groups_of_user",
    }
    with django_site(HERE, middleware=AUTH_MIDDLEWARE, more=AUTH, **hooks):
        user, web = create_ann(), Client()
        web.force_login(user)
        assert web.get("/me").content == b"ann"
        event = recorder.one(apilog_django.client())
    assert event.user_id == str(user.pk)
    assert event.session_token is not None
    assert event.metadata["groups"] == ["buyers"]


async def async_hook(request: HttpRequest, response: HttpResponseBase) -> str:
    return "nobody"


def test_an_async_hook_is_refused_at_start_up(django_site: Site) -> None:
    with (
        django_site(HERE, IDENTIFY_USER=f"{HERE}.async_hook"),
        pytest.raises(apilog.ConfigError, match=r"identify_user.*async"),
    ):
        WSGIHandler()


class Early:
    """A middleware that answers by itself."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("early", status=503)


class Signature:
    """A middleware that changes the answer."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response: HttpResponse = self.get_response(request)
        response["X-Signature"] = "ann"
        response.content += b" (signed)"
        return response


def test_a_middleware_inside_that_answers_by_itself_is_told(
    django_site: Site, recorder: Recorder, call_wsgi: Call
) -> None:
    with django_site(HERE, middleware=[OURS, f"{HERE}.Early"]):
        call_wsgi(WSGIHandler(), "GET", "/items/7/")
        event = recorder.one(apilog_django.client())
    assert event.response is not None
    assert (event.response.status, event.response.body) == (503, "early")
    assert own(event).get("route") is None


@pytest.mark.parametrize("ours_first", [True, False], ids=["ours is outside", "ours is inside"])
def test_what_a_middleware_changes_is_told_if_ours_stands_outside(
    django_site: Site, recorder: Recorder, call_wsgi: Call, ours_first: bool
) -> None:
    middleware = [OURS, f"{HERE}.Signature"]
    with django_site(HERE, middleware=middleware if ours_first else middleware[::-1]):
        answer = call_wsgi(WSGIHandler(), "GET", "/unread")
        event = recorder.one(apilog_django.client())
    assert answer.text == "unread (signed)"
    assert event.response is not None
    assert event.response.body == ("unread (signed)" if ours_first else "unread")
    assert ("X-Signature" in event.response.headers) is ours_first


def test_a_cache_outside_keeps_responses_whole(
    django_site: Site, recorder: Recorder, call_wsgi: Call
) -> None:
    middleware = [
        "django.middleware.cache.UpdateCacheMiddleware",
        OURS,
        "django.middleware.cache.FetchFromCacheMiddleware",
    ]
    with django_site(HERE, middleware=middleware):
        handler = WSGIHandler()
        answers = [call_wsgi(handler, "GET", "/items/7/") for _ in range(3)]
        events = recorder.of(apilog_django.client())
    assert [answer.json() for answer in answers] == [{"item_id": 7}] * 3
    assert [event.response.body for event in events if event.response] == [{"item_id": 7}] * 3


def test_a_cache_that_stands_around_everything_answers_alone(
    django_site: Site, recorder: Recorder, call_wsgi: Call
) -> None:
    middleware = [
        "django.middleware.cache.UpdateCacheMiddleware",
        "django.middleware.cache.FetchFromCacheMiddleware",
        OURS,
    ]
    with django_site(HERE, middleware=middleware):
        handler = WSGIHandler()
        answers = [call_wsgi(handler, "GET", "/plain/around") for _ in range(3)]
        recorder.one(apilog_django.client())
    assert [answer.json() for answer in answers] == [{"name": "around"}] * 3


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        pytest.param({"sample_rate": 1}, r"'sample_rate'.*capitals", id="small letters"),
        pytest.param({"SAMPEL_RATE": 1}, "did you mean 'sample_rate'", id="a typo"),
        pytest.param({"SAMPLE_RATE": 2}, "sample_rate = 2", id="a wrong value"),
        pytest.param({"SKIP": "shop.hooks.skip"}, r"SKIP.*shop\.hooks\.skip", id="a wrong path"),
        pytest.param({"SKIP": "skip"}, r"SKIP.*'skip'", id="a path without dots"),
        pytest.param({"SKIP": f"{HERE}.OURS"}, "skip.*not a function", id="a path to no function"),
        pytest.param({"DESTINATION": "ftp://x"}, "destination = 'ftp:", id="a wrong URL"),
        pytest.param({"DESTINATION": None}, "destination is missing", id="no destination"),
        pytest.param({7: 1}, r"\[7\]", id="a number for a name"),
    ],
)
def test_a_wrong_setting_is_named_at_start_up(
    django_site: Site, monkeypatch: pytest.MonkeyPatch, setting: dict[Any, Any], message: str
) -> None:
    monkeypatch.delenv("APILOG_DESTINATION", raising=False)
    with (
        django_site(HERE, more={"APILOG": {"DESTINATION": "memory:", **setting}}),
        pytest.raises(apilog.ConfigError, match=message),
    ):
        WSGIHandler()


def test_a_setting_that_is_no_dictionary_is_named(django_site: Site) -> None:
    with (
        django_site(HERE, more={"APILOG": "moesif://id@host"}),
        pytest.raises(apilog.ConfigError, match=r"APILOG = 'moesif.*dictionary"),
    ):
        WSGIHandler()


def test_changed_settings_give_a_new_client(
    django_site: Site, recorder: Recorder, new_recorder: type[Recorder], call_wsgi: Call
) -> None:
    other = new_recorder()
    with django_site(HERE):
        outer = apilog_django.client()
        assert apilog_django.client() is outer
        with django_site(HERE, DESTINATION=other):
            assert apilog_django.client() is not outer
            call_wsgi(WSGIHandler(), "GET", "/")
            other.one(apilog_django.client())
        call_wsgi(WSGIHandler(), "GET", "/")
        recorder.one(apilog_django.client())


def test_a_request_made_by_hand_is_passed_on(django_site: Site, recorder: Recorder) -> None:
    with django_site(HERE):
        middleware = apilog_django.ApiLogMiddleware(lambda request: HttpResponse("x"))
        assert middleware(HttpRequest()).content == b"x"  # type: ignore[union-attr]
        assert recorder.of(apilog_django.client()) == []


def test_async_views_work_under_wsgi(
    django_site: Site, recorder: Recorder, call_wsgi: Call
) -> None:
    with django_site(HERE):
        assert call_wsgi(WSGIHandler(), "GET", "/async").text == "async"
        assert recorder.one(apilog_django.client()).user_id == "u-async"


def test_a_mounted_site_is_told_with_its_prefix(django_site: Site, recorder: Recorder) -> None:
    with django_site(HERE, EXCLUDE_PATHS=["/shöp/carts/*"]):
        prefix = "/shöp".encode().decode("latin-1")
        for address in ("/items/7/", "/carts/x"):
            serve(address, SCRIPT_NAME=prefix, PATH_INFO=address)
        event = recorder.one(apilog_django.client())
    assert event.request.uri == "http://testserver/sh%C3%B6p/items/7/"
    assert own(event)["route"] == "/items/{item_id}/"


def test_a_body_in_pieces_is_read_by_the_multipart_parser_and_copied_once(
    django_site: Site, recorder: Recorder
) -> None:
    sent = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"x" * 70_000 + b"\r\n--b--"
    with django_site(HERE):
        environ = RequestFactory().post("/post").environ
        environ |= {
            "wsgi.input": io.BytesIO(sent),
            "CONTENT_LENGTH": str(len(sent)),
            "CONTENT_TYPE": "multipart/form-data; boundary=b",
        }
        response = WSGIHandler()(environ, lambda *head: None)
        b"".join(response)
        response.close()  # type: ignore[attr-defined]
        event = recorder.one(apilog_django.client())
    assert own(event)["request_size"] == len(sent)


class Reader:
    """A middleware that looks into the headers before ours."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        assert "X-Request-Id" not in request.headers
        response: HttpResponse = self.get_response(request)
        return response


def request_id(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.headers["X-Request-Id"])


def test_the_id_reaches_the_view_past_a_middleware_that_read_the_headers(
    django_site: Site, recorder: Recorder, call_wsgi: Call
) -> None:
    middleware = [f"{HERE}.Reader", OURS]
    urls = Urls(path("", request_id))
    with django_site(urls, middleware=middleware, TRANSACTION_HEADER="X-Request-Id"):
        answer = call_wsgi(WSGIHandler(), "GET", "/")
        assert answer.text == recorder.one(apilog_django.client()).transaction_id


@pytest.mark.skipif(
    sys.version_info < (3, 11),
    reason="before Python 3.11 a frame of Django's own keeps the last request, recorded or not",
)
@pytest.mark.parametrize("address", ["/body", "/stream", "/unread"], ids="for {}".format)
def test_a_request_dies_with_its_call(django_site: Site, recorder: Recorder, address: str) -> None:
    """A request that refers to itself keeps its uploads until a garbage collection."""
    requests: list[Any] = []

    def remember(request: HttpRequest, response: HttpResponseBase) -> None:
        requests.append(weakref.ref(request))

    with django_site(HERE, IDENTIFY_USER=remember):
        gc.collect()
        gc.disable()
        try:
            for _ in range(2):  # Django's first look at the connections of a thread keeps frames
                response = WSGIHandler()(
                    RequestFactory().post(address, b"x", "text/plain").environ,
                    lambda *head, **_: None,
                )
                b"".join(response)
                response.close()  # type: ignore[attr-defined]
                del response
                recorder.one(apilog_django.client())
            assert requests[-1]() is None
        finally:
            gc.enable()
