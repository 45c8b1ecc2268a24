"""What is innocent arrives unchanged: nobody can work with a log that is blacked out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from canary_kit.apps import app_on
from canary_kit.drivers import play
from canary_kit.planting import FORM, HTML, JSON, PLAIN, XML
from canary_kit.scene import FASTAPI, NUMBER, Place, Planted, Scene
from canary_kit.stage import STAGE

import apilog
from apilog.destinations import Memory

CORPUS = Path(__file__).parent / "corpus" / "innocent_events.txt"

SHARE = 0.005
"""How much of the corpus may be changed at most."""

EXPLAINED: dict[str, str] = {}
"""Innocent items that are changed all the same, and why that is the smaller harm."""


class Innocent(NamedTuple):
    """An item of the corpus: the call that it stands in, and where it arrives."""

    text: str
    scene: Scene
    arrived: Callable[[apilog.Event], object]
    expected: object


def _request_header(text: str) -> Innocent:
    name, _, value = text.partition(": ")
    scene = Scene(headers=((name, value),))
    return Innocent(text, scene, lambda event: _line(event.request.headers, name), value)


def _response_header(text: str) -> Innocent:
    name, _, value = text.partition(": ")

    def arrived(event: apilog.Event) -> object:
        assert event.response is not None
        return _line(event.response.headers, name)

    return Innocent(text, Scene(response_headers=((name, value),)), arrived, value)


def _line(headers: object, name: str) -> object:
    assert hasattr(headers, "items")
    return next((value for each, value in headers.items() if each.lower() == name.lower()), None)


def _address(text: str) -> Innocent:
    path, _, query = text.partition("?")
    scene = Scene(verb="GET", path=path, query=query)
    return Innocent(text, scene, lambda event: event.request.uri, f"http://shop.test{text}")


def _body(content_type: str) -> Callable[[str], Innocent]:
    def made(text: str) -> Innocent:
        headers = (("Content-Type", content_type),)
        scene = Scene(
            headers=headers,
            pieces=(text.encode(),),
            response_headers=headers,
            response_pieces=(text.encode(),),
        )
        expected = json.loads(text) if content_type == JSON else text

        def arrived(event: apilog.Event) -> object:
            assert event.response is not None
            return [event.request.body, event.response.body]

        return Innocent(text, scene, arrived, [expected, expected])

    return made


SECTIONS: dict[str, Callable[[str], Innocent]] = {
    "request headers": _request_header,
    "response headers": _response_header,
    "addresses": _address,
    "fields": _body(JSON),
    "forms": _body(FORM),
    "texts": _body(PLAIN),
    "markup": _body(XML),
    "pages": _body(HTML),
}


def _read() -> Iterator[Innocent]:
    make = None
    for line in CORPUS.read_text(encoding="utf-8").splitlines():
        if line.startswith("[") and line[1:-1] in SECTIONS:
            make = SECTIONS[line[1:-1]]
        elif line and not line.startswith("# What"):
            assert make is not None
            yield make(line)


INNOCENTS = tuple(_read())


def changed(innocents: tuple[Innocent, ...], **options: object) -> dict[str, object]:
    """Return those of *innocents* that did not arrive as they were, with what did."""
    memory = Memory()
    with app_on(FASTAPI, [memory], {**options}) as (app, client):
        for number, each in enumerate(innocents):
            STAGE.take(
                number, Planted(Place(name=each.text, plant=lambda _: Scene()), "", each.scene)
            )
            play(FASTAPI, app, each.scene, number)
        assert client.flush(30)
    arrived: dict[int, object] = {}
    for event in memory.events:
        number = int(str(_line(event.request.headers, NUMBER)))
        arrived[number] = innocents[number].arrived(event)
    assert len(arrived) == len(innocents)
    return {
        each.text: arrived[number]
        for number, each in enumerate(innocents)
        if arrived[number] != each.expected
    }


def test_the_corpus_is_worth_its_name() -> None:
    assert len({each.text for each in INNOCENTS}) >= 500
    assert {each.text for each in INNOCENTS} >= EXPLAINED.keys()
    assert len(EXPLAINED) <= SHARE * len(INNOCENTS)


def test_what_is_innocent_arrives_unchanged() -> None:
    found = changed(INNOCENTS)
    assert {text: seen for text, seen in found.items() if text not in EXPLAINED} == {}


def test_what_is_said_to_be_changed_is() -> None:
    assert changed(INNOCENTS).keys() >= EXPLAINED.keys()


def test_an_item_that_is_masked_is_noticed() -> None:
    masked = {"request headers": "Accept: */*", "fields": '{"name": "ann"}', "forms": "city=Bern"}
    innocents = tuple(SECTIONS[section](text) for section, text in masked.items())
    assert changed(innocents) == {}
    found = changed(innocents, mask_headers=["Accept"], mask_fields=["name", "city"])
    assert found.keys() == set(masked.values())


@pytest.mark.parametrize("round_number", range(10))
@pytest.mark.long
def test_innocent_fields_together_arrive_unchanged(round_number: int) -> None:
    random = Random(round_number)
    fields = [
        json.loads(each.text)
        for each in INNOCENTS
        if each.text.startswith("{") and each.text not in EXPLAINED
    ]
    together = []
    for _ in range(50):
        chosen = random.sample(fields, 8)
        document = {f"group{number}": each for number, each in enumerate(chosen)}
        together.append(_body(JSON)(json.dumps(document, ensure_ascii=random.random() < 0.5)))
    assert changed(tuple(together)) == {}
