"""The request as hooks of a bare ASGI app see it: the part of Starlette's that needs no body."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from http.cookies import CookieError, SimpleCookie
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qsl, urlsplit

from apilog.headers import Headers


class Address(NamedTuple):
    """The client's address as the server saw it."""

    host: str
    port: int


class Request:
    """Read a scope by the names that Starlette gave its parts."""

    def __init__(self, scope: MutableMapping[str, Any]) -> None:
        self.scope = scope

    @property
    def method(self) -> str:
        """The verb."""
        return str(self.scope["method"])

    @property
    def headers(self) -> Headers:
        """The header lines, by name in any case."""
        lines = self.scope["headers"]
        return Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in lines)

    @property
    def url(self) -> SplitResult:
        """The address in its parts: ``scheme``, ``netloc``, ``path``, ``query``."""
        query = self.scope.get("query_string", b"").decode("latin-1")
        authority = self.headers.get("host", "")
        scheme = self.scope.get("scheme", "http")
        return urlsplit(f"{scheme}://{authority}{self.scope['path']}?{query}")

    @property
    def query_params(self) -> Mapping[str, str]:
        """The parameters of the query; of a repeated one the last."""
        query = self.scope.get("query_string", b"").decode("latin-1")
        return dict(parse_qsl(query, keep_blank_values=True))

    @property
    def path_params(self) -> Mapping[str, Any]:
        """What a router found in the path."""
        params: Mapping[str, Any] = self.scope.get("path_params", {})
        return params

    @property
    def cookies(self) -> Mapping[str, str]:
        """The cookies by name."""
        jar = SimpleCookie()
        for line in self.headers.get_list("cookie"):
            try:
                jar.load(line)
            except CookieError:
                continue
        return {name: morsel.value for name, morsel in jar.items()}

    @property
    def client(self) -> Address | None:
        """The peer, or None on a unix socket."""
        peer = self.scope.get("client")
        return Address(*peer) if peer else None

    @property
    def state(self) -> SimpleNamespace:
        """What lifespan and middlewares put into the state."""
        return SimpleNamespace(**self.scope.get("state", {}))

    @property
    def user(self) -> Any:
        """What an authentication middleware put there; KeyError without one."""
        return self.scope["user"]

    @property
    def session(self) -> Any:
        """What a session middleware put there; KeyError without one."""
        return self.scope["session"]
