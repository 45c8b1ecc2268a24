"""Cases in which secrets must stay, besides the normal one."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from apilog.events import Event
from canary_kit.places_text import MULTIPART, multipart
from canary_kit.planting import EVENTS, FORM, JSON, NDJSON, PLAIN, XML, bodies
from canary_kit.scene import Place, Scene
from canary_kit.stage import STAGE
from canary_kit.trial import Case


def _failing(scene: Scene, secret: str) -> Scene:
    """Fail after the request was read, with the secret in the message."""
    return replace(scene, error=f"cannot store password={secret} of {secret!r}")


def _in_pieces(scene: Scene, secret: str) -> Scene:
    return replace(
        scene,
        pieces=_cut(scene.pieces, secret),
        response_pieces=_cut(scene.response_pieces, secret),
    )


def _cut(pieces: tuple[bytes, ...], secret: str) -> tuple[bytes, ...]:
    """Cut in the middle of the secret, or of the whole where it is not to be seen."""
    body = b"".join(pieces)
    if len(body) < 4:
        return pieces
    begin = body.find(secret.encode())
    at = len(body) // 2 if begin < 0 else begin + len(secret) // 2
    return body[:1], body[1:at], body[at:]


def _left(scene: Scene, secret: str) -> Scene:
    return replace(_in_pieces(scene, secret), client_leaves=True)


def _raises(event: Event) -> Event:
    secret = STAGE.secret_of(event)
    raise ValueError(f"cannot mask {secret}")


def _raises_body(content_type: str, body: bytes) -> bytes:
    raise ValueError(f"cannot mask {body!r}")


def _hangs(event: Event) -> Event:
    """Come back only when everybody has gone on."""
    threading.Event().wait(1.0)
    return replace(event, metadata={"password": STAGE.secret_of(event)})


def _exits(event: Event) -> Event:
    raise SystemExit(STAGE.secret_of(event))


def _adds(event: Event) -> Event:
    """Put the secret back, under names and in shapes that our own rules know."""
    secret = STAGE.secret_of(event)
    headers = {**event.request.headers, "Authorization": f"Bearer {secret}"}
    request = replace(
        event.request,
        uri=f"https://ann:{secret}@a.test/x?token={secret}",
        headers=headers,
        body={"password": secret, "note": f"api_key={secret}"},
        api_version=f"Bearer {secret}",
        ip_address=f"password={secret}",
    )
    return replace(
        event,
        request=request,
        user_id=f"Bearer {secret}",
        company_id=f"https://ann:{secret}@a.test/",
        subscription_id=f"Bearer {secret}",
        session_token=f"Bearer {secret}",
        metadata={**event.metadata, "token": [secret]},
        tags=f"a,password={secret}",
        blocked_by=f"Bearer {secret}",
        trace_id=f"Bearer {secret}",
        span={"token": secret, "note": f"Bearer {secret}"},
    )


def _adds_tags_only(event: Event) -> Event:
    """Put the secret where no rule of ours has seen it before, so that no later look helps."""
    return replace(event, tags=f"password={STAGE.secret_of(event)}")


def _adds_to_our_own(event: Event) -> Event:
    """Put the secret into what apilog itself says of a call."""
    own = {"masked": [{"path": f"Bearer {STAGE.secret_of(event)}", "rule": "x"}], "sdk": "x"}
    return replace(event, metadata={"apilog": own})


def _adds_odd_types(event: Event) -> Event:
    secret = STAGE.secret_of(event)
    request = replace(
        event.request, headers={"Cookie": [f"sid={secret}"], "X-Api-Key": {"a": secret}}
    )
    return replace(event, request=request, tags={"password": secret}, session_token=[secret])


def _nonsense(answer: Any) -> Any:
    """Return a hook that returns *answer*, or what it makes of the secret."""
    return lambda event: answer(STAGE.secret_of(event)) if callable(answer) else answer


_BROKEN: dict[str, Any] = {
    "a number": 42,
    "true": True,
    "a dictionary": lambda secret: {"note": secret},
    "text": lambda secret: secret,
    "its own class": lambda secret: type("Event", (), {"note": secret}),
    "an event without a request": lambda secret: replace(_an_event(secret), request=None),
    "an event with a request of bytes": lambda secret: replace(
        _an_event(secret), request=secret.encode()
    ),
    "an event with an error in it": lambda secret: replace(
        _an_event(secret), metadata=ValueError(secret)
    ),
}


def _an_event(secret: str) -> Event:
    return Event.from_document(
        {"request": {"time": "", "uri": "/", "verb": "GET"}, "user_id": f"Bearer {secret}"}
    )


FAILURE = Case(name="an exception after the request was read", change=_failing)
PIECES = Case(name="a stream that is cut in the middle of the secret", change=_in_pieces)
LEAVING = Case(name="a client that leaves in the middle", change=_left)
RAISING = Case(name="a mask_event that raises", options={"mask_event": _raises})
ADDING = Case(name="a mask_event that puts the secret back", options={"mask_event": _adds})
BODY_RAISING = Case(name="a mask_body that raises", options={"mask_body": _raises_body})

CASES: Sequence[Case] = (FAILURE, PIECES, LEAVING)
"""Cases about what happens to the call."""

HOOKS: Sequence[Case] = (
    RAISING,
    ADDING,
    BODY_RAISING,
    Case(name="a mask_event that hangs", options={"mask_event": _hangs, "mask_timeout": 0.02}),
    Case(name="a mask_event that exits", options={"mask_event": _exits}),
    Case(name="a mask_event that adds tags", options={"mask_event": _adds_tags_only}),
    Case(name="a mask_event that adds to our own words", options={"mask_event": _adds_to_our_own}),
    Case(name="a mask_event that adds odd types", options={"mask_event": _adds_odd_types}),
    *(
        Case(name=f"a mask_event that returns {name}", options={"mask_event": _nonsense(answer)})
        for name, answer in _BROKEN.items()
    ),
)
"""Cases about the user's hooks on the worker thread."""

