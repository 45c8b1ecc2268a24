"""What an attacker found, and a user whose innocent values vanished: none of it comes back."""

from __future__ import annotations

import base64
import subprocess
import sys
from typing import Any

import pytest

from apilog.masking import Masking

SECRET = "hunter2x"


def masked(
    body: Any = None,
    content_type: str = "application/json",
    *,
    uri: str = "https://shop.test/",
    headers: dict[str, Any] | None = None,
    masking: Masking | None = None,
) -> dict[str, Any]:
    """Return the request of an event, masked."""
    request = {"uri": uri, "headers": {"Content-Type": content_type, **(headers or {})}}
    document: dict[str, Any] = {"request": {**request, "body": body}, "metadata": {"apilog": {}}}
    (masking or Masking()).apply(document)
    return document["request"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"--password {SECRET}", id="an option at the beginning"),
        pytest.param(f"deploy, then:--password {SECRET}", id="an option behind a colon"),
        pytest.param(f"the password for bob: {SECRET}", id="a password for somebody"),
        pytest.param(f"password is: {SECRET}", id="a password that is something"),
        pytest.param(f"password (old): {SECRET}", id="a name with a remark"),
        pytest.param(f"pw:{SECRET}", id="a name that is one only alone"),
        pytest.param(f"bob,pw:{SECRET}", id="the same behind a comma"),
        pytest.param(f"password1:{SECRET}", id="a name with a number"),
        pytest.param("otp2:471147", id="a number behind a name with a number"),
        pytest.param(f"`password` got invalid value {SECRET}", id="a name in backticks"),
        pytest.param(f"SECRET ?= {SECRET}", id="a variable of a makefile"),
        pytest.param(f"TOKEN += {SECRET}", id="a longer variable"),
        pytest.param("s3://t0k3nxyz@bucket", id="a user of a scheme with a number"),
        pytest.param("https://shop.test/reset/aBcDeFgHiJkLmNoPqRsTuV", id="no digit in a path"),
        pytest.param("https://shop.test/x/qzxjkvbwpfghtrnmklqz", id="nothing but small letters"),
        pytest.param("%5Bpw%253Dhunter2x", id="encoded twice in a bracket"),
        pytest.param("4111\t1111\t1111\t1111", id="a card with tabs in it"),
        pytest.param(base64.b64encode(b'{"password":"hunter2x"}!').decode(), id="unpadded base64"),
    ],
)
def test_a_secret_alone_in_a_json_string_is_masked_as_in_text(text: str) -> None:
    """The first look over JSON must not be blinder than the second one."""
    in_text = masked(text, "text/plain")["body"]
    assert in_text != text
    assert masked({"note": text})["body"] == {"note": in_text}


def test_the_number_of_a_card_that_became_a_float_is_masked() -> None:
    assert masked({"n": 4111111111111111.0})["body"] == {"n": "***"}


def test_a_name_that_the_user_added_is_found_right_behind_a_quote() -> None:
    masking = Masking(fields=["tax_number"])
    body = masked({"note": f"tax_number:{SECRET}"}, masking=masking)["body"]
    assert body == {"note": "tax_number:***"}


@pytest.mark.parametrize("name", ["accountnumber", "SESSIONKEY", "accesscode", "Maidenname"])
def test_separators_in_a_name_do_not_matter(name: str) -> None:
    assert masked({name: "12345678"})["body"] == {name: "***"}


@pytest.mark.parametrize("name", ["a", "tokens"])
@pytest.mark.parametrize("depth", [150, 1_000])
def test_no_depth_of_a_body_is_too_much_for_the_rules(name: str, depth: int) -> None:
    body: dict[str, Any] = {"x": SECRET}
    for _ in range(depth):
        body = {name: body}
    assert masked({"tokens": body})["uri"] == "https://shop.test/"


def test_json_beside_a_value_does_not_name_it() -> None:
    body = {"k": '{"password": "hunter2x"}', "v": "large"}
    assert masked(body)["body"] == {"k": '{"password":"***"}', "v": "large"}


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"keep": ["id"]}, id="an allow-list"),
        pytest.param({"shape_only": True}, id="shapes only"),
    ],
)
def test_what_an_innocent_header_said_is_not_kept_in_another(options: dict[str, Any]) -> None:
    masking = Masking(**options)
    masked(headers={"Host": "acme.test"}, masking=masking)
    headers = masked(headers={"Host": "acme.test", "X-Tenant": "acme.test"}, masking=masking)[
        "headers"
    ]
    assert headers["Host"] == "acme.test"
    assert headers["X-Tenant"] != "acme.test"


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(
            "https://api.shop.test/commits/6dcb09b5b57875f334f61aebed695e2e4193db5e",
            id="a commit",
        ),
        pytest.param(
            "https://shop.test/tree/6dcb09b5b57875f334f61aebed695e2e4193db5e/src",
            id="a tree of files",
        ),
        pytest.param("http://auth:8080/health", id="a host with a port"),
        pytest.param("http://token:80", id="a host with a port and no path"),
        pytest.param("at 2024-01-01T12:30:00Z", id="a time"),
    ],
)
def test_innocent_values_stay(value: str) -> None:
    assert masked({"note": value})["body"] == {"note": value}


def test_a_password_for_the_host_called_auth_is_masked() -> None:
    assert SECRET not in masked({"note": f"//password:{SECRET}"})["body"]["note"]
    assert "80801" not in masked({"note": "http://auth:80801@db.test/"})["body"]["note"]


LONG_TEXTS = """
from apilog.masking import Masking

def mask(body, content_type):
    Masking().apply({"request": {"headers": {"Content-Type": content_type}, "body": body}})

mask("xa=b;set-cookie: a-" * 40_000, "text/plain")
mask("http://" + "//@" * 80_000, "text/plain")
mask({"note": "\\\\" * 150_000 + "\\t"}, "application/json")
pairs = "&".join(f"n{number}value={number}" for number in range(40_000))
mask(f"{pairs}&name=password", "application/x-www-form-urlencoded")
"""
"""Each takes well below a second; where time grows with the square of the size, minutes."""


def test_long_texts_are_masked_before_anybody_loses_patience() -> None:
    subprocess.run([sys.executable, "-c", LONG_TEXTS], check=True, timeout=60)
