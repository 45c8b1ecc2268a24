"""Who is believed to be the endpoint, and what a log says of one that is not."""

from __future__ import annotations

import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from apilog import RetryLater
from apilog.destinations._http import HttpTransport

trustme = pytest.importorskip("trustme", reason="certificates are made by trustme")

KEY = "the-key-of-the-application"
NOW = datetime.now(timezone.utc)


class Server:
    """A TLS server that answers 201; keeps what it read, in the clear and before."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self.read = b""
        self.accepted = 0
        self.greeted = 0
        self.plain = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                self.accepted += 1
                peer.settimeout(5)
                with peer, suppress(OSError):
                    self._serve(peer)

    def _serve(self, peer: socket.socket) -> None:
        self.plain += peer.recv(1_000, socket.MSG_PEEK)
        with self.context.wrap_socket(peer, server_side=True) as stream:
            self.greeted += 1
            while data := stream.recv(65_536):
                self.read += data
                if b"\r\n\r\n" in self.read:
                    stream.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")


@pytest.fixture(scope="module")
def authority() -> Any:
    return trustme.CA()


@pytest.fixture
def trusted(authority: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The authority, which this process trusts, as an operator would make it."""
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return authority


@pytest.fixture
def new_server() -> Iterator[Callable[..., Server]]:
    with ExitStack() as stack:

        def make(certificate: Any, **settings: Any) -> Server:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(context)
            for name, value in settings.items():
                setattr(context, name, value)
            server = Server(context)
            stack.callback(server.close)
            return server

        yield make


def trouble_at(server: Server, timeout: float = 5.0) -> str | None:
    """Post, and return what went wrong."""
    transport = HttpTransport(server.url, {"X-Key": KEY}, timeout=timeout)
    try:
        transport.post("/v1/events/batch", [b"[{}]"])
    except RetryLater as trouble:
        return str(trouble)
    finally:
        transport.close()
    return None


def assert_told_nothing(server: Server) -> None:
    """The peer was reached, and saw the beginning of a TLS handshake and nothing else."""
    assert server.accepted == 1
    assert server.plain[:1] == b"\x16"
    assert server.read == b""
    assert KEY.encode() not in server.plain


def test_a_host_that_proves_to_be_itself_is_told_everything(trusted: Any, new_server: Any) -> None:
    server = new_server(trusted.issue_cert("127.0.0.1"))
    assert trouble_at(server) is None
    assert KEY.encode() in server.read


@pytest.mark.parametrize(
    ("names", "dates", "what"),
    [
        pytest.param(
            ["127.0.0.1"],
            {"not_before": NOW - timedelta(9), "not_after": NOW - timedelta(1)},
            "the TLS certificate is expired",
            id="expired",
        ),
        pytest.param(
            ["127.0.0.1"],
            {"not_before": NOW + timedelta(1), "not_after": NOW + timedelta(9)},
            "the TLS certificate is not valid yet",
            id="of tomorrow",
        ),
        pytest.param(
            ["secret.example.com"],
            {},
            "the TLS certificate is for another address",
            id="for another host",
        ),
    ],
)
def test_a_certificate_that_does_not_fit_is_named_and_nothing_is_sent(
    trusted: Any, new_server: Any, names: list[str], dates: dict[str, Any], what: str
) -> None:
    server = new_server(trusted.issue_cert(*names, **dates))
    assert trouble_at(server) == f"ConnectError: {what} at 127.0.0.1"
    assert_told_nothing(server)


def test_a_certificate_of_an_authority_nobody_knows_is_not_trusted(
    trusted: Any, new_server: Any
) -> None:
    server = new_server(trustme.CA().issue_cert("127.0.0.1"))
    assert trouble_at(server) == (
        "ConnectError: the TLS certificate is signed by an unknown authority at 127.0.0.1"
    )
    assert_told_nothing(server)


def test_a_certificate_signed_by_itself_is_not_trusted(trusted: Any, new_server: Any) -> None:
    """An authority's own certificate is one."""
    alone = trustme.CA()

    class Certificate:
        @staticmethod
        def configure_cert(context: ssl.SSLContext) -> None:
            with alone.cert_pem.tempfile() as certificate, alone.private_key_pem.tempfile() as key:
                context.load_cert_chain(certificate, key)

    server = new_server(Certificate)
    assert trouble_at(server) == "ConnectError: the TLS certificate is self-signed at 127.0.0.1"
    assert_told_nothing(server)


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_a_host_that_only_speaks_old_tls_is_told_nothing(
    trusted: Any, new_server: Any, version: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        server = new_server(
            trusted.issue_cert("127.0.0.1"),
            minimum_version=ssl.TLSVersion[version],
            maximum_version=ssl.TLSVersion[version],
        )
        server.context.set_ciphers("ALL:@SECLEVEL=0")
        if not _speaks(server, ssl.TLSVersion[version]):
            pytest.skip(f"OpenSSL here cannot speak {version} at all")
    server.accepted, server.plain = 0, b""
    trouble = trouble_at(server)
    assert trouble is not None
    assert trouble.startswith("ConnectError: TLS failed (")
    assert "VERSION" in trouble or "PROTOCOL" in trouble
    assert_told_nothing(server)


def _speaks(server: Server, version: ssl.TLSVersion) -> bool:
    """Say whether a client without our scruples can talk to *server*."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    host, port = server.url.removeprefix("https://").split(":")
    try:
        with (
            socket.create_connection((host, int(port)), timeout=5) as plain,
            context.wrap_socket(plain) as stream,
        ):
            return stream.version() is not None
    except OSError:
        return False


def test_a_host_without_tls_is_told_nothing(trusted: Any, endpoint: Any) -> None:
    """An http server at the port: there is no way back to plaintext."""
    transport = HttpTransport(endpoint.url.replace("http:", "https:"), {"X-Key": KEY}, timeout=0.5)
    with pytest.raises(RetryLater):
        transport.post("/v1/events/batch", [b"[{}]"])
    transport.close()
    assert endpoint.connections == 1
    assert endpoint.received == []


def test_a_handshake_that_hangs_is_given_up_and_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        transport = HttpTransport(url, {"X-Key": KEY}, timeout=0.3)
        with pytest.raises(RetryLater, match="the TLS handshake did not end in time"):
            transport.post("/v1/events/batch", [b"[{}]"])
        transport.close()
        peer, _ = listener.accept()
        with peer:
            assert peer.recv(10)[:1] == b"\x16"


def test_an_authority_that_is_gone_after_a_fork_is_waited_for(
    trusted: Any, new_server: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A new process reads the file again; until it is there, nothing is sent unproved.

    httpx before 0.28 trusts the usual authorities then.
    """
    server = new_server(trusted.issue_cert("127.0.0.1"))
    transport = HttpTransport(server.url, {"X-Key": KEY})
    transport.close()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    with pytest.raises(RetryLater, match=r"FileNotFoundError|unknown authority"):
        transport.post("/v1/events/batch", [b"[{}]"])
    transport.close()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    transport.post("/v1/events/batch", [b"[{}]"])
    transport.close()
    assert server.read.count(b"POST /v1/events/batch") == 1
