"""Reading XML and HTML: where tags, comments and sections begin and end in a text.

One reader serves both. XML is found well-formed first, by expat; HTML is read as browsers do.
Nothing here is read twice: it takes time in proportion to the text.
"""

from __future__ import annotations

import html
import re
from typing import NamedTuple
from xml.parsers import expat

from apilog.codec import MAX_DEPTH

_S = r"[ \t\n\f\r]"
_FIRST = r"[A-Za-z_:\x80-\U0010ffff]"
_MARKUP = re.compile(rf"<(?=/?{_FIRST}|[!?])")
_NAME = re.compile(r"[^ \t\n\f\r/<>]+")
_PLAIN_TAG = re.compile(r"([^ \t\n\f\r/<>]+)(?:>|(?=<))")
_GAP = re.compile(r"[ \t\n\f\r/]*")
_ATTRIBUTE = re.compile(
    rf"""(=?[^ \t\n\f\r/<>=]*)(?:{_S}*={_S}*(?:"([^"]*)"?|'([^']*)'?|([^ \t\n\f\r<>]*)))?"""
)
_END_TAG = re.compile(r"</([^ \t\n\f\r/<>]+)")
_REFERRED = (
    r"(?:#[xX]0*([0-9a-fA-F]{1,6});?|#0*([0-9]{1,7});?"
    r"|([A-Za-z][A-Za-z0-9]{1,31}(?:;|(?![=A-Za-z0-9]))))"
)
_REFERENCE = re.compile("&" + _REFERRED)
_ESCAPED_REFERENCE = re.compile("&(?:amp;)*" + _REFERRED)
_DECLARATION = re.compile(
    rf"<\?xml{_S}+version{_S}*={_S}*(?:'1\.[0-9]'|\"1\.[0-9]\")"
    rf"(?:{_S}+encoding{_S}*={_S}*(?:'[A-Za-z][\w.-]*'|\"[A-Za-z][\w.-]*\"))?"
    rf"(?:{_S}+standalone{_S}*={_S}*(?:'yes'|'no'|\"yes\"|\"no\"))?{_S}*\?>",
    re.ASCII,
)

_ASIDES = {"<!--": "-->", "<![CDATA[": "]]>", "<?": ">", "<!": ">"}
"""What opens something that is no tag, and what closes it in HTML."""

VOID = frozenset(
    "area base br col embed frame hr img input link meta param source track wbr".split()
)
"""Elements of HTML that hold nothing."""

RAW = {
    name: re.compile(rf"</{name}(?=[ \t\n\f\r/>])", re.IGNORECASE)
    for name in "script style textarea title xmp iframe noembed noframes".split()
}
"""Elements of HTML that hold no tags, with what ends them."""


class Attribute(NamedTuple):
    """An attribute: where its name begins, and where its value does and ends, quotes aside."""

    name: str
    at: int
    begin: int
    end: int
    has_value: bool
    is_quoted: bool


class Tag(NamedTuple):
    """A tag; it *is_empty* if it ends itself."""

    name: str
    attributes: list[Attribute]
    is_empty: bool
    end: int


def decoded(text: str) -> str:
    """Return *text* with characters in the place of references to them."""
    return _REFERENCE.sub(_character, text) if "&" in text else text


def flattened(text: str) -> str:
    """Return *text* `decoded`, also where references were escaped, however often."""
    return _ESCAPED_REFERENCE.sub(_character, text)


def _character(reference: re.Match[str]) -> str:
    hexadecimal, decimal, name = reference.groups()
    if name is not None:
        return html.unescape(f"&{name}")
    return html.unescape(f"&#x{hexadecimal};" if hexadecimal else f"&#{decimal};")


def held(content: str) -> str:
    """Return the text that *content* of an element stands for; with tags in it, as it is."""
    content = content.strip()
    if content.startswith("<![CDATA[") and content.find("]]>") == len(content) - 3:
        return content[9:-3].strip()
    return content if "<" in content else decoded(content).strip()


def holds_tags(text: str) -> bool:
    """Say whether *text* can have a tag, a comment or a section in it."""
    return _MARKUP.search(text) is not None


def holds_markup(text: str) -> bool:
    """Say whether *text* can have tags or references to characters in it."""
    return holds_tags(text) or ("&" in text and _REFERENCE.search(text) is not None)


