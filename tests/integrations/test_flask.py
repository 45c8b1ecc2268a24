"""Flask: the extension, its hooks, and what events say of a Flask app's calls."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from typing import Any

import flask
import pytest
from flask import Blueprint, Flask, g, session, stream_with_context
from flask.testing import EnvironBuilder
from flask.views import MethodView
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client as WerkzeugClient

import apilog
from apilog.destinations import Memory
from apilog_flask import ApiLog

Recorder = Any
"""The recorder of conftest.py."""


class Boom(Exception):
    """Raised by views."""


def shop() -> Flask:
    app = Flask("shop")
    app.secret_key = "not a secret"

    @app.get("/items/<int:item_id>")
    def item(item_id: int) -> dict[str, int]:
        g.tenant = "acme"
        session["user"] = f"user-{item_id}"
        return {"id": item_id}

    @app.post("/items")
    def create() -> tuple[Any, int]:
        return flask.jsonify(flask.request.get_json()), 201

    @app.get("/abort")
    def abort() -> str:
        flask.abort(403)

    @app.get("/boom")
    def boom() -> str:
        raise Boom("the secret of the boom")

    @app.get("/handled")
    def handled() -> str:
        raise LookupError

    @app.errorhandler(LookupError)
    def sorry(error: LookupError) -> tuple[str, int]:
        return "sorry", 418

    @app.get("/stream")
    def stream() -> flask.Response:
        def parts() -> Iterator[str]:
            yield f"for {flask.request.args['who']}, "
            yield session.get("user", "nobody")

        return flask.Response(stream_with_context(parts()), mimetype="text/plain")

    @app.get("/early")
    def never_asked() -> str:
        raise AssertionError("before_request answers")

    @app.before_request
    def early() -> str | None:
        return "early" if flask.request.path == "/early" else None

    return app


def own(event: apilog.Event) -> dict[str, Any]:
    """Return what apilog itself says of a call."""
    return dict(event.metadata["apilog"])  # type: ignore[call-overload]


@pytest.fixture(autouse=True)
def quiet_flask(caplog: pytest.LogCaptureFixture) -> None:
    """Keep the tracebacks that Flask logs out of the report."""
    caplog.set_level(logging.CRITICAL, logger="shop")


def test_a_call_becomes_one_event_and_the_answer_is_the_same(recorder: Recorder) -> None:
    app = shop()
    extension = ApiLog(app, destination=recorder)
    plain = shop().test_client().post(buffered=True, path="/items?page=2", json={"name": "tea"})
    answer = app.test_client().post(buffered=True, path="/items?page=2", json={"name": "tea"})
    assert (answer.status, answer.data, answer.headers) == (
        plain.status,
        plain.data,
        plain.headers,
    )
    event = recorder.one(extension.client)
    assert (event.request.verb, event.request.uri) == ("POST", "http://localhost/items?page=2")
    assert event.request.body == {"name": "tea"}
    assert event.response is not None
    assert (event.response.status, event.response.body) == (201, {"name": "tea"})
    assert event.request.ip_address == "127.0.0.1"
    assert (own(event)["route"], own(event)["view"]) == ("/items", "create")


@pytest.mark.parametrize(
    ("rule", "path", "template"),
    [
        pytest.param("/a/<b>", "/a/x", "/a/{b}", id="a plain argument"),
        pytest.param("/a/<int:b>", "/a/7", "/a/{b}", id="a converter"),
        pytest.param("/<any(x, y):b>/z", "/y/z", "/{b}/z", id="a converter with arguments"),
        pytest.param("/a/<path:rest>", "/a/b/c", "/a/{rest}", id="a path"),
        pytest.param("/<string(length=2):code>/", "/de/", "/{code}/", id="a keyword argument"),
    ],
)
def test_a_route_is_told_as_a_template(
    recorder: Recorder, rule: str, path: str, template: str
) -> None:
    app = Flask("shop")
    app.add_url_rule(rule, "somewhere", lambda **_: "found")
    extension = ApiLog(app, destination=recorder)
    assert app.test_client().get(path).status_code == 200
    assert own(recorder.one(extension.client))["route"] == template


def test_a_view_of_a_blueprint_is_told_with_its_prefix_and_its_name(recorder: Recorder) -> None:
    app = Flask("shop")
    inner, outer = Blueprint("carts", __name__), Blueprint("v1", __name__)

    class Cart(MethodView):
        def delete(self, cart_id: str) -> str:
            return "gone"

    inner.add_url_rule("/<cart_id>", view_func=Cart.as_view("cart"))
    outer.register_blueprint(inner, url_prefix="/carts")
    app.register_blueprint(outer, url_prefix="/v1")
    extension = ApiLog(app, destination=recorder)
    app.test_client().delete(buffered=True, path="/v1/carts/7")
    said = own(recorder.one(extension.client))
    assert (said["route"], said["view"]) == ("/v1/carts/{cart_id}", "v1.carts.cart")


@pytest.mark.parametrize("decorated", [False, True], ids=["as options", "as decorators"])
def test_hooks_see_the_session_and_g_as_the_view_left_them(
    recorder: Recorder, decorated: bool
) -> None:
    hooks: dict[str, Callable[..., Any]] = {
        "identify_user": lambda request, response: session["user"],
        "identify_company": lambda request, response: g.tenant,
        "get_session_token": lambda request, response: request.cookies.get("sid"),
        "get_metadata": lambda request, response: {
            "url": request.base_url,
            "type": response.mimetype,
        },
        "get_api_version": lambda request, response: request.headers["X-Version"],
    }
    app = shop()
    extension = ApiLog(app, destination=recorder, **({} if decorated else hooks))
    for name, hook in hooks.items() if decorated else ():
        assert getattr(extension, name)(hook) is hook
    web = app.test_client()
    web.set_cookie("sid", "s-1")
    web.get(buffered=True, path="/items/7", headers={"X-Version": "3"})
    event = recorder.one(extension.client)
    assert (event.user_id, event.company_id, event.session_token) == ("user-7", "acme", "s-1")
    assert event.metadata["url"] == "http://localhost/items/7"
    assert event.metadata["type"] == "application/json"
    assert event.request.api_version == "3"


@pytest.mark.parametrize("first", ["the hook", "the app"], ids="{} comes first".format)
def test_a_hook_may_be_decorated_before_and_after_init_app(recorder: Recorder, first: str) -> None:
    app, extension = shop(), ApiLog(destination=recorder)
    if first == "the app":
        extension.init_app(app)

    @extension.identify_user
    def user(request: flask.Request, response: flask.Response) -> str:
        return "u-1"

    if first == "the hook":
        extension.init_app(app)
    app.test_client().get(buffered=True, path="/items/7")
    assert recorder.one(extension.client).user_id == "u-1"


@pytest.mark.parametrize(
    ("configuration", "raises"),
    [
        pytest.param({}, False, id="in production"),
        pytest.param({"TESTING": True}, True, id="while testing"),
        pytest.param({"PROPAGATE_EXCEPTIONS": True}, True, id="where exceptions propagate"),
        pytest.param(
            {"TESTING": True, "PROPAGATE_EXCEPTIONS": False}, False, id="where they do not"
        ),
    ],
)
@pytest.mark.parametrize("kept", [False, True], ids=["once", "and the context is kept"])
@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [
        pytest.param("GET", "/items/7", 200, id="a view that answers"),
        pytest.param("GET", "/nowhere", 404, id="a path without a route"),
        pytest.param("DELETE", "/items", 405, id="a wrong verb"),
        pytest.param("GET", "/abort", 403, id="abort()"),
        pytest.param("GET", "/handled", 418, id="an error handler"),
        pytest.param("GET", "/early", 200, id="before_request"),
        pytest.param("GET", "/boom", 500, id="an unhandled exception"),
        pytest.param("GET", "/stream?who=me", 200, id="a stream"),
    ],
)
def test_every_hook_is_asked_exactly_once(
    recorder: Recorder,
    verb: str,
    path: str,
    status: int,
    kept: bool,
    configuration: dict[str, bool],
    raises: bool,
) -> None:
    asked: list[tuple[str, str, int]] = []

    def user(request: flask.Request, response: flask.Response) -> str:
        asked.append(("identify_user", request.path, response.status_code))
        return f"{session.get('user')} at {flask.request.path}"

    def skip(request: flask.Request, response: flask.Response) -> bool:
        asked.append(("skip", request.path, response.status_code))
        return False

    app = shop()
    app.config.update(configuration)
    extension = ApiLog(app, destination=recorder, identify_user=user, skip=skip)
    web = app.test_client()

    def call() -> None:
        if raises and status == 500:
            with pytest.raises(Boom):
                web.open(path, buffered=True, method=verb)
        else:
            assert web.open(path, buffered=True, method=verb).status_code == status

    if kept:
        with web:
            call()
    else:
        call()
    event = recorder.one(extension.client)
    assert event.response is not None
    assert event.response.status == status
    where = path.partition("?")[0]
    assert asked == [("identify_user", where, status), ("skip", where, status)]
    assert (event.user_id or "").endswith(f" at {where}")
    assert own(event).get("exception") == ("Boom" if status == 500 else None)
    assert extension.client.stats().faults == {}


def test_an_exception_keeps_its_route_and_its_secret(recorder: Recorder) -> None:
    app = shop()
    app.testing = True
    extension = ApiLog(app, destination=recorder)
    with pytest.raises(Boom):
        app.test_client().get(buffered=True, path="/boom")
    event = recorder.one(extension.client)
    assert (own(event)["route"], own(event)["view"]) == ("/boom", "boom")
    assert b"the secret" not in b"".join(recorder.raw)


def test_an_exception_in_after_request_is_told(recorder: Recorder) -> None:
    app = shop()
    extension = ApiLog(app, destination=recorder)
    app.after_request(lambda response: 1 / 0)
    assert app.test_client().get(buffered=True, path="/items/7").status_code == 500
    event = recorder.one(extension.client)
    assert event.response is not None
    assert (event.response.status, own(event)["exception"]) == (500, "ZeroDivisionError")


def test_a_middleware_inside_that_answers_by_itself_has_hooks_asked_with_flasks_request(
    recorder: Recorder,
) -> None:
    app = shop()

    def closed(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("503 Service Unavailable", [("Content-Type", "text/plain")])
        return [b"closed today"]

    app.wsgi_app = closed  # type: ignore[assignment, method-assign]
    extension = ApiLog(
        app,
        destination=recorder,
        identify_user=lambda request, response: f"{request.args['u']} {response.status_code}",
    )
    assert app.test_client().get(buffered=True, path="/items/7?u=eve").status_code == 503
    assert recorder.one(extension.client).user_id == "eve 503"


def test_a_second_init_app_changes_nothing(recorder: Recorder) -> None:
    app = shop()
    extension = ApiLog(app, destination=recorder)
    before = extension.client
    extension.init_app(app)
    ApiLog(app, destination=recorder)
    app.test_client().get(buffered=True, path="/items/7")
    recorder.one(extension.client)
    assert extension.client is before is app.extensions["apilog"]


def test_one_extension_serves_the_apps_of_a_factory(recorder: Recorder) -> None:
    extension = ApiLog(destination=recorder)

    def create_app(name: str) -> Flask:
        app = Flask(name)
        app.add_url_rule("/", "home", lambda: name)
        extension.init_app(app)
        return app

    apps = [create_app(name) for name in ("one", "two", "three")]
    for app in apps:
        app.test_client().get(buffered=True, path="/")
    events = recorder.of(extension.client)
    assert [event.response.body for event in events if event.response] == ["one", "two", "three"]


def test_apps_with_their_own_configuration_keep_apart(new_recorder: type[Recorder]) -> None:
    extension = ApiLog(identify_user=lambda request, response: "u-1")
    places = {name: new_recorder() for name in ("one", "two")}
    apps: dict[str, Flask] = {}
    for name, place in places.items():
        app = apps[name] = shop()
        app.config["APILOG_DESTINATION"] = place
        app.config["APILOG_API_VERSION"] = name
        extension.init_app(app)
        app.test_client().get(buffered=True, path="/items/7")
    for name, place in places.items():
        with apps[name].app_context():
            event = place.one(extension.client)
        assert (event.request.api_version, event.user_id) == (name, "u-1")


def test_one_apps_configuration_does_not_reach_an_app_without_one(
    recorder: Recorder, new_recorder: type[Recorder]
) -> None:
    extension, configured, plain = ApiLog(destination=recorder), shop(), shop()
    other = configured.config["APILOG_DESTINATION"] = new_recorder()
    configured.config["APILOG_CAPTURE_RESPONSE_BODY"] = False
    extension.init_app(configured)
    extension.init_app(plain)
    plain.test_client().get(buffered=True, path="/items/7")
    event = recorder.one(extension.client)
    assert event.response is not None
    assert event.response.body == {"id": 7}
    assert other.of(extension.client) == []


def test_code_beats_configuration(recorder: Recorder, new_recorder: type[Recorder]) -> None:
    app, other = shop(), new_recorder()
    app.config.update(APILOG_DESTINATION=other, APILOG_API_VERSION="1", APILOG_SAMPLE_RATE=0.0)
    extension = ApiLog(app, destination=recorder, api_version="2", sample_rate=1.0)
    app.test_client().get(buffered=True, path="/items/7")
    assert recorder.one(extension.client).request.api_version == "2"
    assert other.of(extension.client) == []


def test_apps_share_a_client_that_is_given(client: apilog.Client, recorder: Recorder) -> None:
    extension, apps = ApiLog(client=client), [shop(), shop()]
    for app in apps:
        extension.init_app(app)
        app.test_client().get(buffered=True, path="/items/7")
    assert len(recorder.of(client)) == 2
    assert extension.client is client


def test_the_client_is_that_of_the_current_app(new_recorder: type[Recorder]) -> None:
    extension, one, two = ApiLog(), shop(), shop()
    for app in (one, two):
        app.config["APILOG_DESTINATION"] = new_recorder()
        extension.init_app(app)
    with one.app_context():
        assert extension.client is one.extensions["apilog"]
    assert extension.client is two.extensions["apilog"]


def test_there_is_no_client_before_there_is_an_app() -> None:
    with pytest.raises(RuntimeError, match=r"init_app"):
        ApiLog(destination=Memory()).client  # noqa: B018


async def an_async_hook(request: flask.Request, response: flask.Response) -> str:
    return "u-1"


@pytest.mark.parametrize(
    "name", ["identify_user", "get_metadata", "skip", "sample_rate", "mask_event"]
)
def test_an_async_hook_among_the_options_is_refused(name: str) -> None:
    with pytest.raises(apilog.ConfigError, match=rf"{name}.*async"):
        ApiLog(shop(), destination=Memory(), **{name: an_async_hook})


@pytest.mark.parametrize("with_app", [False, True], ids=["before init_app", "after init_app"])
def test_an_async_hook_as_a_decorator_is_refused(with_app: bool) -> None:
    extension = ApiLog(shop() if with_app else None, destination=Memory())
    with pytest.raises(apilog.ConfigError, match=r"identify_user.*async"):
        extension.identify_user(an_async_hook)


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        pytest.param({"APILOG_SAMPEL_RATE": 1}, "did you mean 'sample_rate'", id="a typo"),
        pytest.param({"APILOG_SAMPLE_RATE": 2}, "sample_rate = 2", id="a value out of bounds"),
        pytest.param({"APILOG_SKIP": "yes"}, "skip = 'yes'", id="a hook that is no function"),
        pytest.param({"APILOG_DESTINATION": "ftp://x"}, "destination", id="a wrong destination"),
        pytest.param({}, "destination is missing", id="no destination"),
    ],
)
def test_a_wrong_configuration_is_named(
    configuration: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("APILOG_DESTINATION", raising=False)
    app = shop()
    app.config.update(configuration)
    with pytest.raises(apilog.ConfigError, match=message):
        ApiLog(app)


def test_a_client_and_options_at_once_are_refused(client: apilog.Client) -> None:
    with pytest.raises(apilog.ConfigError, match="sample_rate"):
        ApiLog(shop(), client=client, sample_rate=0.5)


def test_a_stream_with_context_passes_and_is_recorded(recorder: Recorder) -> None:
    app = shop()
    extension = ApiLog(
        app, destination=recorder, identify_user=lambda request, response: session["user"]
    )
    web = app.test_client()
    web.get(buffered=True, path="/items/7")
    recorder.one(extension.client)
    answer = web.get(buffered=True, path="/stream?who=me")
    assert answer.text == "for me, user-7"
    event = recorder.one(extension.client)
    assert event.response is not None
    assert (event.response.body, event.user_id) == ("for me, user-7", "user-7")
    assert own(event)["chunks"] == 2


def test_a_stream_that_is_left_is_told_as_aborted(recorder: Recorder) -> None:
    app = shop()
    extension = ApiLog(app, destination=recorder)
    answer = app.test_client().get(path="/stream?who=me", buffered=False)
    chunks = answer.iter_encoded()
    assert next(chunks) == b"for me, "
    chunks.close()
    answer.close()
    assert own(recorder.one(extension.client))["aborted"] is True


def test_a_file_goes_out_by_the_servers_own_wrapper(recorder: Recorder) -> None:
    app = Flask("shop")

    class Wrapper:
        def __init__(self, file: Any, size: int = 8192) -> None:
            self.file = file

        def __iter__(self) -> Iterator[bytes]:
            return iter(lambda: self.file.read(8192), b"")

        def close(self) -> None:
            self.file.close()

    @app.get("/report")
    def report() -> flask.Response:
        return flask.send_file(io.BytesIO(b"%PDF-1.7 and more"), "application/pdf")

    extension = ApiLog(app, destination=recorder)
    started: list[Any] = []
    environ = EnvironBuilder(app, "/report").get_environ()
    environ["wsgi.file_wrapper"] = Wrapper
    response = app.wsgi_app(environ, lambda *head, **_: started.append(head))  # type: ignore[arg-type, return-value]
    body = b"".join(response)
    response.close()  # type: ignore[attr-defined]
    assert body == b"%PDF-1.7 and more"
    event = recorder.one(extension.client)
    assert own(event)["response_body_omitted"] == "file" or event.response.body is not None  # type: ignore[union-attr]


def test_async_views_are_recorded_like_any(recorder: Recorder) -> None:
    app = Flask("shop")

    @app.post("/echo")
    async def echo() -> dict[str, Any]:
        apilog.annotate(metadata={"from": "an async view"})
        return {"got": flask.request.get_json()}

    extension = ApiLog(app, destination=recorder)
    app.test_client().post(buffered=True, path="/echo", json=[1])
    event = recorder.one(extension.client)
    assert event.response is not None
    assert (event.response.body, event.metadata["from"]) == ({"got": [1]}, "an async view")


def test_the_address_of_a_mounted_app_is_whole(
    recorder: Recorder, new_recorder: type[Recorder]
) -> None:
    inner_recorder = new_recorder()
    front, inner = shop(), shop()
    extensions = [ApiLog(front, destination=recorder), ApiLog(inner, destination=inner_recorder)]
    mount = "/v2/shöp".encode().decode("latin-1")  # as PEP 3333 has it in the environ
    front.wsgi_app = DispatcherMiddleware(front.wsgi_app, {mount: inner.wsgi_app})  # type: ignore[method-assign]
    web = WerkzeugClient(front.wsgi_app)
    assert web.get(buffered=True, path="/v2/shöp/items/7?x=ü").status_code == 200
    event = inner_recorder.one(extensions[1].client)
    assert event.request.uri == "http://localhost/v2/sh%C3%B6p/items/7?x=%C3%BC"
    assert own(event)["route"] == "/items/{item_id}"
    assert recorder.of(extensions[0].client) == []


def test_an_uploaded_form_is_read_by_the_app_and_recorded(recorder: Recorder) -> None:
    app = Flask("shop")

    @app.post("/upload")
    def upload() -> dict[str, Any]:
        file = flask.request.files["file"]
        return {"name": flask.request.form["name"], "size": len(file.read())}

    extension = ApiLog(app, destination=recorder)
    form = {"name": "tea", "file": (io.BytesIO(b"x" * 1000), "tea.txt")}
    assert app.test_client().post(buffered=True, path="/upload", data=form).json == {
        "name": "tea",
        "size": 1000,
    }
    event = recorder.one(extension.client)
    assert event.request.body["name"] == "tea"  # type: ignore[call-overload, index]


def test_a_body_that_nobody_read_stays_unread(recorder: Recorder) -> None:
    app = shop()
    extension = ApiLog(app, destination=recorder)
    app.test_client().post(
        buffered=True, path="/items/7", data=b"unread", content_type="text/plain"
    )
    event = recorder.one(extension.client)
    assert (event.request.body, own(event)["request_body_omitted"]) == (None, "not_read")


def test_hooks_that_raise_cost_their_field_only(recorder: Recorder) -> None:
    app = shop()
    extension = ApiLog(
        app,
        destination=recorder,
        identify_user=lambda request, response: 1 / 0,
        identify_company=lambda request, response: "acme",
    )
    assert app.test_client().get(buffered=True, path="/items/7").status_code == 200
    event = recorder.one(extension.client)
    assert (event.user_id, event.company_id) == (None, "acme")
    assert extension.client.stats().faults == {"hook_failed:identify_user": 1}


def test_a_test_request_context_records_nothing(recorder: Recorder) -> None:
    app = shop()
    extension = ApiLog(app, destination=recorder, identify_user=lambda request, response: "u")
    with app.test_request_context("/items/7"):
        assert app.full_dispatch_request().status_code == 200
    assert recorder.of(extension.client) == []
    assert extension.client.stats().faults == {}
