"""What apps on every framework share: the scene that is played, and hooks that answer from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import apilog
from apilog.events import Event
from canary_kit.scene import NUMBER, Planted, Scene

HOOKS = ("identify_user", "identify_company", "get_session_token", "get_metadata")


@dataclass
class Stage:
    """The scene that is played now, one at a time."""

    scene: Scene = field(default_factory=Scene)
    played: list[Planted] = field(default_factory=list)

    def take(self, number: int, planted: Planted) -> None:
        """Make the scene of *planted* the one that is played."""
        self.scene = planted.scene
        if number == 0:
            self.played.clear()
        self.played.append(planted)

    def secret_of(self, event: Event) -> str:
        """Return the secret of the scene that *event* is of."""
        headers = {name.lower(): value for name, value in event.request.headers.items()}
        return self.played[int(headers[NUMBER.lower()])].secret


STAGE = Stage()


def hook(name: str) -> Callable[[object, object], Any]:
    """Return the hook called *name*, which answers as the scene says."""

    def answer(request: object, response: object) -> Any:
        return STAGE.scene.answers.get(name)

    return answer


def perform() -> None:
    """Do what the app does besides its answer: say something, or fail."""
    scene = STAGE.scene
    if scene.annotations:
        apilog.annotate(**scene.annotations)
    if scene.error is not None:
        raise RuntimeError(scene.error)
