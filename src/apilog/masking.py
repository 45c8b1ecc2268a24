"""Masking: a pure function over the finished event, before anything else sees it.

It covers headers, cookies, the query, forms and JSON of any depth under sensitive names, whatever
the type of the value. It notes what it did by place and rule, never by value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias
from urllib.parse import quote_plus, unquote_plus

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
    "referer location content-location origin link refresh hx-current-url x-forwarded-uri"
    " x-original-uri x-original-url x-envoy-original-path x-rewrite-url".split()
)
_CREDENTIALS = frozenset({"authorization", "proxy-authorization"})
_SCHEMES = frozenset(
    "apikey aws4-hmac-sha256 basic bearer digest dpop hawk hmac jwt negotiate ntlm oauth"
    " scram-sha-1 scram-sha-256 signature token".split()
)
_NEXT_COOKIE = re.compile(r"\n|,\s*(?=[^;,=\s]+=)")
_USERINFO = re.compile(r"(?<=//)[^/?#\s]*@")
_IDENTITY = ("user_id", "company_id", "session_token")

_AFTER_NAME = re.compile(r"""(["'])\s*:\s*""")
_STRINGS = {
    '"': re.compile(r'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL),
    "'": re.compile(r"[^'\\]*(?:\\.[^'\\]*)*", re.DOTALL),
}
_ESCAPED = re.compile(r"\\+u([0-9a-fA-F]{4})")
_SCALAR = re.compile(r"[\w.+-]+(?=\s*(?:[,}\]\r\n]|$))|[^\r\n]*")
_LONGEST_NAME = 300
"""Characters of a name that is looked for in text that cannot be parsed."""

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
            except BodyNotMaskedError as error:
                own = metadata.get("apilog")
                kept: dict[str, JSON] = own if isinstance(own, dict) else {}
                document["metadata"] = {"apilog": {**kept, "metadata_omitted": str(error)}}
        if self._patterns:
            for name in _IDENTITY:
                said = document.get(name)
                if isinstance(said, str):
                    document[name] = self._text(said, f"/{name}", notes)
            for note in notes:
                if isinstance(note, dict):  # the names on the way may match as well
                    note["path"] = self._text(str(note["path"]), "", [])
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
            return f"{scheme} {MASK}" if separator and scheme.lower() in _SCHEMES else MASK
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
        if "@" in uri:
            masked = _USERINFO.sub(f"{MASK}@", uri)
            if masked != uri:
                uri = masked
                _note(notes, where, "userinfo")
        rest, hash_mark, fragment = uri.partition("#")
        path, question_mark, query = rest.partition("?")
        if question_mark:
            query = self._parameters(query, self._query, where, notes)
        if hash_mark:  # where OAuth's implicit flow has its token
            fragment = self._parameters(fragment, self._query, where, notes)
        uri = path + question_mark + query + hash_mark + fragment
        return self._text(uri, where, notes) if self._patterns else uri

    def _parameters(self, text: str, rules: KeyRule, where: str, notes: Notes) -> str:
        """Mask values of ``name=value&...`` text and leave every other byte as it was."""
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
                    _note(notes, place, f"query:{rule}")
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

    def _text_body(self, text: str, content_type: str, where: str, notes: Notes) -> str:
        media = media_type(content_type)
        masked = None if media.is_form else self._json_text(text, where, notes)
        if masked is not None:
            text = masked
        elif media.is_form:
            text = self._parameters(text, self._fields, where, notes)
        elif media.is_lines and "\n" in text:
            lines = text.split("\n")
            for number, line in enumerate(lines):
                masked = self._json_text(line, f"{where}/{number}", notes)
                lines[number] = line if masked is None else masked
            text = "\n".join(lines)
        if not media.is_form:
            text = self._loose_text(text, where, notes)
        return self._text(text, where, notes) if self._patterns else text

    def _nested(self, text: str, where: str, notes: Notes) -> str:
        """Mask what stands under sensitive names in *text*, JSON or not."""
        masked = self._json_text(text, where, notes)
        return self._loose_text(text if masked is None else masked, where, notes)

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
        """Mask values after sensitive names in quotes, in text that need not be JSON as a whole.

        It finds what no parser does: in JSON that is broken, cut, quoted in other text, or that
        names a thing twice. An object or a list that nothing parses is masked to the text's end.
        """
        kept: list[str] = []
        begin = 0
        found = _AFTER_NAME.search(text)
        while found is not None:
            after = found.end()
            rule, delimiter = self._name_before(text, found)
            if rule is not None:
                end, value = _loose_value(text, after, delimiter)
                if value != MASK:
                    kept += (text[begin:after], delimiter, MASK, delimiter)
                    begin = end
                    _note(notes, where, f"field:{rule}")
                after = end
            found = _AFTER_NAME.search(text, after)
        return "".join(kept) + text[begin:] if kept else text

    def _name_before(self, text: str, found: re.Match[str]) -> tuple[str | None, str]:
        """Return the rule for the name that ends in *found*, and how it is quoted."""
        quote = found[1]
        end = found.start()
        while end and text[end - 1] == "\\":
            end -= 1
        low = max(0, end - _LONGEST_NAME)
        name = text[text.rfind(quote, low, end) + 1 or low : end]
        name = _ESCAPED.sub(lambda escape: chr(int(escape[1], 16)), name)
        return self._fields[name], text[end : found.start()] + quote

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
                for index, value in enumerate(node):
                    if isinstance(value, (dict, list)):
                        pending.append((value, (place, index), depth - 1))
                    elif isinstance(value, str) and _may_hold_names(value):
                        node[index] = masked = self._nested(value, _path((place, index)), notes)
                        hit = hit or masked != value
                continue
            for key, value in node.items():
                rule = rules[key]
                if rule is None:
                    if isinstance(value, (dict, list)):
                        pending.append((value, (place, key), depth - 1))
                    elif isinstance(value, str) and _may_hold_names(value):
                        node[key] = masked = self._nested(value, _path((place, key)), notes)
                        hit = hit or masked != value
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
            if isinstance(node, dict):
                hit = self._mask_names(node, _path(place), notes) or hit
            for key in list(node) if isinstance(node, dict) else range(len(node)):
                value = node[key]  # type: ignore[index]
                if isinstance(value, str):
                    masked = self._text(value, _path((place, key)), notes)
                    node[key] = masked  # type: ignore[index]
                    hit = hit or masked != value
                elif isinstance(value, (dict, list)):
                    pending.append((value, (place, key)))
        return hit

    def _mask_names(self, node: dict[str, JSON], where: str, notes: Notes) -> bool:
        """Mask what the user's patterns match in the names of *node* itself; say if any did."""
        names = {name: self._text(name, where, notes) for name in node}
        if all(name == masked for name, masked in names.items()):
            return False
        renamed = {masked: node[name] for name, masked in names.items()}
        node.clear()
        node.update(renamed)
        return True

    def _text(self, text: str, where: str, notes: Notes) -> str:
        for number, pattern in enumerate(self._patterns):
            masked = pattern.sub(MASK, text)
            if masked != text:
                text = masked
                _note(notes, where, f"pattern:{number}")
        return text


def _may_hold_names(text: str) -> bool:
    return ":" in text and ('"' in text or "'" in text)


def _loose_value(text: str, begin: int, delimiter: str) -> tuple[int, str]:
    """Return where the value that begins at *begin* ends, and the value without its delimiters."""
    if text.startswith(delimiter, begin):
        begin += len(delimiter)
        if len(delimiter) == 1:
            string = _STRINGS[delimiter].match(text, begin)
            end = string.end() if string else begin
        else:
            closing = re.compile(rf"(?<!\\){re.escape(delimiter)}").search(text, begin)
            end = closing.start() if closing else len(text)
        return min(len(text), end + len(delimiter)), text[begin:end]
    if text[begin : begin + 1] in ("{", "["):
        end = text.find("\n", begin) if len(delimiter) > 1 else -1
        return (len(text) if end < 0 else end), ""
    scalar = _SCALAR.match(text, begin)
    end = scalar.end() if scalar else begin
    return end, text[begin:end]


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
