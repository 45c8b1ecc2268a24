"""Values that are no secret although they stand behind a sensitive name in plain text.

Code and prose are full of them: types, calls, references, nothing at all, sentences. In doubt a
value is a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

LONGEST = 200
"""Characters that are read to find out; a longer value is a secret."""

_NOTHING = re.compile(
    r"None|null|NULL|nil|undefined|[Tt]rue|TRUE|[Ff]alse|FALSE|\W{0,2}|%[srd]|\.{3}"
    r"|\$\{\{[^{}\"']*\}\}|\{\{[ \w.|-]*\}\}|\$\{\w+\}"
)
_TYPE = re.compile(
    r"&?(?:Optional\[|Option<)?"
    r"(?:str|[Ss]tring|bytes|int|bool(?:ean)?|float|number|[Aa]ny|object|SecretStr)"
    r"(?:\[\])?[\]>]?(?:[ ]?\|[ ]?(?:None|null|undefined|str|string))*"
    r"(?=[ \t]*(?:[,)}\];=#]|->|\r|\n|\Z))"
)
_PSEUDO_CLASS = re.compile(
    r"(?:active|checked|disabled|empty|first-child|focus(?:-within|-visible)?|hover|invalid|is"
    r"|last-child|link|not|nth-child|optional|placeholder-shown|required|valid|visited|where)"
    r"(?=[\s{,:(.)\[]|\Z)"
)
_REFERENCE = re.compile(
    r"<([A-Za-z_ -]+)>|\{([A-Za-z_]+)\}|\$([A-Za-z_]+)|[:@]([A-Za-z_]+)|%\(([A-Za-z_]+)\)s"
)
_ATTRIBUTE = re.compile(r"[A-Za-z_$]+(?:(?:\.|->)[A-Za-z_]+)+")
_CALL = re.compile(
    r"(?:(?:await|new)[ \t])?"
    r"(?:[A-Za-z_$]{1,40}(?:[._]|->|::)[\w.>:$-]{0,80}|[A-Za-z]{1,40}(?=[(\[][\"')]))"
    r"[(\[].*[)\]][;,:]?"
)
_LITERAL = re.compile(r"[\"']([^\"']*)[\"']")
_WORD = re.compile(r"\(?[A-Za-z]?[a-z'-]*[.,;:!?)]*")
_GRAMMAR = frozenset(
    "a an and are as at be been but by can cannot for from has have if in is it its must no not of"
    " on or please should than that the this to was were will with you your".split()
)
"""Words that sentences have, and passphrases seldom."""

_MANUAL = frozenset("TEXT STRING VALUE FILE PATH NAME argument flag option parameter".split())


def is_nothing(value: str, rules: Mapping[str, str | None]) -> bool:
    """Say whether *value* stands for no value, or for one that is kept elsewhere."""
    if len(value) > LONGEST:
        return False
    if _NOTHING.fullmatch(value):
        return True
    reference = _REFERENCE.fullmatch(value)
    return reference is not None and rules[reference[reference.lastindex or 0]] is not None


def is_code(value: str, rest: str, rules: Mapping[str, str | None]) -> bool:
    """Say whether *value*, or the *rest* of its line, is an expression without a secret in it.

    An attribute that has a sensitive name itself, or a call or subscript in which every literal
    has.
    """
    if _ATTRIBUTE.fullmatch(value):
        return rules[value] is not None
    return _CALL.fullmatch(rest) is not None and all(
        re.search(r"\w", literal) is None or rules[literal] is not None
        for literal in _LITERAL.findall(rest)
    )


def is_explained(value: str, rules: Mapping[str, str | None]) -> bool:
    """Say whether *value*, after an option of a command, tells of it as a manual does."""
    if value.lower() in _GRAMMAR or value in _MANUAL:
        return True
    return value.isalpha() and value.isupper() and rules[value] is not None


def is_declared(text: str, begin: int, *, is_selector: bool) -> bool:
    """Say whether there is the name of a type in *text* at *begin*, and nothing after it.

    Behind what may be a selector of CSS a pseudo-class is no secret, either.
    """
    if is_selector and _PSEUDO_CLASS.match(text, begin):
        return True
    return _TYPE.match(text, begin) is not None


def is_prose(said: str) -> bool:
    """Say whether *said* goes on like a sentence: words in small letters, one of them grammar."""
    words = said.split()
    return all(map(_WORD.fullmatch, words)) and any(
        word.strip(".,;:!?()").lower() in _GRAMMAR for word in words
    )