def count_elements(xml: str) -> int:
    """Return how many elements *xml* has; what its declaration says of an encoding is past.

    Raises:
        ValueError: it is not well-formed, has a document type, or is nested too deeply.
    """
    count = depth = 0

    def start(_name: str, _attributes: list[str]) -> None:
        nonlocal count, depth
        count += 1
        depth += 1
        if depth > MAX_DEPTH:
            raise ValueError("nested too deeply")

    def end(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def refuse(*_parts: object) -> None:
        raise ValueError("a document type can give anything any name")

    parser = expat.ParserCreate("utf-8")
    parser.ordered_attributes = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = refuse
    begin = 1 if xml.startswith("\ufeff") else 0
    declaration = _DECLARATION.match(xml, begin)
    try:
        parser.Parse(xml[declaration.end() if declaration else begin :].encode(), True)
    except UnicodeEncodeError:
        raise ValueError("a lone surrogate") from None  # the error would carry the text
    except expat.ExpatError as error:
        raise ValueError("not well-formed XML") from error
    return count


class Source:
    """A text that is read as markup; *xml* is well-formed."""

    def __init__(self, text: str, *, xml: bool) -> None:
        self.text = text
        self.elements = 0
        """Elements that were read."""
        self._xml = xml
        self._missing: set[str] = set()
        self._ends: dict[str, int] | None = None
        self._edits: list[tuple[int, int, int, str]] = []

    def edit(self, begin: int, end: int, new: str) -> None:
        """Put *new* in the place of what stands from *begin* to *end*."""
        self._edits.append((begin, -end, -len(self._edits), new))

    def edited(self) -> str:
        """Return the text with all edits; of two in one place the wider or later one."""
        kept: list[str] = []
        at = 0
        for begin, end, _, new in sorted(self._edits):
            if begin >= at:
                kept += (self.text[at:begin], new)
                at = -end
        return "".join(kept) + self.text[at:] if kept else self.text

    def markup(self, at: int) -> int:
        """Return where the next tag, comment or section begins, or -1."""
        found = _MARKUP.search(self.text, at)
        return found.start() if found else -1

    def tag(self, name_at: int) -> Tag:
        """Read the tag whose name begins at *name_at*; another one, or the end, ends it as well."""
        text = self.text
        if plain := _PLAIN_TAG.match(text, name_at):
            return Tag(plain[1], [], False, plain.end())
        at = _end(_NAME, text, name_at)
        name = text[name_at:at]
        attributes: list[Attribute] = []
        while True:
            gap, at = at, _end(_GAP, text, at)
            following = text[at : at + 1]
            found = None if following in ("", "<", ">") else _ATTRIBUTE.match(text, at)
            if found is None:
                is_empty = text.endswith("/", gap, at)
                return Tag(name, attributes, is_empty, at + (following == ">"))
            kind = found.lastindex or 1  # the group that came last: the name, or a kind of value
            begin, end = found.span(kind)
            attributes.append(Attribute(found[1], at, begin, end, kind > 1, kind < 4))
            at = found.end()

    def start_tag(self, begin: int) -> Tag:
        """Read and count the start tag at *begin*."""
        self.elements += 1
        return self.tag(begin + 1)

    def aside(self, begin: int) -> tuple[int, int, int]:
        """Return where what is no tag has its content, from and to, and where it ends."""
        opening = next(each for each in _ASIDES if self.text.startswith(each, begin))
        closing = "?>" if opening == "<?" and self._xml else _ASIDES[opening]
        first = begin + len(opening)
        end = -1 if closing in self._missing else self.text.find(closing, first)
        if end < 0:  # it opens nothing: what comes after it is read like anything else
            self._missing.add(closing)
            return first, first, first
        return first, end, end + len(closing)

    def raw_end(self, name: str, at: int) -> int:
        """Return where the content of a raw element ends that begins at *at*."""
        found = RAW[name].search(self.text, at)
        return found.start() if found else len(self.text)

    def is_closed(self, name: str, at: int) -> bool:
        """Say whether any end tag of *name*, in lower case, comes after *at*."""
        if self._ends is None:
            found = _END_TAG.finditer(self.text)
            self._ends = {each[1].lower(): each.start() for each in found}
        return self._ends.get(name, -1) >= at

    def content(self, name: str, at: int) -> tuple[int, int]:
        """Return where the element *name* ends whose content begins at *at*: content, end tag."""
        open_elements = 1
        if not self._xml and name in RAW:
            at = self.raw_end(name, at)
        while (begin := self.markup(at)) >= 0:
            following = self.text[begin + 1]
            if following in "!?":
                at = self.aside(begin)[2]
                continue
            is_end = following == "/"
            tag = self.tag(begin + 2) if is_end else self.start_tag(begin)
            at = tag.end
            other = tag.name if self._xml else tag.name.lower()
            if other != name:
                if not (is_end or self._xml or tag.is_empty) and other in RAW:
                    at = self.raw_end(other, at)
            elif is_end:
                open_elements -= 1
                if not open_elements:
                    return begin, at
            elif not tag.is_empty:
                open_elements += 1
        return len(self.text), len(self.text)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at
