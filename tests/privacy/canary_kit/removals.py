"""Rules taken away one by one, each with calls in which its secret must get out then."""

from __future__ import annotations

import json
import re
import string
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from apilog import (
    codec,
    graphql_mask,
    header_mask,
    key_rule,
    last_gate,
    line_mask,
    loose_text,
    markup_mask,
    masking,
    plain_text_mask,
    secret_values,
    text_mask,
    tree_mask,
    url_mask,
)
from canary_kit.places import PLACES
from canary_kit.planting import JSON, bodies, request_headers, targets
from canary_kit.scene import Place, Scene
from canary_kit.secrets import phrase

SHAPES = Path(__file__).parent.parent / "corpus" / "secret_shapes.txt"

Remove = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Removal:
    """A rule, how to take it away, and the places that only it protects."""

    name: str
    remove: Remove
    places: tuple[Place, ...]

    def __str__(self) -> str:
        return self.name


def _without(module: object, table: str, entry: object) -> Remove:
    """Return what takes *entry* out of a set that stands in *module*."""

    def remove(monkeypatch: pytest.MonkeyPatch) -> None:
        kept = frozenset(each for each in getattr(module, table) if each != entry)
        monkeypatch.setattr(module, table, kept)

    return remove


def _field(name: str) -> tuple[Place, ...]:
    """Return a body with a secret that nothing but the name *name* gives away."""
    return tuple(bodies(f"a field {name}", JSON, json.dumps({name: "SECRET"}), secret=phrase))


def _names() -> Iterator[Removal]:
    for word in sorted(key_rule.WORDS):
        yield Removal(
            f"the word {word}", _without(key_rule, "WORDS", word), _field(f"{word}_of_day")
        )
    for pair in sorted(key_rule.PHRASES):
        remove = _without(key_rule, "PHRASES", pair)
        yield Removal(f"the words {' '.join(pair)}", remove, _field(f"{'_'.join(pair)}s_of_day"))
    for name in sorted(key_rule.ALONE):
        yield Removal(f"the name {name}", _without(key_rule, "ALONE", name), _field(name))
    for ending in key_rule.ENDINGS:
        remove = _without(key_rule, "ENDINGS", ending)
        yield Removal(f"the ending {ending}", remove, _field(f"shop{ending}"))
    for inside in ("password", "passwd"):
        pattern = key_rule.INSIDE.pattern.replace(inside, "never")
        yield Removal(
            f"{inside} inside of a name",
            lambda monkeypatch, pattern=pattern: monkeypatch.setattr(
                key_rule, "INSIDE", re.compile(pattern)
            ),
            _field(f"db{inside}confirm"),
        )
    for word in sorted(key_rule.HEADER_WORDS):
        place = tuple(request_headers(f"X-{word.title()}-Of-Day: SECRET", secret=phrase))
        remove = _without(masking, "HEADER_WORDS", word)
        yield Removal(f"the header word {word}", remove, place)
    for word in sorted(key_rule.QUERY_WORDS):
        place = tuple(targets(f"/stage?{word}=SECRET", secret=phrase))
        yield Removal(f"the parameter {word}", _without(masking, "QUERY_WORDS", word), place)
    for name in sorted(header_mask.URLS):
        place = tuple(request_headers(f"{name.title()}: /reset/SECRET"))
        yield Removal(f"the address in {name}", _without(header_mask, "URLS", name), place)


_ALPHABETS = {
    "alnum": string.ascii_letters + string.digits,
    "base32": string.ascii_uppercase + "234567",
    "base64": string.ascii_letters + string.digits,
    "CAPS": string.ascii_uppercase + string.digits,
    "digit": string.digits[1:],
    "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
    "lower": string.ascii_lowercase + string.digits,
    "word": string.ascii_letters + string.digits,
}
_DRAWN = re.compile(r"\{(\w+):(\d+)\}")


def _shaped(rule: str, shape: str, number: int) -> Place:
    """Return a place for a key of *shape*; its longest random part is the secret."""
    random = Random(rule)
    sizes = [int(size) for alphabet, size in _DRAWN.findall(shape)]
    at = sizes.index(max(sizes))
    kinds = [alphabet for alphabet, size in _DRAWN.findall(shape)]
    parts = iter(range(len(sizes)))

    def draw(spec: re.Match[str]) -> str:
        part = next(parts)
        return "\0" if part == at else _random(random, spec[1], int(spec[2]))

    text = _DRAWN.sub(draw, shape.replace("<", "").replace(">", "").replace("\\n", "\n"))
    before, after = text.split("\0")
    return next(
        bodies(
            f"{rule} in a JSON string, shape {number}",
            JSON,
            lambda found: json.dumps({"note": before + found + after}).encode(),
            secret=lambda fresh: _random(fresh, kinds[at], sizes[at]),
        )
    )


def _random(random: Random, alphabet: str, size: int) -> str:
    return "".join(random.choices(_ALPHABETS[alphabet], k=size))


_OTHER_SHAPES = {  # of which our own places have some
    "value:card": "a card in",
    "value:jwt": "a JWT",
    "value:pem": "a private key",
    "value:basic": "a basic credential in",
    "value:bearer": "a bearer credential in",
    "value:azure_sas": "a shared access signature",
}


