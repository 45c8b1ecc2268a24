"""The call: what every protocol is translated into, and what a store keeps."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)  # a frozen one takes three times as long to make
class Call:
    """One recorded call, checked, with what lists and filters need beside the whole event.

    Nobody changes one. Times are whole microseconds since 1970, UTC. Texts are valid Unicode
    without NUL; an empty one stands for what is not known, and so does None where a number is
    meant.
    """

    id: str
    """The transaction id, the same whenever this call arrives again; made here if it has none."""
    time: int
    """When the request began."""
    source: str
    """Which protocol brought it: ``moesif``, ``umami``, ``swetrix``, ``logimoni``, ``collect``."""
    method: str
    """The verb in capitals; for what is no HTTP call a word of its own, such as ``EVENT``."""
    host: str = ""
    route: str = ""
    """The template that the app matched, or else the path."""
    path: str = ""
    query: str = ""
    status: int | None = None
    duration: int | None = None
    """Microseconds, 0 or more."""
    user: str = ""
    company: str = ""
    session: str = ""
    ip: str = ""
    trace: str = ""
    request_size: int | None = None
    response_size: int | None = None
    """Bytes of the bodies."""
    error: str = ""
    """The type of the exception that ended it, or why there is no answer (``aborted``)."""
    event: bytes
    """The event as JSON, in the words of Moesif's event API whatever the protocol."""
    text: str = field(default="", repr=False)
    """What a search for words is to find: both bodies, and the message of the exception."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What was said of a user, a company or a subscription; a later one adds to an earlier one."""

    kind: str
    """``user``, ``company`` or ``subscription``."""
    id: str
    time: int
    """When it was said, in microseconds since 1970."""
    document: bytes
    """The whole of what was sent, as a JSON object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Something that was not taken, kept so that a person sees why."""

    time: int
    """When it arrived, in microseconds since 1970."""
    source: str
    path: str
    """Which endpoint it was sent to."""
    status: int
    """What was answered."""
    reason: str
    content: bytes
    """Its beginning, at most 4 KiB, without any key of the sender's."""
