"""Looking at a spool from outside, and clearing it, for the command line."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from apilog.spool.directory import (
    ACKNOWLEDGED,
    ALONE,
    MARK_BYTES,
    QUARANTINE,
    SEGMENT,
    check_safe,
    created,
    offsets_in,
    view,
)
from apilog.spool.files import READ, TAKE, Files
from apilog.spool.findings import End, Findings, examine
from apilog.spool.quarantine import refused_in
from apilog.spool.trouble import SpoolError


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentReport:
    """One segment, and its *state*.

    ``live``: its process lives. ``sealed``, ``orphan``: it is gone, after an orderly end or not.
    ``damaged``: it is gone, and not all can be read. ``newer``: a later apilog wrote this.
    """

    name: str
    size: int
    """Bytes."""
    state: str
    events: int
    """How many wait, calls included that were cut off."""
    acked: int
    """How many are settled."""
    lost: int
    oldest: float | None
    """When it was begun, in seconds since 1970; None if nothing waits in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """All of a spool."""

    segments: tuple[SegmentReport, ...]
    quarantined: Mapping[str, int]
    """How many events were refused, by reason."""
    total_bytes: int
    """The size of all files, the quarantine included."""


@dataclass(frozen=True, slots=True)
class DamageReport:
    """Where a segment cannot be read: from *offset* to *end*, in bytes."""

    segment: str
    offset: int
    end: int
    what: str


@dataclass(slots=True, kw_only=True)
class Purged:
    """What is gone now."""

    segments: int = 0
    events: int = 0
    quarantined: int = 0


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    status: os.stat_result
    live: bool
    findings: Findings = field(repr=False)


def survey(directory: str | os.PathLike[str]) -> Survey:
    """Return what is in the spool at *directory*; change nothing. Raises `SpoolError`."""
    files = Files()
    reports = []
    quarantined: Counter[str] = Counter()
    total = 0
    for prefix, folder in folders(files, directory):
        total += _bytes_in(files, folder)
        reports += [_report(found) for found in _segments(files, folder, prefix)]
        with _inside(files, QUARANTINE, folder) as inside:
            if inside is not None:
                total += _bytes_in(files, inside)
                for name in files.names(inside):
                    with suppress(OSError):
                        quarantined.update(refused_in(files, name, inside))
    return Survey(segments=tuple(reports), quarantined=dict(quarantined), total_bytes=total)


def verify(directory: str | os.PathLike[str]) -> list[DamageReport]:
    """Return all places that cannot be read; change nothing. Raises `SpoolError`.

    The last record of a live segment may be half written at this moment, which is no damage.
    """
    files = Files()
    reports = []
    for prefix, folder in folders(files, directory):
        for found in _segments(files, folder, prefix):
            if found.findings.is_newer:
                reports.append(DamageReport(found.name, 0, found.findings.size, "newer version"))
            elif not found.findings.size:
                reports.append(DamageReport(found.name, 0, 0, "empty"))
            reports += [
                DamageReport(found.name, each.offset, each.end, "torn" if each.torn else "damaged")
                for each in found.findings.damages
                if not (each.torn and found.live)
            ]
    return reports


def purge(
    directory: str | os.PathLike[str],
    *,
    segments: bool = False,
    quarantine: bool = False,
    before: float = float("inf"),
) -> Purged:
    """Remove what no process owns; return what is gone. Raises `SpoolError`.

    *segments*: those, and the events that wait in them. *quarantine*: all that is kept there. Of
    both only files that were last written to *before* that moment, in seconds since 1970.
    """
    files = Files()
    purged = Purged()
    for prefix, folder in folders(files, directory):
        check_safe(files, folder)
        if segments:
            for found in _segments(files, folder, prefix):
                is_due = not found.live and found.status.st_mtime < before
                if is_due and _removed(files, found.name[len(prefix) :], folder):
                    purged.segments += 1
                    purged.events += found.findings.events + found.findings.aborted
        if quarantine:
            with _inside(files, QUARANTINE, folder) as inside:
                for name in files.names(inside) if inside is not None else ():
                    with suppress(OSError):
                        if files.status_of(name, inside or 0).st_mtime >= before:
                            continue
                        count = sum(refused_in(files, name, inside or 0).values())
                        files.remove(name, inside or 0)
                        purged.quarantined += count
    return purged


