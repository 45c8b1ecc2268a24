"""Batches over HTTP: one connection kept alive, every wait bounded, a verdict on every answer."""

from __future__ import annotations

import encodings.idna  # noqa: F401 - resolving a name would import it, perhaps during a fork
import ipaddress
import os
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TypeAlias
from urllib.request import getproxies, proxy_bypass

import httpx

from apilog import rate_limits
from apilog._version import __version__
from apilog.destinations._deadline import Deadline
from apilog.destinations._trouble import reason
from apilog.exceptions import ConfigError, DeliveryError, Rejected, RetryLater

CONNECT_TIMEOUT = 3.0
TIMEOUT = 10.0
"""Seconds to connect, and from the first byte sent to the last byte of the answer."""

_LONGEST_ANSWER = 65_536
"""Bytes of an answer that are read by default; the rest is cut off with the connection."""

_RETRYABLE = frozenset({408, 425, 429})
_CLOSED = {
    401: "is the key right?",
    402: "is the service paid for?",
    403: "is the key right?",
    404: "is the address right?",
    405: "is the address right?",
    407: "does the proxy want a password?",
    410: "is the address right?",
    415: "is the address that of an event API?",
}
"""Answers that no other batch would change, and the first thing to look at."""

try:  # 3.8 times as fast at the same ratio, where it is installed
    from isal import isal_zlib as deflate
except ImportError:
    import zlib as deflate  # type: ignore[no-redef, unused-ignore]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer as it was on the wire; its body up to a bound, never decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    host: str


Outcome: TypeAlias = Callable[[Answer], "DeliveryError | None"]
"""What an answer means: None if everything arrived, else what the pipeline should do about it."""

witnesses: list[Callable[[int, Answer], None]] = []
"""Functions told of each answer to a post, and how many bytes were posted; for ``apilog send``."""


class HttpTransport:
    """Post bodies to one base URL, over connections of its own in every process.

    Redirects are never followed: they would carry the key to another host. httpx's client is left
    out, because it writes a line into the host's log for every request. TLS is 1.2 or newer, and
    who cannot prove to be the host is told nothing. A destination whose endpoint answers for each
    event gives its own *outcome*, which may leave to `verdict` what it does not know. *at_once* is
    for all but a second one to the same URL: to get ready for https takes 20 ms.

    Raises:
        ConfigError: the base URL cannot work.
    """

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        *,
        timeout: float = TIMEOUT,
        outcome: Outcome | None = None,
        compress: bool = True,
        longest_answer: int = _LONGEST_ANSWER,
        at_once: bool = True,
    ) -> None:
        self._url = _base(base_url)
        self._headers = {
            "User-Agent": f"apilog/{__version__}",
            "Accept": "application/json",
            **headers,
        }
        self._content = {"Content-Type": "application/json"}
        if compress:
            self._content["Content-Encoding"] = "gzip"
        self._compress = compress
        self._longest_answer = longest_answer
        self._timeout = timeout
        patience = httpx.Timeout(timeout, connect=min(CONNECT_TIMEOUT, timeout))
        self._extensions = {"timeout": patience.as_dict()}
        self._urls: dict[str, httpx.URL] = {}
        """Addresses by path: making one costs as much as a small request."""
        self._outcome = outcome or verdict
        self._deadline = Deadline()
        self._connections: httpx.HTTPTransport | None = None
        self._watched = False
        self._process = 0
        self._rest_until = 0.0
        try:
            if at_once:
                self._own_connections()  # whatever that imports is imported before any fork
        except (httpx.InvalidURL, ImportError, OSError, ValueError) as error:
            raise ConfigError(
                "HTTP_PROXY, ALL_PROXY, SSL_CERT_FILE or another variable of the environment"
                f" cannot be used for {self._url.host} ({type(error).__name__})"
            ) from None

    def post(
        self,
        path: str,
        pieces: Iterable[bytes],
        headers: Mapping[str, str] | None = None,
        *,
        outcome: Outcome | None = None,
    ) -> None:
        """Post *pieces* as one body to *path* below the base URL, compressed if it takes that.

        *headers* are added to those of every request, and may take their place. After an answer
        that used up a rate limit, nothing is sent until its reset.

        Raises:
            RetryLater: no answer, or one that asks for patience.
            Partly: only some events arrived, says the answer.
            Rejected: the answer is final.
        """
        self._respect_the_limit()
        content = gzipped(pieces) if self._compress else b"".join(pieces)
        answer = self._ask("POST", path, {**self._content, **(headers or {})}, content)
        for witness in witnesses:
            witness(len(content), answer)
        trouble = (outcome or self._outcome)(answer)
        if not isinstance(trouble, RetryLater):  # that one brings its own pause
            rest = time.monotonic() + rate_limits.rest(answer.headers)
            # never shorter: another thread may have been told of a longer one
            self._rest_until = max(self._rest_until, rest)
        if trouble is not None:
            raise trouble

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Return the answer to a GET of *path* below the base URL, whatever it is.

        Raises:
            RetryLater: there is none.
        """
        return self._ask("GET", path, headers or {}, b"")

    def _ask(self, verb: str, path: str, headers: Mapping[str, str], content: bytes) -> Answer:
        url = self._urls.get(path)
        if url is None:
            url = self._url.copy_with(path=self._url.path.rstrip("/") + path)
            self._urls[path] = url
        request = httpx.Request(
            verb,
            url,
            headers={**self._headers, **headers},
            content=content or None,
            extensions=self._extensions,
        )
        self._deadline.set(self._timeout)
        try:
            return self._answer(request)
        except (httpx.HTTPError, OSError) as error:
            raise RetryLater(f"{reason(error)} at {self._url.host}") from error

    def _respect_the_limit(self) -> None:
        left = self._rest_until - time.monotonic()
        if left > 0:
            raise RetryLater(f"the rate limit of {self._url.host} is used up", after=left)

    def _answer(self, request: httpx.Request) -> Answer:
        """Return the answer to *request*.

        An endpoint may close a connection for being idle while a request is on its way to it:
        then, and only then, the request is sent once more, over a fresh one, in the time left.
        """
        try:
            return self._exchange(request)
        except httpx.TransportError:
            seen = self._deadline
            if not self._watched or seen.connected or seen.answered:
                raise
        return self._exchange(request)

    def _exchange(self, request: httpx.Request) -> Answer:
        with closing(self._own_connections().handle_request(request)) as response:
            body = _read(response, self._longest_answer)
        return Answer(
            status=response.status_code, headers=response.headers, body=body, host=self._url.host
        )

    def close(self) -> None:
        """Close the connections; a later `post` makes new ones."""
        connections, self._connections = self._connections, None
        if connections is not None and self._process == os.getpid():
            connections.close()

    def _own_connections(self) -> httpx.HTTPTransport:
        """Return this process's connections; a forked child must not share its parent's socket."""
        if self._connections is None or self._process != os.getpid():
            self._connections = httpx.HTTPTransport(
                verify=_tls() if self._url.scheme == "https" else False, proxy=_proxy(self._url)
            )
            self._watched = self._deadline.guard(self._connections)
            self._process = os.getpid()
        return self._connections


def _base(url: str) -> httpx.URL:
    """Return the base URL in *url*; a message never repeats what may be a password."""
    try:
        base = httpx.URL(url)
    except (httpx.InvalidURL, TypeError) as error:
        raise ConfigError(f"base_url: not a URL ({type(error).__name__})") from None
    if base.scheme not in ("http", "https") or not base.host:
        raise ConfigError("base_url: expected http:// or https:// and a host")
    if base.userinfo or base.query or base.fragment:
        raise ConfigError(f"base_url = {base.host!r}...: expected no user, query or fragment")
    return base


def _tls() -> ssl.SSLContext:
    """Return a context that trusts what httpx does, whatever Python's own minimum is."""
    context = httpx.create_ssl_context()
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    return context


