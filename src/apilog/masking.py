"""Masking: a pure function over the finished event, before anything else sees it.

It covers headers, cookies, the query, forms and JSON of any depth under sensitive names, whatever
the type of the value. It notes what it did by place and rule, never by value.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from typing import Any, TypeAlias
from urllib.parse import quote_plus, unquote_plus

from apilog import codec, header_mask, loose_text
from apilog.codec import JSON, MAX_DEPTH
from apilog.headers import find
from apilog.key_rule import HEADER_WORDS, QUERY_WORDS, KeyRule, Shapes
from apilog.mask_notes import MASK, Notes, Place, note, omit, pointer
from apilog.media_type import media_type
from apilog.pattern_mask import Patterns

_USERINFO = re.compile(r"(?<=//)[^/?#\s]*@")
_PLAIN_PARAMETERS = re.compile(r"[\w.~/:=&-]*", re.ASCII)
"""Parameters in which nothing is encoded or quoted: most are, and their names say it all."""

_IDENTITY = ("user_id", "company_id", "session_token")

_OWN = {"apilog"}
"""What metadata holds when nobody added to it: nothing of the caller's but the route."""

_Tree: TypeAlias = "dict[str, JSON] | list[JSON]"


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
        self._shapes = Shapes(self._fields)
        self._patterns = Patterns(patterns)
        self._treatments = header_mask.Treatments(self._headers, every=bool(self._patterns))

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
        if isinstance(metadata, dict) and (self._patterns or metadata.keys() != _OWN):
            try:
                self._mask_tree(metadata, "/metadata", notes)
            except BodyNotMaskedError as error:
                own = metadata.get("apilog")
                kept: dict[str, JSON] = own if isinstance(own, dict) else {}
                document["metadata"] = {"apilog": {**kept, "metadata_omitted": str(error)}}
        if self._patterns:
            self._match_rest(document, notes)
        return notes

    def _match_rest(self, document: dict[str, JSON], notes: Notes) -> None:
        """Mask what the user's patterns match in names of people, and in the notes themselves."""
        for name in _IDENTITY:
            said = document.get(name)
            if isinstance(said, str):
                document[name] = self._patterns.masked(said, f"/{name}", notes)
        for each in notes:
            if isinstance(each, dict):
                each["path"] = self._patterns.masked(str(each["path"]), "", [])

    def _mask_head(self, message: dict[str, JSON], where: str, notes: Notes) -> None:
        uri = message.get("uri")
        if isinstance(uri, str):
            message["uri"] = self._uri(uri, f"{where}/uri", notes)
        headers = message.get("headers")
        if not isinstance(headers, dict):
            return
        for name, value in headers.items():
            treatment = self._treatments[name]
            if treatment is None:
                continue
            lowered, rule = treatment
            place, text = f"{where}/headers/{name}", str(value)
            if rule is not None:
                headers[name] = masked = header_mask.masked(lowered, text, self._headers)
                if masked != text:
                    note(notes, place, f"header:{rule}")
            elif lowered in header_mask.URLS:
                headers[name] = self._uri(text, place, notes)
            else:
                headers[name] = self._patterns.masked(text, place, notes)

    def _uri(self, uri: str, where: str, notes: Notes) -> str:
        if "@" in uri:
            given, uri = uri, _USERINFO.sub(f"{MASK}@", uri)
            if uri != given:
                note(notes, where, "userinfo")
        rest, hash_mark, fragment = uri.partition("#")
        path, question_mark, query = rest.partition("?")
        if question_mark:
            query = self._parameters(query, self._query, where, notes)
        if hash_mark:  # where OAuth's implicit flow has its token
            fragment = self._parameters(fragment, self._query, where, notes)
        uri = path + question_mark + query + hash_mark + fragment
        return self._patterns.masked(uri, where, notes)

    def _parameters(self, text: str, rules: KeyRule, where: str, notes: Notes) -> str:
        """Mask values of ``name=value&...`` text and leave every other byte as it was."""
        if _PLAIN_PARAMETERS.fullmatch(text):
            names = (pair.partition("=")[0] for pair in text.split("&"))
            if all(rules[name] is None for name in names):
                return text
        text = self._loose_text(text, where, notes)  # first: names with values in them are noted
        return "&".join(self._pair(pair, rules, where, notes) for pair in text.split("&"))

    def _pair(self, pair: str, rules: KeyRule, where: str, notes: Notes) -> str:
        """Mask one ``name=value``, or the end of ``a=b;name=value``: some servers divide there."""
        begin = 0
        for part in pair.split(";"):
            name, equals, value = part.partition("=")
            plain = unquote_plus(name)
            rule = rules[plain]
            if rule is not None and equals:
                masked = f"{pair[:begin]}{name}={MASK}"
                if masked != pair:
                    place = where if '"' in plain or "'" in plain else f"{where}?{plain}"
                    kind = "query" if rules is self._query else "field"
                    note(notes, place, f"{kind}:{rule}")
                return masked
            begin += len(part) + 1
        begin = pair.find("=") + 1
        value = pair[begin:]
        if '"' in value or "%22" in value:
            plain = unquote_plus(value)
            masked = self._nested(plain, where, notes)
            if masked != plain:
                return pair[:begin] + quote_plus(masked, safe="*")
        return pair

    def _mask_body(self, message: dict[str, JSON], where: str, notes: Notes) -> None:
        body = message.get("body")
        if isinstance(body, (dict, list)):
            self._mask_tree(body, where, notes)
        elif isinstance(body, str) and not message.get("transfer_encoding"):
            message["body"] = self._text_body(body, _content_type(message), where, notes)
        elif isinstance(body, str) and media_type(_content_type(message)).is_text:
            message["body"] = self._bytes_body(body, _content_type(message), where, notes)

    def _bytes_body(self, encoded: str, content_type: str, where: str, notes: Notes) -> str:
        """Mask text that travels in base64 because some of its bytes are no characters."""
        text = base64.b64decode(encoded).decode("latin-1")  # a character for every byte
        masked = self._text_body(text, content_type, where, notes)
        if masked == text:
            return encoded
        return base64.b64encode(masked.encode("latin-1", "replace")).decode("ascii")

    def _text_body(self, text: str, content_type: str, where: str, notes: Notes) -> str:
        media = media_type(content_type)
        if media.is_form:
            text = self._parameters(text, self._fields, where, notes)
            return self._patterns.masked(text, where, notes)
        if ":" not in text:  # without which nothing in it has a name
            return self._patterns.masked(text, where, notes)
        masked = self._json_text(text, where, notes)
        if masked is not None:
            text = masked
        elif media.is_lines and "\n" in text:
            lines = text.split("\n")
            for number, line in enumerate(lines):
                lines[number] = self._json_text(line, f"{where}/{number}", notes) or line
            text = "\n".join(lines)
        return self._patterns.masked(self._loose_text(text, where, notes), where, notes)

    def _nested(self, text: str, where: str, notes: Notes) -> str:
        """Mask what stands under sensitive names in *text*, JSON or not."""
        return self._loose_text(self._json_text(text, where, notes) or text, where, notes)

    def _json_text(self, text: str, where: str, notes: Notes) -> str | None:
        """Mask *text* if it is JSON, or an event stream's data line with JSON; else return None."""
        prefix, json_text = ("data: ", text[5:]) if text.startswith("data:") else ("", text)
        if json_text.lstrip()[:1] not in ("{", "["):
            return None
        try:
            tree = codec.loads(json_text)
        except ValueError:
            return None
        if isinstance(tree, (dict, list)) and self._mask_tree(tree, where, notes):
            return prefix + codec.dumps(tree).decode() + ("\r" if text.endswith("\r") else "")
        return text

    def _loose_text(self, text: str, where: str, notes: Notes) -> str:
        """Mask values after sensitive names in quotes, in text that need not be JSON."""
        masked, met = loose_text.masked(text, self._fields, MASK)
        for rule in met:
            note(notes, where, f"field:{rule}")
        return masked

    def _mask_tree(self, root: _Tree, where: str, notes: Notes) -> bool:
        """Mask what stands under sensitive names, of any type, at any depth; say if any did."""
        shapes = self._shapes
        hit = False
        pending: list[tuple[Any, Place, int]] = [(root, (None, where), MAX_DEPTH)]
        while pending:
            node, place, depth = pending.pop()
            if depth == 0:
                raise BodyNotMaskedError("too_deep")
            items: Iterable[tuple[Any, Any]]
            if type(node) is dict:
                for name, rule in shapes[tuple(node)]:
                    if node[name] != MASK:
                        node[name] = MASK
                        hit = True
                        note(notes, pointer((place, name)), f"field:{rule}")
                items = node.items()
            else:
                items = enumerate(node)
            for key, value in items:
                kind = type(value)
                if kind is str:
                    if ":" in value and loose_text.may_hold_names(value):
                        node[key] = masked = self._nested(value, pointer((place, key)), notes)
                        hit = hit or masked != value
                elif kind is dict or kind is list:
                    pending.append((value, (place, key), depth - 1))
        return self._patterns.mask_tree(root, where, notes) or hit if self._patterns else hit


def _content_type(message: dict[str, JSON]) -> str:
    headers = message.get("headers")
    if not isinstance(headers, dict):
        return ""
    for name in ("Content-Type", "content-type"):
        if name in headers:
            return str(headers[name])
    return find([(name, str(value)) for name, value in headers.items()], "content-type")
