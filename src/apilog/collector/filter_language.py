"""The filter language: what a person types to say which calls are wanted.

Terms stand apart by spaces, and all must hold::

    status:5xx -user:ada duration:>200ms method:GET,POST route:/items/{id} body:"out of stock"

- ``field:value``, ``field:one,other`` (any of them), ``-field:value`` (none of them);
- in texts ``*`` stands for anything, also for nothing; ``none`` is where there is no value, and
  ``*`` alone where there is one; quotes and backslashes as in `filter_terms`;
- numbers as in `filter_numbers`;
- ``body:"out of stock"``: these words, one after the other, in a body;
- ``is:error``: a status of 500 or above, or an error; ``is:slow``: one second or longer;
- a word alone: the path or the route contains it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from apilog.collector.filter_numbers import number, number_text
from apilog.collector.filter_terms import FIELD, FilterError, Given, Term, terms
from apilog.collector.query import (
    NUMBERS,
    TEXTS,
    Between,
    Condition,
    Either,
    Exact,
    Missing,
    Wild,
    Words,
)

__all__ = ["FIELDS", "FilterError", "described", "parse", "written"]

MOST_CONDITIONS = 50
"""The most terms in a filter: more are no question of a person's, and each costs every row."""

ALIASES: Mapping[str, str] = {
    "verb": "method",
    "dur": "duration",
    "org": "company",
    "size": "response_size",
}

FIELDS: tuple[str, ...] = (*sorted(TEXTS | NUMBERS), "body", "is")
"""What may stand before a colon, beside the aliases."""

FAILED = Either(
    (
        Condition("status", (Between(500, None),)),
        Condition("error", (Exact(""),), negated=True),
    )
)
"""What ``is:error`` stands for."""

SLOW = Condition("duration", (Between(1_000_000, None),))
"""What ``is:slow`` stands for."""


def parse(text: str) -> tuple[Condition | Either | Words, ...]:
    """Return the conditions that *text* asks for: at most 50, none for an empty text.

    Raises:
        FilterError: it cannot be read.
    """
    conditions: list[Condition | Either | Words] = []
    for term in terms(text):
        if len(conditions) == MOST_CONDITIONS:
            raise FilterError(
                f"A filter has at most {MOST_CONDITIONS} terms: leave some out, or write "
                "several values of one field as field:one,other",
                term.at,
            )
        conditions.append(_condition(term))
    return tuple(conditions)


def _condition(term: Term) -> Condition | Either | Words:
    name = ALIASES.get(term.name, term.name)
    if name == "":
        return _somewhere(term)
    if name == "body":
        return _words(term)
    if name == "is":
        return _kind(term)
    if name in TEXTS:
        return _text(name, term)
    if name in NUMBERS:
        return _number(name, term)
    raise FilterError(_unknown(term.name), term.at + term.negated)


def _unknown(name: str) -> str:
    closest = difflib.get_close_matches(name, [*FIELDS, *ALIASES], n=1)
    if closest:
        return f"There is no field {name!r}: did you mean {closest[0]!r}?"
    return (
        f"There is no field {name!r}: put the word in quotes to look for it in paths, "
        f"or use one of {', '.join(FIELDS)}"
    )


def _somewhere(term: Term) -> Either:
    (value,) = term.values
    if not value.text:
        raise FilterError("Nothing stands between these quotes: write a word", value.at)
    pattern = _pattern(value)
    wanted = (Wild(_joined(f"*{pattern}*")),)
    return Either((Condition("path", wanted), Condition("route", wanted)), negated=term.negated)


def _words(term: Term) -> Words:
    value = term.values[0]
    if len(term.values) > 1:
        raise FilterError('A body holds one phrase: put it in quotes, body:"one, other"', value.at)
    if value.wild:
        raise FilterError("A body is searched for whole words: leave out the star", value.at)
    if not any(character.isalnum() for character in value.text):
        raise FilterError("A body is searched for words: give a letter or a digit", value.at)
    return Words(value.text, negated=term.negated)


def _kind(term: Term) -> Condition | Either:
    value = term.values[0]
    if len(term.values) == 1 and value.text.lower() == "error":
        return Either(FAILED.conditions, negated=term.negated)
    if len(term.values) == 1 and value.text.lower() == "slow":
        return Condition(SLOW.field, SLOW.alternatives, negated=term.negated)
    raise FilterError("A call can be asked for as is:error or is:slow: write one of them", value.at)


