"""What puts each side around an app: one module for a side, which only its environment can import.

Each has `recorded(framework, url)`, which returns the `Recorded` app; events go to *url*.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def nothing() -> None:
    """Do nothing: what is recorded leaves by itself."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """An app that a side records.

    Attributes:
        app: the WSGI or ASGI app.
        flush: sends what is still waiting; `nothing` if that leaves within seconds by itself.
        burst: calls that the side's own queue holds; after each burst *flush* is called.
    """

    app: Any
    flush: Callable[[], None] = nothing
    burst: int = 400
