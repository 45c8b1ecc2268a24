"""Tokens: who may look, and who may send. They are made once and kept beside the data."""

from __future__ import annotations

import hmac
import os
import re
import secrets
from pathlib import Path
from typing import Final

from apilog.exceptions import ConfigError

VIEWER_FILE: Final = "viewer-token"
SENDER_FILE: Final = "sender-token"

_BYTES: Final = 16
"""128 random bits."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{16,128}", re.ASCII)


def new_token() -> str:
    """Return a new secret: 128 random bits, safe in an address."""
    return secrets.token_urlsafe(_BYTES)


def kept_token(path: Path) -> str:
    """Return the token in the file *path*, which is made, for its owner only, if there is none.

    Raises:
        ConfigError: the file cannot be read or written, or holds something else.
    """
    try:
        return _read(path)
    except FileNotFoundError:
        return _make(path)
    except OSError as error:
        raise ConfigError(f"the token in {path} cannot be read: {error.strerror}") from error


def checked_token(text: str) -> str:
    """Return *text* if it can be a token.

    Raises:
        ConfigError: it is too short, too long, or cannot stand in an address.
    """
    if not _TOKEN.fullmatch(text):
        raise ConfigError("a token must be 16 to 128 letters, digits, hyphens or underscores")
    return text


def same(claimed: str, token: str) -> bool:
    """Tell whether *claimed* is *token*, in a time that tells nothing of it."""
    return hmac.compare_digest(claimed.encode("utf-8", "surrogatepass"), token.encode())


def _read(path: Path) -> str:
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(descriptor, "rb") as file:
        text = file.read(200).decode("ascii", "replace").strip()
    if not _TOKEN.fullmatch(text):
        raise ConfigError(f"{path} holds no token; remove it, and a new one is made")
    os.chmod(path, 0o600)  # noqa: PTH101 - beside the os.open above
    return text


def _make(path: Path) -> str:
    """Make the file whole under another name first, so that no reader ever sees half of it."""
    token = new_token()
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{token}\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(beside)  # unlike a rename, this never replaces another's token
        except FileExistsError:
            return _read(path)
        finally:
            beside.unlink()
    except OSError as error:
        raise ConfigError(f"no token can be kept in {path}: {error.strerror}") from error
    return token
