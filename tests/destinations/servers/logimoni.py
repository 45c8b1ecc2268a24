"""Logimoni as its page describes it: four texts, all of them required, and hardly a word back.

What it does not document is answered the strictest way: an unknown key or category with a 4xx.
"""

from __future__ import annotations

import json
from typing import Any

from servers.plain import Asked, Reply, Server

USER_KEY = "user-key-very-secret"
PROJECT_KEY = "project-key-very-secret"

_FIELDS = {"userKey", "projectKey", "categoryName", "message"}


class Logimoni(Server):
    """One account with one project."""

    def __init__(self, *categories: str) -> None:
        super().__init__()
        self.categories = set(categories or ("Calls",))
        self.stored: list[tuple[str, str]] = []
        """Category and message of what is stored."""
        self.poison: str | None = None
        """The text in a message over which the server fails."""

    def answer(self, asked: Asked) -> Reply:
        if asked.verb != "POST" or asked.path != "/api/events":
            return Reply(404)
        if asked.headers.get("content-type", "").partition(";")[0] != "application/json":
            return Reply(415)
        try:
            said = json.loads(asked.body.decode())
        except ValueError:
            return Reply(400)
        if not isinstance(said, dict) or set(said) != _FIELDS or not _are_texts(said):
            return Reply(400)
        if (said["userKey"], said["projectKey"]) != (USER_KEY, PROJECT_KEY):
            return Reply(401)
        if said["categoryName"] not in self.categories:
            return Reply(404)
        if self.poison is not None and self.poison in said["message"]:
            return Reply(500)
        if any(ord(each) < 32 or ord(each) == 127 for each in said["message"]):
            return Reply(400)
        self.stored.append((said["categoryName"], said["message"]))
        return Reply(200)


def _are_texts(said: dict[str, Any]) -> bool:
    return all(isinstance(value, str) and value.strip() for value in said.values())
