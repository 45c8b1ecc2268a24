"""``apilog doctor``: what keeps calls from being recorded or delivered, and what would mend it."""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

from apilog.doctor import Check, examine, worst
from apilog.terminal import say

_TARGET = re.compile(r"[^:\s]+:[^:\s]+")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `doctor` understands."""
    parser.add_argument(
        "--app",
        type=_target,
        metavar="MODULE:ATTRIBUTE",
        help="an app to import and look at; MODULE:FACTORY() calls a factory",
    )
    parser.add_argument("--offline", action="store_true", help="open no connection")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def _target(text: str) -> str:
    if not _TARGET.fullmatch(text):
        raise argparse.ArgumentTypeError("expected MODULE:ATTRIBUTE, such as shop.wsgi:app")
    return text


def run(arguments: argparse.Namespace) -> int:
    """Look at everything; return the exit code: 1 if there is a problem."""
    checks: list[Check] = []
    with _silence():
        for check in examine(os.environ, app=arguments.app, offline=arguments.offline):
            checks.append(check)
            if not arguments.json:
                say(_text(check))
    status = worst(checks)
    if arguments.json:
        document = {"checks": [asdict(check) for check in checks], "status": status}
        say(json.dumps(document, indent=2) + "\n")
    else:
        say(_summary(checks))
    return int(status == "problem")


@contextmanager
def _silence() -> Iterator[None]:
    """Keep apilog's own log still: what it would say is among the findings, without values."""
    logger = logging.getLogger("apilog")
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before


def _text(check: Check) -> str:
    text = f"{check.status:8} {check.name}: {check.found}\n"
    return f"{text}         fix: {check.fix}\n" if check.fix is not None else text


def _summary(checks: Sequence[Check]) -> str:
    problems = sum(check.status == "problem" for check in checks)
    warnings = sum(check.status == "warning" for check in checks)
    if not problems + warnings:
        return "\nall is well\n"
    return f"\nproblems: {problems}, warnings: {warnings}\n"
