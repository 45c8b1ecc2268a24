"""A secret under a sensitive name is never found, wherever in whatever document it stands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape, quoteattr

import pytest
from canary_kit.exchanges import client, encoded
from canary_kit.planting import EVENTS, FORM, JSON, NDJSON, PLAIN, XML
from canary_kit.removals import masking_off
from canary_kit.scene import Scene
from canary_kit.search import Searcher
from canary_kit.secrets import SEED, base62, whole_number
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import apilog

SECRET = base62()(Random(f"{SEED} documents"))
NUMBER = whole_number(Random(f"{SEED} documents"))
SEARCHER = Searcher({"the text": SECRET, "the number": NUMBER})

FEW = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
SOME = settings(FEW, max_examples=300)
MANY = settings(FEW, max_examples=10_000)

WORDS = (
    "password passwd secret token api_key access_token client_secret private_key authorization"
    " credentials csrf_token session_id refresh_token card_number cvv otp iban ssn jwt signature"
).split()


@st.composite
def names(draw: st.DrawFn) -> str:
    """Give a sensitive name in one of its many spellings, perhaps with more words around it."""
    words = draw(st.sampled_from(WORDS)).split("_")
    words = draw(st.sampled_from([[], ["user"], ["my", "old"], ["x"]])) + words
    how = draw(st.sampled_from(["_", "-", " ", ".", "camel", "Pascal", "CAPS"]))
    if how == "camel":
        return words[0] + "".join(map(str.title, words[1:]))
    if how == "Pascal":
        return "".join(map(str.title, words))
    return "_".join(words).upper() if how == "CAPS" else how.join(words)


XML_NAMES = names().filter(lambda name: " " not in name)
PLAIN_NAMES = names().filter(lambda name: " " not in name and "." not in name)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)
SECRETS = st.one_of(
    st.just(SECRET),
    st.just(int(NUMBER)),
    VALUES.map(lambda value: [value, SECRET]),
    VALUES.map(lambda value: {"a": {"b": [SECRET, int(NUMBER), value]}}),
    TEXTS.map(lambda text: text + SECRET + text),
)


@st.composite
def documents(draw: st.DrawFn) -> Any:
    """Give a JSON document with a secret in it."""
    document: Any = draw(st.dictionaries(TEXTS, VALUES, max_size=3)) | {
        draw(names()): draw(SECRETS)
    }
    for kind in draw(st.lists(st.sampled_from("list object text pair".split()), max_size=4)):
        around = draw(st.dictionaries(TEXTS, LEAVES, max_size=2))
        if kind == "list":
            document = [*around.values(), document]
        elif kind == "text":
            document = {**around, "body": json.dumps(document)}
        elif kind == "pair":
            document = {**around, "name": draw(names()), "value": document}
        else:
            document = {**around, draw(TEXTS): document}
    return document


@st.composite
def pairs(draw: st.DrawFn) -> str:
    """Give a form or a query with a secret in it."""
    spell = draw(st.sampled_from([quote, quote_plus]))
    fields = draw(st.lists(st.tuples(TEXTS, TEXTS), max_size=4))
    index = draw(st.integers(0, len(fields)))
    name = draw(names()) + draw(st.sampled_from(["", "[]", "[0]"]))
    fields.insert(index, (name, draw(TEXTS) + SECRET))
    return "&".join(f"{spell(name)}={spell(value)}" for name, value in fields)


@st.composite
def elements(draw: st.DrawFn) -> str:
    """Give an XML document with a secret in it."""
    texts = TEXTS.map(_xml_text)
    text = draw(texts) + SECRET + draw(texts)
    name = draw(XML_NAMES)
    document = draw(
        st.sampled_from(
            [
                f"<{name}>{escape(text)}</{name}>",
                f"<{name}><a><b c='1'>{escape(text)}</b></a></{name}>",
                f"<{name}><![CDATA[{text.replace(']]>', '')}]]></{name}>",
                f"<a {name}={quoteattr(text)}/>",
                f"<entry><key>{name}</key><value>{escape(text)}</value></entry>",
                f'<param name="{name}">{escape(text)}</param>',
                f'<property name="{name}" value={quoteattr(text)}/>',
                f"<x:{name} xmlns:x='urn:x'>{escape(text)}</x:{name}>",
            ]
        )
    )
    for around in draw(st.lists(st.sampled_from(["a", "item", "n:list"]), max_size=4)):
        declared = " xmlns:n='urn:n'" if ":" in around else ""
        before, after = escape(draw(texts)), escape(draw(texts))
        document = f"<{around}{declared}>{before}{document}{after}</{around}>"
    return document


def _xml_text(text: str) -> str:
    return "".join(each for each in text if each.isprintable())


@st.composite
def lines(draw: st.DrawFn) -> str:
    """Give plain text in lines, one of which assigns a secret."""
    words = st.text("abcdefghij klmnop", max_size=30)
    name = draw(PLAIN_NAMES)
    line = draw(
        st.sampled_from(
            [
                f"{name}={SECRET}",
                f"{name}: {SECRET}",
                f"2026-01-01 INFO login {name}={SECRET} ok",
                f'{{"{name}": "{SECRET}"}}',
                f"run --{name.replace('_', '-')}={SECRET}",
                f"'{name}' => '{SECRET}',",
                f"Login({name}='{SECRET}')",
                f"export {name}={SECRET}",
            ]
        )
    )
    return "\n".join([*draw(st.lists(words, max_size=3)), line, *draw(st.lists(words, max_size=3))])


@pytest.fixture(scope="module")
def ours() -> Iterator[apilog.Client]:
    with client() as made:
        yield made
        assert made.stats().faults.get("mask_failed", 0) == 0


def leaks(ours: apilog.Client, scene: Scene) -> list[str]:
    event = encoded(ours, scene)
    return [f"{found.spelling}: {event!r}" for found in SEARCHER.search({"the event": event})]


def test_the_documents_hold_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    masking_off(monkeypatch)
    kinds = {
        "JSON": documents().map(lambda each: body(JSON, json.dumps(each))),
        "a form": pairs().map(lambda text: body(FORM, text)),
        "a query": pairs().map(lambda text: Scene(query=text)),
        "XML": elements().map(lambda text: body(XML, text)),
        "plain text": lines().map(lambda text: body(PLAIN, text)),
    }
    with client() as unmasked:
        found = {kind: share_found(unmasked, scenes) for kind, scenes in kinds.items()}
    assert min(found.values()) > 0.9, found


def share_found(ours: apilog.Client, scenes: st.SearchStrategy[Scene]) -> float:
    found: list[bool] = []

    @settings(FEW, max_examples=20, database=None)
    @given(scenes)
    def look(scene: Scene) -> None:
        found.append(bool(leaks(ours, scene)))

    look()
    return sum(found) / len(found)


def body(content_type: str, text: str) -> Scene:
    headers = (("Content-Type", content_type),)
    pieces = (text.encode(),)
    return Scene(headers=headers, pieces=pieces, response_headers=headers, response_pieces=pieces)


def json_leaks(ours: apilog.Client, document: Any, *, ascii_only: bool) -> list[str]:
    return leaks(ours, body(JSON, json.dumps(document, ensure_ascii=ascii_only)))


@SOME
@given(document=documents(), ascii_only=st.booleans())
@example(document={"": {"x": [{"user.API key": [SECRET]}]}}, ascii_only=True)
def test_json(ours: apilog.Client, document: Any, ascii_only: bool) -> None:
    assert json_leaks(ours, document, ascii_only=ascii_only) == []


@MANY
@given(document=documents(), ascii_only=st.booleans())
@pytest.mark.long
def test_very_much_json(ours: apilog.Client, document: Any, ascii_only: bool) -> None:
    assert json_leaks(ours, document, ascii_only=ascii_only) == []


@FEW
@given(st.lists(documents(), min_size=1, max_size=3))
def test_ndjson(ours: apilog.Client, several: list[Any]) -> None:
    assert leaks(ours, body(NDJSON, "\n".join(map(json.dumps, several)))) == []


@FEW
@given(documents(), st.integers(1, 5))
def test_event_streams(ours: apilog.Client, document: Any, indent: int) -> None:
    told = json.dumps(document, indent=indent).split("\n")
    assert leaks(ours, body(EVENTS, "".join(f"data: {line}\n" for line in told) + "\n")) == []


@FEW
@given(documents())
def test_metadata(ours: apilog.Client, document: Any) -> None:
    assert leaks(ours, Scene(annotations={"metadata": {"said": document}})) == []


@FEW
@given(pairs())
def test_forms(ours: apilog.Client, text: str) -> None:
    assert leaks(ours, body(FORM, text)) == []


@FEW
@given(pairs())
def test_queries(ours: apilog.Client, text: str) -> None:
    referer = (("Referer", f"https://a.test/?{text}"), ("X-Original-Url", f"/a?{text}"))
    assert leaks(ours, Scene(query=text, headers=referer)) == []


@FEW
@given(elements())
def test_xml(ours: apilog.Client, text: str) -> None:
    assert leaks(ours, body(XML, text)) == []


@FEW
@given(lines())
def test_plain_text(ours: apilog.Client, text: str) -> None:
    assert leaks(ours, body(PLAIN, text)) == []


@settings(MANY, max_examples=2_000)
@given(pairs(), elements(), lines())
@pytest.mark.long
def test_very_many_documents(ours: apilog.Client, form: str, element: str, text: str) -> None:
    for content_type, document in ((FORM, form), (XML, element), (PLAIN, text)):
        assert leaks(ours, body(content_type, document)) == []
