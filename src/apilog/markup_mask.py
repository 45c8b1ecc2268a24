"""Sensitive names in XML and HTML, over the text itself: what is not masked keeps every byte.

A document that can be read in two ways is read in the one that hides more.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence

from apilog import markup
from apilog.codec import MAX_DEPTH
from apilog.markup import RAW, VOID, Attribute, Source, Tag, decoded
from apilog.markup_names import Frame, Namer, is_key, is_template, is_value

_DEEPEST = 4
"""Texts within texts that are read as markup: escaped, in sections, in comments."""

_FLAG = re.compile(r"[A-Za-z-]{1,30}")


def masked_xml(
    text: str,
    where: str,
    *,
    rules: Mapping[str, str | None],
    replaced: Callable[[str, str, str], str],
    inner: Callable[[str, str], str],
) -> str:
    """Return the XML document *text* with what stands under sensitive names replaced.

    *inner* masks every other text, value, comment and section in it. Takes what is masked already
    as it is.

    Raises:
        ValueError: it is not well-formed, has a document type, is nested too deeply, or has a
            secret for the name of something.
    """
    elements = markup.count_elements(text)
    masker = _Masker(text, rules, replaced, inner, xml=True)
    masked = masker.masked(where)
    if masker.source.elements != elements:
        raise ValueError("XML that is read in two ways")
    return masked


def masked_html(
    text: str,
    where: str,
    *,
    rules: Mapping[str, str | None],
    replaced: Callable[[str, str, str], str],
    inner: Callable[[str, str], str],
) -> str:
    """Return the HTML *text*, a document or a piece of any quality, masked as by `masked_xml`."""
    return _Masker(text, rules, replaced, inner).masked(where)


class _Masker:
    """One reading of one text; *depth* counts the texts that it stands in."""

    def __init__(
        self,
        text: str,
        rules: Mapping[str, str | None],
        replaced: Callable[[str, str, str], str],
        inner: Callable[[str, str], str],
        *,
        xml: bool = False,
        depth: int = 0,
        names: dict[str, str] | None = None,
    ) -> None:
        self.source = Source(text, xml=xml)
        self._rules, self._replaced, self._inner = rules, replaced, inner
        self._text, self._xml, self._depth = text, xml, depth
        self._is_page = not xml
        """Whether names are those of HTML, in which forms and headings have some as well."""
        self._frames: list[Frame] = []
        self._open: dict[str, int] = {}
        self._names = {} if names is None else names
        self._namer = Namer(rules)

    def masked(self, where: str) -> str:
        text, at = self._text, 0
        self._frames = [Frame("", where, 0)]
        while (begin := self.source.markup(at)) >= 0:
            self._mask_text(at, begin)
            following = text[begin + 1]
            read = self._aside if following in "!?" else self._start_tag
            at = self._end_tag(begin) if following == "/" else read(begin)
        self._mask_text(at, len(text))
        while len(self._frames) > 1:
            self._close(self._frames[1].name, len(text))
        return self.source.edited()

    def _free(self, text: str, where: str) -> str:
        """Return *text* masked as text, and then as the markup that it can be."""
        text = self._inner(text, where)
        return self._nested(text, where) if markup.holds_markup(text) else text

    def _nested(self, text: str, where: str) -> str:
        if self._depth == _DEEPEST:
            flat = markup.flattened(text)
            if markup.holds_tags(flat):
                return self._replaced(text, where, "markup:depth")
            masked = self._inner(flat, where)
            return text if masked == flat else masked
        nested = _Masker(
            text,
            self._rules,
            self._replaced,
            self._inner,
            depth=self._depth + 1,
            names=self._names,
        )
        return nested.masked(where)

    def _mask_text(self, begin: int, end: int, path: str = "") -> None:
        text = self._text[begin:end]
        if not text or text.isspace():
            return
        frame, plain = self._frames[-1], decoded(text)
        if frame.key is not None:
            frame.key.append(plain)
        masked = self._free(plain, path or frame.path)
        if masked != plain:
            self.source.edit(begin, end, html.escape(masked, quote=False))

    def _mask_content(self, begin: int, end: int, where: str, rule: str) -> None:
        """Mask all that an element holds."""
        value = markup.held(self._text[begin:end])
        if value:
            new = self._replaced(value, where, f"field:{rule}")
            if new != value:
                self.source.edit(begin, end, new)

    def _aside(self, begin: int) -> int:
        """Mask a comment, a CDATA section, a processing instruction or a declaration."""
        first, end, after = self.source.aside(begin)
        content, frame = self._text[first:end], self._frames[-1]
        is_data = self._text.startswith("<![CDATA[", begin)
        if is_data and frame.key is not None:
            frame.key.append(content)
        masked = self._free(content, frame.path) if content.strip() else content
        if masked != content:
            if is_data:
                masked = masked.replace("]]>", "]]]]><![CDATA[>")
            elif self._text.startswith("<!--", begin):
                masked = re.sub("-(?=-|$)", "- ", masked)
            self.source.edit(first, end, masked)
        return after

    def _mask_names(self, tag: Tag, begin: int, name_at: int) -> str:
        """Mask secrets that stand for the name of something; return the name of *tag*."""
        if not tag.attributes and self._names.get(tag.name) == tag.name:
            return tag.name  # most tags are like this
        path = self._frames[-1].path
        for name, at in ((tag.name, name_at), *((each.name, each.at) for each in tag.attributes)):
            masked = self._names.get(name)
            if masked is None:  # part for part: a prefix and a name are no name and value
                parts = [self._inner(part, path) for part in name.split(":")]
                masked = self._names[name] = ":".join(parts)
            if masked != name:
                if self._xml:
                    raise ValueError("a name that is a secret")
                self.source.edit(at, at + len(name), masked)
        whole = self._text[begin : tag.end]
        has_more = whole.rfind("<") > 0  # a quote may be missing: read on inside of it, too
        is_odd = any(not (each.has_value or _FLAG.fullmatch(each.name)) for each in tag.attributes)
        if not self._xml and (has_more or is_odd):
            masked = self._inner(whole, path)
            if has_more and not self._depth:
                masked = masked[:1] + self._nested(masked[1:], path)
            if masked != whole:
                self.source.edit(begin, tag.end, self._nested(masked, path))
        return self._names[tag.name]

    def _mask_attributes(
        self, attributes: Sequence[Attribute], path: str, rule: str | None
    ) -> None:
        """Mask values under sensitive names, and those beside a name that *rule* masks."""
        for name, _, begin, end, has_value, is_quoted in attributes:
            value = self._text[begin:end]
            if not has_value or not value or value.isspace():
                continue
            prefix, _, local = name.rpartition(":")
            own = None if prefix == "xmlns" else self._rules[local]
            if own is None and rule is not None and is_value(local.lower()):
                own = rule
            plain, where = decoded(value), f"{path}/@{local}"
            new = self._replaced(plain, where, f"field:{own}") if own else self._free(plain, where)
            if new != plain:
                escaped = html.escape(new)
                self.source.edit(begin, end, escaped if own or is_quoted else f'"{escaped}"')

    def _end_tag(self, begin: int) -> int:
        tag = self.source.tag(begin + 2)
        self._mask_names(tag, begin, begin + 2)
        self._mask_attributes(tag.attributes, self._frames[-1].path, None)
        name = tag.name if self._xml else tag.name.lower()
        if self._open.get(name):
            self._close(name, begin)
        return tag.end

    def _start_tag(self, begin: int) -> int:
        tag = self.source.start_tag(begin)
        shown = self._mask_names(tag, begin, begin + 1).rpartition(":")[2]
        prefix, _, local = tag.name.rpartition(":")
        name = tag.name if self._xml else tag.name.lower()
        low = local.lower()
        if self._xml and self.source.elements == 1:
            self._is_page = low in ("html", "svg")
        parent = self._frames[-1]
        parent.alone = parent.key = None
        own = self._rules[local]
        if is_value(low):
            own = own or parent.rule
        elif not is_key(low):
            parent.values = []
        said = [(each.name, decoded(self._text[each.begin : each.end])) for each in tag.attributes]
        naming = self._namer.naming(prefix, low, said, is_page=self._is_page)
        path = parent.child(shown)
        self._mask_attributes(tag.attributes, path, own or naming.beside)
        is_raw = not self._xml and name in RAW and self.source.is_closed(name, tag.end)
        rule = own or naming.within
        if rule and (is_raw or not tag.is_empty):
            return self._hide(name, tag.end, path, rule)
        if tag.is_empty:
            return tag.end
        if is_raw and not (name == "script" and is_template(said)):
            return self._mask_raw(name, tag.end, path)
        if self._xml or name not in VOID:
            frame = Frame(name, path, tag.end)
            frame.key = [] if is_key(low) else None
            frame.value, frame.alone, frame.rule = is_value(low), naming.alone, naming.alone
            self._frames.append(frame)
            self._open[name] = self._open.get(name, 0) + 1
        return tag.end

    def _hide(self, name: str, begin: int, path: str, rule: str) -> int:
        """Mask all in the element whose content begins at *begin*; return where to read on."""
        if self._xml or name in RAW or self.source.is_closed(name, begin):
            end, after = self.source.content(name, begin)
        elif self._depth or name in VOID:
            return begin  # in a text, "<password>" is what to put in the password for
        else:
            end = self._text.find("<", begin)
            end = after = len(self._text) if end < 0 else end
        self._mask_content(begin, end, path, rule)
        return after

    def _mask_raw(self, name: str, begin: int, path: str) -> int:
        """Mask secrets in an element that holds no tags; return where its content ends."""
        end = self.source.raw_end(name, begin)
        if name in ("textarea", "title"):
            self._mask_text(begin, end, path)
        elif content := self._text[begin:end]:
            is_code = name in ("script", "style")
            masked = self._inner(content, path) if is_code else self._free(content, path)
            if masked != content:
                masked = masked if "</" in content else masked.replace("</", "<\\/")
                self.source.edit(begin, end, masked)
        return end

    def _close(self, name: str, here: int) -> None:
        """Close the elements down to the last one of *name*, which is open; they end *here*."""
        closed = ""
        while closed != name:
            frame = self._frames.pop()
            parent = self._frames[-1]
            closed = frame.name
            self._open[closed] -= 1
            if frame.alone:
                self._mask_content(frame.begin, here, frame.path, frame.alone)
            if frame.key is not None:
                parent.rule = self._rules["".join(frame.key).strip()]
                if parent.rule and not parent.has_key:
                    for begin, end, path in parent.values:
                        self._mask_content(begin, end, path, parent.rule)
                parent.has_key, parent.values = True, []
            elif frame.value and not parent.has_key and len(self._frames) <= MAX_DEPTH:
                parent.values.append((frame.begin, here, frame.path))
