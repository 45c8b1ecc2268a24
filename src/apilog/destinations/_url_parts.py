"""The parts of a destination's URL: the address in it, and its parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote

from apilog.exceptions import ConfigError

Kind = Callable[[list[str]], Any]
"""Makes an option of what the URL says for it, once or several times; raises ValueError."""


def address(parts: SplitResult) -> str:
    """Return the host and the port."""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    try:
        return f"{host}:{parts.port}" if parts.port else f"{host}"
    except ValueError:
        raise unfit(parts, "the port is not a number from 0 to 65535") from None


def service(
    parts: SplitResult, key: str, example: str, kinds: Mapping[str, Kind]
) -> tuple[str, str, dict[str, Any]]:
    """Return key, base URL and options in ``scheme://KEY@host/path?option=value``.

    *key* is what messages call it.
    """
    if not parts.username or not parts.hostname:
        raise unfit(parts, f"no {key} or no host; expected {example}")
    if parts.password is not None or parts.fragment:
        raise unfit(parts, f"a ':' or '#' in the {key} must be written %3A or %23")
    return unquote(parts.username), *base_and_options(parts, kinds)


def base_and_options(parts: SplitResult, kinds: Mapping[str, Kind]) -> tuple[str, dict[str, Any]]:
    """Return base URL and options; ``insecure=1`` selects plain http."""
    given = options(parts, {"insecure": flag, **kinds})
    scheme = "http" if given.pop("insecure", False) else "https"
    return f"{scheme}://{address(parts)}{parts.path}".rstrip("/"), given


def options(parts: SplitResult, kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """Return the parameters as options of these *kinds*.

    Raises:
        ConfigError: one is unknown, or not of its kind; its value is not repeated.
    """
    given: dict[str, list[str]] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in kinds:
            problem = f"known are: {', '.join(kinds)}" if kinds else "this kind has none"
            raise unfit(parts, f"unknown parameter; {problem}")
        given.setdefault(name, []).append(value)
    made: dict[str, Any] = {}
    for name, values in given.items():
        try:
            made[name] = kinds[name](values)
        except ValueError as error:
            raise unfit(parts, f"{name} must be {error}") from None
    return made


def text(values: list[str]) -> str:
    """Take a text."""
    if len(values) > 1:
        raise ValueError("there once")
    return values[0]


def texts(values: list[str]) -> list[str]:
    """Take one text or several, each of them a parameter."""
    return values


def flag(values: list[str]) -> bool:
    """Take 0 or 1."""
    if text(values) not in ("0", "1"):
        raise ValueError("0 or 1")
    return values[0] == "1"


def number(values: list[str]) -> float:
    """Take a number."""
    try:
        return float(text(values))
    except ValueError:
        raise ValueError("a number") from None


def whole(values: list[str]) -> int:
    """Take a whole number."""
    try:
        return int(text(values))
    except ValueError:
        raise ValueError("a whole number") from None


def pairs(values: list[str]) -> dict[str, str]:
    """Take ``name:value``, once or several times."""
    if not all(":" in each for each in values):
        raise ValueError("NAME:VALUE")
    return {name: value for name, _, value in (each.partition(":") for each in values)}


def category(values: list[str]) -> str | dict[str, str]:
    """Take one name, or a table as ``CONDITION:NAME``, several times."""
    if len(values) == 1 and ":" not in values[0]:
        return values[0]
    if not all(":" in each for each in values):
        raise ValueError("one name, or CONDITION:NAME for each")
    return pairs(values)


SELECTION: Mapping[str, Kind] = {"only": texts, "exclude": texts, "sample_rate": number}
"""The filter of a destination."""


def selection_alone(parts: SplitResult, example: str) -> dict[str, Any]:
    """Return the filter in a URL that has nothing else but its scheme."""
    if parts.netloc or parts.path:
        raise unfit(parts, f"expected {example} and nothing else")
    return options(parts, SELECTION)


def unfit(parts: SplitResult, problem: str) -> ConfigError:
    """Name the URL by its scheme, if it has one; anything after that may be a key."""
    return ConfigError(f"destination = '{parts.scheme}:...': {problem}")
