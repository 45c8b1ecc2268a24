"""What a ``Content-Type`` says about how a body can be read."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

_JSON = frozenset({"application/json", "text/json"})
NDJSON = frozenset(
    {
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonlines",
    }
)
"""Types whose lines are JSON each."""

_LINES = frozenset({"text/event-stream", "text/plain", "text/csv", *NDJSON})
_XML = frozenset({"application/xml", "text/xml"})
_TEXT = frozenset(
    {
        "application/ecmascript",
        "application/graphql",
        "application/javascript",
        "application/sql",
        "application/toml",
        "application/x-javascript",
        "application/x-www-form-urlencoded",
        "application/x-yaml",
        "application/xml",
        "application/yaml",
    }
)

_OPAQUE = frozenset(
    {
        "application/avro",
        "application/bson",
        "application/cbor",
        "application/flexbuffers",
        "application/gzip",
        "application/grpc",
        "application/grpc-web",
        "application/java-archive",
        "application/msgpack",
        "application/protobuf",
        "application/python-pickle",
        "application/ubjson",
        "application/vnd.android.package-archive",
        "application/vnd.apache.arrow.stream",
        "application/vnd.apache.avro",
        "application/vnd.apache.parquet",
        "application/vnd.google.protobuf",
        "application/vnd.msgpack",
        "application/vnd.sqlite3",
        "application/x-7z-compressed",
        "application/x-bson",
        "application/x-bzip2",
        "application/x-gzip",
        "application/x-msgpack",
        "application/x-protobuf",
        "application/x-rar-compressed",
        "application/x-sqlite3",
        "application/x-tar",
        "application/x-thrift",
        "application/x-xz",
        "application/zip",
        "application/zstd",
    }
)
"""Binary in which text hides: archives, and data that nobody can read without its schema."""

_CHARSET = re.compile(
    r"utf-?(8|16|32)((-?[bl]e)|-sig)?|us-ascii|ascii|iso-?8859-\d{1,2}|latin-?1|windows-125\d"
    r"|cp(125\d|437|85[0258]|86[26]|874|932|936|949|950)|shift_jis|euc-(jp|kr)|iso-2022-jp"
    r"|gb(2312|k|18030)|big5|koi8-[ru]"
)
"""Python knows codecs that are no character sets (`unicode_escape`), and some in which not even
ASCII is readable (`cp037`); a header must not pick one."""

_WIDE = re.compile(r"utf-?(16|32)")

_PARAMETER = r"""[ \t]*([\w-]+)=(?:([\w./:+-]+)|"([\w./:+=?' -]+)")[ \t]*"""
_EACH = re.compile(_PARAMETER, re.ASCII)
_USUAL = re.compile(f"{_PARAMETER}(?:;{_PARAMETER})*", re.ASCII)
"""Parameters as nearly all headers have them, without what RFC 2231 or a backslash would mean."""

_LONGEST = 512
"""Characters of a header that are read: longer ones are hostile, and answers are remembered."""


class MediaType:
    """A media type (RFC 9110 section 8.3) in lower case, with what follows from it."""

    def __init__(self, name: str, parameters: Mapping[str, str]) -> None:
        self.name = name
        self.parameters = parameters
        charset = (parameters.get("charset") or "utf-8").lower()
        self.charset = charset if _CHARSET.fullmatch(charset) else ""
        """The declared character set, else UTF-8; empty for one that text does not come in."""
        self.is_ascii_based = bool(self.charset) and _WIDE.match(self.charset) is None
        """In a character set that is known, and in which ASCII bytes stand for themselves."""
        self.is_json = name in _JSON or name.endswith("+json")
        """JSON, by name or by the suffix of RFC 6839."""
        self.is_lines = name in _LINES
        """Text whose lines can be read on their own."""
        self.is_form = name == "application/x-www-form-urlencoded"
        """A form in the encoding of the WHATWG URL standard."""
        self.is_multipart = name == "multipart/form-data"
        """A form with parts (RFC 7578)."""
        self.is_xml = name in _XML or name.endswith("+xml")
        """XML, by name or by the suffix of RFC 7303."""
        self.is_opaque = name in _OPAQUE or name.endswith(("+cbor", "+protobuf", "+proto"))
        """Data in a binary form that masking cannot look into."""
        suffixed = name.endswith(("+xml", "+yaml"))
        self.is_text = name.startswith("text/") or name in _TEXT or self.is_lines or suffixed
        """Text of any kind that is not JSON."""


def media_type(content_type: str) -> MediaType:
    """Return what *content_type*, a header value of any quality, says."""
    return _media_type(content_type[:_LONGEST])


@functools.lru_cache(maxsize=256)
def _media_type(content_type: str) -> MediaType:
    name, _, rest = content_type.partition(";")
    return MediaType(name.strip().lower(), _parameters(rest) if rest else {})


def _parameters(text: str) -> Mapping[str, str]:
    if _USUAL.fullmatch(text):
        found = [(name.lower(), quoted or token) for name, token, quoted in _EACH.findall(text)]
        return dict(reversed(found))
    return _unusual_parameters(text)


def _unusual_parameters(text: str) -> Mapping[str, str]:
    from email.message import Message  # slow to import, and seldom needed

    message = Message()
    plain = text.encode("latin-1", "replace").decode("latin-1")
    message["content-type"] = "x/x;" + plain.replace("\r", " ").replace("\n", " ")
    return {  # the first of two counts (WHATWG MIME Sniffing, section 4.4)
        name.lower(): str(value)
        for name, value in reversed(message.get_params(failobj=[])[1:])
        if isinstance(value, str)
    }
