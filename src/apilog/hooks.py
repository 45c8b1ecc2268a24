"""Hooks: the app's own functions that say who called and what should not be recorded."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, TypeVar
from uuid import UUID

from apilog.capture import Exchange
from apilog.complaints import Complaints
from apilog.exceptions import ConfigError
from apilog.headers import Headers
from apilog.sampling import weight_of

Function = TypeVar("Function", bound=Callable[..., Any])

FIELDS: Mapping[str, str] = {
    "identify_user": "user_id",
    "identify_company": "company_id",
    "get_session_token": "session_token",
    "get_metadata": "metadata",
    "get_api_version": "api_version",
}
"""The hooks that fill a field of the event, and the field."""

MASKS: Mapping[str, str] = {
    "mask_event": "an event",
    "mask_body": "(content_type, body)",
}
"""The hooks that run on the worker thread, and what they take."""

NAMES = (*FIELDS, "skip", *MASKS)
"""Every hook; all but those of `MASKS` are asked inside the request with (request, response)."""


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The response as a hook sees it where the framework has no response object."""

    status_code: int
    headers: Headers


def blocking(hook: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """Return *hook* as an async one that runs on a thread, for hooks that wait (a query, a file).

    For ASGI only: elsewhere every hook runs on the request's own thread anyway.
    """
    from anyio import to_thread

    @wraps(hook)
    async def on_thread(*arguments: Any) -> Any:
        return await to_thread.run_sync(partial(hook, *arguments))

    return on_thread


def is_async(hook: Callable[..., Any]) -> bool:
    """Say whether calling *hook* gives something to await."""
    return inspect.iscoroutinefunction(hook) or inspect.iscoroutinefunction(
        getattr(hook, "__call__", None)  # noqa: B004 - an object's async __call__ is meant
    )


def checked(name: str, hook: object) -> Callable[..., Any]:
    """Return *hook*, which can be asked.

    Raises:
        ConfigError: it is not callable.
    """
    if not callable(hook):
        taken = MASKS.get(name, "(request, response)")
        raise ConfigError(f"{name} = {hook!r}: not a function; pass one that takes {taken}")
    return hook


class Hooks:
    """The hooks of one client, asked in a request; their failures are counted and logged.

    An identity hook that fails leaves its field empty; `skip` and `sample_rate` that fail drop the
    event, because whoever wanted it left out must not find it sent.
    """

    def __init__(self, complaints: Complaints) -> None:
        self._complaints = complaints
        self._asked: dict[str, Callable[..., Any]] = {}
        self._async: set[str] = set()
        self._sync_place: str | None = None
        self.masks: dict[str, Callable[..., Any]] = {}
        """The hooks of `MASKS` that were given."""

    def set(self, name: str, hook: object) -> None:
        """Put *hook* in the place called *name*; a later one replaces it.

        Raises:
            ConfigError: it is not callable, or async where nobody could await it.
        """
        function = checked(name, hook)
        if name in MASKS:
            if is_async(function):
                raise ConfigError(f"{name} = {hook!r}: is async; pass a plain function")
            self.masks[name] = function
        else:
            is_awaited = is_async(function)
            if is_awaited and self._sync_place is not None:
                raise _misplaced(name, hook, self._sync_place)
            self._asked[name] = function
            self._async.discard(name)
            if is_awaited:
                self._async.add(name)

    def __bool__(self) -> bool:
        return bool(self._asked)

    def refuse_async(self, where: str) -> None:
        """Refuse hooks that nobody could await, those that are set later as well.

        Raises:
            ConfigError: a hook is async, and *where* has no event loop.
        """
        for name in self._async:
            raise _misplaced(name, self._asked[name], where)
        self._sync_place = where

    def find(self, name: str) -> tuple[Callable[..., Any] | None, bool]:
        """Return the hook in the place called *name*, and whether it is async."""
        return self._asked.get(name), name in self._async

    def ask(self, exchange: Exchange, request: object, response: object) -> None:
        """Ask every hook, and keep the answers in *exchange*."""
        exchange.asked = True
        for name, hook in self._asked.items():
            if name in exchange.identified:
                continue
            try:
                answer = hook(request, response)
                if inspect.isawaitable(answer):
                    discard(answer)
                    raise TypeError("async hook in a sync app")
                keep(exchange, name, answer)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - the app must not see it
                self._failed(exchange, name, error)

    async def ask_async(
        self,
        exchange: Exchange,
        request: object,
        response: object,
        *,
        run: Callable[..., Awaitable[Any]] | None = None,
    ) -> None:
        """Ask every hook, and keep the answers in *exchange*.

        A sync hook is called inline, or by *run*, where a framework has a place for sync code.
        """
        exchange.asked = True
        for name, hook in self._asked.items():
            if name in exchange.identified:
                continue
            try:
                if run is not None and name not in self._async:
                    answer = await run(hook, request, response)
                else:
                    answer = hook(request, response)
                if inspect.isawaitable(answer):
                    answer = await answer
                keep(exchange, name, answer)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - the app must not see it
                self._failed(exchange, name, error)

    def forgo(self, exchange: Exchange) -> None:
        """Ask nobody about *exchange* any more; where `skip` was to be asked, drop the event."""
        if self._asked and not exchange.asked:
            exchange.asked = True
            if exchange.drop_reason is None and any(name not in FIELDS for name in self._asked):
                exchange.drop_reason = "not_asked"

    def _failed(self, exchange: Exchange, name: str, error: BaseException) -> None:
        if name in FIELDS:
            outcome = "its field stays empty"
        else:
            exchange.drop_reason = f"{name}_failed"
            outcome = "the event is dropped"
        self._complaints.complain(f"hook_failed:{name}", f"hook {name} failed, {outcome}", error)


def _misplaced(name: str, hook: object, where: str) -> ConfigError:
    return ConfigError(f"{name} = {hook!r}: is async, but {where} is not; pass a plain function")


class HookDecorators:
    """The hooks as decorators: ``@client.identify_user`` above a function of the app.

    All but the last two are asked once for each call, inside the request, with the request and the
    response as the framework knows them.
    """

    def set_hook(self, name: str, hook: Callable[..., Any]) -> None:
        """Put *hook* in the place called *name*."""
        raise NotImplementedError

    def identify_user(self, hook: Function) -> Function:
        """Ask *hook* for the user's id."""
        self.set_hook("identify_user", hook)
        return hook

    def identify_company(self, hook: Function) -> Function:
        """Ask *hook* for the id of the user's company."""
        self.set_hook("identify_company", hook)
        return hook

    def get_session_token(self, hook: Function) -> Function:
        """Ask *hook* for the session's token."""
        self.set_hook("get_session_token", hook)
        return hook

    def get_metadata(self, hook: Function) -> Function:
        """Ask *hook* for a mapping of anything else worth knowing."""
        self.set_hook("get_metadata", hook)
        return hook

    def get_api_version(self, hook: Function) -> Function:
        """Ask *hook* for the version of the API that was called."""
        self.set_hook("get_api_version", hook)
        return hook

    def skip(self, hook: Function) -> Function:
        """Ask *hook* whether to leave the call out; one that raises leaves it out."""
        self.set_hook("skip", hook)
        return hook

    def mask_event(self, hook: Function) -> Function:
        """Give *hook* every finished event, masked, with both bodies; send what it returns.

        It runs on the worker thread. None, or an exception, drops the event.
        """
        self.set_hook("mask_event", hook)
        return hook

    def mask_body(self, hook: Function) -> Function:
        """Give *hook* the content type and the bytes of every body; use what it returns as body.

        It runs on the worker thread, before our own rules. None, or an exception, leaves the body
        out.
        """
        self.set_hook("mask_body", hook)
        return hook


def keep(exchange: Exchange, name: str, answer: object) -> None:
    """Put *answer* where it belongs; what `apilog.annotate` said stays."""
    if answer is None:
        return
    if name == "skip":
        if answer and exchange.drop_reason is None:
            exchange.drop_reason = "skipped"
    elif name == "sample_rate":
        weight = weight_of(answer)
        if weight == 0:
            exchange.drop_reason = exchange.drop_reason or "sampled_out"
        exchange.weight = weight
    elif name == "get_metadata":
        if not isinstance(answer, Mapping):
            raise TypeError(f"expected a mapping, not {type(answer).__name__}")
        exchange.annotations["metadata"] = {**answer, **exchange.annotations.get("metadata", {})}
    elif isinstance(answer, (str, int, UUID)) and not isinstance(answer, bool):
        exchange.annotations.setdefault(FIELDS[name], str(answer))
    else:
        raise TypeError(f"expected text, not {type(answer).__name__}")


def discard(answer: object) -> None:
    """Close what nobody can await, before it warns of that."""
    close = getattr(answer, "close", None)
    if close is not None:
        close()