LIMIT = 2_000
OVERSIZE = Case(name="bodies over the limit", options={"max_body_bytes": LIMIT})

_FILLER = {
    "JSON": (JSON, '{"password":"SECRET"},\n', '{"page":"2 of many"},\n'),
    "NDJSON": (NDJSON, '{"password":"SECRET"}\n', '{"page":"2 of many"}\n'),
    "server-sent events": (EVENTS, 'data: {"token":"SECRET"}\n\n', 'data: {"page":"2"}\n\n'),
    "server-sent events in several lines": (
        EVENTS,
        'data: {"token":\ndata: "SECRET"}\n\n',
        'data: {"page":\ndata: "2"}\n\n',
    ),
    "log lines": (PLAIN, "login password=SECRET user=ann\n", "page two of many was seen\n"),
    "a secret block in text": (
        PLAIN,
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nSECRET\n-----END PRIVATE KEY-----\n",
        "page two of many was seen\n",
    ),
    "a YAML block": (PLAIN, "password: |\n  SECRET\n  SECRET\n", "page: two of many\n"),
    "CSV": ("text/csv", "ann,SECRET,1\n", "bob,none,2\n"),
    "a form": (FORM, "password=SECRET&", "page=2+of+many&"),
    "XML": (XML, "<a><password>SECRET</password></a>\n", "<a><page>two</page></a>\n"),
    "bytes": ("application/octet-stream", "\0password=SECRET\0", "\0page=2\0"),
}

_HEADS = {"CSV": "user,password,page\n", "JSON": "[", "XML": "<all>"}


def _oversize() -> list[Place]:
    """Return bodies over the limit with the secret at the start, around each cut, at the end."""
    made: list[Place] = []
    half = LIMIT // 2
    size = 3 * LIMIT
    cuts = {f"{shift:+d} from the first cut": half + shift for shift in (-30, -20, -10, 0)}
    cuts |= {f"{shift:+d} from the second cut": size - half + shift for shift in (-30, -20, -10, 0)}
    places = {"the start": 0, **cuts, "the end": size}
    for kind, (content_type, line, filler) in _FILLER.items():
        for where, at in places.items():
            made += bodies(
                f"{kind}, secret at {where}",
                content_type,
                lambda secret, line=line, filler=filler, at=at, kind=kind: _filled(
                    _HEADS.get(kind, ""), line.replace("SECRET", secret), filler, at, size
                ),
            )
    told = multipart(("name=a", "x" * size), ('name="password"', "SECRET"))
    made += bodies("a multipart form", MULTIPART, told)
    return made


def _filled(head: str, line: str, filler: str, at: int, size: int) -> bytes:
    """Return a text of about *size* with *line* at *at*, where it need not begin a new line."""
    before = head
    while len(before) + len(filler) <= at:
        before += filler
    after = ""
    while len(before) + len(line) + len(after) < size:
        after += filler
    return (before + line + after).encode()


OVERSIZE_PLACES: Sequence[Place] = tuple(_oversize())
