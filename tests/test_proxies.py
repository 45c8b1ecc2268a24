"""Where a call came from, as far as proxies can be trusted."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.proxies import Origin, TrustedProxies

PROXY = "10.0.0.1"
DIRECT = Origin(PROXY, "http", "inside:8000")
TRUSTED = TrustedProxies([ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")])


def seen(*lines: tuple[str, str], direct: Origin = DIRECT) -> tuple[str | None, str, str]:
    origin = TRUSTED.origin(direct, list(lines))
    return origin.address, origin.scheme, origin.authority


def forwarded(*values: str) -> tuple[str | None, str, str]:
    return seen(*(("Forwarded", value) for value in values))


def x_forwarded(**values: str) -> tuple[str | None, str, str]:
    return seen(*((f"X-Forwarded-{name.title()}", value) for name, value in values.items()))


UNCHANGED = (PROXY, "http", "inside:8000")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("for=1.2.3.4", ("1.2.3.4", "http", "inside:8000"), id="an address"),
        pytest.param(
            "for=1.2.3.4;proto=https;host=shop.example",
            ("1.2.3.4", "https", "shop.example"),
            id="all there is",
        ),
        pytest.param(
            'For="[2001:db8::1]:4711"; PROTO=HTTPS ;by=x',
            ("2001:db8::1", "https", "inside:8000"),
            id="IPv6 with a port, in quotes",
        ),
        pytest.param('for="[2001:db8::1]"', ("2001:db8::1", "http", "inside:8000"), id="IPv6"),
        pytest.param('for="1.2.3.4:80"', ("1.2.3.4", "http", "inside:8000"), id="a port"),
        pytest.param(
            'for=1.2.3.4;host="a.example:8443"',
            ("1.2.3.4", "http", "a.example:8443"),
            id="a host in quotes",
        ),
        pytest.param('for="1.2.3\\.4"', ("1.2.3.4", "http", "inside:8000"), id="an escape"),
        pytest.param("for=_hidden;proto=https", (PROXY, "https", "inside:8000"), id="obfuscated"),
        pytest.param("for=unknown;proto=https", (PROXY, "https", "inside:8000"), id="unknown"),
        pytest.param("for=6.6.6.6, for=_x", UNCHANGED, id="nothing left of one that hides"),
        pytest.param(
            "for=6.6.6.6, for=1.2.3.4",
            ("1.2.3.4", "http", "inside:8000"),
            id="only the last is trusted",
        ),
        pytest.param(
            "for=1.2.3.4, for=10.0.0.2",
            ("1.2.3.4", "http", "inside:8000"),
            id="through two proxies",
        ),
        pytest.param(
            "for=6.6.6.6, for=1.2.3.4, for=10.0.0.3, for=10.0.0.2",
            ("1.2.3.4", "http", "inside:8000"),
            id="through three",
        ),
        pytest.param(
            "for=10.0.0.3, for=10.0.0.2", ("10.0.0.3", "http", "inside:8000"), id="from inside"
        ),
        pytest.param(", for=1.2.3.4 , ", ("1.2.3.4", "http", "inside:8000"), id="empty elements"),
        pytest.param("", UNCHANGED, id="nothing"),
        pytest.param("for=1.2.3.4;proto=gopher;host=a b", UNCHANGED, id="malformed"),
        pytest.param(
            "for=1.2.3.4;proto=gopher", ("1.2.3.4", "http", "inside:8000"), id="no scheme of ours"
        ),
        pytest.param('for=1.2.3.4;host="a/b@c"', ("1.2.3.4", "http", "inside:8000"), id="no host"),
        pytest.param("for 1.2.3.4", UNCHANGED, id="no parameter"),
    ],
)
def test_forwarded_is_read(value: str, expected: tuple[str, str, str]) -> None:
    assert forwarded(value) == expected


def test_several_lines_are_one_list() -> None:
    assert forwarded("for=6.6.6.6, for=1.2.3.4", "for=10.0.0.2;proto=https") == (
        "1.2.3.4",
        "https",
        "inside:8000",
    )


@pytest.mark.parametrize("glue", [", ", ","])
@pytest.mark.parametrize(
    "real", ["for=1.2.3.4;proto=https;host=real", 'for="1.2.3.4";proto=https;host="real"']
)
@pytest.mark.parametrize(
    "spoof",
    [
        pytest.param("for=6.6.6.6;proto=http;host=evil", id="an element"),
        pytest.param('for=6.6.6.6;host=evil;x="', id="a quote left open"),
        pytest.param('for=6.6.6.6;host=evil;x="\\', id="a quote left open behind an escape"),
        pytest.param('for="6.6.6.6', id="a quote left open in the address"),
        pytest.param("for=6.6.6.6;x=\\", id="an escape left open"),
        pytest.param('"' * 101, id="quotes"),
        pytest.param("for=6.6.6.6;", id="a semicolon"),
        pytest.param("for=6.6.6.6, " * 5_000, id="more than is read"),
    ],
)
def test_what_a_client_sent_is_never_believed(spoof: str, real: str, glue: str) -> None:
    assert forwarded(spoof + glue + real) == ("1.2.3.4", "https", "real")
    assert forwarded(spoof, real) == ("1.2.3.4", "https", "real")


@given(st.text(alphabet='",;=\\ fo6.[]:') | st.text())
def test_nothing_to_the_left_of_trust_changes_the_answer(spoof: str) -> None:
    expected = ("1.2.3.4", "https", "real")
    assert forwarded(f"{spoof}, for=1.2.3.4;proto=https;host=real") == expected
    assert forwarded(f'{spoof}, for="1.2.3.4";proto=https;host=real') == expected
    assert x_forwarded(**{"for": f"{spoof}, 1.2.3.4"})[0] == "1.2.3.4"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param({"for": "1.2.3.4"}, ("1.2.3.4", "http", "inside:8000"), id="an address"),
        pytest.param({"for": "1.2.3.4:80"}, ("1.2.3.4", "http", "inside:8000"), id="a port"),
        pytest.param(
            {"for": "[2001:db8::1]:80"},
            ("2001:db8::1", "http", "inside:8000"),
            id="IPv6 with a port",
        ),
        pytest.param(
            {"for": "2001:DB8::1"}, ("2001:db8::1", "http", "inside:8000"), id="bare IPv6"
        ),
        pytest.param(
            {"for": "6.6.6.6, 1.2.3.4"},
            ("1.2.3.4", "http", "inside:8000"),
            id="only the last is trusted",
        ),
        pytest.param(
            {"for": "6.6.6.6, 1.2.3.4, fd00::2"},
            ("1.2.3.4", "http", "inside:8000"),
            id="through two proxies",
        ),
        pytest.param({"for": "6.6.6.6, abcd"}, UNCHANGED, id="noise ends it"),
        pytest.param(
            {"proto": "https", "host": "shop.example"},
            (PROXY, "https", "shop.example"),
            id="no address",
        ),
        pytest.param(
            {"for": "1.2.3.4", "proto": "https"}, ("1.2.3.4", "https", "inside:8000"), id="a scheme"
        ),
        pytest.param(
            {"for": "6.6.6.6, 1.2.3.4", "proto": "http, https", "host": "evil, real"},
            ("1.2.3.4", "https", "real"),
            id="lists of one length",
        ),
        pytest.param(
            {"for": "1.2.3.4, 10.0.0.2", "proto": "https", "host": "real"},
            ("1.2.3.4", "https", "real"),
            id="lists of different lengths",
        ),
        pytest.param(
            {"for": "1.2.3.4", "proto": "ftp", "host": "a b"},
            ("1.2.3.4", "http", "inside:8000"),
            id="nonsense",
        ),
        pytest.param({"for": ""}, UNCHANGED, id="nothing"),
    ],
)
def test_x_forwarded_is_read(values: dict[str, str], expected: tuple[str, str, str]) -> None:
    assert x_forwarded(**values) == expected


def test_forwarded_beats_x_forwarded() -> None:
    assert seen(("Forwarded", "for=1.2.3.4"), ("X-Forwarded-For", "6.6.6.6"))[0] == "1.2.3.4"


def test_header_names_are_read_in_any_case() -> None:
    assert seen(("x-FORWARDED-for", "1.2.3.4"))[0] == "1.2.3.4"


@pytest.mark.parametrize("address", ["1.2.3.4", "testclient", "", None, "10.0.0.1.evil"])
def test_a_peer_that_is_no_proxy_is_not_believed(address: str | None) -> None:
    direct = Origin(address, "http", "h")
    lines = [("Forwarded", "for=6.6.6.6"), ("X-Forwarded-For", "6.6.6.6")]
    assert TRUSTED.origin(direct, lines) == direct


def test_a_proxy_is_known_by_its_mapped_address_as_well() -> None:
    direct = Origin("::ffff:10.0.0.1", "http", "h")
    assert seen(("X-Forwarded-For", "1.2.3.4"), direct=direct)[0] == "1.2.3.4"


@pytest.mark.parametrize("address", [None, ""])
def test_a_peer_on_a_unix_socket_is_trusted_on_request(address: str | None) -> None:
    direct = Origin(address, "http", "h")
    line = ("X-Forwarded-For", "6.6.6.6, 1.2.3.4")
    assert TrustedProxies([], unix=True).origin(direct, [line]).address == "1.2.3.4"
    assert TrustedProxies([]).origin(direct, [line]) == direct


HOSTILE = st.text(alphabet=st.characters()) | st.text(alphabet='",;=\\:[]. for1')


@given(HOSTILE, HOSTILE, HOSTILE)
def test_no_header_ever_raises(first: str, second: str, third: str) -> None:
    names = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host")
    for name in names:
        seen((name, first), ("X-Forwarded-For", second), (name, third))
