"""Where the running collector of a folder is, for other commands of its owner."""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

FILE: Final = "address"


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port of this machine; *certificate* is the file of its TLS, "" without."""

    host: str
    port: int
    certificate: str = ""

    def write(self, directory: Path) -> None:
        """Leave the address in *directory*; where that fails nobody finds it, and no more."""
        beside = directory / f".{FILE}.{secrets.token_hex(8)}"
        with suppress(OSError):
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump(asdict(self), file)
            beside.replace(directory / FILE)

    @classmethod
    def read(cls, directory: Path) -> Address | None:
        """Return the address that was left in *directory*, None if there is none."""
        try:
            said = json.loads((directory / FILE).read_bytes())
            return cls(str(said["host"]), int(said["port"]), str(said["certificate"]))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    @staticmethod
    def remove(directory: Path) -> None:
        """Take the address away."""
        with suppress(OSError):
            (directory / FILE).unlink()


def reachable(host: str) -> str:
    """Return the address at which this machine reaches a server that listens on *host*."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not bound
