"""The desk: what happens to every request of every protocol, before and after its own words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, TypeVar

import orjson
from starlette.requests import Request
from starlette.responses import Response

from apilog.collector.call import Call, Profile
from apilog.collector.inlet import Inlet, Unstorable
from apilog.collector.protocols.reading import Reader
from apilog.collector.protocols.refusing import Refused, noted
from apilog.collector.store.protocol import Prepared, StoreFull, StoreUnavailable

RETRY_AFTER: Final = {"Retry-After": "5"}
"""Seconds after which a sender may try again: somebody may have to make room first."""

SOON: Final = {"Retry-After": "1"}

LARGEST_SHOWN: Final = 65_536
"""Bytes of a body that are looked at when it is refused."""

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]
Failed: TypeAlias = Callable[[int, str, object], Any]
"""Makes the document of an error of its status, its reason, and what the protocol says of it."""

Found = TypeVar("Found")


@dataclass(slots=True)
class Delivery:
    """What a request brought, and the answer to it once it is stored."""

    answer: Response
    calls: Sequence[Call | Prepared] = field(default_factory=list)
    profiles: list[Profile] = field(default_factory=list)


class Desk:
    """Let a protocol's requests in, hand over what they bring, and note what is refused."""

    def __init__(self, inlet: Inlet, reader: Reader) -> None:
        self.inlet = inlet
        self.reader = reader

    def endpoint(
        self,
        source: str,
        handle: Callable[[Request], Awaitable[Delivery]],
        *,
        failed: Failed,
        headers: dict[str, str] | None = None,
    ) -> Endpoint:
        """Return an endpoint that answers once what *handle* found is on disk.

        Args:
            source: the protocol's name.
            handle: reads a request; raises `Refused`.
            failed: makes the document of an error.
            headers: what every answer has, also that to a failure.
        """

        async def answer(request: Request) -> Response:
            try:
                await self.inlet.room()
                delivery = await handle(request)
                if delivery.calls or delivery.profiles:
                    await self.inlet.take(delivery.calls, delivery.profiles)
                response = delivery.answer
            except Refused as refused:
                self.inlet.refuse(noted(source, request.url.path, refused))
                response = document(
                    failed(refused.status, refused.reason, refused.says), refused.status
                )
            except Unstorable as error:
                self.inlet.refuse(noted(source, request.url.path, Refused(400, str(error))))
                response = document(failed(400, str(error), None), 400)
            except StoreFull as error:
                response = document(failed(507, str(error), None), 507, RETRY_AFTER)
            except StoreUnavailable as error:
                response = document(failed(503, str(error), None), 503, SOON)
            response.headers.update(headers or {})
            return response

        return answer


def showing(text: bytes | bytearray, decode: Callable[[bytes | bytearray], Found]) -> Found:
    """Return what *decode* makes of *text*; a refusal gets the beginning of it as its content.

    Raises:
        Refused: what *decode* raised.
    """
    try:
        return decode(text)
    except Refused as refused:
        refused.content = refused.content or bytes(text[:LARGEST_SHOWN])
        raise


def document(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return *content* as JSON; None is an empty answer."""
    body = b"" if content is None else orjson.dumps(content)
    media_type = None if content is None else "application/json"
    return Response(body, status, headers, media_type)


def refuse_pages(request: Request) -> None:
    """Refuse what a web page sends: no page has calls for these addresses.

    Raises:
        Refused: 403.
    """
    if "origin" in request.headers:  # only browsers send it
        raise Refused(403, "events are not taken from web pages")