def _proxy(url: httpx.URL) -> str | None:
    """Return the proxy that the environment names for *url*; loopback never has one."""
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy or _is_loopback(url.host) or proxy_bypass(url.netloc.decode("ascii")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_loopback(host: str) -> bool:
    """Say whether *host* is this machine's alone (RFC 6890, and RFC 6761 for the name)."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f".{host}".rstrip(".").endswith(".localhost")
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def gzipped(pieces: Iterable[bytes]) -> bytes:
    """Return *pieces*, one behind the other, as gzip (RFC 1952), made fast rather than small."""
    compressor = deflate.compressobj(1, deflate.DEFLATED, 31)
    compressed: list[bytes] = [compressor.compress(piece) for piece in pieces]
    return b"".join(compressed) + bytes(compressor.flush())


def verdict(answer: Answer) -> DeliveryError | None:
    """Translate the status of an HTTP answer (RFC 9110 section 15) into what to do about it."""
    status = answer.status
    if 200 <= status < 300:
        return None
    message = f"{status} from {answer.host}"
    if status in _RETRYABLE or status >= 500:
        pause = rate_limits.wanted_pause(status, answer.headers)
        return RetryLater(message, after=pause, status=status)
    if status == 413:
        return Rejected(message, why="too_large")
    if status in _CLOSED:
        return Rejected(f"{message}; {_CLOSED[status]}", why="closed")
    if status < 400:
        return Rejected(f"{message}; redirects are not followed", why="closed")
    return Rejected(message)


def _read(response: httpx.Response, longest: int) -> bytes:
    """Read an answer so that its connection can serve again, up to a bound."""
    pieces: list[bytes] = []
    size = 0
    for chunk in response.iter_raw():
        pieces.append(chunk)
        size += len(chunk)
        if size > longest:
            break
    return b"".join(pieces)[:longest]
