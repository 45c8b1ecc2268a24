"""Masking of addresses: userinfo, path, parameters, and the same in what they quote."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from apilog import key_rule, loose_text, random_tokens
from apilog.mask_record import Record

_USERINFO = re.compile(r"(?<=//)[^/?#\s\"'<>]*@")
_USER_ALONE = re.compile(r"\b(?:git|svn|ssh|sftp|rsync)(?:\+ssh)?://[a-z][a-z0-9_-]{0,15}@\Z")
_LONGEST_USER = 40
_PLAIN_PARAMETERS = re.compile(r"[\w.~/:=&,*-]*", re.ASCII)
"""Parameters in which nothing is encoded or quoted: most are, and their names say it all."""

_IN_TEXT = re.compile(r"[^\s\"'<>\\`{}|^]*")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,19}\Z")
_TEMPLATE = re.compile(r"\{([^{}]*)\}")
_LONGEST_SCHEME = 20
_DIVIDERS = re.compile(r"[:;=,@]")
_MOST_LAYERS = 3
_SHORT = 12
_SHORTEST = 8
"""Characters that a secret in a path has at least, if nothing else says that it is one."""

_ID = re.compile(r"(?:^|[^a-z])(?:u?u?ids?|pk|slug|hash|sha|digest|etag|version|rev|name)$")
"""Names of path parameters whose values are meant to be seen, however random they look."""

_TELLING = re.compile(
    r"(?:password[-_]?)?reset(?:[-_]?password)?|verify(?:[-_]?e?mail)?|verification|activat(?:e|ion)"
    r"|confirm(?:ation)?(?:[-_]?e?mail)?|invit(?:e|ation)s?|magic(?:[-_]?link)?|unsubscribe|recover(?:y)?"
    r"|tokens?|secrets?|passwords?|otp|login|oauth|sso|api[-_]?keys?",
    re.IGNORECASE,
)
"""Path segments after which a secret is likely (``/reset-password/<token>``)."""

_COMMIT = re.compile(r"(?:commit|tree|blob|raw|compare|archive|object)s?", re.IGNORECASE)
_SHA1 = re.compile("[0-9a-f]{40}")
"""What Git calls things, after the word for them."""

_ORIGIN = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/]*")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

Rules: TypeAlias = "Mapping[str, str | None]"
Inner: TypeAlias = "Callable[[str, str, Record, int], str]"
Others: TypeAlias = "Callable[[str, str, str, Record], str]"


class UrlMask:
    """Mask addresses: *query* judges parameters, *names* those of a route's template.

    *inner* masks the text that a parameter or a segment of the path quotes; *others*, where there
    is an allow-list or only shapes are wanted, replaces values that no rule asks for.
    """

    def __init__(
        self, query: Rules, names: Rules, inner: Inner, others: Others | None = None
    ) -> None:
        self._query = query
        self._names = names
        self._others = others
        self.requests: Callable[[list[str], str, Record], None] | None = None
        """What masks parameters that are a request of another kind together, in place."""
        self._inner = inner

    def masked(
        self, url: str, where: str, record: Record, route: str | None = None, layer: int = 0
    ) -> str:
        """Return *url*, absolute or not, with what is secret in it replaced.

        *route* is the template of its path, whose names tell what stands in it; *layer* says how
        deep in other texts it was found.
        """
        if "@" in url:
            url = self._without_userinfo(url, where, record)
        rest, hash_mark, fragment = url.partition("#")
        address, question_mark, query = rest.partition("?")
        address = self._path(address, where, record, route, layer)
        if question_mark:
            query = self.parameters(query, self._query, "query", where, record, layer)
        if hash_mark:  # where OAuth's implicit flow has its token
            fragment = self.parameters(fragment, self._query, "query", where, record, layer)
        return address + question_mark + query + hash_mark + fragment

    def masked_in(self, text: str, where: str, record: Record, layer: int) -> str:
        """Return *text* with every absolute address in it masked."""
        kept: list[str] = []
        begin = 0
        for start, end in _addresses(text):
            masked = self.masked(text[start:end], where, record, layer=layer)
            if masked != text[start:end]:
                kept += (text[begin:start], masked)
                begin = end
        return "".join(kept) + text[begin:] if kept else text

    def parameters(
        self, text: str, rules: Rules, kind: str, where: str, record: Record, layer: int = 0
    ) -> str:
        """Mask values of ``name=value&...`` text and leave every other byte as it was."""
        if self._others is None and _PLAIN_PARAMETERS.fullmatch(text) and _is_short(text, rules):
            return text
        if loose_text.may_hold_names(text):  # first: names with values in them are noted
            text = loose_text.masked(text, where, rules=rules, replaced=record.replaced)
        pairs = text.split("&")
        if self.requests is not None:
            self.requests(pairs, where, record)
        pairs = [self._pair(pair, rules, kind, where, record, layer) for pair in pairs]
        return "&".join(self._neighbours(pairs, rules, kind, where, record))

    def _pair(
        self, pair: str, rules: Rules, kind: str, where: str, record: Record, layer: int
    ) -> str:
        """Mask one ``name=value``, or the end of ``a=b;name=value``: some servers divide there."""
        begin = 0
        for part in pair.split(";"):
            name, equals, value = part.partition("=")
            plain = _decoded(name, unquote_plus)[-1]
            rule = rules[plain]
            if rule is not None and equals:
                value = pair[begin + len(name) + 1 :]
                place = where if '"' in plain or "'" in plain else f"{where}?{plain}"
                masked = record.replaced(value, place, f"{kind}:{rule}")
                if masked != value:
                    record.values.add(unquote_plus(value))
                return f"{pair[:begin]}{name}={masked}"
            begin += len(part) + 1
        name, equals, value = pair.partition("=")
        if equals and self._others is not None:
            plain = unquote_plus(value)
            value = self._others(unquote_plus(name), plain, where, record)
            name = self._quoted(name, where, record, layer)
            return f"{name}={quote_plus(value, safe='*:()')}"
        if not equals and random_tokens.token_like(pair):
            return record.replaced(pair, where, f"{kind}:token-like")
        name = self._quoted(name, where, record, layer)
        return name + equals + self._quoted(value, where, record, layer)

    def _neighbours(
        self, pairs: list[str], rules: Rules, kind: str, where: str, record: Record
    ) -> list[str]:
        """Return *pairs* with the values masked whose neighbours say what they are."""
        values = {name: value for name, _, value in (pair.partition("=") for pair in pairs)}
        replaced: dict[str, str] = {}
        for name, reason in key_rule.pairs(values):
            label = unquote_plus(values.get(reason.removeprefix(key_rule.PAIR), ""))
            rule = rules[label] if reason.startswith(key_rule.PAIR) else reason
            if rule is not None:
                masked = record.replaced(values[name], f"{where}?{name}", f"{kind}:{rule}")
                replaced[f"{name}={values[name]}"] = f"{name}={masked}"
        return [replaced.get(pair, pair) for pair in pairs]

    def _quoted(
        self, text: str, where: str, record: Record, layer: int, *, in_path: bool = False
    ) -> str:
        """Mask what a name, a value or a segment of the path holds once its encoding is undone."""
        decode, encode = (unquote, quote) if in_path else (unquote_plus, quote_plus)
        if len(text) < 6:
            return text
        encoded = _decoded(text, decode)
        masked = self._inner(encoded[-1], where, record, layer + 1)
        if masked == encoded[-1]:
            return text
        for _ in encoded[1:] or encoded:
            masked = encode(masked, safe="*")
        return masked

    def _without_userinfo(self, url: str, where: str, record: Record) -> str:
        def masked(found: re.Match[str]) -> str:
            if _USER_ALONE.search(url, max(0, found.end() - _LONGEST_USER), found.end()):
                return found[0]  # a user name, without which ssh knows nobody
            return record.replaced(found[0][:-1], where, "userinfo") + "@"

        return _USERINFO.sub(masked, url)

    def _path(self, address: str, where: str, record: Record, route: str | None, layer: int) -> str:
        """Mask segments of the path that look like a secret, or that the route says are one."""
        origin = _ORIGIN.match(address)
        begin = origin.end() if origin else 0
        segments = address[begin:].split("/")
        names = _parameters_of(route, segments) if route is not None and "{" in route else {}
        for number, segment in enumerate(segments):
            if len(segment) < _SHORTEST and number not in names:
                continue
            rule = self._segment_rule(segments, number, names.get(number))
            if rule is not None and segment:
                segments[number] = record.replaced(segment, where, rule)
                if segments[number] != segment:
                    record.values.add(unquote_plus(segment))
            else:
                segments[number] = self._quoted(segment, where, record, layer, in_path=True)
        return address[:begin] + "/".join(segments)

    def _segment_rule(self, segments: list[str], number: int, name: str | None) -> str | None:
        """Return the rule by which a segment of a path is a secret; *name* is its parameter's."""
        segment = segments[number]
        if name is not None:
            rule = self._names[name]
            if rule is not None:
                return f"path:{rule}"
            if _ID.search(name.lower()):
                return None
        if _SHA1.fullmatch(segment) and number and _COMMIT.fullmatch(segments[number - 1]):
            return None
        if any(map(random_tokens.token_like, _DIVIDERS.split(segment))):
            return "path:token-like"
        if len(segment) < _SHORTEST or not number or not _TELLING.fullmatch(segments[number - 1]):
            return None
        return "path:token" if _is_mixed(segment) and not _UUID.fullmatch(segment) else None


