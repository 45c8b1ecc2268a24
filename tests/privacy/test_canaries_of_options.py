"""What only the user knows to be a secret stays in the process, too, by each option for that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from canary_kit.places import PLACES
from canary_kit.places_text import MULTIPART, multipart
from canary_kit.planting import (
    EVENTS,
    FORM,
    HTML,
    JSON,
    NDJSON,
    PLAIN,
    XML,
    answered,
    bodies,
    request_headers,
    response_headers,
    said,
    targets,
)
from canary_kit.scene import FASTAPI, FLASK, Place
from canary_kit.secrets import phrase
from canary_kit.trial import Case, Outcome, trial

PATTERN = r"\b[a-z]{6}-[a-z]{6}-[a-z]{6}\b"
"""What the secrets here look like, which nobody can guess who was not told."""

GRAPHQL = '{"query":"{ a(note: \\"SECRET\\") }","variables":{"note":"SECRET"}}'

UNKNOWN: tuple[Place, ...] = (
    *bodies("a JSON string", JSON, '{"page":1,"note":"SECRET"}', secret=phrase),
    *bodies("a JSON string deep down", JSON, '{"a":[{"note":{"b":["SECRET"]}}]}', secret=phrase),
    *bodies("JSON in JSON", JSON, '{"note":"{\\"note\\":\\"SECRET\\"}"}', secret=phrase),
    *bodies("JSON without a content type", None, '{"note":"SECRET"}', secret=phrase),
    *bodies("NDJSON", NDJSON, '{"note":"SECRET"}\n', secret=phrase),
    *bodies("server-sent events", EVENTS, 'data: {"note":"SECRET"}\n\n', secret=phrase),
    *bodies("a form", FORM, "page=1&note=SECRET", secret=phrase),
    *bodies("a multipart form", MULTIPART, multipart(("name=note", "SECRET")), secret=phrase),
    *bodies("XML", XML, "<a><note>SECRET</note></a>", secret=phrase),
    *bodies("HTML", HTML, "<p>SECRET</p>", secret=phrase),
    *bodies("GraphQL", JSON, GRAPHQL, secret=phrase),
    *bodies("CSV", "text/csv", "page,note\n1,SECRET\n", secret=phrase),
    *bodies("plain text", PLAIN, "the note says SECRET", secret=phrase),
    *bodies("bytes", "application/octet-stream", "\0note SECRET", secret=phrase),
    *request_headers("X-Note: SECRET", "X-Note: the note is SECRET", secret=phrase),
    *response_headers("X-Note: SECRET", secret=phrase),
    *targets("/stage?page=1&note=SECRET", "/stage?note=a%20SECRET", secret=phrase),
    *said("metadata", metadata={"note": ["SECRET"]}, secret=phrase),
    *answered("get_metadata", "metadata", {"note": {"a": "SECRET"}}, secret=phrase),
)

NAMED = tuple(
    place
    for place in UNKNOWN
    if not any(kind in place.name for kind in ("HTML", "plain text", "bytes"))
)
"""The places where the secret has a name."""


def tried(
    places: tuple[Place, ...], folder: Path, mounting: str = FLASK, **options: Any
) -> Outcome:
    outcome = trial(mounting, places, folder, Case(name=str(options), options=options))
    assert outcome.stats.delivered == outcome.stats.captured > 0
    assert outcome.stats.faults.keys().isdisjoint({"mask_failed", "encode_failed"})
    return outcome


def test_by_default_nobody_knows_that_they_are_secrets(tmp_path: Path) -> None:
    assert tried(UNKNOWN, tmp_path).unseen == []


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"keep_fields": ["page"]}, id="an allow-list"),
        pytest.param({"keep_fields": ["/page", "a.c"]}, id="an allow-list of paths"),
        pytest.param({"shape_only": True}, id="shapes only"),
        pytest.param({"mask_patterns": [PATTERN]}, id="a pattern"),
        pytest.param({"keep_fields": ["page"], "hash": b"k" * 32}, id="an allow-list with a key"),
        pytest.param({"mask_patterns": [PATTERN], "hash": b"k" * 32}, id="a pattern with a key"),
        pytest.param({"mask_routes": {"/*": {"shape_only": True}}}, id="shapes for a route"),
        pytest.param(
            {
                "mask_routes": {
                    "GET /stage": {"mask_patterns": [PATTERN]},
                    "/*": {"shape_only": True},
                }
            },
            id="a pattern for a verb",
        ),
    ],
)
@pytest.mark.parametrize("mounting", [FLASK, FASTAPI])
def test_no_secret_that_only_the_user_knows_leaves_by(
    options: dict[str, Any], mounting: str, tmp_path: Path
) -> None:
    assert tried(UNKNOWN, tmp_path, mounting, **options).leaks == {}


@pytest.mark.parametrize("spelling", ["note", "NOTE", "No-te"])
def test_no_secret_leaves_under_a_name_that_the_user_gives(spelling: str, tmp_path: Path) -> None:
    outcome = tried(
        NAMED,
        tmp_path,
        mask_fields=[spelling],
        mask_query=[spelling],
        mask_headers=[f"x-{spelling}"],
    )
    assert outcome.leaks == {}


def test_no_secret_leaves_at_a_place_that_the_user_gives(tmp_path: Path) -> None:
    places = tuple(
        place
        for place in UNKNOWN
        if place.name.endswith(("body, a JSON string", "a JSON string deep down", "JSON in JSON"))
    )
    outcome = tried(places, tmp_path, mask_fields=["/note", "a.*.note.b"])
    assert len(places) == 6
    assert outcome.leaks == {}


def test_no_secret_leaves_as_a_pseudonym(tmp_path: Path) -> None:
    outcome = tried(PLACES[::5], tmp_path, hash=b"k" * 32)
    assert outcome.leaks == {}
    assert b'"hmac:' in outcome.sinks["the file"]


@pytest.mark.parametrize(
    ("option", "direction"),
    [("capture_request_body", "request body"), ("capture_response_body", "response body")],
)
def test_no_body_leaves_that_is_not_captured(option: str, direction: str, tmp_path: Path) -> None:
    outcome = tried(UNKNOWN, tmp_path, **{option: False})
    assert not [place for place in outcome.leaks if place.startswith(direction)]
    assert outcome.leaks
