"""The policy: which masking rules a configuration puts in force for which calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from apilog.config import Config
from apilog.masking import Masking


class Rules(NamedTuple):
    """What is in force for a call."""

    masking: Masking
    capture_request_body: bool
    capture_response_body: bool


class Policy:
    """Find the rules for a call: those of the first entry of `mask_routes` that fits, or the usual.

    What an entry lists is added to what holds everywhere; what it switches, it switches.
    """

    def __init__(self, config: Config) -> None:
        self.everywhere = _rules(config, {})
        self._routes = [
            (route.verb, route.pattern, _rules(config, route.options))
            for route in config.mask_routes
        ]

    def rules(self, verb: str, route: str | None, path: str) -> Rules:
        """Return the rules for a call; an entry fits its *route*'s template or its *path*."""
        for wanted, pattern, rules in self._routes:
            if wanted in (None, verb.upper()) and (
                pattern.fullmatch(path) or (route is not None and pattern.fullmatch(route))
            ):
                return rules
        return self.everywhere


def _rules(config: Config, options: Mapping[str, Any]) -> Rules:
    def merged(name: str) -> Any:
        return (*getattr(config, name), *options.get(name, ()))

    credential = () if config.authorization_header is None else (config.authorization_header,)
    masking = Masking(
        headers=(*merged("mask_headers"), *credential),
        query=merged("mask_query"),
        fields=merged("mask_fields"),
        patterns=merged("mask_patterns"),
        unmask=merged("unmask"),
        keep=merged("keep_fields"),
        shape_only=options.get("shape_only", config.shape_only),
        key=config.hash,
    )
    return Rules(
        masking,
        options.get("capture_request_body", config.capture_request_body),
        options.get("capture_response_body", config.capture_response_body),
    )
