"""The parts of a HAR entry that say again what stands elsewhere in it, and what nobody defined."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast
from urllib.parse import quote_plus, unquote_plus

from apilog.codec import JSON
from apilog.headers import HeaderLines
from apilog.mask_record import MASK
from apilog.policy import Rules
from apilog.recording_error import RecordingError
from apilog.rehearsal import Rehearsal, Trace

_ADDRESS = "http://har.invalid/?"
_FILE = "file-content"


def objects(node: dict[str, JSON], name: str, place: str) -> list[dict[str, JSON]]:
    """Return the list of objects under *name* in *node*, empty where there is none.

    Raises:
        RecordingError: something else stands there.
    """
    value = node.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise RecordingError(f"{place}.{name} is no list of objects")
    return cast("list[dict[str, JSON]]", value)


def header_lines(message: dict[str, JSON], place: str) -> HeaderLines:
    """Return the header lines of *message*.

    Raises:
        RecordingError: they are not names with values.
    """
    lines: HeaderLines = []
    for each in objects(message, "headers", place):
        name, value = each.get("name"), each.get("value")
        if not isinstance(name, str) or isinstance(value, (dict, list)):
            raise RecordingError(f"{place}.headers are not names with values")
        lines.append((name, "" if value is None else str(value)))
    return lines


class Parts:
    """Mask parts of one entry in place, by *rules*; *trace* says what that did."""

    def __init__(self, rehearsal: Rehearsal, rules: Rules, trace: Trace) -> None:
        self._rehearsal = rehearsal
        self._rules = rules
        self._trace = trace

    def headers(self, message: dict[str, JSON], side: str) -> None:
        """Mask every header line; the notes are those of the event."""
        lines = header_lines(message, side)
        masked = self._rehearsal.header_lines(lines, side, self._rules, self._trace)
        nodes = objects(message, "headers", side)
        for number, (node, (_, value)) in enumerate(zip(nodes, masked, strict=True)):
            node["value"] = value
            self.rest(node, "name value", "", f"/{side}/headers/{number}")

    def cookies(self, message: dict[str, JSON], where: str) -> None:
        """Mask every cookie, as if it stood in a header."""
        for number, node in enumerate(objects(message, "cookies", where)):
            place = f"{where}/{number}"
            name, value = str(node.get("name", "")), node.get("value")
            if value is not None:
                line = [("Cookie", f"{name}={value}")]
                masked = self._rehearsal.header_lines(line, "request", self._rules, self._trace)
                text = masked[0][1]
                begin = f"{name.strip()}="
                node["value"] = text[len(begin) :] if text.startswith(begin) else MASK
                if node["value"] != value:
                    self._trace.note(f"{place}/value", "header:cookie")
            fixed = "domain expires httpOnly path sameSite secure"
            self.rest(node, "name value", fixed, place)

    def redirect(self, response: dict[str, JSON]) -> None:
        """Mask the address that a response leads to."""
        url = response.get("redirectURL")
        if url:
            line = [("Location", str(url))]
            masked = self._rehearsal.header_lines(line, "response", self._rules, self._trace)
            response["redirectURL"] = masked[0][1]

    def query(self, request: dict[str, JSON]) -> None:
        """Mask the list of the address's parameters."""
        nodes = objects(request, "queryString", "request")
        self._pairs(nodes, "/request/queryString", self._in_address)

    def params(self, node: dict[str, JSON], where: str) -> None:
        """Mask the parameters of a form; what a file holds goes."""
        nodes = objects(node, "params", where)
        fields: list[dict[str, JSON]] = []
        for number, each in enumerate(nodes):
            if each.get("fileName") is None:
                each.pop("fileName", None)
                fields.append(each)
            elif each.pop("value", None):
                self._trace.note(f"{where}/params/{number}/value", f"left-out:{_FILE}")
        self._pairs(fields, f"{where}/params", self._in_form)
        for number, each in enumerate(nodes):
            place = f"{where}/params/{number}"
            self.rest(each, "name value", "contentType", place)

    def _in_address(self, text: str, trace: Trace) -> str:
        return self._rehearsal.uri(_ADDRESS + text, self._rules, trace).partition("?")[2]

    def _in_form(self, text: str, trace: Trace) -> str:
        return self._rehearsal.form(text, self._rules, trace)

    def _pairs(
        self, nodes: list[dict[str, JSON]], where: str, mask: Callable[[str, Trace], str]
    ) -> None:
        """Mask names with values together, because some say what others are; else one by one."""
        if not nodes:
            return
        texts = [_pair(node) for node in nodes]
        trace = Trace()
        masked = mask("&".join(texts), trace).split("&")
        if len(masked) != len(texts):
            trace.notes.clear()
            masked = [mask(text, trace) for text in texts]
        self._trace.values |= trace.values
        for path, rule in trace.notes:
            self._trace.note(where + "".join(path.partition("?")[1:]), rule)
        for node, before, after in zip(nodes, texts, masked, strict=True):
            if after != before:
                name, _, value = after.partition("=")
                if "name" in node:
                    node["name"] = unquote_plus(name)
                node["value"] = unquote_plus(value)

    def rest(self, node: dict[str, JSON], masked: str, standard: str, where: str) -> None:
        """Mask what stands in *node* besides what is *masked* already.

        An allow-list does not meet what is *standard*, for it says how the rest can be read.
        """
        done, fixed = masked.split(), standard.split()
        others = {name: node[name] for name in node if name not in done and name not in fixed}
        structure = {name: node[name] for name in node if name in fixed}
        if not others and not structure:
            return
        found = self._rehearsal.structure(structure, where, self._trace) if structure else {}
        if others:
            free = self._rehearsal.rest(others, where, self._rules, self._trace)
            found = {**cast("dict[str, JSON]", found or {}), **cast("dict[str, JSON]", free or {})}
        kept = {name: node[name] for name in node if name in done}
        known = cast("dict[str, JSON]", found or {})
        order = [name for name in node if name in kept or name in known]
        both = {**known, **kept}
        renamed = [name for name in known if name not in node]
        node.clear()
        node.update({name: both[name] for name in [*order, *renamed]})


def _pair(node: dict[str, JSON]) -> str:
    value = node.get("value")
    text = "" if value is None else str(value)
    return f"{quote_plus(str(node.get('name', '')))}={quote_plus(text, safe='*:')}"
