"""An endpoint that takes everything and says what the real one would, as cheaply as Python can."""

from __future__ import annotations

import socketserver
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

ANSWERS = {
    b"/api/batch": b'{"size":20,"processed":20,"errors":0,"details":[],"cache":"e30.e30.e30"}',
    b"/api/send": b'{"cache":"e30.e30.e30"}',
    b"/v1/config": b"{}",
    b"/v1/rules": b"[]",
    b"/log": b"{}",
    b"/log/custom": b"{}",
    b"/log/error": b"{}",
    b"/collect/event": b'[{"headers":{},"value":"{}"}]',
}
"""What services say besides 201; nothing, if they are not here."""


class Handler(socketserver.StreamRequestHandler):
    """Read requests and answer them, until the client goes."""

    server: Server

    def handle(self) -> None:
        """Serve one connection."""
        while first := self.rfile.readline():
            path = first.split(b" ")[1]
            body = ANSWERS.get(path, b"")
            status = b"201 Created" if first.startswith(b"POST") else b"200 OK"
            length, coding = 0, b""
            while (line := self.rfile.readline()) not in (b"\r\n", b""):
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
                elif name.lower() == b"content-encoding":
                    coding = value.strip()
            self.server.take(path, coding, self.rfile.read(length))
            self.wfile.write(
                b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)
            )


class Server(socketserver.ThreadingTCPServer):
    """One thread for each connection."""

    daemon_threads = True

    def take(self, path: bytes, coding: bytes, body: bytes) -> None:
        """Take what was posted; here nothing is kept."""


@contextmanager
def running() -> Iterator[int]:
    """Run the endpoint in a process of its own, and give its port."""
    with subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


if __name__ == "__main__":
    with Server(("127.0.0.1", 0), Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()
