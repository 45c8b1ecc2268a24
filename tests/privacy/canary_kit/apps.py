"""The same app on every framework: read the request, perform, answer in pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import apilog
from apilog import asgi, wsgi
from canary_kit import scene as words
from canary_kit.stage import HOOKS, STAGE, hook, perform

ROUTES = ("/stage", "/reset/{token}", "/invite/{invite_code}/accept", "/members/{password}")
"""Routes with arguments; every other path is answered as well."""

_READ = 4096


@contextmanager
def app_on(
    mounting: str, destinations: list[Any], options: dict[str, Any]
) -> Iterator[tuple[Callable[..., Any], apilog.Client]]:
    """Give the app on *mounting* and its client, which ends with the block."""
    options = {"flush_interval": 0.01, **{name: hook(name) for name in HOOKS}, **options}
    if mounting in (words.DJANGO_WSGI, words.DJANGO_ASGI):
        from canary_kit import apps_django

        with apps_django.app_on(mounting, destinations, options) as pair:
            yield pair
        return
    with apilog.Client(destinations, **options) as client:
        yield _MAKERS[mounting](client), client


def _flask(client: apilog.Client) -> Callable[..., Any]:
    import flask

    from apilog_flask import ApiLog

    app = flask.Flask("canaries")
    app.logger.disabled = True  # what Flask says of exceptions is the app's own log
    ApiLog(app, client=client)

    def view(**_arguments: str) -> flask.Response:
        scene = STAGE.scene
        while flask.request.stream.read(_READ):
            pass
        perform()
        response = flask.Response(iter(scene.response_pieces), status=scene.status)
        del response.headers["Content-Type"]
        for name, value in scene.response_headers:
            response.headers.add(name, value)
        return response

    verbs = ["GET", "POST"]
    for route in ROUTES:
        rule = route.replace("{", "<").replace("}", ">")
        app.add_url_rule(rule, route, view, methods=verbs)
    app.add_url_rule("/<path:anything>", "anything", view, methods=verbs)
    return app


def _fastapi(client: apilog.Client) -> Callable[..., Any]:
    from canary_kit import apps_fastapi

    return apps_fastapi.make(client, ROUTES)


def _raw_wsgi(client: apilog.Client) -> Callable[..., Any]:
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        scene = STAGE.scene
        while environ["wsgi.input"].read(_READ):
            pass
        perform()
        start_response(f"{scene.status} Whatever", list(scene.response_headers))
        return iter(scene.response_pieces)

    return wsgi.ApiLogMiddleware(app, client=client)


def _raw_asgi(client: apilog.Client) -> Callable[..., Any]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        scene = STAGE.scene
        message = {"more_body": True}
        while message.get("more_body"):
            message = await receive()
        perform()
        headers = [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in scene.response_headers
        ]
        await send({"type": "http.response.start", "status": scene.status, "headers": headers})
        for piece in scene.response_pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})

    return asgi.ApiLogMiddleware(app, client=client)


_MAKERS = {
    words.FLASK: _flask,
    words.FASTAPI: _fastapi,
    words.RAW_WSGI: _raw_wsgi,
    words.RAW_ASGI: _raw_asgi,
}
