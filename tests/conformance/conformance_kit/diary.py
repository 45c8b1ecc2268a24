"""What app and server note while one call is handled, in the order in which it happens."""

from __future__ import annotations

from contextvars import ContextVar

notes: list[tuple[object, ...]] = []
errors: list[BaseException] = []


story: ContextVar[str | None] = ContextVar("story", default=None)
"""A variable of the app's, which whoever stands around it can read after the call."""


def begin() -> None:
    """Open a new page: the next call begins."""
    story.set(None)
    notes.clear()
    errors.clear()


def note(*words: object) -> None:
    """Write down what just happened."""
    if len(notes) < 10_000:  # servers of the suite never turn the page
        notes.append(words)


def raising(error: BaseException) -> BaseException:
    """Remember the very object that the app is about to raise, and return it."""
    errors.append(error)
    note("app raises", type(error).__name__)
    return error


def is_the_apps_own(error: BaseException) -> bool:
    """Say whether *error* is an object that the app raised, not a copy of one."""
    return any(each is error for each in errors)
