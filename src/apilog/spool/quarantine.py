"""The quarantine: events that no endpoint takes, and bytes that were no records any more."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timezone

from apilog.spool.directory import QUARANTINE, Directory, check_safe, made
from apilog.spool.files import APPEND, READ, Files
from apilog.spool.trouble import SpoolError

CAPACITY = 64 * 1024 * 1024
"""Bytes that the quarantine holds at most; the oldest file goes first."""

REFUSED = ".ndjson"
DAMAGED = ".damaged"

_FILE_BYTES = 4 * 1024 * 1024
_DAMAGED_BYTES = 1024 * 1024


class Quarantine:
    """Keep, for a person to look at, what cannot be delivered. One file of each process grows."""

    def __init__(
        self, directory: Directory, report: Callable[[str, int], None], capacity: int = CAPACITY
    ) -> None:
        self._directory = directory
        self._files = directory.files
        self._report = report
        self._capacity = capacity
        self.renew()

    def renew(self) -> None:
        """Begin a file of our own, in a forked child."""
        self._name = ""
        self._size = 0
        self._room = 0

    def add(self, event: bytes, reason: str) -> None:
        """Keep *event* and the *reason* why nobody takes it. Raises `SpoolError`, `OSError`."""
        line = _line(event, reason, self._files.time())
        folder = self._open()
        try:
            self._make_room(folder, len(line))
            name = self._name
            if not name or self._size > _FILE_BYTES:
                name, self._size = f"{self._directory.new_name(self._files.time())}{REFUSED}", 0
            self._name = ""  # unless this goes well: half a line is the last one of its file
            self._append(folder, name, line)
            self._name = name
            self._size += len(line)
        finally:
            self._files.close(folder)

    def keep_damaged(self, name: str, pieces: Iterable[bytes]) -> None:
        """Keep up to 1 MiB of the bytes that were damaged in the segment called *name*, if it goes.

        The copy is for curious people; not to have it loses no event.
        """
        with suppress(OSError, SpoolError):
            content = bytearray()
            for piece in pieces:
                content += piece
                if len(content) >= _DAMAGED_BYTES:
                    break
            folder = self._open()
            try:
                self._make_room(folder, min(len(content), _DAMAGED_BYTES))
                damaged = bytes(content[:_DAMAGED_BYTES])
                self._append(folder, f"{name}{DAMAGED}", damaged, anew=True)
            finally:
                self._files.close(folder)

    def _append(self, folder: int, name: str, content: bytes, *, anew: bool = False) -> None:
        descriptor = self._files.open(name, APPEND, folder)
        try:
            if anew:
                self._files.cut(descriptor, 0)
            self._files.keep_private(descriptor, 0o600)
            rest = content
            while rest:
                rest = rest[self._files.write(descriptor, rest) :]
        finally:
            self._files.close(descriptor)

    def _open(self) -> int:
        self._directory.open(create=True)
        folder = made(self._files, QUARANTINE, self._directory.folder)
        try:
            check_safe(self._files, folder)
        except BaseException:
            self._files.close(folder)
            raise
        return folder

    def _make_room(self, folder: int, size: int) -> None:
        """Drop the oldest files until *size* bytes more are allowed; look once per MiB or so."""
        self._room -= size
        if self._room >= 0:
            return
        held = []
        for name in sorted(self._files.names(folder)):
            with suppress(OSError):
                held.append((name, self._files.status_of(name, folder).st_size))
        total = size + sum(each for _, each in held)
        while total > self._capacity and held:
            name, each = held.pop(0)
            dropped = self._lines_in(name, folder)
            self._files.remove(name, folder)
            total -= each
            if dropped:
                self._report("quarantine_full", dropped)
            if name == self._name:
                self._name = ""
        self._room = min(_DAMAGED_BYTES, self._capacity - total)

    def _lines_in(self, name: str, folder: int) -> int:
        return sum(refused_in(self._files, name, folder).values())


def refused_in(files: Files, name: str, folder: int) -> Counter[str]:
    """Return how many events a file of the quarantine holds, by reason. Raises `OSError`."""
    reasons: Counter[str] = Counter()
    if not name.endswith(REFUSED):
        return reasons
    descriptor = files.open(name, READ, folder)
    try:
        rest, offset = b"", 0
        while piece := files.read(descriptor, _DAMAGED_BYTES, offset):
            offset += len(piece)
            *lines, rest = (rest + piece).split(b"\n")
            reasons.update(_reason_in(line) for line in lines)
        if rest:
            reasons["unreadable"] += 1
    finally:
        files.close(descriptor)
    return reasons


def _reason_in(line: bytes) -> str:
    """Return the reason in a line, without reading the event behind it."""
    head = line[:_HEAD].decode(errors="replace")
    try:
        reason, _ = json.JSONDecoder().raw_decode(head, len(_OPENING))
    except ValueError:
        return "unreadable"
    return str(reason)


_OPENING = '{"reason": '
_HEAD = 1024


def _line(event: bytes, reason: str, now: int) -> bytes:
    """Return one line of JSON; an event that is none goes into it as text."""
    try:
        json.loads(event.decode())
        value = event.replace(b"\r", b" ").replace(b"\n", b" ")  # between tokens, as it is JSON
    except (ValueError, RecursionError):
        value = json.dumps(event.decode(errors="backslashreplace")).encode()
    moment = datetime.fromtimestamp(now / 1e9, timezone.utc).isoformat(timespec="milliseconds")
    head = {"reason": reason, "time": moment.replace("+00:00", "Z")}
    return json.dumps(head).encode()[:-1] + b', "event": ' + value + b"}\n"
