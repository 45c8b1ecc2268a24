"""Who called, as the credential says: read, never verified, never failing."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.identity import NOBODY, Claimed, claimed


def jwt(payload: Any, *, padded: bool = False, text: bytes | None = None) -> str:
    """Return a token with *payload*; its signature is nobody's."""
    parts = (b'{"alg":"none"}', text if text is not None else json.dumps(payload).encode(), b"sig")
    encoded = [urlsafe_b64encode(part).decode() for part in parts]
    return ".".join(part if padded else part.rstrip("=") for part in encoded)


def basic(credential: bytes) -> str:
    return "Basic " + b64encode(credential).decode()


def who(authorization: str, user: str | None = "sub", company: str | None = None) -> Claimed:
    return claimed(authorization, user_claim=user, company_claim=company)


@pytest.mark.parametrize("padded", [True, False], ids=["with padding", "without padding"])
@pytest.mark.parametrize("subject", ["u", "us", "use", "user", "ÿ~>?é", "\U0001f600?>"])
def test_the_subject_of_a_jwt_is_the_user(subject: str, padded: bool) -> None:
    text = json.dumps({"sub": subject}, ensure_ascii=False).encode()
    token = jwt(None, padded=padded, text=text)
    assert who(f"Bearer {token}") == Claimed(user_id=subject, source="jwt")


def test_both_base64_alphabets_are_read() -> None:
    token = jwt(None, text='{"sub":"~~~???ÿÿÿ"}'.encode())
    assert "-" in token or "_" in token
    assert who(f"Bearer {token}").user_id == "~~~???ÿÿÿ"
    assert who("Bearer " + token.replace("-", "+").replace("_", "/")).user_id == "~~~???ÿÿÿ"


@pytest.mark.parametrize(
    ("payload", "user", "company", "expected"),
    [
        pytest.param({"sub": 42}, "sub", None, ("42", None), id="a number"),
        pytest.param({"a": {"b": "u"}}, "a.b", None, ("u", None), id="a dotted claim"),
        pytest.param({"a.b": "u"}, "a.b", None, ("u", None), id="a claim with a dot in its name"),
        pytest.param(
            {"https://a.example/user": "u"}, "https://a.example/user", None, ("u", None), id="a URL"
        ),
        pytest.param({"sub": "u", "org": {"id": "c"}}, "sub", "org.id", ("u", "c"), id="a company"),
        pytest.param({"org": "c"}, "sub", "org", (None, "c"), id="only a company"),
        pytest.param({"sub": "u"}, None, None, (None, None), id="nobody asked"),
        pytest.param({"sub": True}, "sub", None, (None, None), id="a boolean"),
        pytest.param({"sub": ["u"]}, "sub", None, (None, None), id="a list"),
        pytest.param({"sub": ""}, "sub", None, (None, None), id="nothing"),
        pytest.param({"sub": {"a": 1}}, "sub.a.b", None, (None, None), id="too far down"),
        pytest.param(["sub"], "sub", None, (None, None), id="no object"),
    ],
)
def test_claims_are_found_by_name(
    payload: Any, user: str | None, company: str | None, expected: tuple[str | None, str | None]
) -> None:
    found = who(f"bearer {jwt(payload)}", user, company)
    assert (found.user_id, found.company_id) == expected


def test_a_token_without_its_scheme_is_read() -> None:
    assert who(jwt({"sub": "u"})).user_id == "u"


@pytest.mark.parametrize(
    ("authorization", "user"),
    [
        pytest.param(basic(b"ann:secret"), "ann", id="a name"),
        pytest.param(basic(b"ann:se:cr:et"), "ann", id="colons in the password"),
        pytest.param(basic(b"ann:"), "ann", id="no password"),
        pytest.param(
            basic("zoë:x".encode()).upper()[:5] + basic("zoë:x".encode())[5:], "zoë", id="capitals"
        ),
        pytest.param(basic(b"ann:secret").rstrip("="), "ann", id="no padding"),
        pytest.param(basic(b":secret"), None, id="no name"),
        pytest.param(basic(b"secret"), None, id="no colon, so it may be a secret"),
        pytest.param("Basic", None, id="nothing"),
        pytest.param("Basic ???", None, id="no base64"),
    ],
)
def test_the_name_of_basic_credentials_is_the_user(authorization: str, user: str | None) -> None:
    assert who(authorization) == (Claimed(user_id=user, source="basic") if user else NOBODY)


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param("", id="nothing"),
        pytest.param("Bearer", id="a scheme alone"),
        pytest.param("Bearer opaque", id="an opaque token"),
        pytest.param("Bearer a.b.c", id="dots"),
        pytest.param("Bearer ...", id="more dots"),
        pytest.param("Bearer .é.", id="no ASCII"),
        pytest.param("Digest username=ann", id="another scheme"),
        pytest.param("Bearer " + jwt(None, text=b"{" * 3), id="no JSON"),
        pytest.param("Bearer " + jwt(None, text=b"[" * 5_000), id="nested deeply"),
        pytest.param("Bearer " + jwt({"sub": "u" * 20_000}), id="longer than is read"),
    ],
)
def test_a_credential_that_says_nothing_is_nobody(authorization: str) -> None:
    assert who(authorization) == NOBODY


@given(st.text(alphabet=st.characters()) | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_no_credential_ever_raises(text: str) -> None:
    for authorization in (text, f"Bearer {text}", f"Basic {text}", f"Bearer a.{text}.b"):
        assert isinstance(who(authorization, "a.b", "c"), Claimed)


@given(st.binary())
def test_no_payload_ever_raises(payload: bytes) -> None:
    assert isinstance(who(f"Bearer {jwt(None, text=payload)}", "a.b", "c"), Claimed)
    assert isinstance(who(basic(payload)), Claimed)
