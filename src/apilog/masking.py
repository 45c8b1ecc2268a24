"""Masking: a pure function over the finished event, before anything else sees it.

It covers headers, cookies, the query, forms and JSON of any depth under sensitive names, whatever
the type of the value. It notes what it did by place and rule, never by value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias
from urllib.parse import unquote_plus

from apilog import codec
from apilog.codec import JSON, MAX_DEPTH
from apilog.key_rule import HEADER_WORDS, QUERY_WORDS, KeyRule
from apilog.media_type import media_type

MASK = "***"
"""What stands in the place of a masked value: a constant, so that not even the length gets out."""

_LONGEST_PATH = 200
"""Characters of a place that a note gives."""

MAX_NOTES = 100
"""Notes an event carries at most; further places are masked all the same."""

_URL_HEADERS = frozenset(
    {"referer", "location", "content-location", "origin", "x-forwarded-uri", "x-original-url"}
)
_CREDENTIALS = frozenset({"authorization", "proxy-authorization"})
_NEXT_COOKIE = re.compile(r"\n|,\s*(?=[^;,=\s]+=)")
_USERINFO = re.compile(r"(?<=//)[^/?#@\s]*@")

Notes: TypeAlias = "list[JSON]"
_Tree: TypeAlias = "dict[str, JSON] | list[JSON]"
_Place: TypeAlias = "tuple[_Place | None, str | int]"


class BodyNotMaskedError(ValueError):
    """Report a body that the rules cannot be applied to; it must stay home."""


class Masking:
    """The rules in force: give them an event's document, get back what may leave the process.

    Args:
        headers: header names masked besides the defaults, in any spelling.
        query: query parameters masked besides the defaults.
        fields: names in bodies and metadata masked besides the defaults.
        patterns: regular expressions whose matches are masked in every text.
        unmask: names taken off the defaults.
    """

    def __init__(
        self,
        *,
        headers: Iterable[str] = (),
        query: Iterable[str] = (),
        fields: Iterable[str] = (),
        patterns: Iterable[re.Pattern[str]] = (),
        unmask: Iterable[str] = (),
    ) -> None:
        unmasked = tuple(unmask)
        self._headers = KeyRule(added=headers, unmasked=unmasked, anywhere=HEADER_WORDS)
        self._query = KeyRule(added=query, unmasked=unmasked, alone=QUERY_WORDS)
        self._fields = KeyRule(added=fields, unmasked=unmasked)
        self._patterns = tuple(patterns)

    def apply(self, document: dict[str, JSON]) -> Notes:
        """Mask *document*, an event as it travels, in place; return what was masked.

        A body that cannot be masked is taken out, and the metadata says so. Applied to what is
        masked already, it changes nothing.
        """
        notes: Notes = []
        for side in ("request", "response"):
            message = document.get(side)
            if isinstance(message, dict):
                self._mask_head(message, f"/{side}", notes)
                try:
                    self._mask_body(message, f"/{side}/body", notes)
                except BodyNotMaskedError as error:
                    message.pop("body")
                    omit(document, side, str(error))
        metadata = document.get("metadata")
        if isinstance(metadata, dict):
            try:
                self._mask_tree(metadata, "/metadata", notes)
            except BodyNotMaskedError:
                document["metadata"] = {"apilog": metadata.get("apilog")}
        return notes

    def _mask_head(self, message: dict[str, JSON], where: str, notes: Notes) -> None:
        uri = message.get("uri")
        if isinstance(uri, str):
            message["uri"] = self._uri(uri, f"{where}/uri", notes)
        headers = message.get("headers")
        if not isinstance(headers, dict):
            return
        for name, value in headers.items():
            lowered = name.lower()
            rule = self._headers[lowered]
            place = f"{where}/headers/{name}"
            text = str(value)
            if rule is not None:
                headers[name] = masked = self._header(lowered, text)
                if masked != text:
                    _note(notes, place, f"header:{rule}")
            elif lowered in _URL_HEADERS:
                headers[name] = self._uri(text, place, notes)
            elif self._patterns:
                headers[name] = self._text(text, place, notes)

    def _header(self, name: str, value: str) -> str:
        if name in _CREDENTIALS:
            scheme, separator, _ = value.strip().partition(" ")
            return f"{scheme} {MASK}" if separator else MASK
        if name == "cookie":
            return "; ".join(self._cookie(each) for each in value.split(";"))
        if name == "set-cookie":
            return "\n".join(self._set_cookie(each) for each in _NEXT_COOKIE.split(value))
        return MASK

    def _cookie(self, pair: str) -> str:
        name, separator, _ = pair.strip().partition("=")
        if not separator:
            return MASK
        return pair.strip() if self._headers.spares(name) else f"{name}={MASK}"

    def _set_cookie(self, value: str) -> str:
        pair, separator, attributes = value.partition(";")
        return self._cookie(pair) + separator + attributes

    def _uri(self, uri: str, where: str, notes: Notes) -> str:
        if "@" in uri and _USERINFO.search(uri):
            uri = _USERINFO.sub(f"{MASK}@", uri)
            _note(notes, where, "userinfo")
        path, question_mark, rest = uri.partition("?")
        if question_mark:
            query, hash_mark, fragment = rest.partition("#")
            query = self._parameters(query, self._query, where, notes)
            uri = path + question_mark + query + hash_mark + fragment
        return self._text(uri, where, notes) if self._patterns else uri

    def _parameters(self, text: str, rules: KeyRule, where: str, notes: Notes) -> str:
        """Mask values of ``name=value&...`` text and leave every other byte as it was."""
        pairs = text.split("&")
        for index, pair in enumerate(pairs):
            name, equals, _ = pair.partition("=")
            plain = unquote_plus(name)
            rule = rules[plain]
            if rule is not None and equals and pair != f"{name}={MASK}":
                pairs[index] = f"{name}={MASK}"
                _note(notes, f"{where}?{plain}", f"query:{rule}")
        return "&".join(pairs)

    def _mask_body(self, message: dict[str, JSON], where: str, notes: Notes) -> None:
        body = message.get("body")
        if isinstance(body, (dict, list)):
            self._mask_tree(body, where, notes)
        elif isinstance(body, str) and not message.get("transfer_encoding"):
            message["body"] = self._text_body(body, _content_type(message), where, notes)

    def _text_body(self, text: str, content_type: str, where: str, notes: Notes) -> str:
        media = media_type(content_type)
        if media.is_form:
            text = self._parameters(text, self._fields, where, notes)
        elif media.is_lines and "\n" in text:
            lines = text.split("\n")
            text = "\n".join(
                self._json_text(line, f"{where}/{number}", notes)
                for number, line in enumerate(lines)
            )
        else:
            text = self._json_text(text, where, notes)
        return self._text(text, where, notes) if self._patterns else text

    def _json_text(self, text: str, where: str, notes: Notes) -> str:
        """Mask *text* if it is JSON (or an event stream's data line with JSON), else leave it."""
        prefix, json_text = "", text
        if text.startswith("data:"):
            prefix, json_text = "data: ", text[5:]
        if json_text.lstrip()[:1] not in ("{", "["):
            return text
        try:
            tree = codec.loads(json_text)
        except ValueError:
            return text
        if isinstance(tree, (dict, list)) and self._mask_tree(tree, where, notes):
            return prefix + codec.dumps(tree).decode()
        return text

    def _mask_tree(self, root: _Tree, where: str, notes: Notes) -> bool:
        """Mask what stands under sensitive names, of any type, at any depth; say if any did."""
        rules = self._fields
        hit = False
        pending: list[tuple[_Tree, _Place, int]] = [(root, (None, where), MAX_DEPTH)]
        while pending:
            node, place, depth = pending.pop()
            if depth == 0:
                raise BodyNotMaskedError("too_deep")
            if isinstance(node, list):
                pending += (
                    (value, (place, index), depth - 1)
                    for index, value in enumerate(node)
                    if isinstance(value, (dict, list))
                )
                continue
            for key, value in node.items():
                rule = rules[key]
                if rule is None:
                    if isinstance(value, (dict, list)):
                        pending.append((value, (place, key), depth - 1))
                elif value != MASK:
                    node[key] = MASK
                    hit = True
                    _note(notes, _path((place, key)), f"field:{rule}")
        return self._mask_strings(root, where, notes) or hit if self._patterns else hit

    def _mask_strings(self, root: _Tree, where: str, notes: Notes) -> bool:
        """Mask what the user's patterns match in any string of *root*; say if any did."""
        hit = False
        pending: list[tuple[_Tree, _Place]] = [(root, (None, where))]
        while pending:
            node, place = pending.pop()
            for key in list(node) if isinstance(node, dict) else range(len(node)):
                value = node[key]  # type: ignore[call-overload,index]
                if isinstance(value, str):
                    masked = self._text(value, _path((place, key)), notes)
                    node[key] = masked  # type: ignore[call-overload,index]
                    hit = hit or masked != value
                elif isinstance(value, (dict, list)):
                    pending.append((value, (place, key)))
        return hit

    def _text(self, text: str, where: str, notes: Notes) -> str:
        for number, pattern in enumerate(self._patterns):
            text, hits = pattern.subn(MASK, text)
            if hits:
                _note(notes, where, f"pattern:{number}")
        return text


def omit(document: dict[str, JSON], side: str, reason: str) -> None:
    """Say in the metadata of *document* why the body of *side* stayed home."""
    metadata = document.setdefault("metadata", {})
    if isinstance(metadata, dict):
        own = metadata.setdefault("apilog", {})
        if isinstance(own, dict):
            own[f"{side}_body_omitted"] = reason


def _content_type(message: dict[str, JSON]) -> str:
    headers = message.get("headers")
    if isinstance(headers, dict):
        for name, value in headers.items():
            if name.lower() == "content-type":
                return str(value)
    return ""


def _note(notes: Notes, path: str, rule: str) -> None:
    if len(notes) < MAX_NOTES:
        notes.append({"path": path[:_LONGEST_PATH], "rule": rule})


def _path(place: _Place | None) -> str:
    """Return the JSON pointer (RFC 6901) of *place*."""
    names: list[str] = []
    while place is not None:
        place, name = place
        names.append(_escaped(name) if place is not None else str(name))
    return "/".join(reversed(names))


def _escaped(name: str | int) -> str:
    return str(name).replace("~", "~0").replace("/", "~1")
