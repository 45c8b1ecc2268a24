"""What names what in markup: an attribute its element, an element the one beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

_NAMING = frozenset(
    "name key n k field itemprop param parameter property variable attribute".split()
)
"""Attributes that name what their element holds."""

_FIELDS = frozenset("code data input kbd output samp select textarea".split())
_FIELD_NAMING = frozenset("type autocomplete placeholder aria-label".split())
"""Attributes that name what somebody types into a field, or is to copy from it."""

_PLACES = frozenset(
    "a button details embed fieldset form frame iframe img map meta object script slot".split()
)
"""Elements of HTML that have names of their own, which are not those of their content."""

_SCHEMAS = frozenset(
    "http://www.w3.org/2001/XMLSchema http://schemas.xmlsoap.org/wsdl/ http://www.w3.org/ns/wsdl"
    " http://relaxng.org/ns/structure/1.0".split()
)
"""Vocabularies that tell of elements: what stands under a name there is a type."""

_KEYS = frozenset("k n field param parameter property attribute variable header".split())
_VALUES = frozenset(
    "val v content data text string str default int integer i4 i8 real double float number bool"
    " boolean base64 date datetime datetime.iso8601 dict array struct list".split()
)

_LONGEST_PATH = 200
"""Characters of a path to which names are added: an attacker nests as deep as he likes."""

_TEMPLATE = re.compile(r"html|templ|tmpl|handlebars|mustache|xml", re.IGNORECASE)


def is_key(name: str) -> bool:
    """Say whether the text of the element *name*, in lower case, can name the one beside it."""
    return name.endswith(("key", "name")) or name in _KEYS


def is_value(name: str) -> bool:
    """Say whether *name*, in lower case, is one for the value to a name beside it."""
    return name.endswith("value") or name in _VALUES


class Naming(NamedTuple):
    """The rules met by what an element's attributes say that it holds."""

    beside: str | None = None
    """For the values among its attributes."""
    within: str | None = None
    """For all in it."""
    alone: str | None = None
    """For the values in it, and for its text if it holds nothing else; an id names many a thing."""


NOTHING = Naming()


class Namer:
    """Judge the elements of one text."""

    def __init__(self, rules: Mapping[str, str | None]) -> None:
        self._rules = rules
        self._schemas: set[str] = set()

    def naming(
        self, prefix: str, name: str, attributes: Sequence[tuple[str, str]], *, is_page: bool
    ) -> Naming:
        """Judge the element *name*, in lower case, of a page or of other data."""
        if not attributes:
            return NOTHING
        is_field = name in _FIELDS
        beside = within = alone = None
        for full_name, value in attributes:
            space, _, local = full_name.rpartition(":")
            if value in _SCHEMAS and "xmlns" in (space, local):
                self._schemas.add(local if space else "")  # for good: it only spares types
            said = local.lower()
            names = said in _NAMING or (is_field and said in _FIELD_NAMING)
            if not names and said.removeprefix("data-") not in _NAMING and said != "id":
                continue
            rule = self._rules[value]
            if rule is None:
                continue
            beside = rule
            if names or (is_field and said == "id"):
                within = rule
            elif said == "id":
                alone = rule
        if prefix in self._schemas:
            return Naming(beside, None, within or alone)
        if is_page:
            return Naming(beside, None if name in _PLACES else within)
        return Naming(beside, within, alone) if beside else NOTHING


def is_template(attributes: Iterable[tuple[str, str]]) -> bool:
    """Say whether a script with *attributes* is none, but markup put aside for later."""
    return any(name.lower() == "type" and _TEMPLATE.search(value) for name, value in attributes)


class Frame:
    """An element that is open, with what is known of what stands in it."""

    __slots__ = ("alone", "begin", "has_key", "key", "name", "path", "rule", "value", "values")

    def __init__(self, name: str, path: str, begin: int) -> None:
        self.name = name
        self.path = path
        self.begin = begin
        self.key: list[str] | None = None
        """Its text, while that can be a name for what stands beside it."""
        self.value = False
        """Whether it can hold the value to such a name."""
        self.alone: str | None = None
        """The rule that masks its text, while it holds nothing but text."""
        self.rule: str | None = None
        """The rule that masks values in it after the name that came last."""
        self.has_key = False
        self.values: list[tuple[int, int, str]] = []
        """Where values stand in it that came before any name."""

    def child(self, name: str) -> str:
        """Return the path of *name* in it."""
        return f"{self.path}/{name[:100]}" if len(self.path) < _LONGEST_PATH else self.path