def _detectors() -> Iterator[Removal]:
    places: dict[str, list[Place]] = defaultdict(list)
    for line in SHAPES.read_text(encoding="utf-8").splitlines():
        name, _, shape = line.partition(" ")
        drawn = re.findall(r"\{(\w+)(?::[^}]*)?\}", shape)
        sizes = [int(size) for _, size in _DRAWN.findall(shape)]
        if name != "#" and set(drawn) <= _ALPHABETS.keys() and sizes and max(sizes) >= 12:
            rule = f"value:{name}"
            places[rule].append(_shaped(rule, shape, len(places[rule])))
    for rule in secret_values.DETECTORS:
        own = _places_about(_OTHER_SHAPES[rule]) if rule in _OTHER_SHAPES else ()
        found = own or tuple(places[rule])
        yield Removal(
            f"the detector {rule}",
            lambda monkeypatch, rule=rule: monkeypatch.delitem(secret_values.DETECTORS, rule),
            found,
        )


def _places_about(*parts: str) -> tuple[Place, ...]:
    """Return the places in whose names all of *parts* stand."""
    return tuple(
        place
        for place in PLACES
        if all(part in place.name for part in parts) and not place.plant("x").answers
    )


def _same(text: str, *_: object, **__: object) -> str:
    return text


def _replacing(target: object, name: str, replacement: object) -> Remove:
    return lambda monkeypatch: monkeypatch.setattr(target, name, replacement)


def _repeated() -> tuple[Place, ...]:
    return (
        Place(
            name="a password that comes back in a message",
            plant=lambda secret: Scene(
                headers=(("Content-Type", JSON),),
                pieces=(json.dumps({"password": secret}).encode(),),
                response_headers=(("Content-Type", JSON),),
                response_pieces=(json.dumps({"message": f"{secret} is too weak"}).encode(),),
            ),
        ),
    )


def _maskers() -> Iterator[Removal]:
    """Return whole maskers, each made to give back what it was given."""
    for module, function, parts in (
        (markup_mask, "masked_xml", ("XML, an element",)),
        (markup_mask, "masked_html", ("HTML, a hidden input",)),
        (plain_text_mask, "masked", ("text, an assignment",)),
        (plain_text_mask, "masked_csv", ("body, CSV",)),
        (loose_text, "masked", ("text, JSON in prose",)),
        (line_mask, "masked_ndjson", ("body, NDJSON",)),
        (line_mask, "masked_event_stream", ("server-sent events",)),
        (header_mask, "masked", ("request header Authorization",)),
    ):
        replacement = _same
        if module is header_mask:
            replacement = lambda name, value, *_, **__: value  # noqa: E731
        name = f"{module.__name__.partition('.')[2]}.{function}"
        yield Removal(name, _replacing(module, function, replacement), _places_about(*parts))
    yield Removal(
        "graphql_mask.masked",
        _replacing(graphql_mask, "masked", lambda text, *_, **__: (text, {})),
        _places_about("GraphQL, a variable by its argument"),
    )
    for method, parts in (
        ("masked_in", ("an address with a user in a JSON string",)),
        ("_without_userinfo", ("Location: https://ann:",)),
        ("_path", ("address /reset/",)),
        ("parameters", ("form, a field",)),
        ("_quoted", ("address with an encoded address",)),
    ):
        yield Removal(
            f"UrlMask.{method}",
            _replacing(url_mask.UrlMask, method, lambda self, text, *_, **__: text),
            _places_about(*parts),
        )
    yield Removal(
        "TreeMask.clean",
        _replacing(tree_mask.TreeMask, "clean", lambda self, root, *_, **__: codec.dumps(root)),
        _places_about("JSON, text under password"),
    )
    yield Removal(
        "names in TreeMask",
        _replacing(tree_mask.TreeMask, "_mask_names", lambda *_, **__: False),
        _places_about("JSON, an object under credentials"),
    )
    yield Removal(
        "numbers in TreeMask",
        _replacing(tree_mask.TreeMask, "number", lambda self, number, *_, **__: number),
        _places_about("JSON, a card as an integer"),
    )
    yield Removal(
        "pairs in key_rule",
        _replacing(key_rule, "pairs", lambda *_, **__: iter(())),
        _places_about("JSON, a pair of name and value"),
    )
    yield Removal(
        "TextMask.values",
        _replacing(text_mask.TextMask, "values", _second),
        _places_about("a JWT in text"),
    )
    yield Removal(
        "TextMask.masked",
        _replacing(text_mask.TextMask, "masked", _second),
        _places_about("JSON, an assignment in a string"),
    )
    yield Removal(
        "Masking._identity",
        _replacing(masking.Masking, "_identity", _second),
        _places_about("annotate, a user that is a JWT"),
    )
    yield Removal(
        "Masking._mask_metadata",
        _replacing(masking.Masking, "_mask_metadata", lambda *_, **__: None),
        _places_about("annotate, metadata under a sensitive name"),
    )
    yield Removal(
        "the last gate", _replacing(last_gate, "leaked", lambda *_, **__: set()), _repeated()
    )
    yield Removal(
        "all of masking",
        masking_off,
        _places_about("JSON, text under password"),
    )


def _second(self: object, text: str, *_: object, **__: object) -> str:
    return text


def masking_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every event out as it is."""
    monkeypatch.setattr(
        masking.Masking,
        "apply",
        lambda self, document, record=None: record or masking.Record(None),
    )


REMOVALS: tuple[Removal, ...] = (*_names(), *_detectors(), *_maskers())
