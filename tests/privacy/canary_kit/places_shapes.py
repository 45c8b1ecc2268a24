"""Places with innocent names, where a secret is known by its shape; and what the app says."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from canary_kit.planting import (
    FORM,
    JSON,
    PLAIN,
    answered,
    bodies,
    request_headers,
    response_headers,
    said,
    targets,
)
from canary_kit.scene import Place, Scene
from canary_kit.secrets import base62, capitals, card, lower_hex

JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3MDAwMDAwMDAsInJvbGUiOiJhIn0.SECRET"
_FILL = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFy"
PEM = (
    f"-----BEGIN RSA PRIVATE KEY-----\n{_FILL}\nSECRET\n{_FILL}==\n-----END RSA PRIVATE KEY-----\n"
)

VENDORS = {  # a vendor's shape, and the maker of what is random in it
    "an AWS key id": ("AKIA" + "SECRET", capitals(16)),
    "a temporary AWS key id": ("ASIA" + "SECRET", capitals(16)),
    "a GitHub token": ("ghp_" + "SECRET", base62(36)),
    "a fine-grained GitHub token": (
        "github_pat_" + "SECRET" + "_" + _FILL + "abcdefghijklmnopqrs",
        base62(22),
    ),
    "a Slack token": ("xoxb-" + "123456789012-123456789012-SECRET", base62(24)),
    "a Stripe key": ("sk_live_" + "SECRET", base62(24)),
    "a Stripe webhook secret": ("whsec_" + "SECRET", base62(32)),
    "a Google key": ("AIza" + "SECRET", base62(35)),
    "a GitLab token": ("glpat-" + "SECRET", base62(20)),
    "a SendGrid key": ("SG." + "SECRET" + "." + _FILL + "abc", base62(22)),
    "an npm token": ("npm_" + "SECRET", base62(36)),
    "a Hugging Face token": ("hf_" + "SECRET", base62(34)),
    "a DigitalOcean token": ("dop_v1_" + "SECRET", lower_hex(64)),
    "a Shopify token": ("shpat_" + "SECRET", lower_hex(32)),
}

_SHAPES = {  # a text with a secret that its shape gives away
    "a JWT": JWT,
    "a private key": PEM,
    "a bearer credential in prose": "Use the header Bearer SECRET to call it",
    "an address with a user": "see https://ann:SECRET@a.test/x for more",
    "an address with a token": "see https://a.test/x?token=SECRET&page=2 for more",
}

_CARDS: dict[str, Callable[[str], str]] = {
    "a card": lambda number: f"paid with {number}, thanks",
    "a card with spaces": lambda n: f"paid with {n[:4]} {n[4:8]} {n[8:12]} {n[12:]}, thanks",
    "a card with dashes": lambda n: f"paid with {n[:4]}-{n[4:8]}-{n[8:12]}-{n[12:]}, thanks",
}


def _claims(secret: str) -> str:
    payload = base64.urlsafe_b64encode(json.dumps({"note": secret}).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJIUzI1NiJ9.{payload}.c2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJl"


def _basic(secret: str) -> str:
    return "Basic " + base64.b64encode(f"ann:{secret}".encode()).decode()


def _in_bodies() -> list[Place]:
    made: list[Place] = []
    for name, text in _SHAPES.items():
        made += bodies(f"{name} in a JSON string", JSON, json.dumps({"note": text}))
        made += bodies(f"{name} in text", PLAIN, f"line\n{text}\n")
        made += bodies(f"{name} in JSON in JSON", JSON, json.dumps({"p": json.dumps({"n": text})}))
        made += bodies(f"{name} in a JSON name", JSON, json.dumps({text: 1}))
    for name, text in {k: v for k, v in _SHAPES.items() if k != "a private key"}.items():
        made += request_headers(f"X-Remark: {text}")
        made += bodies(f"{name} in a form field", FORM, f"note={text.replace('&', '%26')}")
    for name, spelled in _CARDS.items():
        made += bodies(f"{name} in a JSON string", JSON, _json_of(spelled), secret=card)
        made += bodies(f"{name} in text", PLAIN, _text_of(spelled), secret=card)
        made += bodies(f"{name} in a form field", FORM, _form_of(spelled), secret=card)
    for name, (text, secret) in VENDORS.items():
        made += bodies(f"{name} in a JSON string", JSON, f'{{"note":"{text}"}}', secret=secret)
    made += bodies(
        "a JWT's claims in a JSON string", JSON, lambda s: json.dumps({"note": _claims(s)}).encode()
    )
    made += bodies("a JWT alone as JSON", JSON, f'"{JWT}"')
    made += bodies("a JWT alone as text", PLAIN, JWT)
    made += bodies("a JWT alone as a token", "application/jwt", JWT)
    made += bodies("a private key as a file", "application/x-pem-file", PEM)
    made += bodies("a private key that is cut", PLAIN, PEM[: PEM.index("SECRET") + 6])
    made += bodies(
        "a basic credential in a JSON string",
        JSON,
        lambda s: json.dumps({"note": _basic(s)}).encode(),
    )
    made += bodies(
        "a shared access signature in a JSON string",
        JSON,
        '{"note":"SharedAccessSignature sr=a.test&sig=SECRET%3D&se=17&skn=all"}',
    )
    made += bodies("a basic credential in text", PLAIN, lambda s: f"sent {_basic(s)}".encode())
    return made


def _json_of(spelled: Callable[[str], str]) -> Callable[[str], bytes]:
    return lambda number: json.dumps({"note": spelled(number)}).encode()


def _text_of(spelled: Callable[[str], str]) -> Callable[[str], bytes]:
    return lambda number: spelled(number).encode()


def _form_of(spelled: Callable[[str], str]) -> Callable[[str], bytes]:
    return lambda number: b"note=" + spelled(number).replace(" ", "+").encode()


@dataclass
class _Account:
    """An object of the app's own."""

    password: str


