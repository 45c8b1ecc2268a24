"""Secrets that are known by their shape: found wherever they stand, and nothing else is."""

from __future__ import annotations

import base64
import json
import re
import string
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import NamedTuple
from urllib.parse import quote

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apilog import card_numbers, secret_values
from apilog.secret_values import DETECTORS, Found, find, suspicious

CORPUS = Path(__file__).parent / "corpus"

EXPLAINED: dict[str, str] = {}
"""Innocent values that are masked all the same, and why that is the smaller harm."""

ALPHABETS = {
    "alnum": string.ascii_letters + string.digits,
    "base32": string.ascii_uppercase + "234567",
    "base64": string.ascii_letters + string.digits + "+/",
    "CAPS": string.ascii_uppercase + string.digits,
    "digit": string.digits[1:],
    "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
    "lower": string.ascii_lowercase + string.digits,
    "word": string.ascii_letters + string.digits + "-_",
}


class Sample(NamedTuple):
    """A secret in the text that belongs to it, and the rule that knows it."""

    rule: str
    text: str
    secret: str


def drawn(random: Random, kind: str, *given: str) -> str:
    """Return a random secret of *kind*; what the shape says of it comes as text."""
    if kind == "card":
        return card(random, *given)
    if kind in ("jwt", "jwe"):
        return jwt(random, kind, *given)
    if kind == "pair":
        return base64.b64encode(f"user:{random.randbytes(int(given[0])).hex()}".encode()).decode()
    if kind == "sas":
        return quote(base64.b64encode(random.randbytes(int(given[0]))).decode(), safe="")
    letters = "".join(random.choices(ALPHABETS[kind], k=int(given[0])))
    return letters[:-1] + random.choice("Az7") if kind in ("word", "base64") else letters


def card(random: Random, prefix: str, length: str, separator: str = "") -> str:
    """Return a card's number, in the groups of its network where there is a separator."""
    digits = prefix + "".join(random.choices(string.digits, k=int(length) - 1 - len(prefix)))
    doubled = (sum(divmod(2 * int(each), 10)) for each in digits[::-2])
    digits += str(-(sum(doubled) + sum(map(int, digits[-2::-2]))) % 10)
    if not separator:
        return digits
    sizes = {14: (4, 6, 4), 15: (4, 6, 5), 16: (4, 4, 4, 4), 19: (6, 13)}[len(digits)]
    ends = [sum(sizes[:count]) for count in range(len(sizes) + 1)]
    groups = [digits[begin:end] for begin, end in pairwise(ends)]
    return {"nbsp": "\xa0"}.get(separator, separator).join(groups)


