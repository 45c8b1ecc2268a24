"""The process that this is: whether it was forked, how it ends, and whether threads run in it."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module

OUR_THREADS = "apilog-"
"""What the names of all our threads begin with."""

_renewals: list[Callable[[], None]] = []
_farewells: list[Callable[[], None]] = []
_turns: dict[int, threading.RLock] = {}
_known = os.getpid()
_expects_end = 0
_ends = False


def after_fork(renew: Callable[[], None]) -> None:
    """Have *renew* called in every forked child, before anything of ours is used there."""
    _renewals.append(renew)


def notice_fork() -> None:
    """See whether this process was forked without Python's being told, and renew everything then.

    uWSGI forks like that, unless it has ``--py-call-osafterfork``. To be called before anything of
    the parent's is used; costs a tenth of a microsecond.
    """
    if os.getpid() != _known:
        _renew()


def _renew() -> None:
    global _known
    here = os.getpid()
    with _turns.setdefault(here, threading.RLock()):  # made here: nobody of the parent's holds it
        if _known != here:
            for renew in _renewals:
                renew()
            _known = here  # last: other threads of this process wait for that


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


def at_end(say_farewell: Callable[[], None]) -> None:
    """Have *say_farewell* called when a process ends in peace; more than once, perhaps."""
    _farewells.append(say_farewell)


def expect_end() -> None:
    """See that this process, in which there is something to do at the end, does hear of its end.

    Those of multiprocessing leave out all that was registered with `atexit` before they were
    forked, and what granian forks are such ones.
    """
    global _expects_end
    multiprocessing = sys.modules.get("multiprocessing.process")
    if _expects_end == os.getpid() or multiprocessing is None:
        return
    _expects_end = os.getpid()
    if multiprocessing.parent_process() is not None:
        from multiprocessing.util import Finalize

        Finalize(None, _end, exitpriority=_LAST)


_LAST = -100
"""When our turn is among those who do something at the end: after all that may still call us."""


LONGEST_END = 25.0
"""Seconds that the end of a subinterpreter waits for our threads: longer than two requests, the one
that was under way and the last one after it."""


def _end() -> None:
    global _ends
    _ends = True
    notice_fork()
    for say_farewell in _farewells:
        with suppress(Exception):  # gevent's loop may be gone, with which its threads would wait
            say_farewell()
    if is_subinterpreter() and "mod_wsgi" not in sys.modules:  # that one sees to it itself
        latest = time.monotonic() + LONGEST_END
        for thread in threading.enumerate():
            if thread.name.startswith(OUR_THREADS):
                thread.join(max(0.0, latest - time.monotonic()))


atexit.register(_end)


def is_subinterpreter() -> bool:
    """Say whether this is an interpreter besides the first one, as mod_wsgi has one for each app.

    The end of one in which a thread still runs, and be it a daemon, ends the whole process.
    https://docs.python.org/3/c-api/init.html#c.Py_EndInterpreter
    """
    for name in ("_interpreters", "_xxsubinterpreters"):  # from Python 3.13 on, and before
        with suppress(ImportError, AttributeError):
            interpreters = import_module(name)
            return bool(interpreters.get_current() != interpreters.get_main())
    return False


def runs_threads() -> bool:
    """Say whether threads get to run here while no request does.

    Under uWSGI before 2.0.27 they do not, unless it has ``--enable-threads`` or an event loop.
    https://uwsgi-docs.readthedocs.io/en/latest/ThingsToKnow.html
    """
    uwsgi = sys.modules.get("uwsgi")  # it is there from the start, and nowhere else
    return uwsgi is None or bool(getattr(uwsgi, "has_threads", True)) or "gevent" in uwsgi.opt


def has_workers_to_fork() -> bool:
    """Say whether this is uWSGI's master, in which the app is loaded before workers are forked.

    A worker that is forked while another thread has the interpreter waits for it for ever.
    """
    masterpid = getattr(sys.modules.get("uwsgi"), "masterpid", None)
    return masterpid is not None and masterpid() == os.getpid() and not _ends
