"""Sensitive names in text that need not be JSON as a whole.

It finds what no parser does: in JSON that is broken, cut, quoted in other text, or that names a
thing twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_AFTER_NAME = re.compile(r"""(["'])\s*:\s*""")
_STRINGS = {
    '"': re.compile(r'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL),
    "'": re.compile(r"[^'\\]*(?:\\.[^'\\]*)*", re.DOTALL),
}
_NO_NAME = re.compile(r"[\n\r\"']")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_SCALAR = re.compile(r"[\w.+-]+(?=\s*(?:[,}\]\r\n]|$))|[^\r\n]*")


def may_hold_names(text: str) -> bool:
    """Say whether *text* can have a name in quotes and a value after it."""
    return ":" in text and ('"' in text or "'" in text)


def masked(
    text: str,
    where: str,
    *,
    rules: Mapping[str, str | None],
    replaced: Callable[[str, str, str], str],
) -> str:
    """Return *text* with values after sensitive names in quotes replaced.

    An object or a list is masked to the end of the text, one that is quoted itself to the end of
    its line: nothing says where it ends. Takes time in proportion to the text.
    """
    kept: list[str] = []
    begin = 0
    found = _AFTER_NAME.search(text)
    while found is not None:
        after = found.end()
        name, delimiter = _name_before(text, found)
        rule = rules[name]
        if rule is not None:
            end, value = _value_after(text, after, delimiter)
            replacement = replaced(value, where, f"field:{rule}")
            if value != replacement:
                kept += (text[begin:after], delimiter, replacement, delimiter)
                begin = end
            after = end
        found = _AFTER_NAME.search(text, after)
    return "".join(kept) + text[begin:] if kept else text


def _name_before(text: str, found: re.Match[str]) -> tuple[str, str]:
    """Return the name that ends in *found*, and the quote with what escapes it."""
    quote = found[1]
    end = found.start()
    while end and text[end - 1] == "\\":
        end -= 1
    begin = text.rfind(quote, 0, end) + 1
    name = text[begin:end]
    if not begin and _NO_NAME.search(name):
        return "", quote  # this quote opened nothing: what is before it is no name
    if "\\" in name:
        name = _ESCAPED.sub(lambda escape: chr(int(escape[1], 16)), name).replace("\\", "")
    return name, text[end : found.start()] + quote


def _value_after(text: str, begin: int, delimiter: str) -> tuple[int, str]:
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
        end = len(text) if end < 0 else end
        return end, text[begin:end]
    scalar = _SCALAR.match(text, begin)
    end = scalar.end() if scalar else begin
    return end, text[begin:end]
