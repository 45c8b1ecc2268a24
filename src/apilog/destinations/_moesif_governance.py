"""Moesif's governance rules: whom to answer in the app's place, and what.

Form and order are those of https://www.moesif.com/docs/api#get-rules and of Moesif's own servers'
libraries: rules over the request come first, then those for companies, then those for users, and of
the blocking ones the last is answered. A rule for users or companies concerns those that the
configuration (``user_rules``, ``company_rules``) lists for it, or with ``applied_to:
not_matching`` all others, and with ``applied_to_unidentified`` also callers nobody knows.

What is not understood lets the request through. Conditions on the body of the request never fit:
nobody reads it before the app does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from apilog import codec
from apilog.capture import RequestHead
from apilog.codec import JSON
from apilog.delivery import Refusal
from apilog.destinations._moesif_conditions import Conditions, fields_of_request, groups

_MOST_RULES = 1_000
_UNKNOWN = "UNKNOWN"
"""What stands for a variable without a value or a default of its own, as in Moesif's libraries."""

_TAG = re.compile(r"\{\{\s*([^{}]{1,100}?)\s*\}\}")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_OURS = frozenset(
    "connection content-length date keep-alive proxy-authenticate proxy-authorization server te"
    " trailer trailers transfer-encoding upgrade".split()
)
"""Headers that are the server's own business (PEP 3333, RFC 9110 section 7.6.1)."""

