"""Multipart forms (RFC 7578), reduced to what a log should know of them."""

from __future__ import annotations

import re
from collections.abc import Callable

from apilog import codec
from apilog.codec import JSON
from apilog.media_type import media_type

_NAME = re.compile(r'[; ]name="((?:[^"\\]|\\.)*)"|[; ]name=([^";\s]+)', re.IGNORECASE)
_FILE = re.compile(r"[; ]filename\*?=(?:\"((?:[^\"\\]|\\.)*)\"|([^\";\s]+))", re.IGNORECASE)


def fields(
    body: bytes, boundary: str, digest: Callable[[bytes], str] | None = None
) -> dict[str, JSON]:
    """Return the fields of a multipart form by name; a repeated name gives a list.

    Of a file only its name, type, size in bytes and *digest* are kept, never its content; the same
    goes for a field that is not UTF-8.

    Raises:
        ValueError: *body* is not a complete multipart form with this boundary.
    """
    delimiter = b"--" + boundary.encode("latin-1", "replace")
    _preamble, *parts = (b"\r\n" + body).split(b"\r\n" + delimiter)
    if not boundary or not parts or not parts[-1].startswith(b"--"):
        raise ValueError("not a complete multipart form")
    form: dict[str, JSON] = {}
    for part in parts[:-1]:
        name, value = _field(part, digest)
        present = form.get(name)
        if name not in form:
            form[name] = value
        elif isinstance(present, list):
            present.append(value)
        else:
            form[name] = [present, value]
    return form


def _field(part: bytes, digest: Callable[[bytes], str] | None) -> tuple[str, JSON]:
    head, separator, content = part.partition(b"\r\n\r\n")
    if not separator:
        raise ValueError("a part without a header")
    lines = head.decode("utf-8", "replace").split("\r\n")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines)
    }
    disposition = " " + headers.get("content-disposition", "")
    name = _NAME.search(disposition)
    if name is None:
        raise ValueError("a part without a name")
    content_type = headers.get("content-type", "")
    value = _value(content, content_type, _FILE.search(disposition), digest)
    return name[1] or name[2] or "", value


def _value(
    content: bytes,
    content_type: str,
    file: re.Match[str] | None,
    digest: Callable[[bytes], str] | None,
) -> JSON:
    if file is None:
        try:
            return codec.loads(content) if media_type(content_type).is_json else content.decode()
        except ValueError:
            pass
    described: dict[str, JSON] = {"size": len(content)}
    if content_type:
        described["content_type"] = content_type
    if file is not None:
        described["filename"] = file[1] or file[2] or ""
    if digest is not None:
        described["digest"] = digest(content)
    return described
