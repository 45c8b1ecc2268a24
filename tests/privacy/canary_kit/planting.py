"""The words in which tables of places are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from canary_kit.scene import Place, Scene
from canary_kit.secrets import RANDOM, Maker

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
NDJSON = "application/x-ndjson"
EVENTS = "text/event-stream"
PLAIN = "text/plain; charset=utf-8"
XML = "application/xml"
HTML = "text/html; charset=utf-8"


def text_of(template: str, secret: str) -> str:
    """Return *template* with the secret where it says ``SECRET``."""
    assert "SECRET" in template
    return template.replace("SECRET", secret)


def request_headers(*lines: str, secret: Maker = RANDOM, **more: Any) -> Iterator[Place]:
    """Give a place for each header line (``Name: value with SECRET``) of a request."""
    for line in lines:
        yield Place(
            name=f"request header {line.replace('SECRET', '...')}",
            plant=lambda found, line=line: Scene(headers=(_header(line, found),)),
            secret=secret,
            **more,
        )


def response_headers(*lines: str, secret: Maker = RANDOM, **more: Any) -> Iterator[Place]:
    """Give a place for each header line of a response."""
    for line in lines:
        yield Place(
            name=f"response header {line.replace('SECRET', '...')}",
            plant=lambda found, line=line: Scene(response_headers=(_header(line, found),)),
            secret=secret,
            **more,
        )


def targets(*given: str, secret: Maker = RANDOM, **more: Any) -> Iterator[Place]:
    """Give a place for each request target, a path with or without a query."""
    for target in given:
        yield Place(
            name=f"address {target.replace('SECRET', '...')}",
            plant=lambda found, target=target: _targeted(text_of(target, found)),
            secret=secret,
            **more,
        )


def bodies(
    name: str,
    content_type: str | None,
    body: str | Callable[[str], bytes],
    *,
    coding: str | None = None,
    secret: Maker = RANDOM,
    **more: Any,
) -> Iterator[Place]:
    """Give two places: the body of a request, and the body of a response.

    *body* is a template, or a function that makes it of the secret.
    """

    def made(found: str) -> bytes:
        return body(found) if callable(body) else text_of(body, found).encode()

    headers = tuple(
        (header, value)
        for header, value in (("Content-Type", content_type), ("Content-Encoding", coding))
        if value is not None
    )
    yield Place(
        name=f"request body, {name}",
        plant=lambda found: Scene(headers=headers, pieces=(made(found),)),
        secret=secret,
        **more,
    )
    yield Place(
        name=f"response body, {name}",
        plant=lambda found: Scene(response_headers=headers, response_pieces=(made(found),)),
        secret=secret,
        **more,
    )


def said(name: str, *, secret: Maker = RANDOM, **template: Any) -> Iterator[Place]:
    """Give a place in a call of `apilog.annotate`; ``SECRET`` may stand anywhere in *template*."""
    yield Place(
        name=f"annotate, {name}",
        plant=lambda found: Scene(annotations=_filled(template, found)),
        secret=secret,
        is_session="session_token" in template,
    )


def answered(hook: str, name: str, template: Any, *, secret: Maker = RANDOM) -> Iterator[Place]:
    """Give a place in the answer of *hook*."""
    yield Place(
        name=f"{hook}, {name}",
        plant=lambda found: Scene(answers={hook: _filled(template, found)}),
        secret=secret,
        is_session=hook == "get_session_token",
    )


def _header(line: str, secret: str) -> tuple[str, str]:
    name, _, value = text_of(line, secret).partition(": ")
    return name, value


def _targeted(target: str) -> Scene:
    path, _, query = target.partition("?")
    return Scene(verb="GET", path=path, query=query)


def _filled(template: Any, secret: str) -> Any:
    if isinstance(template, str):
        return template.replace("SECRET", secret)
    if isinstance(template, dict):
        return {_filled(k, secret): _filled(value, secret) for k, value in template.items()}
    if isinstance(template, (list, tuple)):
        return [_filled(value, secret) for value in template]
    return template(secret) if callable(template) else template
