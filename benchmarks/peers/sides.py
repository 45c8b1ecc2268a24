"""The sides of the comparison: in which environment they live, and what each of them captures."""

from __future__ import annotations

from dataclasses import dataclass

FRAMEWORKS = {"fastapi": "FastAPI", "flask": "Flask", "django": "Django"}
WORKLOADS = {
    "/json": "2 KB JSON in, 10 KB JSON out",
    "/small": "200 B GET",
    "/stream": "100-chunk stream",
}


@dataclass(frozen=True, kw_only=True)
class Side:
    """One column.

    Attributes:
        title: its heading.
        environment: where its packages are.
        packages: those whose versions the table names.
        captures: what it records, and how it is set up.
        response_bodies: whether it delivers them, so that it does the same work as apilog.
    """

    title: str
    environment: str
    packages: tuple[str, ...] = ()
    captures: str
    response_bodies: bool = True

    @property
    def is_peer(self) -> bool:
        """Whether it is somebody else's product."""
        return self.environment != "apilog"


SIDES = {
    "bare": Side(title="bare", environment="apilog", captures="nothing", response_bodies=False),
    "floor_gzip": Side(
        title="floor, zlib",
        environment="apilog",
        captures="headers and bodies, by hand: no masking, bounds, retries or account",
    ),
    "floor_zstd": Side(
        title="floor, zstd",
        environment="apilog",
        packages=("zstandard",),
        captures="the same, with the best compressor",
    ),
    "apilog": Side(
        title="apilog",
        environment="apilog",
        packages=("apilog", "httpx", "orjson", "isal"),
        captures="headers, bodies, identity; all masking on, as it comes",
    ),
    "moesif": Side(
        title="Moesif",
        environment="moesif",
        packages=("moesifasgi", "moesifwsgi", "moesifdjango", "moesifapi"),
        captures="headers and bodies, nothing masked, as it comes",
    ),
    "apitally": Side(
        title="Apitally",
        environment="apitally",
        packages=("apitally", "opentelemetry-sdk"),
        captures="headers, bodies (switched on) up to 50 KB, its masking by names, metrics",
    ),
    "sentry": Side(
        title="Sentry",
        environment="sentry",
        packages=("sentry-sdk",),
        captures="a trace of every call, headers, request body; no response body",
        response_bodies=False,
    ),
    "opentelemetry": Side(
        title="OpenTelemetry",
        environment="opentelemetry",
        packages=("opentelemetry-sdk", "opentelemetry-instrumentation"),
        captures="a trace of every call, all headers; no bodies",
        response_bodies=False,
    ),
}
