"""The system checks that ``manage.py check`` runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.http import HttpRequest, HttpResponse
from django.urls import path

Site = Callable[..., Any]

OURS = "apilog_django.ApiLogMiddleware"
COMMON = "django.middleware.common.CommonMiddleware"
APPS = {"INSTALLED_APPS": ["apilog_django"]}
HERE = __name__


def home(request: HttpRequest) -> HttpResponse:
    return HttpResponse("home")


urlpatterns = [path("", home)]


def complaints() -> list[tuple[str | None, str, str | None]]:
    """Return what our checks say; those of other apps may be registered in this process too."""
    return [(each.id, each.msg, each.hint) for each in run_checks(tags=["apilog"])]


@pytest.mark.parametrize(
    "middleware",
    [[OURS], [OURS, COMMON], ["apilog_django.middleware.ApiLogMiddleware"]],
    ids=["alone", "before others", "by its long name"],
)
def test_a_site_that_is_set_up_well_passes(django_site: Site, middleware: list[str]) -> None:
    with django_site(HERE, middleware=middleware, more=APPS):
        assert complaints() == []
        output = StringIO()
        call_command("check", tags=["apilog"], stdout=output)
    assert "no issues" in output.getvalue()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        pytest.param({"DESTINATION": "ftp://x"}, "ftp:", id="a wrong destination"),
        pytest.param({"SAMPEL_RATE": 1}, "'sampel_rate'; did you mean 'sample_rate'", id="a typo"),
        pytest.param({"sample_rate": 1}, "'sample_rate'", id="small letters"),
        pytest.param({"SKIP": "shop.nowhere"}, "shop.nowhere", id="a path that leads nowhere"),
        pytest.param({"MAX_BODY_BYTES": "many"}, "max_body_bytes = 'many'", id="a wrong value"),
    ],
)
def test_a_wrong_setting_is_an_error_that_names_it(
    django_site: Site, setting: dict[str, Any], message: str
) -> None:
    with django_site(HERE, more=APPS, **setting):
        [(id_, said, hint)] = complaints()
        with pytest.raises(SystemCheckError, match=r"apilog\.E001"):
            call_command("check", tags=["apilog"], stderr=StringIO())
    assert (id_, message in said) == ("apilog.E001", True)
    assert "APILOG" in (hint or "")


def test_a_site_without_the_middleware_is_warned(django_site: Site) -> None:
    with django_site(HERE, middleware=[COMMON], more=APPS):
        [(id_, said, hint)] = complaints()
    assert (id_, "no middleware" in said) == ("apilog.W001", True)
    assert OURS in (hint or "")


def test_a_middleware_that_is_not_the_first_is_warned_of(django_site: Site) -> None:
    with django_site(HERE, middleware=[COMMON, OURS], more=APPS):
        [(id_, said, hint)] = complaints()
    assert (id_, OURS in said) == ("apilog.W002", True)
    assert "first" in (hint or "")


def test_manage_py_check_tells_it(tmp_path: Path) -> None:
    """The real command, in a project of its own."""
    (tmp_path / "shop_settings.py").write_text(
        "SECRET_KEY = 'not a secret'\n"
        "INSTALLED_APPS = ['apilog_django']\n"
        "MIDDLEWARE = ['apilog_django.ApiLogMiddleware']\n"
        "APILOG = {'DESTINATION': 'memory:', 'FLUSH_INTERVALL': 1}\n"
    )
    path = os.pathsep.join(
        str(Path(each).resolve()) for each in [tmp_path, *filter(None, sys.path)]
    )
    command = [sys.executable, "-m", "django", "check", "--settings", "shop_settings"]
    done = subprocess.run(
        command, env={"PYTHONPATH": path}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert "apilog.E001" in done.stderr
    assert "did you mean 'flush_interval'" in done.stderr
