"""What Swetrix's answers mean; its own words stay out of messages, which are logged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apilog import codec
from apilog.exceptions import DeliveryError, Rejected

if TYPE_CHECKING:
    from apilog.destinations._http import Answer

_PATH = "is the address right? One's own server answers below /backend, or on port 5005"


def outcome(
    answer: Answer, *, of_client: bool = False, only_first: bool = False
) -> DeliveryError | None:
    """Translate an answer to a call.

    Args:
        answer: what came.
        of_client: whether the address that was told is the client's; else it is this server's.
        only_first: whether the call was only to be stored as the first of its visitor.
    """
    from apilog.destinations._http import verdict

    status, where = answer.status, f"{answer.status} from {answer.host}"
    if 200 <= status < 300:
        return _taken(answer, where)
    if status == 400:
        return _refusal(where, _document(answer).get("message"), of_client=of_client)
    if status == 403 and only_first:
        return Rejected(f"{where}: not the first of its visitor")
    if status == 403:
        return Rejected(f"{where}; may this server send to the project?", why="closed")
    if status == 404:
        return Rejected(f"{where}; is there a project of this id? If so, {_PATH}", why="closed")
    return verdict(answer)


def _taken(answer: Answer, where: str) -> Rejected | None:
    """Look into an answer that says success, and may say in its body that nothing was stored."""
    if answer.body.lstrip()[:1] not in (b"", b"{"):
        return Rejected(f"{where}, but not an answer of Swetrix; {_PATH}", why="closed")
    said = _document(answer).get("message")
    if said is None:
        return None
    what = "the sender is taken for a robot" if "bot" in f"{said}".lower() else "it did not say why"
    return Rejected(f"{where}, but nothing was stored: {what}")


def _refusal(where: str, said: object, *, of_client: bool) -> Rejected:
    """Tell a check that failed (a list) from a project that takes nothing (a text)."""
    words = f"{said}".lower()
    if "project id" in words:
        return Rejected(f"{where}; is the project's id right?", why="closed")
    if not isinstance(said, str):
        return Rejected(f"{where}: one of its checks failed")
    if of_client and ("country" in words or "ip address" in words):
        return Rejected(f"{where}: the address of the client is blocked")
    return Rejected(
        f"{where}; is the project enabled, and may this server send to it?", why="closed"
    )


def _document(answer: Answer) -> dict[str, codec.JSON]:
    """Return the object in the body of *answer*, or an empty one."""
    try:
        said = codec.loads(answer.body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
