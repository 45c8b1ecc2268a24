"""Events as lines on a terminal, which no logged address can steer."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from apilog import Client
from apilog.destinations import Console

AnEvent = Callable[..., bytes]


def printed(*events: bytes) -> str:
    stream = io.StringIO()
    Console(stream).send(events)
    return stream.getvalue()


def test_a_line_says_when_what_how_long_and_who(an_event: AnEvent) -> None:
    assert printed(an_event(user_id="u1")) == (
        "2026-11-20T21:06:10.700Z 200 GET http://shop.test/items/7?x=1 12.3ms user=u1\n"
    )


def test_a_call_without_an_answer_or_anything_else_has_a_line_too(an_event: AnEvent) -> None:
    line = printed(an_event(response=None, metadata={}, user_id=None))
    assert line == "2026-11-20T21:06:10.700Z --- GET http://shop.test/items/7?x=1\n"


@pytest.mark.parametrize(
    "metadata",
    [None, {"apilog": None}, {"apilog": [1]}, {"apilog": {"duration_ms": "long"}}],
    ids=["none", "null", "a list", "text"],
)
def test_metadata_of_another_shape_is_passed_over(an_event: AnEvent, metadata: object) -> None:
    assert "200 GET" in printed(an_event(metadata=metadata))


@pytest.mark.parametrize(
    ("user", "shown"),
    [
        pytest.param("\x1b[2Jx", r"user=\x1b[2Jx", id="an escape"),
        pytest.param("a\nb\rc", r"user=a\nb\rc", id="line ends"),
        pytest.param("\u202egnp", r"user=\u202egnp", id="text turned around"),
        pytest.param("\x9b31m", r"user=\x9b31m", id="an escape of eight bits"),
        pytest.param("Zoë", "user=Zoë", id="a letter"),
    ],
)
def test_control_characters_are_escaped(an_event: AnEvent, user: str, shown: str) -> None:
    line = printed(an_event(user_id=user))
    assert line.endswith(f" {shown}\n")
    assert line.count("\n") == 1


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_terminal_that_lacks_a_letter_shows_its_number(an_event: AnEvent, encoding: str) -> None:
    raw = io.BytesIO()
    terminal = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    Console(terminal).send([an_event(user_id="\u0142")])
    assert raw.getvalue().endswith(rb"user=\u0142" + b"\n")


def test_standard_output_is_the_default_and_asked_for_each_time(
    an_event: AnEvent, capsys: pytest.CaptureFixture[str], call: Callable[..., None]
) -> None:
    with Client("console:") as client:
        call(client, "/shown")
    assert "/shown" in capsys.readouterr().out


def test_an_output_that_is_gone_costs_events_and_nothing_else(
    an_event: AnEvent, call: Callable[..., None]
) -> None:
    stream = io.StringIO()
    stream.close()
    with Client(Console(stream)) as client:
        call(client)
    assert client.stats().dropped == {"destination_failed": 1}
