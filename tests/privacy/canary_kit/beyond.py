"""Places beyond what names and shapes can tell: secrets get out there, and options must help."""

from __future__ import annotations

from collections.abc import Mapping

from canary_kit.planting import FORM, HTML, JSON, PLAIN, bodies
from canary_kit.scene import Place

_REASONS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "prose says what it is, and no rule reads prose": {
        "a sentence with a password": (JSON, '{"mail":"Your new password is SECRET"}'),
        "a sentence with a code": (JSON, '{"sms":"Your verification code is SECRET"}'),
    },
    "the place in a list or a table says what it is": {
        "positional parameters": (JSON, '{"method":"login","params":["ann","SECRET"]}'),
        "columns and rows": (JSON, '{"columns":["user","password"],"rows":[["ann","SECRET"]]}'),
        "an SQL statement's columns": (
            PLAIN,
            "INSERT INTO u (name, password) VALUES ('a', 'SECRET')",
        ),
        "a password file": (PLAIN, "ann:SECRET"),
        "an HTML table": (HTML, "<tr><td>Password</td><td>SECRET</td></tr>"),
    },
    "its name is one of many innocent ones": {
        "a key": (JSON, '{"key":"SECRET"}'),
        "a code": (JSON, '{"code":"SECRET"}'),
        "a session": (JSON, '{"session":"SECRET"}'),
        "a single letter": (FORM, "u=ann&p=SECRET"),
        "what is said about a token": (JSON, '{"token_type":"SECRET"}'),
    },
}

BEYOND: tuple[Place, ...] = tuple(
    place
    for places in _REASONS.values()
    for name, (content_type, template) in places.items()
    for place in bodies(name, content_type, template)
)
