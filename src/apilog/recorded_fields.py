"""The fields of a recorded call, one by one, by the place that a rule would name."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from apilog import codec, header_mask
from apilog.codec import JSON, MAX_DEPTH
from apilog.headers import find
from apilog.media_type import NDJSON, MediaType, media_type

Scalar: TypeAlias = "str | int | float"

ANY = "*"
"""Stands for every index of a list, and for every name that is data itself."""

_MOST_NAMES = 50
_MOST_LINES = 1_000
_MOST_PAIRS = 1_000
_LONGEST_NAME = 60
_DATA = re.compile(r"(?:[^0-9]*[0-9]){5}|[^@]*@|[^:]*:[^:]*:|[0-9a-fA-F]{8}-|[^\w$]*$|.*[\s/]")
"""Names of objects that nobody wrote into a program: numbers, identifiers, people."""

_ELEMENT = re.compile(r"<([A-Za-z_][\w.:-]{0,60})(?:\s[^<>]{0,1000})?>([^<>]{1,1000})</")
_LEFT_OUT = re.compile(r"\[\.\.\. [^\]]*\]")
_SAID_ELSEWHERE = frozenset({"cookie", "set-cookie", *header_mask.INNOCENT, *header_mask.URLS})


class Field(NamedTuple):
    """A value, the *root* and the *names* of the place that it stands in; no names for a text."""

    root: str
    names: tuple[str, ...]
    value: Scalar

    @property
    def label(self) -> str:
        """The place as people write it."""
        return ".".join((self.root, *self.names))


def fields(document: Mapping[str, JSON]) -> Iterator[Field]:
    """Yield every field of *document*, an event."""
    for side in ("request", "response"):
        message = document.get(side)
        if isinstance(message, dict):
            yield from _head(message, side)
            yield from _body(message, f"{side}.body")
    metadata = document.get("metadata")
    if isinstance(metadata, dict):
        said = {name: value for name, value in metadata.items() if name != "apilog"}
        yield from _tree(said, "metadata")


def _head(message: Mapping[str, JSON], side: str) -> Iterator[Field]:
    headers = message.get("headers")
    for name, value in headers.items() if isinstance(headers, dict) else ():
        if name.lower() not in _SAID_ELSEWHERE and not name.startswith(":"):
            yield Field(f"{side}.headers", (name,), str(value))
    uri = message.get("uri")
    if isinstance(uri, str):
        try:
            address = urlsplit(uri)
        except ValueError:
            return
        yield Field(f"{side}.uri", (), unquote(address.path))
        for name, text in _pairs(address.query):
            yield Field(f"{side}.query", (name,), text)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    try:
        pairs = parse_qsl(text, max_num_fields=_MOST_PAIRS)
    except ValueError:
        return
    yield from ((_plain(name), value) for name, value in pairs)


def _body(message: Mapping[str, JSON], root: str) -> Iterator[Field]:
    body, headers = message.get("body"), message.get("headers")
    if isinstance(body, (dict, list)):
        yield from _tree(body, root)
    elif isinstance(body, str) and not message.get("transfer_encoding"):
        known = headers.items() if isinstance(headers, dict) else ()
        said = find([(name, str(value)) for name, value in known], "content-type")
        yield from _text(body, media_type(said), root)


def _text(text: str, media: MediaType, root: str) -> Iterator[Field]:
    if media.is_form:
        for name, value in _pairs(text):
            yield Field(root, (name,), value)
    elif media.is_xml:
        for element in _ELEMENT.finditer(text):
            yield Field(root, (element[1].rpartition(":")[2],), element[2].strip())
    elif media.name == "text/csv":
        yield from _columns(text, root)
    elif media.name in NDJSON or media.name == "text/event-stream":
        for line in text.splitlines()[:_MOST_LINES]:
            yield from _line(line.removeprefix("data:").strip(), root)
    else:
        yield from _line(text, root)


def _line(text: str, root: str) -> Iterator[Field]:
    """Yield the fields of *text* if it is JSON; else the text itself."""
    if text[:1] in ("{", "["):
        try:
            tree = codec.loads(text)
        except ValueError:
            pass
        else:
            yield from _tree(tree, root)
            return
    if text:
        yield Field(root, (), _LEFT_OUT.sub("", text))


def _columns(text: str, root: str) -> Iterator[Field]:
    try:
        rows = csv.reader(text.splitlines()[:_MOST_LINES])
        names = next(rows, [])
        for row in rows:
            for name, value in zip(names, row):  # noqa: B905 - rows may be shorter
                yield Field(root, (_plain(name),), value)
    except csv.Error:
        yield Field(root, (), text)


def _tree(tree: JSON, root: str) -> Iterator[Field]:
    pending: list[tuple[JSON, tuple[str, ...]]] = [(tree, ())]
    while pending:
        node, names = pending.pop()
        if isinstance(node, dict):
            is_table = len(node) > _MOST_NAMES
            children = [(ANY if is_table else _plain(name), node[name]) for name in node]
        elif isinstance(node, list):
            children = [(ANY, each) for each in node]
        else:
            if node is not None and not isinstance(node, bool):
                yield Field(root, names, node)
            continue
        if len(names) < MAX_DEPTH:
            pending += [(value, (*names, name)) for name, value in reversed(children)]


def _plain(name: str) -> str:
    return ANY if len(name) > _LONGEST_NAME or _DATA.match(name) else name
