"""Random words are tokens, and what people name is not."""

from __future__ import annotations

import re
import string
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.random_tokens import token_like

INNOCENT = [
    line
    for line in (Path(__file__).parent / "corpus" / "innocent_words.txt").read_text().splitlines()
    if not line.startswith("# ")
]
BASE62 = string.ascii_letters + string.digits
HEX = "0123456789abcdef"

UUID_SHAPE = re.compile("[0-9a-f]{12}[147][0-9a-f]{3}[89ab][0-9a-f]{15}")
"""Every 20th random text of 32 hexadecimal digits at most: nothing tells it from a UUID."""

KINDS = (
    pytest.param(BASE62, (20, 32, 43, 64), id="base62"),
    pytest.param(BASE62 + "-_", (20, 32, 43, 64), id="base64url"),
    pytest.param(HEX, (32, 40, 43, 64), id="hexadecimal"),
    pytest.param(HEX.upper(), (32, 40, 43, 64), id="hexadecimal in capitals"),
)


@pytest.mark.parametrize(("alphabet", "lengths"), KINDS)
def test_of_random_words_99_in_100_are_tokens(alphabet: str, lengths: tuple[int, ...]) -> None:
    random = Random(7)
    for length in lengths:
        words = ["".join(random.choices(alphabet, k=length)) for _ in range(2_500)]
        words = [word for word in words if not UUID_SHAPE.fullmatch(word)]
        assert sum(map(token_like, words)) >= 0.99 * len(words), length


def test_few_random_words_of_32_hexadecimal_digits_pass_for_uuids() -> None:
    random = Random(7)
    words = ["".join(random.choices(HEX, k=32)) for _ in range(10_000)]
    assert 0.98 * len(words) <= sum(map(token_like, words)) < len(words)


def test_a_link_that_sets_a_password_holds_a_token() -> None:
    random = Random(7)
    assert all(token_like(f"cjj7nf-{''.join(random.choices(HEX, k=32))}") for _ in range(1_000))


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("Zq3xV9kLm2Wb7Tn5Rj8c", id="base62"),
        pytest.param("q7Z-k3Xv_9Lm2Wb-7Tn5Rj8cQe", id="base64url with hyphens"),
        pytest.param("da39a3ee5e6b4b0d3255bfef95601890afd80709", id="40 hexadecimal digits"),
        pytest.param("k3j9x0q2vz7m4w8t1r6p5n", id="small letters and digits"),
        pytest.param("k3J9x0Q2vZ7m4W8t1R6p5n==", id="padded"),
        pytest.param("s%3Ak3J9x0Q2vZ7m4W8t1R6p5n".replace("%3A", ":"), id="signed"),
        pytest.param("reset_k3J9x0Q2vZ7m4W8t", id="behind a word for it"),
        pytest.param("invite-k3J9x0Q2vZ7m4W8t1R", id="behind a word and a hyphen"),
    ],
)
def test_a_token_is_told(token: str) -> None:
    assert token_like(token)


@pytest.mark.parametrize("word", INNOCENT)
def test_what_people_name_is_no_token(word: str) -> None:
    assert not token_like(word)


@pytest.mark.parametrize("length", [0, 1, 8, 15])
def test_a_short_word_is_no_token(length: int) -> None:
    assert not token_like("Zq3xV9kLm2Wb7Tn"[:length])


def test_a_long_token_is_one_however_long() -> None:
    assert token_like("Zq3xV9kLm2Wb7Tn5Rj8c" * 5_000)
    assert not token_like("red-green-blue-" * 5_000)


@given(st.text() | st.text(st.sampled_from(BASE62 + "-_.~+/=:"), max_size=200))
def test_any_text_gets_an_answer(text: str) -> None:
    assert token_like(text) in (True, False)


@given(st.integers(min_value=0), st.uuids(), st.datetimes())
def test_numbers_ids_and_times_are_no_tokens(number: int, uuid: object, time: object) -> None:
    assert not token_like(str(number))
    assert not token_like(str(uuid))
    assert not token_like(str(time).replace(" ", "T"))


@given(
    st.lists(st.sampled_from("red green blue list order item page for and the".split()), min_size=3)
)
def test_words_are_no_token_however_many(words: list[str]) -> None:
    for joined in ("-".join(words), "_".join(words), "".join(each.title() for each in words)):
        assert not token_like(joined)