def folders(files: Files, directory: str | os.PathLike[str]) -> Iterator[tuple[str, int]]:
    """Open the directory, and those in it of processes that are alone where locks do not work."""
    try:
        folder = files.open_folder(os.fspath(directory))
    except OSError as error:
        raise SpoolError.of(error) from error
    try:
        yield "", folder
        for name in sorted(files.names(folder)):
            if name.startswith(ALONE):
                with _inside(files, name, folder) as inside:
                    if inside is not None:
                        yield f"{name}/", inside
    finally:
        files.close(folder)


@contextmanager
def _inside(files: Files, name: str, folder: int) -> Iterator[int | None]:
    try:
        inside = files.open_folder(name, folder)
    except OSError:
        yield None
        return
    try:
        yield inside
    finally:
        files.close(inside)


def _segments(files: Files, folder: int, prefix: str) -> Iterator[_Found]:
    for name in sorted(files.names(folder)):
        if name.endswith(SEGMENT):
            with suppress(OSError):
                yield _found(files, name, folder, prefix)


def _found(files: Files, name: str, folder: int, prefix: str) -> _Found:
    descriptor = files.open(name, READ, folder)
    try:
        status = files.status(descriptor)
        size = status.st_size if stat.S_ISREG(status.st_mode) else 0
        live = bool(size) and not is_free(files, descriptor)
        findings = examine(
            view(files, descriptor, size), acknowledged(files, name[: -len(SEGMENT)], folder)
        )
        return _Found(f"{prefix}{name}", status, live, findings)
    finally:
        files.close(descriptor)


def is_free(files: Files, descriptor: int) -> bool:
    """Whether no process owns the file; the lock that tells lasts until the file is closed."""
    try:
        return files.lock_shared(descriptor)
    except OSError:
        return False


def acknowledged(files: Files, name: str, folder: int) -> int:
    """Return up to where the segment called *name* is settled, in bytes."""
    with suppress(OSError):
        descriptor = files.open(f"{name}{ACKNOWLEDGED}", READ, folder)
        try:
            return max(offsets_in(files.read(descriptor, 2 * MARK_BYTES, 0)))
        finally:
            files.close(descriptor)
    return 0


def _report(found: _Found) -> SegmentReport:
    findings = found.findings
    events = findings.events + (0 if found.live else findings.aborted)
    moment = created(found.name.rpartition("/")[2])
    return SegmentReport(
        name=found.name,
        size=found.status.st_size,
        state=_state(found),
        events=events,
        acked=findings.acknowledged,
        lost=0 if found.live else findings.lost,
        oldest=(moment / 1e9 if moment else found.status.st_mtime) if events else None,
    )


def _state(found: _Found) -> str:
    if found.findings.is_newer:
        return "newer"
    if found.live:
        return "live"
    if found.findings.end is End.SEALED and not found.findings.damages:
        return "sealed"
    if any(not damage.torn for damage in found.findings.damages) or not found.findings.size:
        return "damaged"
    return "orphan"


def _bytes_in(files: Files, folder: int) -> int:
    total = 0
    for name in files.names(folder):
        with suppress(OSError):
            status = files.status_of(name, folder)
            total += status.st_size if stat.S_ISREG(status.st_mode) else 0
    return total


def _removed(files: Files, name: str, folder: int) -> bool:
    """Remove a segment, if its lock can be had: its process may have come in between."""
    try:
        descriptor = files.open(name, TAKE, folder)
    except OSError:
        return False
    try:
        if files.lock(descriptor):
            files.remove(name, folder)
            with suppress(OSError):
                files.remove(f"{name[: -len(SEGMENT)]}{ACKNOWLEDGED}", folder)
            return True
    except OSError:
        return False
    finally:
        files.close(descriptor)
    return False
