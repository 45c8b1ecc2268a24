"""Refusals of the viewer's API: what was wrong with a request, in a sentence."""

from __future__ import annotations

from apilog.exceptions import ApiLogError


class Refused(ApiLogError):
    """Report a request that cannot be answered; *status* is the answer it earns.

    *at* is where in the filter the mistake begins, None if it is not in there.
    """

    def __init__(self, status: int, message: str, *, at: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.at = at

    def document(self) -> dict[str, object]:
        """Return the answer's JSON."""
        more = {} if self.at is None else {"at": self.at}
        return {"error": str(self), **more}
