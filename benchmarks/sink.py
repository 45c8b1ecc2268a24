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
    b"/log": b"{}",
    b"/log/custom": b"{}",
    b"/log/error": b"{}",
    b"/collect/event": b'[{"headers":{},"value":"{}"}]',
}
"""What services say besides 201; nothing, if they are not here."""


class Handler(socketserver.StreamRequestHandler):
    """Read requests and answer them, until the client goes."""

    def handle(self) -> None:
        """Serve one connection."""
        while first := self.rfile.readline():
            body = ANSWERS.get(first.split(b" ")[1], b"")
            status = b"201 Created" if first.startswith(b"POST") else b"200 OK"
            length = 0
            while (line := self.rfile.readline()) not in (b"\r\n", b""):
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            self.rfile.read(length)
            self.wfile.write(
                b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)
            )


class Server(socketserver.ThreadingTCPServer):
    """One thread for each connection."""

    daemon_threads = True


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
