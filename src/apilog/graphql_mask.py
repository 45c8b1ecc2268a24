"""Sensitive arguments, defaults and strings in a GraphQL document.

A reader of executable documents by https://spec.graphql.org/October2021, sections 2.1 to 2.12. It
reads no type definitions, and says so rather than guess where a value stands in them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from apilog.graphql_tokens import IGNORED, OPERATIONS, Token, tokens

_WIDE_ESCAPE = re.compile(r"(\\\\)|\\u\{0*([0-9A-Fa-f]{1,6})\}")
_TEXTS = ("string", "block", "comment")
_MAX_DEPTH = 1_000


@dataclass(slots=True)
class _Frame:
    """What is open at a place, and what may come next in it."""

    mode: str  # document, selection, definitions, type, object (arguments, too) or list
    closer: str = ""
    expects: str = "key"  # or colon, value, item
    key: str = ""
    value_begin: int = -1  # of an object or a list that is a value
    literals: int = 0


class _Finding(NamedTuple):
    """A place to look at: a value with its rule, a variable's default, or a text."""

    begin: int
    end: int
    kind: str
    key: str
    rule: str | None = None


def masked(
    document: str,
    where: str,
    *,
    rules: Mapping[str, str | None],
    replaced: Callable[[str, str, str], str],
    inner: Callable[[str, str], str],
) -> tuple[str, dict[str, str]]:
    """Return *document* with what is secret in it replaced, and the rules of secret variables.

    The value of a sensitive argument or input field goes whole, whatever its kind, unless it holds
    nothing but variables; so does the default of a variable that feeds one. Every other string,
    and every comment, goes through *inner*. Takes time in proportion to the document.

    Raises:
        ValueError: *document* is no executable GraphQL document.
    """
    reader = _Reader(rules)
    for token in tokens(document):
        reader.read(token)
    if len(reader.stack) > 1:
        raise ValueError("the document ends too early")
    variables = reader.variables
    kept: list[str] = []
    begin = covered = 0
    covering = ""
    reader.findings.sort(key=lambda found: (found.begin, -found.end, found.kind in _TEXTS))
    for found in reader.findings:
        value = _content(document[found.begin : found.end])
        place = f"{where}/{found.key}" if found.key else where
        if found.end <= covered:
            if found.end < covered and found.kind in ("string", "block"):
                replaced(value, place, covering)  # a part of what went whole is a secret, too
            continue
        rule = variables.get(found.key) if found.kind == "default" else found.rule
        if rule is not None:
            covered, covering = found.end, f"field:{rule}"
            new = replaced(value, place, covering)
        else:
            new = inner(value, place) if found.kind in _TEXTS else value
        if new == value:
            continue
        is_comment = found.kind == "comment"
        if is_comment and ("\n" in new or "\r" in new):
            raise ValueError("a comment cannot hold more than one line")
        kept += (document[begin : found.begin], f"#{new}" if is_comment else json.dumps(new))
        begin = found.end
    return ("".join(kept) + document[begin:] if kept else document), variables


def _content(text: str) -> str:
    """Return what a string or a comment says; any other text as it is."""
    if text.startswith('"""'):
        return text[3:-3].replace('\\"""', '"""')
    if text.startswith("#"):
        return text[1:]
    if text.startswith('"') and "\\" not in text:
        return text[1:-1]
    if text.startswith('"'):
        return str(json.loads(_WIDE_ESCAPE.sub(_as_json, text), strict=False))
    return text


def _as_json(escape: re.Match[str]) -> str:
    r"""Return an escape of the later editions, ``\u{1F600}``, as JSON writes it."""
    return escape[1] or json.dumps(chr(int(escape[2], 16)))[1:-1]