def _is_short(text: str, rules: Rules) -> bool:
    """Say whether *text*, parameters without encoding, is too short and innocent for any secret."""
    pairs = [pair.partition("=") for pair in text.split("&")]
    for name, _, value in pairs:
        if rules[name] is not None or len(name) >= _SHORT or len(value) >= _SHORT:
            return False
    return len(pairs) == 1 or not any(key_rule.pairs([name for name, _, _ in pairs]))


def _decoded(text: str, decode: Callable[[str], str]) -> list[str]:
    """Return *text* and what comes out of it each time its encoding is undone."""
    layers = [text]
    while len(layers) <= _MOST_LAYERS and ("%" in layers[-1] or "+" in layers[-1]):
        layers.append(decode(layers[-1]))
        if layers[-1] == layers[-2]:
            layers.pop()
            break
    return layers


def _is_mixed(text: str) -> bool:
    return any(map(str.isdecimal, text)) and any(map(str.isalpha, text)) and "." not in text


def _parameters_of(route: str, segments: list[str]) -> Mapping[int, str]:
    """Return the name of the template's parameter by the number of the segment it stands in."""
    parts = route.strip("/").split("/")
    offset = len(segments) - len(parts)
    if offset < 0:
        return {}
    names = ((number, _TEMPLATE.fullmatch(part)) for number, part in enumerate(parts))
    return {number + offset: found[1] for number, found in names if found is not None}


def _addresses(text: str) -> Iterator[tuple[int, int]]:
    """Yield where absolute addresses begin and end in *text*."""
    end = 0
    middle = text.find("://")
    while middle >= 0:
        scheme = _SCHEME.search(text, max(end, middle - _LONGEST_SCHEME), middle)
        if scheme is not None:
            found = _IN_TEXT.match(text, middle + 3)
            end = found.end() if found else middle + 3
            yield scheme.start(), end
        middle = text.find("://", max(end, middle + 3))
