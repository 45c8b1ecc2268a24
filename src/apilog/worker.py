"""A thread of ours: started when there is work, once, and again after a fork or a crash."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from apilog.complaints import Complaints
from apilog.process import expect_end, has_workers_to_fork, runs_threads

NO_THREADS = (
    "uWSGI lets no thread run here: start it with --enable-threads, or else events wait for the"
    " end of the process, or in the spool for another one, such as `apilog ship`"
)
NO_THREADS_YET = (
    "no thread starts in uWSGI's master, whose workers would not survive it: what happens there"
    " before they are forked waits for its end, or in the spool for one of them"
)


class Worker:
    """Run *work* on a daemon thread called *name*."""

    def __init__(self, name: str, work: Callable[[], None], complaints: Complaints) -> None:
        self._name = name
        self._work = work
        self._complaints = complaints
        self.renew()

    def renew(self) -> None:
        """Begin anew in a forked child: the thread, and whoever held the lock, are not there."""
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self.refused = False
        """Whether no thread may be started here, as of the last time."""

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    @property
    def is_this_thread(self) -> bool:
        """Whether the caller runs on it."""
        return self._thread is threading.current_thread()

    @property
    def was_started(self) -> bool:
        """Whether there ever was a thread, in this process."""
        return self._thread is not None

    def start(self, patience: float = 0.0) -> None:
        """Start the thread unless it runs, or another one is just starting it.

        Wait at most *patience* seconds for that other one.
        """
        thread = self._thread
        if thread is not None and thread.is_alive():  # every request asks
            return
        if has_workers_to_fork():
            self.refused = True
            self._complaints.complain("no_worker", NO_THREADS_YET)
            return
        if not self._starting.acquire(timeout=patience):
            return
        try:
            if not self.is_alive:
                expect_end()
                if not runs_threads() and not self.was_started:
                    self._complaints.complain("no_worker", NO_THREADS)
                thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                thread.start()
                self._thread = thread
                self.refused = False
        except RuntimeError as error:  # no threads here, or the interpreter is going down
            self.refused = True
            if threading.main_thread().is_alive():
                self._complaints.complain("no_worker", "the worker thread did not start", error)
        finally:
            self._starting.release()

    def join(self, timeout: float) -> None:
        """Wait at most *timeout* seconds for the end of the thread, if it is another one."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)


class Bell:
    """Wake the one who waits. Unlike an event it can be rung while this thread is ringing it.

    Its lock is made when it is first used: gevent may have replaced the locks since the app was
    loaded, and one of the old kind stops all greenlets.
    """

    def ring(self) -> None:
        """Wake who waits, or who will wait next."""
        with suppress(RuntimeError):  # rung already
            self._made().release()

    def wait(self, seconds: float) -> None:
        """Wait for the bell, at most so long."""
        self._made().acquire(timeout=max(0.0, min(seconds, threading.TIMEOUT_MAX)))

    def _made(self) -> threading.Lock:
        silence: threading.Lock | None = self.__dict__.get("silence")
        if silence is None:
            silence = threading.Lock()
            silence.acquire()
            silence = self.__dict__.setdefault("silence", silence)  # in one step, for all threads
        return silence
