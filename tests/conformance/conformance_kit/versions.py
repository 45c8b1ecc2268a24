"""What the oldest supported frameworks cannot do yet: the mounting and the reason."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata

from packaging.version import Version

from conformance_kit.scenario import DJANGO_ASGI, FASTAPI


def _before(package: str, version: str) -> bool:
    return Version(metadata.version(package)) < Version(version)


LEAVING_IS_NOT_HEARD: Mapping[str, str] = (
    {DJANGO_ASGI: "Django listens to clients that leave since 5.0"}
    if _before("django", "5.0")
    else {}
)
NO_PATHSEND: Mapping[str, str] = (
    {FASTAPI: "Starlette sends files by their path since 0.36"}
    if _before("starlette", "0.36")
    else {}
)
ROOTS_ARE_NOT_FOUND: Mapping[str, str] = (
    {FASTAPI: "Starlette finds routes for paths that begin with the root path since 0.33"}
    if _before("starlette", "0.33")
    else {}
)
