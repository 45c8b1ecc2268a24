"""Children by fork, without a pytest in them: they end by `os._exit`, or are killed."""

from __future__ import annotations

import os
import select
import signal
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass

PATIENCE = 20.0


@dataclass
class Child:
    """A forked process and the pipe on which it tells what it did."""

    pid: int
    pipe: int

    def heard(self, size: int = 65_536) -> bytes:
        """Wait for the next thing that the child says; empty when it says nothing more."""
        ready, _, _ = select.select([self.pipe], [], [], PATIENCE)
        assert ready, "the child says nothing"
        return os.read(self.pipe, size)

    def rest(self) -> bytes:
        """Wait for the end of what the child says."""
        said = b""
        while piece := self.heard():
            said += piece
        return said

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def ended(self) -> int:
        """Wait for the end of the child; return its exit code, negative for a signal."""
        _, status = os.waitpid(self.pid, 0)
        os.close(self.pipe)
        return os.waitstatus_to_exitcode(status)


def forked(work: Callable[[int], object]) -> Child:
    """Run *work* in a child, with the pipe to write to; exit with 0 unless it raises."""
    receive, send = os.pipe()
    with warnings.catch_warnings():  # from Python 3.12 on: other threads do not exist in the child
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        os.close(send)
        return Child(pid, receive)
    code = 1
    try:
        os.close(receive)
        work(send)
        code = 0
    except BaseException:
        os.write(send, traceback.format_exc().encode())
    finally:
        os._exit(code)
