"""The behaviours as a Flask app."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import flask

import apilog
from apilog_flask import ApiLog
from conformance_kit import scenario as words
from conformance_kit.diary import note, raising
from conformance_kit.files import file_of
from conformance_kit.scenario import Behaviour
from conformance_kit.streams import digest, iterable_of, read_stream

VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW", "PROPFIND"]


def make(client: apilog.Client | None, behaviours: dict[str, Behaviour]) -> flask.Flask:
    """Return the app, bare without a *client*."""
    app = flask.Flask("conformance")
    app.logger.disabled = True
    if client is not None:
        ApiLog(app, client=client)

    @app.route("/s/<path:rest>", methods=VERBS)
    def view(rest: str) -> Any:
        return behave(behaviours[flask.request.headers["X-Scenario"]])

    @app.get("/only-get")
    def only_get() -> str:
        return "got"

    return app


def behave(does: Behaviour) -> Any:
    """Do what *does* says."""
    if isinstance(does, words.Fail):
        raise raising(does.error("before the response"))
    if isinstance(does, words.Answer):
        return _response(does, does.body)
    if isinstance(does, words.Stream):
        return _response(does, iterable_of(does))
    if isinstance(does, words.SendFile):
        return flask.send_file(file_of(does.size), mimetype="application/octet-stream")
    if isinstance(does, words.Native):
        assert does.wsgi is not None
        return does.wsgi
    request = flask.request
    if does.how == "late":
        stream, length = request.stream, request.content_length
        return flask.Response(_read_late(stream, length), content_type="text/plain; charset=utf-8")
    if does.how == "form":
        told = [f"{name}={value}".encode() for name, value in request.form.items()]
        told += [file.read() for file in request.files.values()]
    elif does.how == "json":
        told = [repr(request.get_json()).encode()]
    elif does.how == "all":
        told = [request.get_data()]
    else:
        told = read_stream(request.stream, does.how, request.content_length)
    return flask.Response(digest(told), content_type="application/json")


def _read_late(stream: Any, length: int | None) -> Iterator[bytes]:
    yield b"first\n"
    note("app reads after it began to answer")
    yield digest(read_stream(stream, "all", length))


def _response(does: words.Answer | words.Stream, body: Any) -> flask.Response:
    return flask.Response(
        body, status=does.status, headers=list(does.headers), content_type=does.content_type
    )
