"""The canaries can sing: without masking every one is found, and every rule has its teeth."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from canary_kit.exchanges import client, encoded
from canary_kit.places import PLACES, UNCAPTURED, places_on
from canary_kit.removals import REMOVALS, Removal, masking_off
from canary_kit.scene import DJANGO_ASGI, FASTAPI, FLASK, RAW_ASGI, RAW_WSGI, planted
from canary_kit.search import by_place
from canary_kit.secrets import SEED
from canary_kit.trial import searcher, trial

_INSIDE = "found inside of names as well; it gives the rule its name"
SAID_TWICE: dict[str, str] = {
    "the word password": _INSIDE,
    "the word passwords": _INSIDE,
    "the word passwd": _INSIDE,
    "the word passwds": _INSIDE,
    "the words authorization code": "the first word is enough; it names the rule",
    "the words bearer token": "the first word is enough; it names the rule",
    "the words secret key": "the first word is enough; it names the rule",
    "the detector value:azure_key": "the name in front of it says the same",
    "the detector value:azure_sas": "the name in front of it says the same",
}
"""Rules that can go without a leak, because another one says the same, and why they stand."""


@pytest.mark.parametrize(
    ("mounting", "step"),
    [
        (RAW_WSGI, 3),
        pytest.param(RAW_ASGI, 3, marks=pytest.mark.long),
        pytest.param(FLASK, 1, marks=pytest.mark.long),
        pytest.param(FASTAPI, 3, marks=pytest.mark.long),
        pytest.param(DJANGO_ASGI, 7, marks=pytest.mark.long),
    ],
)
def test_every_secret_is_found_with_masking_off(
    mounting: str, step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    masking_off(monkeypatch)
    places = places_on(mounting)[::step]
    outcome = trial(mounting, places, tmp_path)
    assert sorted(outcome.unseen) == sorted({place.name for place in places} & UNCAPTURED.keys())


def test_what_is_never_captured_is_little() -> None:
    assert UNCAPTURED.keys() <= {place.name for place in PLACES}
    assert len(PLACES) - len(UNCAPTURED) >= 100


def leaks_of(removal: Removal) -> dict[str, str]:
    made = planted(removal.places, Random(SEED))
    with client() as ours:
        events = b"\n".join(encoded(ours, each.scene) for each in made)
        assert b'"reduced"' not in events  # nothing failed, which would keep secrets home as well
    return by_place(searcher(made).search({"the events": events}))


@pytest.mark.parametrize("removal", REMOVALS, ids=str)
def test_a_rule_that_is_removed_is_missed(
    removal: Removal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert removal.places
    assert leaks_of(removal) == {}
    removal.remove(monkeypatch)
    assert bool(leaks_of(removal)) == (removal.name not in SAID_TWICE)


def test_there_are_as_many_removals_as_rules() -> None:
    assert len(REMOVALS) >= 200
    assert {removal.name for removal in REMOVALS} >= SAID_TWICE.keys()
