"""Secrets planted in every place of a call stay in the process, whatever happens to the call."""

from __future__ import annotations

from pathlib import Path

import pytest
from canary_kit.beyond import BEYOND
from canary_kit.cases import CASES, HOOKS, LIMIT, OVERSIZE, OVERSIZE_PLACES
from canary_kit.places import PLACES, places_on
from canary_kit.scene import DJANGO_ASGI, FASTAPI, FLASK, MOUNTINGS, RAW_ASGI, RAW_WSGI
from canary_kit.secrets import SEED
from canary_kit.trial import NORMAL, Case, Outcome, trial

FEW = PLACES[::9]
"""Enough places for cases in which it does not matter where the secret stood."""


FAILED = {"mask_failed", "encode_failed", "last_gate", "capture_failed", "submit_failed"}
"""What would keep all secrets home, and all the rest of a call with them."""


@pytest.fixture(autouse=True)
def told_seed() -> None:
    print(f"CANARY_SEED={SEED}")


def test_the_table_of_places_is_worth_its_name() -> None:
    assert len(PLACES) >= 100
    assert len({place.name for place in PLACES}) == len(PLACES)


@pytest.mark.parametrize("mounting", [FLASK, FASTAPI])
def test_no_secret_leaves(mounting: str, tmp_path: Path) -> None:
    check(trial(mounting, places_on(mounting), tmp_path))


@pytest.mark.parametrize("mounting", sorted({*MOUNTINGS} - {FLASK, FASTAPI}))
def test_no_secret_leaves_elsewhere(mounting: str, tmp_path: Path) -> None:
    check(trial(mounting, places_on(mounting)[::3], tmp_path))


def test_what_names_and_shapes_cannot_tell_gets_out(tmp_path: Path) -> None:
    outcome = trial(FLASK, BEYOND, tmp_path)
    assert outcome.unseen == []
    options = {"keep_fields": ["page"]}
    assert trial(FLASK, BEYOND, tmp_path, Case(name="kept", options=options)).leaks == {}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("mounting", [FLASK, DJANGO_ASGI, FASTAPI])
def test_no_secret_leaves_after(mounting: str, case: Case, tmp_path: Path) -> None:
    check(trial(mounting, places_on(mounting)[::5], tmp_path, case))


@pytest.mark.parametrize("case", [NORMAL, *CASES], ids=lambda case: case.name)
@pytest.mark.parametrize("mounting", MOUNTINGS)
@pytest.mark.long
def test_no_secret_of_all_leaves_after(mounting: str, case: Case, tmp_path: Path) -> None:
    check(trial(mounting, places_on(mounting), tmp_path, case))


def check(outcome: Outcome) -> None:
    """Say that everything was sent but the secrets."""
    assert outcome.stats.delivered == outcome.stats.captured > 0
    assert outcome.stats.faults.keys().isdisjoint(FAILED)
    assert outcome.leaks == {}


@pytest.mark.parametrize("case", HOOKS, ids=lambda case: case.name)
def test_no_secret_leaves_by_a_hook(case: Case, tmp_path: Path) -> None:
    outcome = trial(FASTAPI, FEW, tmp_path, case)
    assert outcome.stats.captured == outcome.stats.delivered + sum(outcome.stats.dropped.values())
    assert outcome.leaks == {}


@pytest.mark.parametrize("mounting", [FLASK, DJANGO_ASGI, RAW_WSGI, RAW_ASGI])
@pytest.mark.parametrize("case", HOOKS, ids=lambda case: case.name)
@pytest.mark.long
def test_no_secret_leaves_by_a_hook_on(mounting: str, case: Case, tmp_path: Path) -> None:
    outcome = trial(mounting, places_on(mounting), tmp_path, case)
    assert outcome.stats.captured == outcome.stats.delivered + sum(outcome.stats.dropped.values())
    assert outcome.leaks == {}


@pytest.mark.parametrize("mounting", [FLASK, DJANGO_ASGI, FASTAPI])
def test_no_secret_leaves_with_a_body_over_the_limit(mounting: str, tmp_path: Path) -> None:
    check(trial(mounting, OVERSIZE_PLACES, tmp_path, OVERSIZE))


def test_bodies_over_the_limit_are_over_it() -> None:
    for place in OVERSIZE_PLACES:
        scene = place.plant("x" * 20)
        assert max(sum(map(len, scene.pieces)), sum(map(len, scene.response_pieces))) > LIMIT


@pytest.mark.parametrize("mounting", MOUNTINGS)
@pytest.mark.parametrize("round_number", range(8))
@pytest.mark.long
def test_no_secret_leaves_whatever_it_is(mounting: str, round_number: int, tmp_path: Path) -> None:
    check(trial(mounting, places_on(mounting), tmp_path, NORMAL, salt=str(round_number)))