def jwt(random: Random, kind: str, *given: str) -> str:
    """Return a token of three parts, or an encrypted one of five."""

    def part(size: int) -> str:
        return "".join(random.choices(ALPHABETS["alnum"], k=size))

    def encoded(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    if kind == "jwe":
        head = encoded({"alg": "dir", "enc": "A256GCM"})
        return ".".join((head, part(int(given[0])), part(16), part(60), part(22)))
    claims = encoded({"sub": part(8), "exp": 1_730_800_000})
    return ".".join((encoded({"alg": given[0], "typ": "JWT"}), claims, part(int(given[1]))))


def samples() -> Iterator[Sample]:
    """Yield the corpus of shapes with fresh secrets in them, the same ones every time."""
    random = Random(3)
    for line in (CORPUS / "secret_shapes.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        name, _, shape = line.partition(" ")
        text = re.sub(r"\{([^}]+)\}", lambda spec: drawn(random, *spec[1].split(":")), shape)
        text = text.replace("\\n", "\n")
        marked = re.search("<(.*)>", text, re.DOTALL)
        secret = marked[1] if marked else text
        text = text.replace(f"<{secret}>", secret)
        yield Sample(f"value:{name}", text, secret)


SAMPLES = tuple(samples())
INNOCENT = [
    line
    for line in (CORPUS / "innocent_values.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("# ")
]

SURROUNDINGS = {
    "alone": "{}",
    "in prose": "The new one is {}, keep it to yourself.",
    "after an equals sign": "name={}&next=1",
    "between double quotes": 'say "{}" twice',
    "between single quotes": "say '{}' twice",
    "in brackets": "what (i.e. [{}]) means",
    "in the path of an address": "https://shop.example/reset/{}?page=2",
    "after an escaped line end": "first line\\n{}",
    "between letters of other scripts": "\u6771\u4eac{}\u5186",
    "after an encoded blank": "/search/of%20{}?q",
    "after an encoded equals sign": "name%3D{}",
    "after a long text": "word " * 300 + "{}",
}


def secrets_of(text: str) -> list[str]:
    return [text[found.start : found.end] for found in find(text)]


@pytest.mark.parametrize(
    "sample", SAMPLES, ids=[f"{n} {s.rule[6:]}" for n, s in enumerate(SAMPLES)]
)
def test_a_secret_is_found_with_its_exact_bounds(sample: Sample) -> None:
    for name, surrounding in SURROUNDINGS.items():
        text = surrounding.format(sample.text)
        assert secrets_of(text) == [sample.secret], name
        assert find(text)[0].rule == sample.rule, name
        assert suspicious(text.encode()), name


@pytest.mark.parametrize(
    "sample", SAMPLES, ids=[f"{n} {s.rule[6:]}" for n, s in enumerate(SAMPLES)]
)
def test_a_secret_is_found_in_json(sample: Sample) -> None:
    for text in (
        json.dumps({"id": 7, "of": sample.text, "at": "2024-11-05T12:00:00Z"}),
        json.dumps({"id": 7, "of": sample.text}, ensure_ascii=False, indent=2),
        orjson.dumps([sample.text, "next"]).decode(),
    ):
        assert suspicious(text.encode())
        if sample.text.isascii() or sample.text in text:
            assert secrets_of(text) == [json.dumps(sample.secret, ensure_ascii=False)[1:-1]]


def test_the_corpora_are_as_large_as_they_should_be() -> None:
    assert len({sample.text for sample in SAMPLES}) >= 200
    assert len(set(INNOCENT)) == len(INNOCENT) >= 500


def test_every_detector_has_a_sample() -> None:
    assert {sample.rule for sample in SAMPLES} == set(DETECTORS)


@pytest.mark.parametrize("rule", sorted(DETECTORS))
def test_without_its_detector_exactly_its_secrets_stay(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [find(sample.text) for sample in SAMPLES]
    monkeypatch.delitem(DETECTORS, rule)
    after = [find(sample.text) for sample in SAMPLES]
    for sample, with_it, without_it in zip(SAMPLES, before, after, strict=True):
        if sample.rule == rule:
            assert rule not in [found.rule for found in without_it]
            assert without_it != with_it
        else:
            assert without_it == with_it


def test_without_detectors_nothing_is_found_or_suspicious(monkeypatch: pytest.MonkeyPatch) -> None:
    for rule in list(DETECTORS):
        monkeypatch.delitem(DETECTORS, rule)
    assert not any(find(sample.text) or suspicious(sample.text.encode()) for sample in SAMPLES)


def test_without_the_detector_of_cards_no_number_is_suspicious(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    number = b'{"number": "4111 1111 1111 1111"}'
    assert suspicious(number)
    monkeypatch.delitem(DETECTORS, "value:card")
    assert not suspicious(number)


def test_what_is_innocent_stays() -> None:
    taken = {value for value in INNOCENT if find(value)}
    assert taken == set(EXPLAINED)
    assert len(taken) <= 0.005 * len(INNOCENT)


@pytest.mark.parametrize("surrounding", SURROUNDINGS.values(), ids=SURROUNDINGS.keys())
def test_what_is_innocent_stays_wherever_it_stands(surrounding: str) -> None:
    assert not [
        value for value in INNOCENT if find(surrounding.format(value)) and value not in EXPLAINED
    ]


def test_what_is_innocent_stays_in_one_document() -> None:
    assert find(json.dumps([value for value in INNOCENT if "PRIVATE KEY" not in value])) == []


ORDINARY = (
    pytest.param({"text": "z" * 90, "name": "name 7", "ok": True}, id="a run of one letter"),
    pytest.param({"at": "2024-11-05T12:34:56.789Z", "n": 1730800000}, id="times"),
    pytest.param({"note": "A Basis for Besides, bears and basics; Prices from 12.99."}, id="prose"),
    pytest.param({"u": "https://shop.example/api/v1/users/12345/orders?page=2"}, id="addresses"),
    pytest.param({"a": "caf\u00e9 \u6771\u4eac \u2026", "b": 'he said "no"\n'}, id="other scripts"),
)


@pytest.mark.parametrize("document", ORDINARY)
def test_an_ordinary_document_is_not_even_suspicious(document: dict[str, object]) -> None:
    assert not suspicious(orjson.dumps([document] * 50))
    assert not suspicious(json.dumps([document] * 50).encode())


@pytest.mark.parametrize(
    "sample", SAMPLES, ids=[f"{n} {s.rule[6:]}" for n, s in enumerate(SAMPLES)]
)
def test_no_escape_hides_a_secret_from_the_check_before(sample: Sample) -> None:
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in sample.text)
    assert suspicious(f'["{escaped}"]'.encode())
    assert suspicious(f'["{escaped.upper().replace("U", "u")}"]'.encode())
    assert suspicious(json.dumps([f'["{escaped}"]']).encode())
    assert suspicious(json.dumps([json.dumps([f'["{escaped}"]'])]).encode())


texts = st.lists(
    st.one_of(
        st.text(max_size=20),
        st.text(st.sampled_from("0123456789 -.4A\\u_eyJ="), max_size=40),
        st.sampled_from([sample.text for sample in SAMPLES]),
        st.sampled_from(INNOCENT),
    ),
    max_size=6,
).map("".join)


@given(texts)
@example("\\u4111111111111111")
@example("4111\u00a01111\u20131111\u30001111")
@example("C:\\U4111111111111111")
@example("\ud800 4111111111111111")
def test_what_is_found_is_in_order_apart_and_announced(text: str) -> None:
    found = find(text)
    assert [each.start for each in found] == sorted(each.start for each in found)
    assert all(0 <= each.start < each.end <= len(text) for each in found)
    assert all(one.end <= next_one.start for one, next_one in pairwise(found))
    assert {each.rule for each in found} <= set(DETECTORS)
    if found:
        assert suspicious(text.encode(errors="replace"))
        assert suspicious(json.dumps(text).encode())
        assert suspicious(json.dumps(json.dumps(text)).encode())
        try:
            encoded = orjson.dumps(text)
        except TypeError:
            return  # a lone surrogate
        assert suspicious(encoded)


@pytest.mark.parametrize("replacement", ["***", "hmac:" + "0123456789abcdef" * 2])
@given(texts)
def test_what_is_masked_is_masked_once(replacement: str, text: str) -> None:
    masked = text
    for _ in range(3):  # what is glued to a secret may be one itself
        masked = replaced(masked, find(masked), replacement)
    assert [masked[one.start : one.end] for one in find(masked)] == []


def replaced(text: str, found: list[Found], replacement: str) -> str:
    for each in reversed(found):
        text = text[: each.start] + replacement + text[each.end :]
    return text


def hostile(size: int) -> Iterator[tuple[str, str]]:
    """Yield texts of *size* characters that make a careless search slow, and what they are."""
    for seed in HOSTILE:
        name = seed.strip() or "blank"
        yield f"{name} again and again", (seed * (size // len(seed) + 1))[:size]
        yield f"{name} and a bad end", (seed * (size // len(seed) + 1))[: size - 2] + "\u00e9!"


HOSTILE = (
    "4|4 |4444 |4444-|4111 1111 1111 1111 |411111111111111|4111\xa0|eyJ.|eyJhbGciOi"
    "|_eyJhbGciOiJIUzI1|eyJhbGciOiJIUzI1NiJ9.|.eJ|eyJhbGciOiJIUzI:abcdef:"
    "|-----BEGIN PRIVATE KEY-----|PRIVATE KEY A1|-----BEGIN PRIVATE KEY-----\nMIIE\n"
    "|-----BEGIN A |-|-----END PRIVATE KEY-----|AKIA|AKIA-A1B2-|Bearer |Bearer .|bearer+"
    "|bearer+a.......|Basic |basic+QUJD|sk_live_|sk_live_A1-|glpat-|glpat-A1B2-|sk-|xoxb-"
    "|ya29.|sl.|&sig=AAAA%2B|0a|0a1b2c3d-|123456789:AA|a|A1|A|Ab3+/|1/1234567890123456:"
    "|AccountKey=|\\u0041|\\|sk.eyJ|sntrys_|a.8Q~|AZDO|hooks.slack.com/services/"
    "|/api/webhooks/1|M-|M.|AAAAAAAAAAAAAAAAAAAA%|pat.|ghp_|%20|\\n|_A1|dp.pt.|whsec_+"
    "|pscale_tkn_"
).split("|")
"""What begins like a secret, or ends one too late."""


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in hostile(5_000)])
def test_hostile_text_is_read_like_any_other(text: str) -> None:
    found = find(text)
    assert all(one.end <= next_one.start for one, next_one in pairwise(found))
    assert not found or suspicious(text.encode())
    behind = f"{text} ,4111 1111 1111 1111"
    assert find(behind)[-1].end == len(behind)


@pytest.mark.parametrize(
    "number",
    """4111111111111111 4012888888881881 4222222222222 5555555555554444 2223003122003222
    378282246310005 371449635398431 30569309025904 38520000023237 6011111111111117
    3530111333300000 3566002020360505 6200000000000005 6759649826438453 6304000000000000
    4000056655665556 2200000000000004""".split(),
)
def test_the_numbers_that_networks_publish_for_tests_are_cards(number: str) -> None:
    assert card_numbers.is_card(number)
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert not card_numbers.is_card(wrong)
    assert find(f"pay {wrong} now") == []


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        pytest.param("0.4111111111111111", True, id="a decimal"),
        pytest.param("4111111111111111.5", True, id="a number with a fraction"),
        pytest.param("a4111111111111111", True, id="a part of a word"),
        pytest.param("4111111111111111a", True, id="the beginning of a word"),
        pytest.param("94111111111111111111", True, id="a longer number"),
        pytest.param("8c7d1234-0123-4111111111111111", True, id="an id in groups"),
        pytest.param("111-4111111-1111111", True, id="other groups than a card's"),
        pytest.param("\u5186%3D4111111111111111", False, id="an encoded equals sign before it"),
        pytest.param("4111111111111111 at 20%", False, id="the first word"),
        pytest.param("card4111111111111111", False, id="a label without a blank"),
        pytest.param("4111111111111111,123", False, id="a line of CSV"),
        pytest.param("4111 - 1111 - 1111 - 1111", False, id="wide groups"),
        pytest.param("at 4111111111111111. Then", False, id="the end of a sentence"),
        pytest.param("2 4111 1111 1111 1111 1226 123", False, id="numbers on both sides"),
    ],
)
def test_a_card_stands_alone(text: str, stays: bool) -> None:
    assert (find(text) == []) is stays


def test_cards_that_follow_each_other_are_all_found() -> None:
    text = "4111111111111111 5555555555554444 4111-1111-1111-1111 3782 822463 10005"
    assert [found.rule for found in find(text)] == ["value:card"] * 4


def test_a_private_key_that_is_cut_goes_to_the_end() -> None:
    text = "log: -----BEGIN RSA PRIVATE KEY-----\nMIIEow"
    assert secrets_of(text) == [text[5:]]


def test_secrets_that_overlap_are_masked_as_one() -> None:
    key = next(sample.secret for sample in SAMPLES if sample.rule == "value:github")
    text = f"Bearer {key}.more1234"
    assert secrets_of(text) == [f"{key}.more1234"]


def test_the_rule_is_the_most_telling_one() -> None:
    token = next(sample.secret for sample in SAMPLES if sample.rule == "value:jwt")
    assert [found.rule for found in find(f"Authorization: Bearer {token}")] == ["value:jwt"]


def test_a_detector_reads_what_its_name_says() -> None:
    assert all(rule.startswith("value:") for rule in secret_values.DETECTORS)