_NO_BODY = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, as it was understood."""

    id: str
    kind: str
    blocks: bool
    for_others: bool
    for_unidentified: bool
    conditions: list[Conditions]
    status: int
    headers: Mapping[str, str]
    body: JSON
    variables: Mapping[str, str]

    def fits(self, fields: Callable[[str], str | None]) -> bool:
        """Say whether the request is one of those that it is about."""
        return not self.conditions or any(group.fit(fields) for group in self.conditions)


Values = Mapping[str, Mapping[str, str]]
"""The values of variables, by the rules that somebody is subject to."""


class Governance:
    """The rules in force.

    Args:
        rules: what Moesif answered, decoded.
        faulty: told about each rule that cannot be read.
    """

    def __init__(self, rules: JSON, faulty: Callable[[str], None]) -> None:
        self._rules: dict[str, list[Rule]] = {"regex": [], "company": [], "user": []}
        for given in rules[:_MOST_RULES] if isinstance(rules, list) else []:
            try:
                rule = _rule(given)
            except Exception as error:  # noqa: BLE001 - one rule never costs another one
                why = error if isinstance(error, ValueError) else "cannot be read"
                faulty(f"a rule: {why}")
                continue
            self._rules[rule.kind].append(rule)

    @property
    def is_open(self) -> bool:
        """Whether nothing is blocked, for now."""
        return not any(rule.blocks for rules in self._rules.values() for rule in rules)

    def refusal(
        self, head: RequestHead, user_id: str | None, company_id: str | None, config: JSON
    ) -> Refusal | None:
        """Return what to answer in the app's place, or None to let the request through.

        *config* is what the configuration says, decoded, or None if that is not known.
        """
        fields = fields_of_request(head)
        headers: dict[str, str] = {}
        last: tuple[Rule, Mapping[str, str]] | None = None
        for rule, values in self._applicable(user_id, company_id, config):
            if not rule.fits(fields):
                continue
            headers |= {name: _with(text, values) for name, text in rule.headers.items()}
            if rule.blocks:
                last = rule, values
        return None if last is None else _refusal(*last, headers)

    def _applicable(
        self, user_id: str | None, company_id: str | None, config: JSON
    ) -> Iterator[tuple[Rule, Mapping[str, str]]]:
        for rule in self._rules["regex"]:
            yield rule, rule.variables
        for kind, who in (("company", company_id), ("user", user_id)):
            rules = self._rules[kind]
            if who is None:
                yield from ((rule, rule.variables) for rule in rules if rule.for_unidentified)
            elif rules and isinstance(config, dict):
                subject_to = _subject_to(config.get(f"{kind}_rules"), who)
                for rule in rules:
                    if (rule.id in subject_to) is not rule.for_others:
                        yield rule, {**rule.variables, **subject_to.get(rule.id, {})}


def _subject_to(given: JSON, who: str) -> Values:
    """Return the rules that *who* is listed for, with the values of their variables."""
    entries = given.get(who) if isinstance(given, dict) else None
    found: dict[str, Mapping[str, str]] = {}
    for entry in entries if isinstance(entries, list) else []:
        rule = entry.get("rules") if isinstance(entry, dict) else None
        if isinstance(entry, dict) and isinstance(rule, str):
            said = entry.get("values")
            values = said.items() if isinstance(said, dict) else ()
            found[rule] = {name: _text(value) for name, value in values if value is not None}
    return found


def _refusal(rule: Rule, values: Mapping[str, str], headers: Mapping[str, str]) -> Refusal | None:
    lines = {name.lower(): (name, value) for name, value in headers.items()}
    if any(not _VALUE.fullmatch(value) for value in headers.values()):
        return None  # a value of somebody's would write a header of its own
    body = _filled(rule.body, values)
    if rule.status in _NO_BODY:
        lines.pop("content-type", None)
        return Refusal(rule.status, tuple(lines.values()), b"", rule.id)
    is_text = body is None or isinstance(body, str)
    content = str(body or "").encode("utf-8", "replace") if is_text else codec.dumps(body)
    kind = "text/plain; charset=utf-8" if is_text else "application/json"
    lines.setdefault("content-type", ("Content-Type", kind))
    return Refusal(rule.status, tuple(lines.values()), content, rule.id)


def _filled(template: JSON, values: Mapping[str, str]) -> JSON:
    """Return *template* with the values of its variables in it; other marks stay as they are."""
    if isinstance(template, str):
        return _with(template, values)
    if isinstance(template, list):
        return [_filled(each, values) for each in template]
    if isinstance(template, dict):
        return {name: _filled(each, values) for name, each in template.items()}
    return template


def _with(text: str, values: Mapping[str, str]) -> str:
    return _TAG.sub(lambda tag: values.get(tag[1], tag[0]), text)


def _rule(given: JSON) -> Rule:
    if not isinstance(given, dict):
        raise ValueError("expected an object")
    rule_id, kind = given.get("_id"), given.get("type")
    if not isinstance(rule_id, str) or not rule_id:
        raise ValueError("_id is missing")
    if kind not in ("user", "company", "regex"):
        raise ValueError("type: expected user, company or regex")
    response = given.get("response")
    if not isinstance(response, dict):
        raise ValueError("response is missing")
    blocks = given.get("block") is True
    status = response.get("status")
    if blocks and (type(status) is not int or not 200 <= status <= 599):
        raise ValueError("response.status: expected a number from 200 to 599")
    applied_to = given.get("applied_to", "matching")
    if applied_to not in ("matching", "not_matching", None):
        raise ValueError("applied_to: expected matching or not_matching")
    return Rule(
        id=rule_id,
        kind=str(kind),
        blocks=blocks,
        for_others=applied_to == "not_matching",
        for_unidentified=given.get("applied_to_unidentified") is True,
        conditions=groups(given.get("regex_config")),
        status=status if type(status) is int else 0,
        headers=_headers(response.get("headers")),
        body=response.get("body"),
        variables=_variables(given.get("variables")),
    )


def _headers(given: JSON) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, dict) or not all(map(_NAME.fullmatch, given)):
        raise ValueError("response.headers: expected names and values")
    return {name: _text(value) for name, value in given.items() if name.lower() not in _OURS}


def _variables(given: JSON) -> dict[str, str]:
    """Return the variables of a rule with what stands for each where nobody gives a value."""
    if given is None:
        return {}
    if not isinstance(given, list):
        raise ValueError("variables: expected a list")
    found: dict[str, str] = {}
    for each in given:
        name = each.get("name") if isinstance(each, dict) else None
        if not isinstance(each, dict) or not isinstance(name, (str, int)):
            raise ValueError("variables: expected objects with a name")
        default = each.get("default")
        found[str(name)] = _UNKNOWN if default is None else _text(default)
    return found


def _text(value: JSON) -> str:
    return value if isinstance(value, str) else codec.dumps(value).decode()