class _Reader:
    """Take the tokens one by one; find the places that matter."""

    def __init__(self, rules: Mapping[str, str | None]) -> None:
        self.findings: list[_Finding] = []
        self.variables: dict[str, str] = {}  # the sensitive ones, with their rules
        self._rules = rules
        self.stack = [_Frame("document")]
        self._before = ""
        self._after_directive = False
        self._literals = 0
        self._covering: tuple[int, str] | None = None  # the depth and rule of a sensitive value

    def read(self, token: Token) -> None:
        """Take the next token."""
        kind, text = token.kind, token.text
        frame = self.stack[-1]
        if kind in _TEXTS:
            self.findings.append(_Finding(token.begin, token.end, kind, frame.key))
            if kind == "comment":
                return
        if text == frame.closer and frame.expects in ("key", "item"):
            self.stack.pop()
            if frame.value_begin >= 0:
                self._complete(frame.value_begin, token.end, frame.literals)
        elif frame.expects in ("value", "item"):
            self._value(frame, token)
        elif frame.mode == "object":
            self._pair(frame, token)
        elif frame.mode == "definitions":
            self._definition(frame, token)
        elif frame.mode == "type":
            if text == "[":
                self.stack.append(_Frame("type", "]"))
            elif kind != "name" and text != "!":
                raise _unexpected(token)
        else:
            self._selection(frame, token)
        if len(self.stack) > _MAX_DEPTH:
            raise ValueError(f"more than {_MAX_DEPTH} levels of GraphQL")
        self._after_directive = self._before == "@" and kind == "name"
        self._before = text

    def _selection(self, frame: _Frame, token: Token) -> None:
        """Take a token of operations, fields, aliases, fragments and directives."""
        kind, text = token.kind, token.text
        at_top = frame.mode == "document"
        if at_top and self._before in ("", "}") and text not in ("{", "fragment", *OPERATIONS):
            raise _unexpected(token)
        if self._before == ":" and kind != "name":
            raise _unexpected(token)
        if text == "{":
            self.stack.append(_Frame("selection", "}"))
        elif text == "(":
            mode = "definitions" if at_top and not self._after_directive else "object"
            self.stack.append(_Frame(mode, ")"))
        elif kind != "name" and text not in ("@", "...", ":"):
            raise _unexpected(token)

    def _definition(self, frame: _Frame, token: Token) -> None:
        """Take a token of ``($name: Type = default @directive, ...)``."""
        kind, text = token.kind, token.text
        if kind == "variable":
            frame.key = self._variable(text)
        elif text == "=":
            frame.expects = "value"
        elif text == "[":
            self.stack.append(_Frame("type", "]"))
        elif text == "(" and self._after_directive:
            self.stack.append(_Frame("object", ")"))
        elif kind != "name" and text not in (":", "!", "@"):
            raise _unexpected(token)

    def _pair(self, frame: _Frame, token: Token) -> None:
        """Take the name or the colon of ``name: value``."""
        if frame.expects == "colon" and token.text == ":":
            frame.expects = "value"
        elif frame.expects == "key" and token.kind == "name":
            frame.key, frame.expects = token.text, "colon"
        else:
            raise _unexpected(token)

    def _value(self, frame: _Frame, token: Token) -> None:
        """Take a value, or the beginning of an object or a list."""
        if self._covering is None and frame.mode == "object":
            rule = self._rules[frame.key]
            self._covering = None if rule is None else (len(self.stack), rule)
        before = self._literals
        if token.text == "{":
            self.stack.append(_Frame("object", "}", "key", frame.key, token.begin, before))
        elif token.text == "[":
            self.stack.append(_Frame("list", "]", "item", frame.key, token.begin, before))
        elif token.kind == "mark":
            raise _unexpected(token)
        else:
            if token.kind != "variable":
                self._literals += 1
            elif (name := self._variable(token.text)) and self._covering is not None:
                self.variables.setdefault(name, self._covering[1])
            self._complete(token.begin, token.end, before)

    def _complete(self, begin: int, end: int, literals: int) -> None:
        """Note the value from *begin* to *end* if it matters; go on after it."""
        frame = self.stack[-1]
        if frame.mode == "definitions":
            self.findings.append(_Finding(begin, end, "default", frame.key))
        if self._covering is not None and self._covering[0] == len(self.stack):
            if self._literals > literals:
                self.findings.append(_Finding(begin, end, "value", frame.key, self._covering[1]))
            self._covering = None
        if frame.mode != "list":
            frame.expects = "key"

    def _variable(self, text: str) -> str:
        """Return the name of a variable; note it if that alone makes it sensitive."""
        name = text[1:].strip(IGNORED)
        rule = self._rules[name]
        if rule is not None:
            self.variables.setdefault(name, rule)
        return name


def _unexpected(token: Token) -> ValueError:
    return ValueError(f"unexpected GraphQL {token.kind} at character {token.begin}")
