"""Ways in which a disk damages a file; each says which bytes of the old file it touched."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TypeAlias

Damaged: TypeAlias = tuple[bytes, int, int]
"""What is left, and from where to where the old content is not what it was."""


def flipped(content: bytes, dice: Random) -> Damaged:
    place = dice.randrange(len(content))
    changed = bytearray(content)
    changed[place] ^= 1 << dice.randrange(8)
    return bytes(changed), place, place + 1


def zeroed(content: bytes, dice: Random, size: int = 4096) -> Damaged:
    begin = dice.randrange(len(content)) // size * size
    end = min(len(content), begin + size)
    return content[:begin] + bytes(end - begin) + content[end:], begin, end


def cut_off(content: bytes, dice: Random) -> Damaged:
    end = dice.randrange(len(content))
    return content[:end], end, len(content)


def overwritten(content: bytes, dice: Random) -> Damaged:
    """A block stands in the place of another one."""
    size = dice.randint(1, min(4096, len(content)))
    source, target = (dice.randrange(len(content) - size + 1) for _ in range(2))
    block = content[source : source + size]
    return content[:target] + block + content[target + size :], target, target + size


def doubled(content: bytes, dice: Random) -> Damaged:
    """A block stands where it did, and once more."""
    size = dice.randint(1, len(content))
    source = dice.randrange(len(content) - size + 1)
    target = dice.randrange(len(content) + 1)
    block = content[source : source + size]
    return content[:target] + block + content[target:], target, target


def taken_out(content: bytes, dice: Random) -> Damaged:
    begin = dice.randrange(len(content))
    end = dice.randint(begin, len(content))
    return content[:begin] + content[end:], begin, end


KINDS: dict[str, Callable[[bytes, Random], Damaged]] = {
    "a bit is flipped": flipped,
    "4 KiB are zero": zeroed,
    "the end is cut off": cut_off,
    "a block stands in another one's place": overwritten,
    "a block stands there twice": doubled,
    "a piece is missing": taken_out,
}