def _text(name: str, term: Term) -> Condition:
    if _anything(term):
        return Condition(name, (Exact(""),), negated=not term.negated)
    return Condition(name, tuple(_like(name, value) for value in term.values), term.negated)


def _like(name: str, value: Given) -> Exact | Wild:
    if value.wild:
        pattern = _joined(_pattern(value))
        return Wild(pattern.upper() if name == "method" else pattern)
    if value.text == "none" and not value.quoted:
        return Exact("")
    return Exact(value.text.upper() if name == "method" else value.text)


def _number(name: str, term: Term) -> Condition:
    if _anything(term):
        return Condition(name, (Missing(),), negated=not term.negated)
    return Condition(name, tuple(_amount(name, value) for value in term.values), term.negated)


def _amount(name: str, value: Given) -> Between | Missing:
    try:
        return number(name, value.text)
    except ValueError as error:
        raise FilterError(str(error), value.at) from error


def _anything(term: Term) -> bool:
    """Return whether the term asks only for the presence of a value."""
    stars = [value for value in term.values if value.text == "*" and not value.quoted]
    if stars and len(term.values) > 1:
        raise FilterError("A star alone is any value: leave out the others", stars[0].at)
    return bool(stars)


def _pattern(value: Given) -> str:
    if any(piece.text is not None and "*" in piece.text for piece in value.pieces):
        raise FilterError(
            "A star cannot be looked for within a text: leave it out, or give the whole text "
            'in quotes after its field, as in route:"/files/*"',
            value.at,
        )
    return value.text


def _joined(pattern: str) -> str:
    """Return *pattern* with each run of stars as one, which means the same and costs less."""
    while "**" in pattern:
        pattern = pattern.replace("**", "*")
    return pattern


def written(conditions: Sequence[Condition | Either | Words]) -> str:
    """Return a filter that `parse` reads as *conditions*, in one settled spelling.

    Raises:
        ValueError: an `Either` is none of the two that the language can say.
    """
    parts = []
    for condition in conditions:
        field, text, negated = described(condition)
        parts.append(f"{'-' * negated}{field}{':' * bool(field)}{text}")
    return " ".join(parts)


def described(condition: Condition | Either | Words) -> tuple[str, str, bool]:
    """Return the field ("" for a word alone), the text of the value, and whether it is negated.

    Raises:
        ValueError: an `Either` is none of the two that the language can say.
    """
    if isinstance(condition, Words):
        return "body", _quoted(condition.phrase), condition.negated
    if isinstance(condition, Either):
        return _described_either(condition)
    alternatives = condition.alternatives
    if alternatives in ((Exact(""),), (Missing(),)) and condition.negated:
        return condition.field, "*", False
    texts = [_alternative(condition.field, alternative) for alternative in alternatives]
    return condition.field, ",".join(texts), condition.negated


def _described_either(condition: Either) -> tuple[str, str, bool]:
    if condition.conditions == FAILED.conditions:
        return "is", "error", condition.negated
    match condition.conditions:
        case (
            Condition("path", (Wild(pattern),), negated=False),
            Condition("route", (Wild(same),), negated=False),
        ) if pattern == same and pattern.startswith("*") and pattern.endswith("*"):
            return "", _word(pattern), condition.negated
    raise ValueError("The filter language has no words for this Either")


def _word(pattern: str) -> str:
    core = pattern[1:-1] or "*"
    if core.startswith("-") or FIELD.match(core):
        head, star, rest = core.partition("*")
        return _quoted(head, always=True) + star + _starred(rest)
    return _starred(core)


def _alternative(field: str, alternative: Exact | Wild | Between | Missing) -> str:
    if isinstance(alternative, Exact):
        return _exact(alternative.text)
    if isinstance(alternative, Wild):
        return "**" if alternative.pattern == "*" else _starred(alternative.pattern)
    return number_text(field, alternative)


def _exact(text: str) -> str:
    return _quoted(text, always=text == "none") if text else "none"


def _starred(pattern: str) -> str:
    return "*".join(_quoted(piece) if piece else "" for piece in pattern.split("*"))


def _quoted(text: str, *, always: bool = False) -> str:
    plain = not any(character in ',"\\*' or character.isspace() for character in text)
    if plain and text and not always:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
