"""A few scenes that together hold a secret of most kinds, so that most of masking runs."""

from __future__ import annotations

import json
from random import Random

from canary_kit.places_shapes import JWT, PEM
from canary_kit.places_text import MULTIPART, multipart
from canary_kit.planting import EVENTS, FORM, HTML, JSON, NDJSON, PLAIN, XML
from canary_kit.scene import Scene
from canary_kit.secrets import SEED, base62, card

SECRETS = {f"secret {number}": base62()(Random(f"{SEED} rich {number}")) for number in range(40)}
SESSION = "secret 24"
"""The one that is a session's token, of which a digest may leave."""

CARD = card(Random(SEED))


def _fresh() -> dict[str, str]:
    """Return the secrets by name, for templates that name them ``{s0}`` to ``{s39}``."""
    return {f"s{number}": secret for number, secret in enumerate(SECRETS.values())}


def _text(template: str) -> bytes:
    for name, secret in _fresh().items():
        template = template.replace(f"<{name}>", secret)
    return template.replace("<card>", CARD).encode()


def _headers(content_type: str, *more: str) -> tuple[tuple[str, str], ...]:
    lines = [line.partition(": ") for line in _text("\n".join(more)).decode().split("\n") if line]
    return (("Content-Type", content_type), *((name, value) for name, _, value in lines))


def rich_scenes() -> dict[str, Scene]:
    """Return the scenes by what they are about."""
    return {
        "JSON and XML": Scene(
            path=_text("/reset/<s0>").decode(),
            query=_text("page=2&token=<s1>&next=https%3A%2F%2Fann:<s2>@a.test%2F").decode(),
            headers=_headers(
                JSON,
                "Authorization: Bearer <s3>",
                "Cookie: theme=dark; sid=<s4>",
                "Referer: https://a.test/?api_key=<s5>#access_token=<s6>",
                "X-Api-Key: <s7>",
                f"X-Remark: {JWT.replace('SECRET', '<s8>')}",
            ),
            pieces=(
                _text(
                    json.dumps(
                        {
                            "user": {"name": "ann", "password": "<s9>"},
                            "credentials": ["<s10>", {"a": "<s11>"}],
                            "pairs": [{"name": "token", "value": "<s12>"}],
                            "log": "password=<s13> ok",
                            "link": "see https://ann:<s14>@a.test/?token=<s15>",
                            "inner": json.dumps({"secret": "<s16>", "n": 1}),
                            "key": PEM.replace("SECRET", "<s17>"),
                            "paid": "<card>",
                            "page": 2,
                        }
                    )
                ),
            ),
            response_headers=_headers(
                XML, "Set-Cookie: sid=<s18>; Path=/", "Location: /a?code=<s19>"
            ),
            response_pieces=(
                _text(
                    '<a b="1"><password>&#65;<s20></password><p name="token" value="<s21>"/>'
                    "<!-- api_key=<s22> --><n>plain</n></a>"
                ),
            ),
            annotations={
                "metadata": {"token": _text("<s23>").decode(), "note": "fine"},
                "session_token": _text("<s24>").decode(),
                "user_id": _text("Bearer <s25>").decode(),
            },
        ),
        "forms and event streams": Scene(
            headers=_headers(FORM),
            pieces=(
                _text("a=1&password=<s0>&payload=%7B%22pin%22:%22<s1>%22%7D&note=Bearer+<s2>"),
            ),
            response_headers=_headers(EVENTS),
            response_pieces=(
                _text('data: {"token":\ndata: "<s3>"}\n\n: password=<s4>\n\ndata: x\n\n'),
            ),
        ),
        "multipart and NDJSON": Scene(
            headers=_headers(MULTIPART),
            pieces=(
                _text(
                    multipart(
                        ('name="password"', "<s0>"),
                        ('name="payload"', '{"token": "<s1>"}'),
                        ('name="f"; filename="token=<s2>.txt"', "<s3>"),
                        ('name="note"', "Authorization: Bearer <s4>"),
                    )
                ),
            ),
            response_headers=_headers(NDJSON),
            response_pieces=(_text('{"a": 1}\n{"password": "<s5>"}\n{"note": "token=<s6>"}\n'),),
        ),
        "GraphQL and HTML": Scene(
            headers=_headers(JSON),
            pieces=(
                _text(
                    json.dumps(
                        {
                            "query": "mutation($p: String) {"
                            ' login(password: $p, pin: "<s0>", i: {token: """<s1>"""}) { id } }',
                            "variables": {"p": "<s2>", "q": {"secret": "<s3>"}},
                        }
                    )
                ),
            ),
            response_headers=_headers(HTML),
            response_pieces=(
                _text(
                    "<input name='csrf_token' value='<s4>'><meta content='<s5>' name='csrf-token'>"
                    '<script>var apiKey = "<s6>"; f({"token": "<s7>"})</script><p>pin: <s8></p>'
                ),
            ),
        ),
        "text and CSV": Scene(
            headers=_headers(PLAIN),
            pieces=(
                _text(
                    "password=<s0>\nAuthorization: Bearer <s1>\nmysql --password <s2>\n"
                    "secret: |\n  <s3>\n{'token': '<s4>'} IDENTIFIED BY '<s5>' <card>\n"
                ),
            ),
            response_headers=_headers("text/csv"),
            response_pieces=(_text('user,password,note\nann,"<s6>",token=<s7>\n'),),
        ),
        "bytes": Scene(
            headers=_headers("application/octet-stream"),
            pieces=(b"\xff\xfe\x00" + _text("password=<s0>"),),
            response_pieces=(_text('{"password": "<s1>"}'),),
        ),
    }
