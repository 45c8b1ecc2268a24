"""Governance: who may be answered in the app's place, asked before the app runs."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from apilog.capture import Exchange, RequestHead
from apilog.complaints import Complaints
from apilog.config import Config
from apilog.delivery import Governor, Refusal
from apilog.headers import by_name
from apilog.hooks import Hooks, discard, keep
from apilog.identity import claimed
from apilog.proxies import Origin, trusted

IDENTITY = ("identify_user", "identify_company")
"""The hooks that are asked before the app runs, and again with the response if they did not know.
"""


class Governance:
    """Ask *governors* about a call, and the hooks who called: ``(request, None)`` is what they get.

    Whatever fails lets the call through, an identity hook that fails included: rules for callers
    nobody knows must not meet those that the app does know.
    """

    def __init__(
        self, governors: Sequence[Governor], config: Config, hooks: Hooks, complaints: Complaints
    ) -> None:
        self._governors = governors
        self._config = config
        self._hooks = hooks
        self._complaints = complaints
        self._proxies = trusted(config.trusted_proxies)

    def refusal(self, exchange: Exchange, request: object) -> Refusal | None:
        """Return what to answer in the app's place, or None; never raise."""
        with self._complaints.shielded("governance_failed", "a call was let through"):
            for name in IDENTITY:
                hook, _ = self._hooks.find(name)
                if hook is None:
                    continue
                try:
                    answer = hook(request, None)
                    if inspect.isawaitable(answer):
                        discard(answer)
                        raise TypeError("async hook in a sync app")
                    _identify(exchange, name, answer)
                except (Exception, SystemExit) as error:  # noqa: BLE001 - the app must not see it
                    self._failed(name, error)
                    return None
            return self._asked(exchange)
        return None

    async def refusal_async(
        self,
        exchange: Exchange,
        request: object,
        *,
        run: Callable[..., Awaitable[Any]] | None = None,
    ) -> Refusal | None:
        """Return what to answer in the app's place, or None; never raise but when cancelled.

        A sync hook is called inline, or by *run*, where a framework has a place for sync code.
        """
        with self._complaints.shielded("governance_failed", "a call was let through"):
            for name in IDENTITY:
                hook, is_async = self._hooks.find(name)
                if hook is None:
                    continue
                try:
                    if run is not None and not is_async:
                        answer = await run(hook, request, None)
                    else:
                        answer = hook(request, None)
                    if inspect.isawaitable(answer):
                        answer = await answer
                    _identify(exchange, name, answer)
                except (Exception, SystemExit) as error:  # noqa: BLE001 - the app must not see it
                    self._failed(name, error)
                    return None
            return self._asked(exchange)
        return None

    def _failed(self, name: str, error: BaseException) -> None:
        what = f"hook {name} failed without a response, the call is let through"
        self._complaints.complain(f"hook_failed:{name}", what, error)

    def _asked(self, exchange: Exchange) -> Refusal | None:
        head = exchange.read_head(exchange.source)
        user_id, company_id = self._caller(exchange, head)
        if self._proxies is not None:
            direct = Origin(head.address, head.scheme, head.authority)
            address, scheme, authority = self._proxies.origin(direct, head.headers)
            head = head._replace(address=address, scheme=scheme, authority=authority)
        for governor in self._governors:
            refusal = governor.refusal(head, user_id, company_id)
            if refusal is not None:
                exchange.blocked_by = refusal.rule
                return refusal
        return None

    def _caller(self, exchange: Exchange, head: RequestHead) -> tuple[str | None, str | None]:
        """Return the user and the company, as their event will have them."""
        said = exchange.annotations
        name = self._config.authorization_header
        credential = by_name(head.headers).get(name.lower(), "") if name else ""
        claims = claimed(
            credential,
            user_claim=self._config.user_claim,
            company_claim=self._config.company_claim,
        )
        user_id = said.get("user_id", claims.user_id)
        return user_id or None, said.get("company_id", claims.company_id) or None


def _identify(exchange: Exchange, name: str, answer: object) -> None:
    """Keep who called; a hook that does not know it yet is asked again with the response."""
    if answer is not None:
        keep(exchange, name, answer)
        exchange.identified |= {name}


def head_of(refusal: Refusal, verb: str) -> tuple[list[tuple[str, str]], bytes]:
    """Return the header lines and the body of the answer to *verb*."""
    lines = list(refusal.headers)
    if refusal.status >= 200 and refusal.status not in (204, 304):
        lines.append(("Content-Length", str(len(refusal.body))))
    return lines, b"" if verb == "HEAD" else refusal.body
