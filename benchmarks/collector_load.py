"""Batches of calls, ready to be sent, and a process that sends them over connections kept alive.

It does as little as it can, for it shares the processors with the collector it measures: batches
are made and compressed before, and mapped, not read. Prints what it saw as JSON.

    python benchmarks/collector_load.py FILE --port PORT [--every SECONDS] [--step 1]
"""

from __future__ import annotations

import argparse
import json
import mmap
import socket
import struct
import sys
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

sys.path.insert(0, str(Path(__file__).parent))

import tables
import traffic

CONNECTIONS = 4
PATIENCE = 60.0
"""Seconds until an answer is overdue."""

FRAME = struct.Struct(">II")
"""How many calls, and bytes, a batch in the file has."""

HEAD = (
    "POST /v1/events/batch HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    "Content-Encoding: gzip\r\nX-Moesif-Application-Id: benchmark\r\nContent-Length: {length}"
    "\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file of batches holds; *ids* is the sum of the ids of its calls as numbers."""

    calls: int
    ids: int
    size: int
    """Bytes of the batches before they were compressed."""


def prepared(file: Path, calls: traffic.Traffic, batch: int) -> Contents:
    """Write *calls* to *file* in batches, as apilog's clients compress them."""
    count = ids = size = 0
    with file.open("wb") as output:
        for part in calls.batches(batch):
            text = b"[%s]" % b",".join(call.event for call in part)
            compressor = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | 16)
            body = compressor.compress(text) + compressor.flush()
            output.write(FRAME.pack(len(part), len(body)) + body)
            count += len(part)
            ids += sum(number_of(call.id) for call in part)
            size += len(text)
    return Contents(count, ids, size)


def number_of(identifier: str) -> int:
    """Return a UUID as a number."""
    return int(identifier.replace("-", ""), 16)


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch in the file: its calls, and where its body begins and ends."""

    calls: int
    begin: int
    end: int


def batches(memory: mmap.mmap) -> Iterator[Batch]:
    """Yield where the batches are."""
    place = 0
    while place < len(memory):
        calls, length = FRAME.unpack_from(memory, place)
        begin = place + FRAME.size
        place = begin + length
        yield Batch(calls, begin, place)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """When a batch was to be sent, and when it was acknowledged, in seconds."""

    due: float
    done: float
    calls: int


class Sender:
    """Sends the batches of a file to a port, one every so many seconds, or as fast as can be."""

    def __init__(self, memory: mmap.mmap, port: int, *, every: float, step: int) -> None:
        self._memory = memory
        self._port = port
        self._every = every
        # A thread takes the next one in a single step of C, so no two take the same.
        self._turns = iter(list(enumerate(list(batches(memory))[::step])))
        self._began = 0.0

    def send(self) -> list[Acknowledgement]:
        """Send them all; return what came back, in the order of time."""
        self._began = time.perf_counter()
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            connections = [pool.submit(self._send_some) for _ in range(CONNECTIONS)]
            found = [each for connection in connections for each in connection.result()]
        return sorted(found, key=lambda each: each.done)

    def _send_some(self) -> list[Acknowledgement]:
        """Send over a connection whatever no other one sends."""
        found = []
        address = ("127.0.0.1", self._port)
        with (
            socket.create_connection(address, timeout=PATIENCE) as connection,
            connection.makefile("rb") as reader,
        ):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for turn, batch in self._turns:
                due = self._due(turn)
                head = HEAD.format(port=self._port, length=batch.end - batch.begin)
                connection.sendall(head.encode() + self._memory[batch.begin : batch.end])
                check(reader)
                found.append(Acknowledgement(due, time.perf_counter(), batch.calls))
        return found

    def _due(self, turn: int) -> float:
        """Return when a batch is to be sent, once it is that time; later if we are late."""
        now = time.perf_counter()
        if not self._every:
            return now
        due = self._began + turn * self._every
        time.sleep(max(0.0, due - now))
        return due


def check(reader: BinaryIO) -> None:
    """Read an answer to its end; end everything unless it says that all is stored."""
    status = reader.readline()
    length = 0
    while (line := reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    body = reader.read(length)
    if status.split(b" ")[1:2] != [b"201"]:
        raise SystemExit(f"the collector says {status!r} {body!r}")


def summary(found: list[Acknowledgement]) -> dict[str, float]:
    """Return the calls, their rate, also in the first and last tenth of the time, and the waits."""
    began = min(each.due for each in found)
    tenth = (found[-1].done - began) / 10
    waits = [(each.done - each.due) * 1e3 for each in found]
    calls = sum(each.calls for each in found)
    return {
        "calls": calls,
        "rate": calls / tenth / 10,
        "first": sum(each.calls for each in found if each.done <= began + tenth) / tenth,
        "last": sum(each.calls for each in found if each.done > began + 9 * tenth) / tenth,
        "p50": tables.percentile(waits, 50),
        "p99": tables.percentile(waits, 99),
    }


def main() -> None:
    """Send a file, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--every", type=float, default=0.0, help="seconds from batch to batch")
    parser.add_argument("--step", type=int, default=1, help="send each so-manieth batch only")
    given = parser.parse_args()
    with (
        given.file.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory,
    ):
        sender = Sender(memory, given.port, every=given.every, step=given.step)
        worked = time.process_time()
        found = sender.send()
        worked = time.process_time() - worked
    result = summary(found)
    print(json.dumps({**result, "cpu": worked / result["calls"] * 1e6}))


if __name__ == "__main__":
    main()
