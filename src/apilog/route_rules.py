"""Options for some calls only, by route: what `mask_routes` holds."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apilog import option_kinds as kinds
from apilog.option_kinds import Kind

OPTIONS: Mapping[str, Kind] = {
    "capture_request_body": kinds.flag(),
    "capture_response_body": kinds.flag(),
    "keep_fields": kinds.places(),
    "mask_fields": kinds.places(),
    "mask_headers": kinds.names(),
    "mask_patterns": kinds.patterns(),
    "mask_query": kinds.names(),
    "shape_only": kinds.flag(),
    "unmask": kinds.names(),
}
"""Options that can be different for some routes."""

_ROUTE = re.compile(r"(?:(?P<verb>[A-Z]+) )?(?P<path>/.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class RouteRules:
    """Options for the calls whose route or path fits *pattern*, and whose verb, if one is named."""

    verb: str | None
    pattern: re.Pattern[str]
    options: Mapping[str, Any]


def routes() -> Kind:
    """Routes and the options that are in force there; JSON in the environment."""

    def parse(value: Any) -> tuple[RouteRules, ...]:
        if not isinstance(value, Mapping):
            raise ValueError("not a mapping")
        return tuple(_route_rules(route, options) for route, options in value.items())

    return Kind(
        "routes with options such as {'POST /login': {'mask_fields': ['name']}}; possible are "
        + ", ".join(sorted(OPTIONS)),
        parse,
        lambda text: parse(json.loads(text)),
    )


def _route_rules(route: Any, options: Any) -> RouteRules:
    found = _ROUTE.fullmatch(route) if isinstance(route, str) else None
    if found is None or not isinstance(options, Mapping) or options.keys() - OPTIONS.keys():
        raise ValueError("not a route with options")
    pattern = re.compile(".*".join(map(re.escape, found["path"].split("*"))), re.DOTALL)
    parsed = {name: OPTIONS[name].parse(value) for name, value in options.items()}
    return RouteRules(found["verb"], pattern, parsed)
