"""Masking: a pure function over the finished event, before anything else sees it.

It covers every place of an event that holds what a client or the app sent, by the names that
secrets stand under and by the shapes that they have. It notes what it did by place and rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from typing import cast

from apilog import codec, header_mask, last_gate, random_tokens, secret_values, shape
from apilog.body_mask import BodyMask
from apilog.codec import JSON
from apilog.field_paths import FieldPaths, KeptFields, is_path
from apilog.graphql_request import GraphQLMask
from apilog.headers import find
from apilog.key_rule import HEADER_WORDS, QUERY_WORDS, KeyRule
from apilog.mask_record import (
    MASK,
    BodyNotMaskedError,
    Record,
    digest,
    is_replacement,
    keyed,
    omit,
)
from apilog.media_type import media_type
from apilog.pattern_mask import Patterns
from apilog.text_mask import TextMask
from apilog.tree_mask import TreeMask

__all__ = ["MASK", "BodyNotMaskedError", "Masking", "Record"]

_IDENTITY = frozenset({"user_id", "company_id", "subscription_id", "session_token"})
_DOCUMENT = _IDENTITY | frozenset(
    "request response metadata direction weight transaction_id".split()
)
_MESSAGE = frozenset("time uri verb headers body transfer_encoding ip_address status".split())
"""Parts of an event, and of a request or response, that are masked by rules of their own or that
the protocol speaks of."""

_CLEAN_REMEMBERED = 1_000
_LONGEST_LABEL = 28
"""Characters of a session's token from which on it is taken for what opens the session."""

_LONGEST_REMEMBERED = 200
"""Headers and addresses without a secret that are remembered, and characters of one."""


