"""Sensitive names whose values stand in plain text: settings, logs, command lines, SQL, CSV.

Names in quotes before a colon, as in JSON, are the affair of `loose_text`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from apilog import innocent_value
from apilog.key_rule import PHRASES

_MARKS = re.compile(r"[=:\uff1a]|%3[Dd]|(?<![\w-])--?[A-Za-z]|(?i:passw|passphrase|identified)")
_NAMED = re.compile(
    r"""(?<![\w.$@-]) (?!(?<=//)[\w.-]+:[0-9]{1,5}(?:[/?\s"'`]|\Z))  # no host and its port
    (?:(?P<name>[\w.$@-]+(?![\w.$@-])(?:(?:\[|%5[Bb])[\w.-]*(?:\]|%5[Dd]))*)
      (?: (?P<equals>["'*`\]]{0,3} [ \t]*
            (?: :[ \t]* (?:[Ss]tr(?:ing)?|bytes|SecretStr|[Aa]ny|Optional\[\w+\])
                (?:[ ]?\|[ ]?(?:None|null|undefined))? [ \t]* )?
            (?:[:+?]|\|\|)? (?:=+[>~]?|%3[Dd]) [ \t]* )
        | (?P<colon>[*`]{0,3}
            (?: [ \t](?:is|was|for[ \t][^\s:]{1,80}) | [ \t]?\([^()\r\n]{0,40}\) )?
            [ \t]* [:\uff1a](?![:=]) (?:[*`]{1,2}(?=[ \t]))? [ \t]* ))
    | (?P<flag>--?[A-Za-z][\w-]{1,60})["']?,?[ \t]+ (?![-=:\s])
    | (?P<sql>(?i:
        (?:passw(?:or)?d|passphrase|identified(?:[ \t]+with[ \t]+\S{1,60})?[ \t]+(?:by|as))
          [ \t(]{1,9} (?:password[ \t(]{1,9})?
        | password[ \t]+for[ \t][^=\r\n]{1,120}=[ \t]*) (?=["'])))""",
    re.VERBOSE,
)
_WINDOW = 100
"""Characters before a name that say what it stands in."""

_SECOND_WORDS = frozenset(second for _first, second in PHRASES)
_LINE_START = re.compile(
    r"[\r\n][ \t>#*|/+-]*"
    r"(?:(?:export|set|env|declare|const|let|var|local|ENV|ARG)[ \t]+)*[\"'`*]*\Z"
)
_LINE_END = re.compile(r"[\r\n]|\Z")
_WORD_BEFORE = re.compile(r"(?<![\w-])[A-Za-z][\w-]{0,40}[ \t]\Z")
_NO_SETTING = re.compile(
    r"(?<!\w)(?:(?:lambda|if|elif|while|class|case|not)[ \t]+|(?:DEBUG|INFO|WARNING|ERROR):)\Z"
)
_WENT_WRONG = re.compile(
    r"(?:Error|Exception|Warning|Expired|Failure|NotFound|Mismatch)\Z"
    r"|(?:\A|\.)(?:Bad|Invalid|Missing|No)[A-Z]\w*\Z"
)
_SCHEME = re.compile(r"(?:Bearer|Basic|Digest|Token|Negotiate|ApiKey|DPoP|AWS4-HMAC-SHA256)[ \t]+")
_PSEUDONYM = re.compile(r"(?:hmac|sha256):[0-9a-f]{32}(?![0-9a-f])")
_OPENING = re.compile(r"[bBfFrRuUnN@]{0,2}(\\{0,8}[\"'`])")
_CLOSED = re.compile(r"[\"'`](?:[\s)\],;+.}]|\Z)")
_TAIL = re.compile(r"\w[^\s;,&\"')}\]]*")
_BLOCK = re.compile(r"(?:[|>][-+0-9]{0,2}|[{\[(]|[&!][\w!/-]+)?[ \t]*(?:#[^\r\n]*)?")
_LINE = re.compile(r"(?:\r\n|\r|\n)([ \t]*)([^\r\n]*)")
_COOKIE = re.compile(r"[^;\s][^;]*")
_NEXT_PAIR = re.compile(r"(?<=[;,&\s])[\w.-]+[ \t]*=")
_BORDERS = {
    (False, False): re.compile(r"[\s;,&]"),
    (False, True): re.compile(r"[\s;,&\"'`]"),
    (True, False): re.compile(r"[;,](?=\s)|[ \t]\|"),
    (True, True): re.compile(r"[;,](?=\s)|[ \t]\||[\"'`]"),
}
"""Ends of values: of a phrase or of a word, perhaps in quotes that began before the name."""

_Rules = Mapping[str, "str | None"]
_Replaced = Callable[[str, str, str], str]
_Spans = list[tuple[int, int]]


def masked(text: str, where: str, *, rules: _Rules, replaced: _Replaced) -> str:
    """Return *text* with values after sensitive names replaced.

    A line that begins with such a name is a setting: its value reaches to the end of the line, or
    of the indented lines below. Elsewhere it is a word, a text in quotes, or the rest of the
    phrase. Takes time in proportion to the text.
    """
    if not _MARKS.search(text):
        return text
    kept: list[str] = []
    done = "\n"  # the end of what is masked: names are read in what comes out, so that they stay
    begin = at = 0
    line_end = -1
    while found := _NAMED.search(text, at):
        at = found.end()
        plain, first = found["name"], found.start()
        if plain and rules[plain] is None and _is_whole(plain, text[first - 1 : first]):
            continue
        name = _Name(found, done + text[max(begin, first - _WINDOW) : first], rules)
        if name.rule is None:
            continue
        if pseudonym := _PSEUDONYM.match(text, first):
            at = pseudonym.end()
            continue
        if line_end < at:
            line_end = _LINE_END.search(text, at).start()  # type: ignore[union-attr]
        for start, end in _value(text, at, line_end, name, rules):
            new = replaced(text[start:end], f"{where}/{name.text}", f"field:{name.rule}")
            if new != text[start:end]:
                kept += (text[begin:start], new)
                done = f"{done}{text[max(begin, start - _WINDOW) : start]}{new}"[-_WINDOW:]
                begin = end
            at = end
    return "".join(kept) + text[begin:] if kept else text


def _is_whole(name: str, before: str) -> bool:
    """Say whether *name*, after the character *before*, is no part of a longer or encoded one."""
    if before == "%" or "%" in name:
        return False
    lowered = name.lower()
    return lowered[-7:] != "-cookie" and not (before in (" ", "\t") and lowered in _SECOND_WORDS)


class _Name:
    """A name that was found: what it is, its rule, and what it stands in."""

    __slots__ = ("before", "column", "kind", "operator", "rule", "text")

    def __init__(self, found: re.Match[str], before: str, rules: _Rules) -> None:
        self.kind = str(found.lastgroup)
        self.operator = found[self.kind]
        self.text = name = found["name"] or found["flag"] or "password"
        self.before = before = before[-_WINDOW:]
        if "%" in name or before[-1:] == "%":
            name = name[2 * (before[-1:] == "%") :].replace("%5B", "[").replace("%5b", "[")
        self.rule = rules["cookie" if name.lower() == "set-cookie" else name]
        if self.rule is None and name.lower() in _SECOND_WORDS:
            word = _WORD_BEFORE.search(before)
            if word is not None and rules[f"x {name}"] is None:  # it takes both
                self.rule, self.before = rules[word[0] + name], before[: word.start()]
        self.column = -1  # in which a setting begins
        if self.rule is not None and self.kind != "flag" and _LINE_START.search(self.before):
            line = max(self.before.rfind("\n"), self.before.rfind("\r"))
            self.column = len(self.before) - line - 1

    def is_in_quotes(self) -> bool:
        """Say whether a quote before the name may end with one after the value."""
        return any(quote in self.before for quote in "\"'`")


def _value(text: str, at: int, line_end: int, name: _Name, rules: _Rules) -> _Spans:
    """Return where the parts of the value of *name* are; nowhere, if it is no secret."""
    is_colon = name.kind == "colon"
    if is_colon and (_NO_SETTING.search(name.before) or _WENT_WRONG.search(name.text)):
        return []
    if name.is_in_quotes() and name.before.count(text[at : at + 1]) % 2 and _CLOSED.match(text, at):
        return []
    if scheme := _SCHEME.match(text, at, line_end):
        at = scheme.end()
    if name.text.lower() == "set-cookie" and (ends := text.find(";", at, line_end)) >= 0:
        line_end = ends  # after it come attributes
    in_quotes = _in_quotes(text, at)
    if in_quotes:
        return [
            span for span in in_quotes if not innocent_value.is_nothing(text[slice(*span)], rules)
        ]
    is_selector = name.text[0] == "." or name.before[-1:] == "#"
    if is_colon and innocent_value.is_declared(text, at, is_selector=is_selector):
        return []
    is_setting = name.column >= 0
    begin, end = at, line_end
    if is_setting and is_colon:
        begin, end = _setting(text, at, line_end, name.column)
    elif is_setting and name.kind == "equals" and not _is_first_of_many(text, at, line_end):
        pass
    else:
        is_phrase = is_colon and name.operator[-1] in " \t"
        said = text[at : min(line_end, at + innocent_value.LONGEST)] if is_phrase else "-"
        if innocent_value.is_prose(said):
            return []  # before its end is looked for: a line may have many
        border = _BORDERS[is_phrase, name.is_in_quotes()].search(text, at, line_end)
        value = text[at : border.start() if border else line_end]
        opens = any(bracket in value for bracket in "([{")
        end = at + len(value if opens else value.rstrip(")]}"))
    while end > begin and text[end - 1] in " \t\r\n":
        end -= 1
    if begin == end or _is_innocent(text, begin, end, line_end, name, rules):
        return []
    if is_colon and name.text.lower() in ("cookie", "cookies", "set-cookie"):
        return list(_cookies(text, begin, end))
    return [(begin, end)]


def _is_first_of_many(text: str, at: int, line_end: int) -> bool:
    """Say whether there are more pairs of names and values in the line behind the first word."""
    word = _BORDERS[False, False].search(text, at, line_end)
    return word is not None and _NEXT_PAIR.search(text, word.start(), line_end) is not None


def _is_innocent(
    text: str, begin: int, end: int, line_end: int, name: _Name, rules: _Rules
) -> bool:
    if end - begin > innocent_value.LONGEST:
        return False
    value = text[begin:end].rstrip(",;")
    if innocent_value.is_nothing(value, rules):
        return True
    if name.kind == "flag":
        return innocent_value.is_explained(value, rules)
    if "==" in name.operator:  # compared with another name
        return value.rstrip(":)").replace(".", "").replace("_", "").isalpha()
    is_in_call = "(" in name.before or "{" in name.before
    is_spaced = name.operator[-1] in " \t"
    if value == name.text.rpartition(".")[2]:
        return "." in name.text if is_spaced else is_in_call and text[end : end + 1] in (",", ")")
    is_code = is_in_call or (is_spaced and name.kind == "equals")
    if not is_code or (name.column >= 0 and not is_spaced) or line_end - begin > _WINDOW:
        return False
    return innocent_value.is_code(value.rstrip(")"), text[begin:line_end].rstrip(), rules)


def _in_quotes(text: str, at: int) -> _Spans:
    """Return where what stands in quotes at *at* is, and what hangs on to it without a blank."""
    spans: _Spans = []
    while opening := _OPENING.match(text, at):
        quote, begin = opening[1], opening.end()
        escaped = rf"\\.|{quote}" if len(quote) == 1 else rf"(?<!\\){re.escape(quote)}"
        closings = re.compile(escaped, re.DOTALL).finditer(text, begin)
        closing = next((each for each in closings if each[0] == quote), None)
        end = closing.start() if closing else len(text)
        spans.append((begin, end))
        at = closing.end() if closing else end
        if tail := _TAIL.match(text, at):
            spans.append(tail.span())
            at = tail.end()
    return spans


def _setting(text: str, at: int, line_end: int, column: int) -> tuple[int, int]:
    """Return where the value of a setting is that reaches over the lines indented below it."""
    end = line_end
    begin = -1 if _BLOCK.fullmatch(text, at, line_end) else at
    while line := _LINE.match(text, end):
        indent = len(line[1])
        if line[2] and indent <= column and not (line[2].startswith("- ") and indent == column):
            break
        if line[2] and begin < 0:
            begin = line.start(2)
        end = line.end()
    return (begin, end) if begin >= 0 else (at, at)


def _cookies(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield where the values of cookies are; their names stay."""
    for pair in _COOKIE.finditer(text, begin, end):
        yield pair.start() + pair[0].find("=") + 1, pair.end()


def masked_csv(
    text: str,
    where: str,
    *,
    rules: _Rules,
    replaced: _Replaced,
    inner: Callable[[str, str], str],
) -> str:
    """Return *text*, CSV whose first line names the columns, with sensitive columns replaced.

    Every other cell goes through *inner*; every other byte stays (RFC 4180, and other separators).

    Raises:
        ValueError: a quote where none may be, or a line with too many or too few cells.
    """
    header = text[: _LINE_END.search(text).start()]  # type: ignore[union-attr]
    separator = max(",;\t|", key=header.count)
    cell = re.compile(rf'("[^"]*(?:""[^"]*)*"|[^"{separator}\r\n]*)([{separator}]|\r\n|\r|\n|\Z)')
    names: list[str] = []
    kept: list[str] = []
    row = column = at = 0
    border = "\n"
    while at < len(text) or border == separator:
        found = cell.match(text, at)
        if found is None:
            raise ValueError(f"no CSV after character {at}")
        raw, border = found[1], found[2]
        at = found.end()
        is_blank = not raw and not column and border != separator
        value = raw[1:-1].replace('""', '"') if raw[:1] == '"' else raw
        if not row:
            names.append(value.strip("\ufeff \t"))
        elif not is_blank and column >= len(names):
            raise ValueError(f"line {row + 1} has more than {len(names)} cells")
        name = "" if is_blank else names[column]
        rule = rules[name] if row else None
        place = f"{where}/{row}/{name}" if row else where
        new = value
        if value:
            new = inner(value, place) if rule is None else replaced(value, place, f"field:{rule}")
        if new == value:
            kept += (raw, border)
        else:
            kept += ('"', new.replace('"', '""'), '"', border)
        column += 1
        if border != separator:
            if not is_blank and column != len(names):
                raise ValueError(f"line {row + 1} has less than {len(names)} cells")
            row, column = row + (not is_blank), 0
    return "".join(kept)
