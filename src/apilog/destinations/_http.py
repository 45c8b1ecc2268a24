"""Batches over HTTP: one connection kept alive, every wait bounded, a verdict on every answer."""

from __future__ import annotations

import encodings.idna  # noqa: F401 - resolving a name would import it, perhaps during a fork
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import timezone
from email.utils import parsedate_to_datetime
from urllib.request import getproxies, proxy_bypass

import httpx

from apilog._version import __version__
from apilog.destinations._deadline import Deadline
from apilog.exceptions import ConfigError, DeliveryError, Rejected, RetryLater

CONNECT_TIMEOUT = 3.0
TIMEOUT = 10.0
"""Seconds to connect, and from the first byte sent to the last byte of the answer."""

_LONGEST_ANSWER = 65_536
"""Bytes of an answer that are read; what follows is cut off with the connection."""

_RETRYABLE = frozenset({408, 425, 429})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

try:  # 3.8 times as fast at the same ratio, where it is installed
    from isal import isal_zlib as deflate
except ImportError:
    import zlib as deflate


class HttpTransport:
    """Post bodies to one base URL, over connections of its own in every process.

    Redirects are never followed: they would carry the key to another host. httpx's client is left
    out, because it writes a line into the host's log for every request.

    Raises:
        ConfigError: the base URL cannot work.
    """

    def __init__(
        self, base_url: str, headers: Mapping[str, str], *, timeout: float = TIMEOUT
    ) -> None:
        self._url = _base(base_url)
        self._headers = {
            "User-Agent": f"apilog/{__version__}",
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
            "Accept": "application/json",
            **headers,
        }
        self._timeout = timeout
        self._deadline = Deadline()
        self._connections: httpx.HTTPTransport | None = None
        self._process = 0
        try:
            self._own_connections()  # whatever that imports is imported before any fork
        except (httpx.InvalidURL, ImportError, OSError, ValueError) as error:
            raise ConfigError(
                "HTTP_PROXY, ALL_PROXY, SSL_CERT_FILE or another variable of the environment"
                f" cannot be used for {self._url.host} ({type(error).__name__})"
            ) from None

    def post(self, path: str, pieces: Iterable[bytes]) -> None:
        """Post *pieces*, compressed into one body, to *path* below the base URL.

        Raises:
            RetryLater: no answer, or one that asks for patience.
            Rejected: the answer is final.
        """
        patience = httpx.Timeout(self._timeout, connect=min(CONNECT_TIMEOUT, self._timeout))
        request = httpx.Request(
            "POST",
            self._url.copy_with(path=self._url.path.rstrip("/") + path),
            headers=self._headers,
            content=gzipped(pieces),
            extensions={"timeout": patience.as_dict()},
        )
        self._deadline.set(self._timeout)
        try:
            with closing(self._own_connections().handle_request(request)) as response:
                response.request = request
                _read(response)
                trouble = verdict(response)
        except httpx.HTTPError as error:
            raise RetryLater(f"{type(error).__name__} at {self._url.host}") from error
        if trouble is not None:
            raise trouble

    def close(self) -> None:
        """Close the connections; a later `post` makes new ones."""
        connections, self._connections = self._connections, None
        if connections is not None and self._process == os.getpid():
            connections.close()

    def _own_connections(self) -> httpx.HTTPTransport:
        """Return this process's connections; a forked child must not share its parent's socket."""
        if self._connections is None or self._process != os.getpid():
            self._connections = httpx.HTTPTransport(
                verify=self._url.scheme == "https", proxy=_proxy(self._url)
            )
            self._deadline.guard(self._connections)
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


def _proxy(url: httpx.URL) -> str | None:
    """Return the proxy that the environment names for *url*; loopback never has one."""
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy or url.host in _LOOPBACK or proxy_bypass(url.netloc.decode("ascii")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def gzipped(pieces: Iterable[bytes]) -> bytes:
    """Return *pieces*, one behind the other, as gzip (RFC 1952), made fast rather than small."""
    compressor = deflate.compressobj(1, deflate.DEFLATED, 31)
    compressed: list[bytes] = [compressor.compress(piece) for piece in pieces]
    return b"".join(compressed) + bytes(compressor.flush())


def verdict(response: httpx.Response) -> DeliveryError | None:
    """Translate an HTTP answer into what the pipeline should do about it."""
    if response.is_success:
        return None
    message = f"{response.status_code} from {response.request.url.host}"
    if response.status_code in _RETRYABLE or response.status_code >= 500:
        return RetryLater(message, after=retry_after(response.headers))
    return Rejected(message)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that ``Retry-After`` asks for (RFC 9110 section 10.2.3), or None.

    A date counts from the answer's own ``Date``, because clocks differ.
    """
    text = headers.get("retry-after", "").strip()
    if text.isdecimal() and len(text) < 12:
        return float(text)
    try:
        date = _seconds(text)
    except _NO_DATE:
        return None
    try:
        now = _seconds(headers.get("date", ""))
    except _NO_DATE:
        now = time.time()
    return max(0.0, date - now)


_NO_DATE = (TypeError, ValueError, IndexError, OverflowError)


def _seconds(http_date: str) -> float:
    """Return *http_date* in seconds since the epoch; one without a zone is in UTC (RFC 9110)."""
    date = parsedate_to_datetime(http_date)
    return (date if date.tzinfo else date.replace(tzinfo=timezone.utc)).timestamp()


def _read(response: httpx.Response) -> None:
    """Read an answer so that its connection can serve again, up to a bound."""
    size = 0
    for chunk in response.iter_raw():
        size += len(chunk)
        if size > _LONGEST_ANSWER:
            return
