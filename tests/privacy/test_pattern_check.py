"""The user's regular expressions: the ones that hang are found, the others work in any text."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.pattern_check import WINDOW, substituted, weakness

EXPONENTIAL = r"""
(a+)+$
(a*)*$
(a|a)*$
(a|aa)+$
(\w+\s?)*$
(.*)*x
^(([a-z])+.)+[A-Z]([a-z])+$
(x+x+)+y
^(a+)+b
([a-zA-Z]+)*!
(.*a){20}$
^(\d+)*$
(?:[\w-]+\.?)+@
^([a-z0-9]+-?)+:
(?:a|b|ab)+c
(\s*\w+\s*)+;
token=([A-Za-z0-9]+_?)+$
(?:\d+,?)+;
(?:(?:ab)+)+$
^(?:"[^"]*"|[^,]*|,)*;
(a?){30}a{30}
(?:a|a){25}b
(?s)(.|\n)+end
(?:\S+\s*)+\.$
<(?:[^<>]+)+>
^(?:.+?)+$x
(?:foo|foobar|bar)+$
([^@]+)+@
(?:[a-z]+)+\d
\((?:[^()]+|\([^()]*\))*\)
^(?:(?:[a-z]+\s)*[a-z\s]+)*$
(?=(a+)+b)a
([\w.]+)+@example\.com
(?:a+){10}b
(?:abc|abcabc)+d
(?<=key=)(?:[a-z]+)+;
(?P<w>\w+\s*)+=
(?:(a)|(b)|(?:a))+c
(?:[0-9a-f]{2}:?)*(?:[0-9a-f]+)*z
ssh-rsa (?:[A-Za-z0-9+/]+=*)+@
(?x) ( a+ )+ $ # spaced
(?:a|a){200}b
(?s)(?:.|.){25}b
(?s)(?:.|.){100}b
(?:aaaa|aaaaa)+$
(?:.*,){25}x
(?:aa|aaa){3,90}b
(.*?,){11}P
^(([a-zA-Z0-9]([a-zA-Z0-9\-]*[a-zA-Z0-9])?\.)*)+@
(?:a*a*a*a*a*a*)b
(\d+(,\d+)*)*;
("|'|[^"'])*?("|'|[^"'])*;(x+)+y
^(?:(?:\w{2,}|\d+)+)$
(?:(a)|b)(?(1)(?:c+)+|d)e
([ab])\1(?:\w+\1?)+-
(?!x)(?:y*)*z
(?:(?:(?:\w|.)b){2,5}){2,5}$
(?:(?:(?:.)*?){2,5}(?:\wb)*)+$
(?:(?:[ab]|ab)(?:[^b]|ab)(?:[ab])+)*$
""".strip().split("\n")

INNOCENT = r"""
\d{3}-\d{2}-\d{4}
ACME-\d+
[\w.+-]+@[\w-]+\.[\w.]+
(?i)bearer\s+\S+
\b(?:\d[ -]*?){13,16}\b
\b[A-Z]{2}\d{2}(?:\s?[A-Z0-9]{4}){2,7}(?:\s?[A-Z0-9]{1,4})?\b
[A-Z]{2}\d{2}[A-Z0-9]{11,30}
\+?\d[\d\s().-]{7,}\d
(?:\+\d{1,3}[-. ]?)?\(?\d{3}\)?[-. ]?\d{3}[-. ]?\d{4}
[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}
(?<=token=)[^&\s]+
(?:\d+,)+\d+
eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+
AKIA[0-9A-Z]{16}
gh[pousr]_[A-Za-z0-9]{36,}
xox[abp]-[\w-]+
sk_(?:live|test)_[0-9a-zA-Z]{24,}
-----BEGIN [A-Z ]+-----[\s\S]+?-----END [A-Z ]+-----
\b\d{1,3}(?:\.\d{1,3}){3}\b
(?:[0-9a-f]{2}:){5}[0-9a-f]{2}
https?://[^/\s:]+:[^@\s]+@
\S+@\S+\.\S+
password\s*[:=]\s*\S+
(?i)(?:password|passwd|pwd)["']?\s*[:=]\s*["']?[^"'\s,;]+
(?m)^secret: .*$
\bcustomer[-_]?\d{4,10}\b
[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]
\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z?
"(?:[^"\\]|\\.)*"
<(\w+)[^>]*>.*?</\1>
\$\d{1,3}(?:,\d{3})*(?:\.\d{2})?
(?:AC|SK)[a-f0-9]{32}
[1-9][0-9]{0,2}(?:\.[0-9]{3})*,[0-9]{2}
\bsecret\b
session_id=\w{32}
(?i)\b(?:mr|mrs|ms)\.? [a-z]+ [a-z]+\b
[^\W\d_]+-\d{6}
(?<!\d)\d{11}(?!\d)
\d{13,19}
^Authorization:.*$
\b(?:4\d{3}|5[1-5]\d{2})[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}\b
AIza[0-9A-Za-z_-]{35}
\bDE\d{20}\b
(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)
\bP\d{8}\b|\bD\d{7}\b
".*?"
[a-z]+[0-9]+
(\w+)=\1
api[_-]?key=([^&]*)
(?:monday|tuesday|friday)-\d+
ä+ß
(?s)<secret>.*?</secret>
\w+
(a+)+
(?:\w\w)+;
(?i)(?:[a-f]|[0-9A-F])+z
(?:\w|_)+-
(?i)[a-z0-9._%+-]+@[a-z0-9.-]+\.[a-z]{2,}
x{100}y{100}z
(?:a{5}){50}b
\b\w{1,1000}@
(\()?\d+(?(1)\))
(?!0)\d{4,8}(?!\d)
(?i:key)=(?-i:[A-Z]+)
""".strip().split("\n")


def hostile(size: int) -> Iterator[tuple[str, str]]:
    """Give texts of *size* characters that patterns with repeats take long for."""
    for name, pump in (
        ("letters only", "a"),
        ("digits only", "1"),
        ("spaces only", " "),
        ("quotes only", '"'),
        ("dots between letters", "a."),
        ("at signs between letters", "a@"),
        ("words and spaces", "abc "),
        ("beginnings without an end", "<secret>"),
        ("links without an end", "http://a:"),
        ("keys without an end", "-----BEGIN KEY-----"),
    ):
        yield name, (pump * (size // len(pump) + 1))[:size]


def masked(pattern: str, text: str) -> str:
    return substituted(re.compile(pattern), lambda match: "***", text, seconds=30)


@pytest.mark.parametrize("pattern", EXPONENTIAL)
def test_a_pattern_that_would_hang_is_found(pattern: str) -> None:
    assert weakness(re.compile(pattern)) == "exponential"


@pytest.mark.parametrize("pattern", INNOCENT)
def test_a_pattern_that_works_is_never_taken_for_one_that_hangs(pattern: str) -> None:
    assert weakness(re.compile(pattern)) != "exponential"


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(r"[\w.+-]+@[\w-]+\.[\w.]+", id="a repeat before its anchor"),
        pytest.param(r"[a-z]+[0-9]+", id="two repeats"),
        pytest.param(r"(?s)<secret>.*?</secret>", id="a beginning and an end"),
        pytest.param(r"\S+@\S+\.\S+", id="three repeats of the same"),
        pytest.param(r"\w{1,2000}@", id="a long repeat with a bound"),
    ],
)
def test_a_pattern_that_slows_down_in_long_texts_is_called_polynomial(pattern: str) -> None:
    assert weakness(re.compile(pattern)) == "polynomial"


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(r"ACME-\d+", id="a word and digits"),
        pytest.param(r"\d{3}-\d{2}-\d{4}", id="digits in groups"),
        pytest.param(r"(?<=token=)[^&\s]+", id="a value after a name"),
        pytest.param(r"\bsecret\b", id="a word"),
        pytest.param(r"(a+)+", id="a repeat of a repeat that cannot fail"),
    ],
)
def test_a_pattern_that_stays_quick_has_no_weakness(pattern: str) -> None:
    assert weakness(re.compile(pattern)) is None


def test_flags_belong_to_the_pattern() -> None:
    assert weakness(re.compile("(?:ab|AB)+c", re.IGNORECASE)) == "exponential"
    assert weakness(re.compile("( a + ) + $ # ends", re.VERBOSE)) == "exponential"
    assert weakness(re.compile("(.|\n)+b", re.DOTALL)) == "exponential"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="newer syntax")
@pytest.mark.parametrize("pattern", [r"(?>a+)+$", r"(?:a++)+b", r"(?>(?:a|ab)+)c"])
def test_a_repeat_that_gives_nothing_back_does_not_hang(pattern: str) -> None:
    assert weakness(re.compile(pattern)) != "exponential"


@pytest.mark.parametrize("pattern", [r"(0+)+$", r"(\w+\W?)*$", r"(?:a|a)+@"])
def test_a_parser_that_changed_its_place_is_done_without(
    pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = re.compile(pattern)
    re.compile(pattern + "|(?!)")
    monkeypatch.setitem(sys.modules, "re._parser", None)
    monkeypatch.setitem(sys.modules, "sre_parse", None)

    assert weakness(compiled) == "exponential"


def test_the_tables_are_worth_their_name() -> None:
    assert len(set(EXPONENTIAL)) >= 40
    assert len(set(INNOCENT)) >= 55
    assert not set(EXPONENTIAL) & set(INNOCENT)


def test_a_pattern_that_would_hang_is_never_applied() -> None:
    with pytest.raises(ValueError, match="exponential time"):
        masked(r"(a+)+$", "a")


@pytest.mark.parametrize("pattern", [r"ACME-\d+", r"[a-z]+[0-9]+"])
def test_matches_are_replaced_and_the_rest_stays(pattern: str) -> None:
    seen: list[str] = []

    def replacement(match: re.Match[str]) -> str:
        seen.append(match[0])
        return f"<{match.start()}>"

    text = "-- ACME-12 -- acme34"
    done = substituted(re.compile(pattern, re.IGNORECASE), replacement, text, seconds=30)

    assert done == re.sub(pattern, lambda match: f"<{match.start()}>", text, flags=re.IGNORECASE)
    assert seen == re.findall(pattern, text, re.IGNORECASE)


def test_a_match_of_nothing_masks_nothing() -> None:
    assert masked(r"(?<=key=)\w*", "key= key=5 key=") == "key= key=*** key="
    assert masked(r"(?=[a-z]+@)|x[a-z]+y[a-z]+z", "ab@ xayaz") == "ab@ ***"


@pytest.mark.parametrize("text", ["", "no match", "ä" * WINDOW * 3, "\ud800 \x00"])
def test_a_text_without_a_match_is_the_same_text(text: str) -> None:
    assert masked(r"[a-z]+[0-9]+@", text) is text


@pytest.mark.parametrize(
    ("pattern", "secret"),
    [
        pytest.param(r"[\w.+-]+@[\w-]+\.[\w.]+", "ada.lovelace@mail.example.com", id="addresses"),
        pytest.param(r"(?s)<secret>.*?</secret>", f"<secret>{'s' * 900}</secret>", id="elements"),
        pytest.param(r"[a-z]+[0-9]+\b", "token123456", id="words with a border"),
        pytest.param(
            r"(?<! )-?[0-9]+|[a-z]+[0-9]+(?=[ .]|$)", "abc123", id="words with neighbours"
        ),
    ],
)
def test_a_secret_is_met_wherever_a_window_ends(pattern: str, secret: str) -> None:
    assert weakness(re.compile(pattern)) == "polynomial"
    for offset in range(WINDOW - len(secret) - 10, WINDOW + 10, 1 + len(secret) // 40):
        text = f"{'. ' * (offset // 2)}key {secret} . {'- ' * 3000}{secret}"

        assert masked(pattern, text) == re.sub(pattern, "***", text)
        assert secret not in masked(pattern, text).replace(f"- {secret}", "")


@pytest.mark.parametrize("length", [3000, WINDOW - 4, WINDOW, 3 * WINDOW, 20 * WINDOW])
@pytest.mark.parametrize("before", [0, 7, 1000, 3000, WINDOW + 1])
def test_a_match_that_goes_on_is_followed_to_its_end(length: int, before: int) -> None:
    pattern = r"key-\w+|[a-z]+[0-9]+@"
    text = "." * before + "key-" + "x" * length + "." * 5000 + "key-1"

    assert masked(pattern, text) == "." * before + "***" + "." * 5000 + "***"


def test_an_anchor_holds_at_the_ends_of_the_text_only() -> None:
    pattern = r"^[a-z]+[0-9]*\n|[a-z]+[0-9]+$"
    text = "first\n" + "abc1 " * WINDOW + "last1"

    assert weakness(re.compile(pattern)) == "polynomial"
    assert masked(pattern, text) == "***" + "abc1 " * WINDOW + "***"


@settings(max_examples=50)
@given(
    st.sampled_from([r"[a-c]+[0-2]+", r"[ab]+[01]+\b(?!,)", r"(?<![ab])[ab]+c|[a-c]+1"]),
    st.lists(st.text("abc012 ,\n", max_size=30), max_size=20),
    st.integers(1, 40),
)
def test_windows_change_nothing_in_texts_with_short_matches(
    pattern: str, pieces: list[str], times: int
) -> None:
    text = " ; ".join(pieces * times)

    assert weakness(re.compile(pattern)) == "polynomial"
    assert masked(pattern, text) == re.sub(pattern, "***", text)


@pytest.mark.parametrize(
    "text", [pytest.param(text, id=name) for name, text in hostile(2 * WINDOW)]
)
def test_a_hostile_text_is_searched_to_its_end(text: str) -> None:
    for pattern in (r"[\w.+-]+@[\w-]+\.[\w.]+!", r"(?s)<secret>.*?</secret>"):
        assert "a@b.c!" not in masked(pattern, f"{text} {'. ' * 700}<secret>a@b.c!</secret>")


def test_time_that_is_up_is_an_error_and_no_text() -> None:
    with pytest.raises(TimeoutError, match="too long"):
        substituted(re.compile("[a-z]+[0-9]+"), lambda match: "***", "a" * 9000, seconds=0)


def test_an_error_tells_nothing_of_the_text() -> None:
    with pytest.raises(TimeoutError) as caught:
        substituted(re.compile("[a-z]+[0-9]+"), lambda match: "***", "canary" * 900, seconds=0)

    assert "canary" not in str(caught.value)


def test_other_threads_get_their_turn() -> None:
    pattern = re.compile(r"[a-z]+[0-9]+@")
    weakness(pattern)
    turns = 0
    done = threading.Event()

    def other() -> None:
        nonlocal turns
        while not done.wait(0.001):
            turns += 1

    thread = threading.Thread(target=other)
    thread.start()
    try:
        substituted(pattern, lambda match: "***", "a" * 6 * WINDOW, seconds=60)
        seen = turns
    finally:
        done.set()
        thread.join(10)

    assert seen >= 4
