"""Masking of bodies, each by what its media type says that it is."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from apilog import line_mask, markup_mask, plain_text_mask, wide_text
from apilog.codec import JSON
from apilog.graphql_request import GraphQLMask
from apilog.key_rule import KeyRule
from apilog.mask_record import BodyNotMaskedError, Record
from apilog.media_type import NDJSON, MediaType
from apilog.text_mask import TextMask
from apilog.tree_mask import TreeMask

Masker: TypeAlias = "Callable[[str, str, Record], str]"

_FORM = re.compile(r"[^\s=&]+=[^\s&]*(?:&[^\s=&]+=[^\s&]*)+")
"""A form by another name; one pair alone is found as text."""


class BodyMask:
    """Mask a body, as an event carries it, by its media type.

    A body that claims a type and cannot be read as it raises `BodyNotMaskedError`.
    """

    def __init__(
        self, fields: KeyRule, trees: TreeMask, texts: TextMask, graphql: GraphQLMask
    ) -> None:
        self._fields = fields
        self._trees = trees
        self._texts = texts
        self._graphql = graphql
        self._by_name: Mapping[str, Masker] = {
            "application/graphql": self._document,
            "text/csv": self._csv,
            "text/event-stream": self._event_stream,
            "text/html": self._html,
            **dict.fromkeys(NDJSON, self._ndjson),
        }

    def masked(self, body: JSON, media: MediaType, where: str, record: Record) -> JSON:
        """Return *body* masked: JSON as it came, or text."""
        if isinstance(body, (dict, list)):
            self._graphql.mask(body, where, record)
            encoded = self._trees.clean(body, where, record)
            if encoded is not None:
                record.encoded[where] = encoded
            return body
        if isinstance(body, str):
            return self._masker(media)(body, where, record)
        if body is not None and not isinstance(body, bool):
            return self._trees.number(body, where, record)
        return body

    def masked_bytes(self, encoded: str, media: MediaType, where: str, record: Record) -> str:
        """Return a body in base64 masked: text in it as text, and binary only if it holds nothing.

        Raises:
            BodyNotMaskedError: binary that holds what looks like a secret.
        """
        body = base64.b64decode(encoded)
        charset = _readable_as(body) or ("latin-1" if media.is_text else "")
        if not charset:  # a character for every byte is good enough to look for shapes
            if _holds_names(body, media) or self._holds_values(body):
                raise BodyNotMaskedError("secret_in_binary")
            return encoded
        text = body.decode(charset)
        masked = self._masker(media)(text, where, record)
        if masked == text:
            return encoded
        return base64.b64encode(masked.encode(charset, "replace")).decode("ascii")

    def _holds_values(self, body: bytes) -> bool:
        """Say whether binary holds what is a secret whatever its name, a character for a byte."""
        return self._texts.rule_of(body.decode("latin-1")) is not None

    def _masker(self, media: MediaType) -> Masker:
        if media.is_form:
            return self._form
        if media.is_json:
            return self._texts.masked  # one JSON string
        if media.is_xml:
            return self._xml
        return self._by_name.get(media.name, self._plain)

    def _plain(self, text: str, where: str, record: Record) -> str:
        if "&" in text and _FORM.fullmatch(text):
            return self._form(text, where, record)
        lines = text.split("\n")
        if len(lines) > 1 and sum(line.lstrip()[:1] in ("{", "[") for line in lines) > 1:
            for number, line in enumerate(lines):  # NDJSON by another name
                lines[number] = self._texts.json(line, f"{where}/{number}", record) or line
            text = "\n".join(lines)
        return self._texts.masked(text, where, record)

    def _form(self, text: str, where: str, record: Record) -> str:
        return self._texts.urls.parameters(text, self._fields, "field", where, record)

    def _ndjson(self, text: str, where: str, record: Record) -> str:
        return line_mask.masked_ndjson(text, where, record, self._texts)

    def _event_stream(self, text: str, where: str, record: Record) -> str:
        return line_mask.masked_event_stream(text, where, record, self._texts)

    def _document(self, text: str, where: str, record: Record) -> str:
        return self._graphql.document(text, where, record)[0]

    def _html(self, text: str, where: str, record: Record) -> str:
        masked = self._texts.json(text, where, record)
        if masked is not None:  # JSON by another name
            return masked
        text = self._by(markup_mask.masked_html, text, where, record)
        return self._texts.quoted_names(text, where, record)

    def _xml(self, text: str, where: str, record: Record) -> str:
        return self._by_parser(markup_mask.masked_xml, text, where, record)

    def _csv(self, text: str, where: str, record: Record) -> str:
        return self._by_parser(plain_text_mask.masked_csv, text, where, record)

    def _by_parser(self, masked: Callable[..., str], text: str, where: str, record: Record) -> str:
        """Mask *text* by a masker that has to read it first, and refuses what it cannot."""
        try:
            return self._by(masked, text, where, record)
        except BodyNotMaskedError:
            raise
        except ValueError as error:
            raise BodyNotMaskedError("unparsable") from error

    def _by(self, masked: Callable[..., str], text: str, where: str, record: Record) -> str:
        return masked(
            text,
            where,
            rules=self._fields,
            replaced=record.replaced,
            inner=lambda part, place: self._texts.masked(part, place, record),
        )


def _readable_as(body: bytes) -> str:
    """Return the charset in which *body*, whatever its type, is text that somebody could read."""
    charset = wide_text.charset(body)
    try:
        return "" if "\0" in body.decode(charset) else charset
    except UnicodeDecodeError:
        return ""


def _holds_names(body: bytes, media: MediaType) -> bool:
    """Say whether *body* is binary that names a secret, as MessagePack, CBOR and the like do."""
    if media.name.partition("/")[0] in ("image", "audio", "video", "font"):
        return False
    lowered = body.lower()
    return any(name in lowered for name in _NAMES)


_NAMES = (
    b"password",
    b"passwd",
    b"secret",
    b"apikey",
    b"api_key",
    b"access_token",
    b"authorization",
)
