"""The state of a replay: how far it came, in a small file beside what is replayed."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from apilog.exceptions import ApiLogError, ConfigError
from apilog.replay_source import Place, Source
from apilog.terminal import escaped

_VERSION = 1
_TRIES = 10
"""How often the file may be replaced while it is being claimed."""


@dataclass(slots=True)
class Tally:
    """What became of the calls that were read; every one is in exactly one place."""

    delivered: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    """Kept in the file of refused events, by reason."""
    unreadable: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """Not for this destination, by reason."""

    @property
    def settled(self) -> int:
        """How many have their last place."""
        refused = self.rejected.total() + self.unreadable
        return self.delivered + refused + self.left_out.total()

    @property
    def is_clean(self) -> bool:
        """Whether everything arrived that was meant to."""
        return not (self.rejected.total() or self.unreadable)


class State:
    """Keep in *file* how far the replay of *source* to the destination called *to* has come.

    It is written with a new file in the place of the old one, so that it is whole at any moment.
    Each is locked from before it can be seen, so that no other replay can hold it.
    """

    def __init__(self, file: Path, source: Source, to: str) -> None:
        self.file = file
        self._source = source
        self._to = to
        self._held: int | None = None
        self.place = Place()
        self.ahead: frozenset[int] = frozenset()
        """Numbers of calls behind *place* that have their last place, too."""
        self.tally = Tally()

    def claim(self) -> None:
        """Keep every other replay away from the file, which is there from now on, until `close`.

        Raises:
            ConfigError: another one has it.
            ApiLogError: it cannot be written.
        """
        for _ in range(_TRIES):
            try:
                descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise self._unwritable(error) from error
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):  # it would be replaced
                os.close(descriptor)
                raise self._unfit("is no regular file", "name another one with --state")
            is_ours = _locked(descriptor)
            if is_ours and _is_at(self.file, descriptor):
                self._hold(descriptor)
                return
            os.close(descriptor)
            if not is_ours:
                break
        raise self._unfit("is held by another replay", "wait for its end, or name another one")

    def close(self) -> None:
        """Let others have the file."""
        self._hold(None)

    def restore(self, *, resume: bool) -> None:
        """Take up what the file says, or, unless this is to *resume*, make sure that it is over.

        A replay that had settled nothing is no obstacle.

        Raises:
            ConfigError: it speaks of another file or another destination, or of a replay that was
                not ended and is not to be resumed.
        """
        said = self.said()
        if said is None:
            return
        try:
            place = Place(**said["place"])
            ahead, ended = frozenset(said["ahead"]), said["ended"]
            identity, to = said["identity"], said["to"]
            counts = said["tally"]
            tally = Tally(
                delivered=counts["delivered"],
                rejected=Counter(counts["rejected"]),
                unreadable=counts["unreadable"],
                left_out=Counter(counts["left_out"]),
            )
        except (KeyError, TypeError) as error:
            raise self._no_state() from error
        if place == Place() and not ahead:
            return
        if not resume:
            if not ended:
                where = f"at {self._source.noun} {place.number}"
                what = f"is of a replay to {to} that ended early, {where}"
                raise self._unfit(what, "--resume goes on there; --from 1 begins anew")
            return
        if not place.segment and place.offset > self._source.size:
            raise self._unfit("is of a longer file", "--from 1 begins anew")
        if identity != self._source.identity(place):
            raise self._unfit("is of another file", "--from 1 begins anew")
        if to != self._to:
            raise self._unfit(f"is of a replay to {to}", "name another one with --state")
        self.place, self.ahead, self.tally = place, ahead, tally

    def said(self) -> dict[str, Any] | None:
        """Return what the file says; None if it is not there, or new.

        Raises:
            ConfigError: it is something else, and is not to be lost.
        """
        try:
            content = self.file.read_bytes()
            if not content:
                return None
            said = json.loads(content)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise self._no_state() from error
        if not isinstance(said, dict) or "version" not in said:
            raise self._no_state()
        if said["version"] != _VERSION:
            raise self._unfit("is of another apilog", "remove it to begin anew")
        return said

    def save(self, place: Place, ahead: Iterable[int], *, ended: bool = False) -> None:
        """Write that everything before *place* and all that is *ahead* has its last place.

        Raises:
            ApiLogError: it cannot be written.
        """
        self.place, self.ahead = place, frozenset(ahead)
        try:
            said = {
                "version": _VERSION,
                "to": self._to,
                "identity": self._source.identity(place),
                "place": asdict(place),
                "ahead": sorted(self.ahead),
                "ended": ended,
                "tally": {
                    "delivered": self.tally.delivered,
                    "rejected": dict(self.tally.rejected),
                    "unreadable": self.tally.unreadable,
                    "left_out": dict(self.tally.left_out),
                },
            }
            self._replace(f"{json.dumps(said)}\n".encode())
        except OSError as error:
            raise self._unwritable(error) from error

    def _replace(self, content: bytes) -> None:
        """Put a new file, which is locked already, in the place of the one that is held."""
        fresh = self.file.with_name(f"{self.file.name}.tmp")
        descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(content)
            _locked(descriptor)
            fresh.replace(self.file)
        except OSError:
            os.close(descriptor)
            raise
        self._hold(descriptor)

    def _hold(self, descriptor: int | None) -> None:
        """Hold the file by *descriptor* from now on."""
        before, self._held = self._held, descriptor
        if before is not None:
            os.close(before)

    def _no_state(self) -> ConfigError:
        return self._unfit("is no state of a replay", "name another one with --state, or remove it")

    def _unwritable(self, error: OSError) -> ApiLogError:
        why = str(error.strerror).lower()
        return ApiLogError(f"--state {escaped(str(self.file))} cannot be written: {why}")

    def _unfit(self, problem: str, fix: str) -> ConfigError:
        return ConfigError(f"{escaped(str(self.file))} {problem}; {fix}")


def _locked(descriptor: int) -> bool:
    """Lock the file, for as long as it is open; say whether nobody else has."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:  # where locks do not work, nobody is kept away
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True


def _is_at(file: Path, descriptor: int) -> bool:
    """Say whether *file* is still that one, and was not replaced in between."""
    try:
        return os.path.samestat(file.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