class Masking:
    """The rules in force: give them an event's document, get back what may leave the process.

    Args:
        headers: header names masked besides the defaults, in any spelling.
        query: query parameters masked besides the defaults.
        fields: names in bodies and metadata masked besides the defaults; dotted paths and JSON
            pointers name places.
        patterns: regular expressions whose matches are masked in every text.
        unmask: names taken off the defaults.
        keep: names, paths and pointers; with any, every other value of bodies, metadata, queries
            and headers is masked, too.
        shape_only: give types and sizes in the place of all values.
        key: makes pseudonyms of what is masked, for who holds it; else it becomes a constant.
    """

    def __init__(
        self,
        *,
        headers: Iterable[str] = (),
        query: Iterable[str] = (),
        fields: Iterable[str] = (),
        patterns: Iterable[re.Pattern[str]] = (),
        unmask: Iterable[str] = (),
        keep: Iterable[str] = (),
        shape_only: bool = False,
        key: bytes | None = None,
    ) -> None:
        unmasked, named = tuple(unmask), tuple(fields)
        self._headers = KeyRule(added=headers, unmasked=unmasked, anywhere=HEADER_WORDS)
        self._query = KeyRule(added=query, unmasked=unmasked, alone=QUERY_WORDS)
        self._fields = KeyRule(
            added=(name for name in named if not is_path(name)), unmasked=unmasked
        )
        self._paths = FieldPaths(filter(is_path, named)) or None
        self._kept = KeptFields(keep) or None
        self._shape_only = shape_only
        self._replacement = None if key is None else keyed(key)
        given = Patterns(patterns)
        self._trees = TreeMask(
            self._fields, self._nested, self._rule_of, self._is_secret, every_text=bool(given)
        )
        others = self._other if self._kept or shape_only else None
        self._texts = TextMask(self._fields, self._query, given, self._trees.mask, others)
        graphql = GraphQLMask(self._fields, self._texts)
        self._texts.urls.requests = graphql.mask_parameters
        self._bodies = BodyMask(self._fields, self._trees, self._texts, graphql)
        self._names = header_mask.HeaderNames(self._headers)
        self._clean: set[tuple[str, str | None]] = set()

    def apply(self, document: dict[str, JSON], record: Record | None = None) -> Record:
        """Mask *document*, an event as it travels, in place; return what was masked.

        A body that cannot be masked is taken out, and the metadata says so. Applied to what is
        masked already, it changes nothing. With the *record* of an earlier time, that is continued,
        and what apilog itself noted is masked as well: somebody may have added to it.
        """
        is_first, record = record is None, record or Record(self._replacement)
        route = _route(document)
        for side in ("request", "response"):
            message = document.get(side)
            if isinstance(message, dict):
                self._mask_head(message, f"/{side}", record, route)
                self._mask_rest(message, _MESSAGE, f"/{side}", record)
                try:
                    self._mask_body(message, f"/{side}/body", record)
                except BodyNotMaskedError as error:
                    message.pop("body")
                    message.pop("transfer_encoding", None)
                    omit(document, side, str(error))
        self._mask_metadata(document, record, is_first=is_first)
        for name in _IDENTITY & document.keys():
            said = document[name]
            if said is not None:
                text = said if isinstance(said, str) else codec.dumps(said).decode()
                document[name] = self._identity(text, name, record)
        self._mask_rest(document, _DOCUMENT, "", record)
        return record

    def _mask_rest(
        self, message: dict[str, JSON], known: Set[str], where: str, record: Record
    ) -> None:
        """Mask in *message* what is not *known* to be masked already, or to be ours."""
        if message.keys() <= known:
            return
        rest = {name: value for name, value in message.items() if name not in known}
        self._trees.mask(rest, where, record)
        message.update(rest)

    def _mask_head(
        self, message: dict[str, JSON], where: str, record: Record, route: str | None
    ) -> None:
        uri = message.get("uri")
        if isinstance(uri, str) and (uri, route) not in self._clean:
            masked = self._texts.urls.masked(uri, f"{where}/uri", record, route)
            message["uri"] = self._texts.patterns.masked(masked, f"{where}/uri", record)
            if message["uri"] == uri and len(uri) <= _LONGEST_REMEMBERED:
                self._remember((uri, route))
        headers = message.get("headers")
        if not isinstance(headers, dict):
            return
        clean = self._clean
        for name, value in headers.items():
            text = value if type(value) is str else str(value)
            if (name, text) not in clean:
                headers[name] = self._header(name, text, where, record)

    def _header(self, name: str, text: str, where: str, record: Record) -> str:
        lowered, rule = self._names[name]
        place = f"{where}/headers/{name}"
        if rule is not None:
            return header_mask.masked(lowered, text, place, rule, self._headers, record)
        if lowered in header_mask.URLS:
            masked = self._texts.urls.masked(text, place, record)
            masked = self._texts.values(masked, place, record)
        elif (self._kept or self._shape_only) and lowered not in header_mask.INNOCENT:
            masked = self._other(name, text, place, record)
        elif header_mask.PLAIN.fullmatch(text) and not self._texts.patterns:
            return text
        else:
            masked = self._texts.masked(text, place, record)
        if masked == text and len(name) + len(text) <= _LONGEST_REMEMBERED:
            self._remember((name, text))
        return masked

    def _remember(self, clean: tuple[str, str | None]) -> None:
        """Remember a header with its value, or an address with its route, as without a secret."""
        if len(self._clean) >= _CLEAN_REMEMBERED:
            self._clean.clear()
        self._clean.add(clean)

    def _mask_body(self, message: dict[str, JSON], where: str, record: Record) -> None:
        record.encoded.pop(where, None)  # an earlier time's
        body = message.get("body")
        if body is None:
            return
        media = media_type(_content_type(message))
        if isinstance(body, str) and message.get("transfer_encoding"):
            if self._kept:
                raise BodyNotMaskedError("not_kept")
            if self._shape_only:
                message["body"] = shape.bytes_shape(len(body) * 3 // 4, media.name)
                del message["transfer_encoding"]
                return
            message["body"] = self._bodies.masked_bytes(body, media, where, record)
            return
        if isinstance(body, (dict, list)):
            self._mask_paths(body, where, record)
        elif isinstance(body, str) and self._is_done(body):
            return
        elif self._kept and not (isinstance(body, str) and media.is_form):
            raise BodyNotMaskedError("not_kept")
        message["body"] = body = self._bodies.masked(body, media, where, record)
        if self._kept or self._shape_only:
            record.encoded.pop(where, None)
            message["body"] = self._reduced(body, where, record, is_form=media.is_form)

    def _is_done(self, body: str) -> bool:
        """Say whether *body* stands in the place of another one: it need not be of its type."""
        return is_replacement(body) or (self._shape_only and shape.text_shape(body) == body)

    def _mask_metadata(self, document: dict[str, JSON], record: Record, *, is_first: bool) -> None:
        metadata = document.get("metadata")
        if not isinstance(metadata, dict):
            return
        own = metadata.get("apilog")
        if isinstance(own, dict) and not is_first:
            self._trees.mask(own, "/metadata/apilog", record)
        if metadata.keys() <= {"apilog"}:
            return
        said: dict[str, JSON] = {name: each for name, each in metadata.items() if name != "apilog"}
        kept: dict[str, JSON] = {} if own is None else {"apilog": own}
        try:
            self._mask_paths(said, "/metadata", record)
            self._trees.mask(said, "/metadata", record)
            reduced = self._reduced(said, "/metadata", record, is_form=False)
            document["metadata"] = cast("dict[str, JSON]", reduced) | kept
        except BodyNotMaskedError as error:
            own = {**(own if isinstance(own, dict) else {}), "metadata_omitted": str(error)}
            document["metadata"] = {"apilog": own}

    def _mask_paths(self, root: dict[str, JSON] | list[JSON], where: str, record: Record) -> None:
        if self._paths is None:
            return

        def hit(node: dict[str, JSON] | list[JSON], key: str | int, place: str) -> None:
            node[key] = record.replaced(node[key], place, "field:option")  # type: ignore[index]

        self._paths.visit(root, where, hit)

    def _reduced(self, body: JSON, where: str, record: Record, *, is_form: bool) -> JSON:
        """Return of *body* what an allow-list keeps, or its shape."""
        if isinstance(body, (dict, list)) and self._kept:

            def replace(value: JSON, place: str) -> JSON:
                return record.replaced(value, place, "not-kept", sought=False)

            body = self._kept.mask_others(body, where, replace)
        if self._shape_only and not is_form:
            return shape.text_shape(body) if isinstance(body, str) else shape.shape(body)
        return body

    def _other(self, name: str, text: str, where: str, record: Record) -> str:
        """Return what stays of *text*, a parameter or a header that no rule asks for."""
        if self._kept and not self._kept.keeps(name):
            return record.replaced(text, where, "not-kept", sought=False)
        text = self._texts.masked(text, where, record)
        return shape.text_shape(text) if self._shape_only else text

    def _nested(self, text: str, where: str, record: Record, layer: int) -> str:
        return self._texts.masked(text, where, record, layer)

    def _rule_of(self, text: str) -> str | None:
        return self._texts.rule_of(text)

    def _is_secret(self, text: str) -> bool:
        return self._texts.masked(text, "", Record()) != text

    def _identity(self, said: str, name: str, record: Record) -> str:
        """Return who or what the app named, or a pseudonym where that is a credential itself."""
        if self._fields.spares(name):
            return said
        is_random = random_tokens.token_like(said)
        is_session = name == "session_token" and (is_random or len(said) >= _LONGEST_LABEL)
        is_known = said in record.values and last_gate.is_telling(said)
        if is_session or is_known or secret_values.find(said):
            makes = self._replacement or digest  # no constant: calls of one session belong together
            return record.replaced(said, f"/{name}", "credential", replacement=makes)
        return self._texts.masked(said, f"/{name}", record)


def _route(document: dict[str, JSON]) -> str | None:
    metadata = document.get("metadata")
    own = metadata.get("apilog") if isinstance(metadata, dict) else None
    route = own.get("route") if isinstance(own, dict) else None
    return route if isinstance(route, str) else None


def _content_type(message: dict[str, JSON]) -> str:
    headers = message.get("headers")
    if not isinstance(headers, dict):
        return ""
    for name in ("Content-Type", "content-type"):
        if name in headers:
            return str(headers[name])
    return find([(name, str(value)) for name, value in headers.items()], "content-type")
