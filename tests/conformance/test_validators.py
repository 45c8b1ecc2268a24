"""Both sides of the WSGI middleware keep PEP 3333 as two independent validators read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.validate import validator

import pytest
from conformance_kit import apps_raw_wsgi
from conformance_kit.mountings import OPTIONS, PATIENCE_SECONDS, Pair, pair_of
from conformance_kit.observation import difference
from conformance_kit.scenario import FLASK, RAW_WSGI, Scenario
from conformance_kit.table import BEHAVIOURS, TABLE
from conformance_kit.wsgi_driver import call_wsgi
from werkzeug.middleware.lint import LintMiddleware

import apilog
from apilog.destinations import Memory
from apilog.wsgi import ApiLogMiddleware

VALIDATORS = [
    pytest.param(validator, id="wsgiref.validate"),
    pytest.param(LintMiddleware, id="werkzeug's lint"),
]

COMPLIANT = [
    scenario
    for scenario in TABLE
    if RAW_WSGI in scenario.mountings
    and scenario.lint
    and not any(code in scenario.id for code in ("before the response", "in place of"))
]


@pytest.fixture(scope="module")
def recorded() -> Iterator[tuple[apilog.Client, Memory]]:
    memory = Memory()
    with apilog.Client(memory, **OPTIONS) as client:
        yield client, memory


@pytest.mark.parametrize("validate", VALIDATORS)
@pytest.mark.parametrize(
    "scenario", [pytest.param(scenario, id=scenario.id) for scenario in COMPLIANT]
)
def test_both_sides_are_valid(
    scenario: Scenario,
    validate: Callable[..., Any],
    recorded: tuple[apilog.Client, Memory],
) -> None:
    client, memory = recorded
    memory.clear()
    app = apps_raw_wsgi.make(None, BEHAVIOURS)
    bare = call_wsgi(validate(app), scenario)
    complaints = [entry for entry in bare.log if "AssertionError" in entry or "Warning" in entry]
    assert complaints == [], "the scenario itself is not valid"
    wrapped = call_wsgi(validate(ApiLogMiddleware(validate(app), client=client)), scenario)
    assert difference(_without_calls_of_input(bare), _without_calls_of_input(wrapped)) is None
    assert client.flush(PATIENCE_SECONDS)
    assert len(memory.events) == 1


def _without_calls_of_input(seen: Any) -> Any:
    """Forget how the input was read: an inner validator reads in its own way."""
    seen.log = [entry for entry in seen.log if entry[0] not in ("input", "returned")]
    return seen


@pytest.mark.parametrize("validate", VALIDATORS)
def test_flask_is_valid_with_the_extension_inside(validate: Callable[..., Any]) -> None:
    scenario = next(each for each in TABLE if each.id == "three hundred single bytes")
    with pair_of(FLASK, BEHAVIOURS) as pair:
        bare, wrapped = (
            _called(pair, validate(app), scenario) for app in (pair.bare, pair.wrapped)
        )
        assert difference(bare, wrapped) is None


def _called(pair: Pair, app: Callable[..., Any], scenario: Scenario) -> Any:
    return pair.call(app, scenario)
