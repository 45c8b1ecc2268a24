"""Every mounting as a pair: the app bare and the app wrapped, with what was recorded of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import apilog
from apilog.destinations import Memory
from conformance_kit import apps_raw_asgi, apps_raw_wsgi
from conformance_kit.asgi_driver import call_asgi
from conformance_kit.observation import Observation
from conformance_kit.scenario import (
    ASGI,
    DJANGO,
    DJANGO_ASGI,
    DJANGO_WSGI,
    FLASK,
    RAW_ASGI,
    RAW_WSGI,
    Behaviour,
    Scenario,
)
from conformance_kit.wsgi_driver import call_wsgi

OPTIONS: Mapping[str, Any] = {"flush_interval": 0.01}
PATIENCE_SECONDS = 10


@dataclass
class Pair:
    """One app, bare and wrapped."""

    mounting: str
    bare: Callable[..., Any]
    wrapped: Callable[..., Any]
    client: apilog.Client
    memory: Memory

    def call(self, app: Callable[..., Any], scenario: Scenario) -> Observation:
        """Serve the scenario's request with *app* in this process."""
        return (call_asgi if self.mounting in ASGI else call_wsgi)(app, scenario)

    def take_events(self) -> list[apilog.Event]:
        """Return what was recorded since the last time."""
        assert self.client.flush(PATIENCE_SECONDS)
        events = self.memory.events
        self.memory.clear()
        return events


@contextmanager
def pair_of(
    mounting: str,
    behaviours: dict[str, Behaviour],
    memory: Memory | None = None,
    **options: Any,
) -> Iterator[Pair]:
    """Make both sides of *mounting*; Django's settings are in force inside of the block.

    *options* are the client's, besides those of every test.
    """
    memory = memory or Memory()
    if mounting in DJANGO:
        with _django(mounting, behaviours, memory, options) as pair:
            yield pair
        return
    with apilog.Client(memory, **{**OPTIONS, **options}) as client:
        make = _maker(mounting)
        yield Pair(mounting, make(None, behaviours), make(client, behaviours), client, memory)


def _maker(mounting: str) -> Callable[..., Any]:
    if mounting == RAW_WSGI:
        return apps_raw_wsgi.make
    if mounting == RAW_ASGI:
        return apps_raw_asgi.make
    if mounting == FLASK:
        from conformance_kit import apps_flask

        return apps_flask.make
    from conformance_kit import apps_fastapi

    return apps_fastapi.make


@contextmanager
def _django(
    mounting: str, behaviours: dict[str, Behaviour], memory: Memory, options: Mapping[str, Any]
) -> Iterator[Pair]:
    from conformance_kit import apps_django

    apps_django.set_up()
    apps_django.BEHAVIOURS.update(behaviours)
    from django.test import override_settings

    import apilog_django

    in_capitals = {name.upper(): value for name, value in {**OPTIONS, **options}.items()}
    apilog_settings = {"DESTINATION": memory, **in_capitals}
    in_force = {**apps_django.SETTINGS, "APILOG": apilog_settings}
    in_force.pop("LOGGING_CONFIG")
    if mounting == DJANGO_ASGI:
        in_force["ROOT_URLCONF"] = "conformance_kit.urls_async"
    with override_settings(**in_force):
        protocol = "wsgi" if mounting == DJANGO_WSGI else "asgi"
        yield Pair(
            mounting,
            apps_django.make(protocol, wrapped=False),
            apps_django.make(protocol, wrapped=True),
            apilog_django.client(),
            memory,
        )
