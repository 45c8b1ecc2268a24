"""The key of something in an address: any text that a sender gave as an id."""

from __future__ import annotations

from typing import Final

from starlette.convertors import Convertor, register_url_convertor

KEY: Final = "{key:key}"
"""The end of a route whose parameter ``key`` is whatever is left of the path."""


class _Key(Convertor[str]):
    """Match anything: Starlette's own ``path`` ends at a line break, and an id may have one."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("key", _Key())
