"""What Umami's answers mean: most of its troubles come with a 200."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from apilog import codec
from apilog.exceptions import DeliveryError, Partly, Rejected, RetryLater

if TYPE_CHECKING:
    from apilog.destinations._http import Answer

BOT = "taken for a bot"
UNREAD = "the answer could not be read"
_UNKNOWN = frozenset({"Website not found.", "Tracking source not found."})
_PATIENT = frozenset({408, 425, 429, 503})
_UNREACHABLE = re.compile(
    r"P100[0-3]|P101[01]|P2024|P2037|ECONNREFUSED|E(?:HOST|NET)UNREACH|EAI_AGAIN"
)
"""Codes of Prisma and Node for a database that did not even hear of it: nothing is stored. Those of
a lost connection or a late answer are not among them."""

_TOO_LONG = re.compile(r"(?i)array|items|too (?:big|large|long|many)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What was asked, as far as the answer's meaning depends on it."""

    places: Sequence[int]
    """Where in the batch the items stand that were sent."""
    refused: Mapping[int, str]
    """Where those stand that were not, and why."""
    has_hostname: bool
    """Whether the hostname is a setting, not the event's own."""
    forwards_ip: bool
    """Whether the items have addresses of clients."""

    def outcome(self, answer: Answer) -> DeliveryError | None:
        """Say what became of the items.

        One that Umami refused, or failed over, is never to be sent again: its row may be stored.
        What is wrong with every item, such as an unknown website, is wrong with the settings. An
        answer that cannot be read means that all may be stored: they count as lost. One that
        cannot be Umami's is that of a wrong address.
        """
        from apilog.destinations._http import verdict

        single = len(self.places) == 1
        if answer.status == 204 or (answer.status == 403 and single):
            return self._summed(answer, {place: _Item(status=403) for place in self.places})
        if 200 <= answer.status < 300:
            return self._stored(answer)
        error = _error(_parsed(answer.body))
        if answer.status == 413:
            return Rejected(f"413 from {answer.host}", why="too_large")
        if answer.status == 400 and not single:
            return self._refused(answer, error)
        if single and error is not None and answer.status in (400, 500):
            return self._summed(answer, {self.places[0]: error})
        if single and answer.status == 400:
            return self._summed(answer, {self.places[0]: _Item(status=400)})
        return verdict(answer)

    def _stored(self, answer: Answer) -> DeliveryError | None:
        said = _parsed(answer.body)
        if not isinstance(said, dict) and answer.body.lstrip()[:1] in (b"{", b"["):
            return self._summed(answer, self._unread({}))
        if not isinstance(said, dict) or not {"cache", "beep", "processed"} & said.keys():
            message = f"{answer.status} from {answer.host}, but not Umami's; is the address right?"
            return Rejected(message, why="closed")
        troubles = self._troubles(said)
        errors = said.get("errors")
        if isinstance(errors, int) and errors > len(troubles):  # and nobody knows which
            troubles = self._unread(troubles)
        if not said.get("cache"):
            bot = _Item(message=BOT)
            troubles = {place: troubles.get(place, bot) for place in self.places}
        return self._summed(answer, troubles)

    def _unread(self, troubles: Mapping[int, _Item]) -> dict[int, _Item]:
        """Return *troubles*, and as one each item of which the answer does not tell."""
        unread = _Item(message=UNREAD)
        return {place: troubles.get(place, unread) for place in self.places}

    def _troubles(self, said: Mapping[str, Any]) -> dict[int, _Item]:
        """Return what a batch's answer says about single items."""
        details = said.get("details")
        troubles: dict[int, _Item] = {}
        for each in details if isinstance(details, list) else ():
            index = each.get("index") if isinstance(each, dict) else None
            if type(index) is int and 0 <= index < len(self.places):
                troubles[self.places[index]] = _error(each.get("response")) or _Item()
        return troubles

    def _refused(self, answer: Answer, error: _Item | None) -> Rejected:
        """Say why a whole batch was refused."""
        message = f"400 from {answer.host}"
        if error is not None and error.message in _UNKNOWN:
            return Rejected(f"{message}: {error.message}", why="closed")
        if error is not None and _TOO_LONG.search(f"{error.message} {error.own}"):
            return Rejected(f"{message}: too many items; lower batch_items", why="too_large")
        return Rejected(message)

    def _summed(self, answer: Answer, troubles: Mapping[int, _Item]) -> DeliveryError | None:
        """Make one verdict of those on the items."""
        rejected = dict(self.refused)
        again: dict[int, float | None] = {}
        closed = ""
        for place, item in troubles.items():
            if item.is_about_settings(self):
                closed = item.advice
                again[place] = None
            elif item.is_passing:
                again[place] = None
            else:
                rejected[place] = item.reason
        if not again and not rejected:
            return None
        told = closed or next(iter(rejected.values()), "later")
        message = f"{answer.status} from {answer.host}: {told}"
        if len(again) == len(self.places) and not self.refused:
            return Rejected(message, why="closed") if closed else RetryLater(message)
        return Partly(message, retry=again, rejected=rejected)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """What Umami says about one item."""

    status: int = 0
    message: str = ""
    own: str = ""
    """What is wrong with the request as a whole."""
    fields: Sequence[str] = ()
    """Names of the fields that are at fault; never their values."""
    code: str = ""
    """The cause of a 500."""

    def is_about_settings(self, asked: Question) -> bool:
        """Say whether another item would fare no better."""
        if self.message in _UNKNOWN:
            return True
        if self.status == 403:
            return not asked.forwards_ip
        return self.status == 400 and asked.has_hostname and "hostname" in self.fields

    @property
    def is_passing(self) -> bool:
        """Whether the same item may be taken later, and is not stored yet."""
        return self.status in _PATIENT or bool(_UNREACHABLE.fullmatch(self.code))

    @property
    def advice(self) -> str:
        """What to mend."""
        if self.status == 403:
            return "it ignores the address of this server (IGNORE_IP)"
        if self.message in _UNKNOWN:
            return f"{self.message} Is the website id right?"
        return "hostname has to be the website's domain"

    @property
    def reason(self) -> str:
        """Why it is lost."""
        if self.status == 403:
            return "it ignores the address of the client (IGNORE_IP)"
        if self.status >= 500:
            return f"{self.status}, perhaps stored in part"
        if not self.status:
            return self.message or "an error without a word"
        where = f" ({', '.join(self.fields)})" if self.fields else ""
        hint = "; set hostname to the website's domain" if "hostname" in self.fields else ""
        return f"{self.status}{where}{hint}"


def _error(said: object) -> _Item | None:
    """Read the error in an answer, or in one item's; None if there is none."""
    error = said.get("error") if isinstance(said, dict) else None
    if not isinstance(error, dict):
        return None
    status, message, cause = (error.get(name) for name in ("status", "message", "errorObject"))
    own, inner = error.get("errors"), error.get("properties")
    payload = inner.get("payload") if isinstance(inner, dict) else None
    fields = payload.get("properties") if isinstance(payload, dict) else None
    code = cause.get("code", cause.get("errorCode")) if isinstance(cause, dict) else None
    return _Item(
        status=status if isinstance(status, int) else 500,
        message=message if isinstance(message, str) else "",
        own=" ".join(each for each in own if isinstance(each, str))
        if isinstance(own, list)
        else "",
        fields=[each for each in fields if each.isidentifier()] if isinstance(fields, dict) else (),
        code=code if isinstance(code, str) else "",
    )


def _parsed(body: bytes) -> object:
    try:
        return codec.loads(body)
    except ValueError:
        return None
