"""The event of ``apilog send`` is one that every system takes."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from servers.collect_event import CollectEvent
from servers.logimoni import PROJECT_KEY, USER_KEY, Logimoni
from servers.moesif import Moesif
from servers.plain import Server
from servers.swetrix import PROJECT, Swetrix
from servers.umami import DOMAIN, WEBSITE, Umami

from apilog import cli

KEY = "collector-application-id-" * 3


@pytest.fixture(autouse=True)
def no_options_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("APILOG_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("make", "url", "stored"),
    [
        pytest.param(
            Moesif, f"moesif://{KEY}@HOST?insecure=1", lambda it: len(it.events), id="Moesif"
        ),
        pytest.param(
            lambda: Umami("next"),
            f"umami://{WEBSITE}@HOST?insecure=1&hostname={DOMAIN}",
            lambda it: len(it.stored),
            id="Umami",
        ),
        pytest.param(
            Swetrix,
            f"swetrix://{PROJECT}@HOST?insecure=1",
            lambda it: len(it.stored_as("custom")),
            id="Swetrix",
        ),
        pytest.param(
            lambda: Logimoni("Calls"),
            f"logimoni://{USER_KEY}:{PROJECT_KEY}@HOST?insecure=1&category=Calls",
            lambda it: len(it.stored),
            id="Logimoni",
        ),
        pytest.param(
            CollectEvent,
            "collect+http://HOST?event_type=VIEW",
            lambda it: len(it.stored),
            id="/collect/event",
        ),
    ],
)
def test_the_test_event_is_taken(
    make: Callable[[], Server],
    url: str,
    stored: Callable[[Server], int],
    capfd: pytest.CaptureFixture[str],
) -> None:
    server = make()
    with server.running():
        here = url.replace("HOST", server.url.removeprefix("http://"))
        assert cli.main(["send", here, "--count", "3"]) == 0, capfd.readouterr()
    out, err = capfd.readouterr()
    assert out.startswith("delivered: 3 events (")
    assert err == ""
    assert stored(server) == 3
    assert not any(key in out for key in (KEY, WEBSITE, PROJECT, USER_KEY, PROJECT_KEY))


def test_the_doctor_does_not_praise_what_was_never_asked(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch without events is no request where each event is one."""
    server = Swetrix()
    with server.running():
        host = server.url.removeprefix("http://")
        monkeypatch.setenv("APILOG_DESTINATION", f"swetrix://{PROJECT}@{host}?insecure=1")
        cli.main(["doctor"])
    out = capfd.readouterr().out
    assert f"{host} takes connections; apilog send tries it with an event" in out
    assert server.requests == []
    assert PROJECT not in out
