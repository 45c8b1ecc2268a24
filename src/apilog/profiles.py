"""Profiles: the client's words for users, companies, subscriptions and actions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from apilog.complaints import Complaints, described
from apilog.updates import ACTIONS, COMPANIES, SUBSCRIPTIONS, USERS, Kind


class Profiles:
    """Tell destinations that have them (`Moesif`) of users, companies, subscriptions and actions.

    Fields are those of Moesif's API, and masked like those of events. Updates are queued, spooled,
    delivered and counted like events. With *wait* a method returns once they are delivered, or
    after so many seconds. Each says whether it took them all (with *wait*: whether all that was
    queued arrived); what is wrong with one is logged and counted as ``bad_update``, never raised.
    """

    _complaints: Complaints

    def update_user(self, user: Mapping[str, Any], *, wait: float | None = None) -> bool:
        """Tell of a user: ``user_id``, and ``company_id``, ``metadata``, ... as they are known."""
        return self._update(USERS, [user], wait)

    def update_users(
        self, users: Iterable[Mapping[str, Any]], *, wait: float | None = None
    ) -> bool:
        """Tell of several users."""
        return self._update(USERS, users, wait)

    def update_company(self, company: Mapping[str, Any], *, wait: float | None = None) -> bool:
        """Tell of a company: ``company_id``, and ``company_domain``, ``metadata``, ..."""
        return self._update(COMPANIES, [company], wait)

    def update_companies(
        self, companies: Iterable[Mapping[str, Any]], *, wait: float | None = None
    ) -> bool:
        """Tell of several companies."""
        return self._update(COMPANIES, companies, wait)

    def update_subscription(
        self, subscription: Mapping[str, Any], *, wait: float | None = None
    ) -> bool:
        """Tell of a subscription: ``subscription_id``, ``company_id``, ``status``, ..."""
        return self._update(SUBSCRIPTIONS, [subscription], wait)

    def update_subscriptions(
        self, subscriptions: Iterable[Mapping[str, Any]], *, wait: float | None = None
    ) -> bool:
        """Tell of several subscriptions."""
        return self._update(SUBSCRIPTIONS, subscriptions, wait)

    def track_action(self, action: Mapping[str, Any], *, wait: float | None = None) -> bool:
        """Tell of what a user did: ``action_name``, ``request`` with a ``uri``, ``user_id``, ..."""
        return self._update(ACTIONS, [action], wait)

    def track_actions(
        self, actions: Iterable[Mapping[str, Any]], *, wait: float | None = None
    ) -> bool:
        """Tell of several actions."""
        return self._update(ACTIONS, actions, wait)

    def _update(self, kind: Kind, given: Iterable[Mapping[str, Any]], wait: float | None) -> bool:
        is_whole = True
        try:
            for one in given:
                is_whole = self._is_told(kind, one) and is_whole
        except Exception as error:  # noqa: BLE001 - of the app's own iterable
            self._complain(kind, error)
            is_whole = False
        return is_whole and (wait is None or self.flush(wait))

    def _is_told(self, kind: Kind, one: Mapping[str, Any]) -> bool:
        try:
            return self._tell(kind, one)
        except Exception as error:  # noqa: BLE001 - an app must be able to forget us
            self._complain(kind, error)
            return False

    def _complain(self, kind: Kind, error: Exception) -> None:
        what = str(error) if isinstance(error, ValueError) else described(error)
        self._complaints.complain("bad_update", f"{kind.name}: one was not taken: {what}")

    def _tell(self, kind: Kind, one: Mapping[str, Any]) -> bool:
        """Hand *one* over to those who take it; say whether anybody wants any now."""
        raise NotImplementedError

    def flush(self, timeout: float | None = None) -> bool:
        """Say whether all that was told arrived within *timeout* seconds."""
        raise NotImplementedError
