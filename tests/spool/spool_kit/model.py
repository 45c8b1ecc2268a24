"""A disk in memory that remembers every state it was in, so that each can be the last one."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field

from apilog.spool.files import Files

ROOT = "/spool"
OWNER = 1000


@dataclass(eq=False)
class Inode:
    """A file or a directory; what is *safe* survives the loss of power."""

    number: int
    folder: bool = False
    content: bytes = b""
    safe_content: bytes = b""
    names: dict[str, Inode] = field(default_factory=dict)
    safe_names: dict[str, Inode] = field(default_factory=dict)
    links: int = 1
    mode: int = 0
    owner: OpenFile | None = None


@dataclass(eq=False)
class OpenFile:
    inode: Inode
    append: bool


class Disk:
    """The files, and nothing of the processes that have them open."""

    def __init__(self) -> None:
        self.root = Inode(1, folder=True)
        self.made = 1

    def inode(self, *, folder: bool) -> Inode:
        self.made += 1
        return Inode(self.made, folder=folder, mode=0o700 if folder else 0o600)

    def copy(self, change: Callable[[Inode], Inode] | None = None) -> Disk:
        """Return the disk as the next process finds it: no locks, nothing open."""
        copy = Disk()
        copy.made = self.made
        known: dict[int, Inode] = {}
        copy.root = _copied(self.root, known, change)
        for inode in known.values():
            inode.links = 0
        _count_links(copy.root)
        return copy


def _copied(
    inode: Inode, known: dict[int, Inode], change: Callable[[Inode], Inode] | None
) -> Inode:
    if inode.number in known:
        return known[inode.number]
    source = inode if change is None else change(inode)
    copy = known[inode.number] = Inode(
        inode.number, inode.folder, source.content, source.content, mode=inode.mode
    )
    copy.names = {name: _copied(each, known, change) for name, each in source.names.items()}
    copy.safe_names = dict(copy.names)
    return copy


def _count_links(folder: Inode) -> None:
    folder.links += 1
    for inode in folder.names.values():
        if inode.folder:
            _count_links(inode)
        else:
            inode.links += 1


class ModelFiles(Files):
    """A process on a disk. *before* is called before each change, with the states in between."""

    def __init__(self, disk: Disk, before: Callable[[list[Disk]], None] | None = None) -> None:
        super().__init__()
        self.disk = disk
        self._before = before
        self._opened: dict[int, OpenFile] = {}
        self._next = 3
        self.clock = 1_000.0
        self._drawn = 0
        self.free = 1 << 40

    def _changes(self, states: Callable[[], list[Disk]] = list) -> None:
        if self._before is not None:
            self._before([self.disk.copy(), *states()])

    def _descriptor(self, opened: OpenFile) -> int:
        self._next += 1
        self._opened[self._next] = opened
        return self._next

    def _inode(self, descriptor: int | None) -> Inode:
        if descriptor is None:
            return self.disk.root
        if descriptor not in self._opened:
            raise OSError(errno.EBADF, "not open")
        return self._opened[descriptor].inode

    def _entry(self, name: str, folder: int | None) -> Inode:
        names = self._inode(folder).names
        if name not in names:
            raise FileNotFoundError(errno.ENOENT, name)
        return names[name]

    def open_folder(self, path: str, folder: int | None = None) -> int:
        return self._descriptor(OpenFile(self._entry(path, folder), append=False))

    def make_folder(self, path: str, folder: int | None = None) -> None:
        names = self._inode(folder).names
        if path in names:
            raise FileExistsError(errno.EEXIST, path)
        self._changes()
        names[path] = self.disk.inode(folder=True)

    def open(self, name: str, flags: int, folder: int) -> int:
        names = self._inode(folder).names
        if name in names and flags & os.O_EXCL:
            raise FileExistsError(errno.EEXIST, name)
        if name not in names and flags & os.O_CREAT:
            if not self._inode(folder).links:
                raise FileNotFoundError(errno.ENOENT, name)
            self._changes()
            names[name] = self.disk.inode(folder=False)
        append = bool(flags & os.O_APPEND)
        return self._descriptor(OpenFile(self._entry(name, folder), append))

    def close(self, descriptor: int) -> None:
        opened = self._opened.pop(descriptor)
        if opened.inode.owner is opened:
            opened.inode.owner = None

    def lock(self, descriptor: int) -> bool:
        opened = self._opened[descriptor]
        if opened.inode.owner not in (None, opened):
            return False
        opened.inode.owner = opened
        return True

    def write(self, descriptor: int, content: bytes) -> int:
        opened = self._opened[descriptor]
        assert opened.append
        self._write(opened.inode, content, len(opened.inode.content))
        return len(content)

    def write_at(self, descriptor: int, content: bytes, offset: int) -> int:
        assert not self._opened[descriptor].append, "Linux would append"
        self._write(self._inode(descriptor), content, offset)
        return len(content)

    def _write(self, inode: Inode, content: bytes, offset: int) -> None:
        old = inode.content

        def put(size: int) -> None:
            inode.content = (
                old[:offset].ljust(offset, b"\0") + content[:size] + old[offset + size :]
            )

        def interrupted() -> list[Disk]:
            states = []
            for size in cuts(len(content)):
                put(size)
                states.append(self.disk.copy())
            inode.content = old
            return states

        self._changes(interrupted)
        put(len(content))

    def read(self, descriptor: int, size: int, offset: int) -> bytes:
        return self._inode(descriptor).content[offset : offset + size]

    def data_from(self, descriptor: int, offset: int) -> int:
        return offset

    def cut(self, descriptor: int, size: int) -> None:
        self._changes()
        inode = self._inode(descriptor)
        inode.content = inode.content[:size]

    def keep_private(self, descriptor: int, mode: int) -> None:
        self._inode(descriptor).mode = mode

    def status(self, descriptor: int) -> os.stat_result:
        return self._status(self._inode(descriptor))

    def status_of(self, name: str, folder: int) -> os.stat_result:
        return self._status(self._entry(name, folder))

    @staticmethod
    def _status(inode: Inode) -> os.stat_result:
        mode = inode.mode | (stat.S_IFDIR if inode.folder else stat.S_IFREG)
        size = len(inode.content)
        return os.stat_result((mode, inode.number, 1, inode.links, OWNER, OWNER, size, 0, 0, 0))

    def names(self, folder: int) -> list[str]:
        return list(self._inode(folder).names)

    def rename(self, old: str, new: str, folder: int) -> None:
        inode = self._entry(old, folder)
        self._changes()
        names = self._inode(folder).names
        names[new] = inode
        del names[old]

    def remove(self, name: str, folder: int) -> None:
        inode = self._entry(name, folder)
        self._changes()
        del self._inode(folder).names[name]
        inode.links -= 1

    def sync(self, descriptor: int) -> None:
        inode = self._inode(descriptor)
        inode.safe_content = inode.content
        inode.safe_names = dict(inode.names)
        self._changes()

    def space(self, folder: int) -> tuple[int, int]:
        return self.free, 1 << 40

    def user(self) -> int:
        return OWNER

    def time(self) -> int:
        self.clock += 0.001
        return int(self.clock * 1e9)

    def monotonic(self) -> float:
        self.clock += 0.001
        return self.clock

    def random(self) -> str:
        self._drawn += 1
        return f"{id(self) & 0xFFFFFFFF:08x}{self._drawn:016x}"


def cuts(size: int) -> list[int]:
    """Return where a write of *size* bytes may be interrupted: the interesting places."""
    places = {1, 3, 4, 8, 23, 24, 31, 32, 33, size // 2, size - 1}
    return sorted(place for place in places if 0 < place < size)