def _raises(message: str) -> Callable[[str], Scene]:
    return lambda secret: Scene(error=message.replace("SECRET", secret))


def _session_token(random: Random) -> str:
    return base62(32)(random)


def _said() -> list[Place]:
    made: list[Place] = [
        Place(name="the message of an exception", plant=_raises("password=SECRET")),
        Place(name="an exception about JSON", plant=_raises('{"a": "SECRET"}')),
    ]
    made += said("metadata under a sensitive name", metadata={"password": "SECRET"})
    made += said("metadata deep down", metadata={"a": [{"b": {"apiKey": ["SECRET"]}}]})
    made += said("metadata with an object", metadata={"account": _Account, "held": "SECRET"})
    made += said("metadata with a JWT", metadata={"note": JWT})
    made += said("metadata with a bearer credential", metadata={"note": "sent Bearer SECRET"})
    made += said("metadata with an assignment", metadata={"note": "password=SECRET"})
    made += said("metadata with JSON", metadata={"body": '{"password":"SECRET"}'})
    made += said("metadata with an address", metadata={"link": "https://a.test/?token=SECRET"})
    made += said("metadata with a name", metadata={"password=SECRET": 1})
    made += said("a user that is a JWT", user_id=JWT)
    made += said("a user that is a bearer credential", user_id="Bearer SECRET")
    made += said("a company with a key", company_id="sk_live_" + "SECRET", secret=base62(24))
    made += said("a session's token", session_token="SECRET", secret=_session_token)
    made += said("a session that is a JWT", session_token=JWT)
    made += said("a session with a bearer credential", session_token="Bearer SECRET")
    made += answered("get_session_token", "a real token", "SECRET", secret=_session_token)
    made += answered("get_session_token", "a hexadecimal token", "SECRET", secret=lower_hex(32))
    made += answered("get_session_token", "a JWT", JWT)
    made += answered("get_metadata", "a password", {"user": {"password": "SECRET"}})
    made += answered("get_metadata", "a card", {"paid_with": "SECRET"}, secret=card)
    made += answered("get_metadata", "headers", {"headers": {"Authorization": "Bearer SECRET"}})
    made += answered("get_metadata", "a cookie", {"headers": {"Cookie": "sid=SECRET"}})
    made += answered("identify_user", "a JWT", JWT)
    made += answered("identify_user", "a Stripe key", "sk_live_" + "SECRET", secret=base62(24))
    made += answered("identify_user", "an address", "https://ann:SECRET@a.test/")
    made += answered("identify_company", "a GitHub token", "ghp_" + "SECRET", secret=base62(36))
    return made


SHAPES: tuple[Place, ...] = (
    *_in_bodies(),
    *_said(),
    *targets("/stage?ref=ghp_" + "SECRET", "/files/ghp_" + "SECRET", secret=base62(36)),
    *targets("/stage?ref=sk_live_" + "SECRET", secret=base62(24)),
    *request_headers("X-Remark: AIza" + "SECRET", secret=base62(35)),
    *request_headers("User-Agent: xoxb-" + "123456789012-123456789012-SECRET", secret=base62(24)),
    *response_headers("X-Remark: AKIA" + "SECRET", secret=capitals(16)),
    *request_headers("X-Remark: card SECRET", secret=card),
)
