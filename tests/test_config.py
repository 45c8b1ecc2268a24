"""The options: each read from code and environment, and refused with a message that helps."""

from __future__ import annotations

import ipaddress
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from apilog.config import KINDS, Config, warn_of_unknown
from apilog.exceptions import ConfigError
from apilog.route_rules import RouteRules


def half(request: object, response: object) -> float:
    return 0.5


ACME = re.compile("ACME")

GOOD: dict[str, tuple[Any, Any, str, Any]] = {
    "enabled": (False, False, " Off ", False),
    "capture_request_body": (False, False, "no", False),
    "capture_response_body": (True, True, "TRUE", True),
    "max_body_bytes": (1, 1, "4096", 4096),
    "pause_file": ("/run/pause", "/run/pause", "pause", "pause"),
    "exclude_paths": (
        ["/health", "/static/*"],
        re.compile(r"/health|/static/.*", re.DOTALL),
        "/a, /b",
        re.compile("/a|/b", re.DOTALL),
    ),
    "sample_rate": (half, half, "0.25", 0.25),
    "mask_headers": (["X-A"], ("X-A",), "X-A, X-B", ("X-A", "X-B")),
    "mask_query": (("a",), ("a",), "a,,b", ("a", "b")),
    "mask_fields": ({"пароль"}, ("пароль",), "tax_number", ("tax_number",)),
    "mask_patterns": (
        [ACME, r"\d{3,4}"],
        (ACME, re.compile(r"\d{3,4}")),
        "\\d{3,4}\nACME",
        (re.compile(r"\d{3,4}"), ACME),
    ),
    "unmask": (["token"], ("token",), "token", ("token",)),
    "mask_routes": (
        {"POST /login": {"mask_fields": ["name"], "shape_only": True}, "/a/*": {}},
        (
            RouteRules(
                "POST",
                re.compile("/login", re.DOTALL),
                {"mask_fields": ("name",), "shape_only": True},
            ),
            RouteRules(None, re.compile("/a/.*", re.DOTALL), {}),
        ),
        '{"/{id}": {"unmask": ["token"]}}',
        (RouteRules(None, re.compile(r"/\{id\}", re.DOTALL), {"unmask": ("token",)}),),
    ),
    "keep_fields": (["id", "/a/*"], ("id", "/a/*"), "id, user.name", ("id", "user.name")),
    "shape_only": (True, True, "1", True),
    "hash": (
        b"0123456789abcdef",
        b"0123456789abcdef",
        "0123456789abcdéf",
        "0123456789abcdéf".encode(),
    ),
    "mask_timeout": (0.5, 0.5, "2", 2.0),
    "trusted_proxies": (
        ["127.0.0.1", "10.1.0.0/8", "unix"],
        (ipaddress.ip_network("127.0.0.1"), ipaddress.ip_network("10.0.0.0/8"), "unix"),
        "::1, unix",
        (ipaddress.ip_network("::1"), "unix"),
    ),
    "authorization_header": (None, None, "X-Token", "X-Token"),
    "user_claim": (None, None, "realm.user", "realm.user"),
    "company_claim": ("org", "org", "org", "org"),
    "api_version": ("2.1", "2.1", "3", "3"),
    "transaction_header": ("X-Request-Id", "X-Request-Id", "X-Id", "X-Id"),
    "batch_size": (10_000, 10_000, "7", 7),
    "flush_interval": (1, 1.0, "0.5", 0.5),
    "queue_events": (1, 1, "2", 2),
    "queue_bytes": (65_536, 65_536, "100_000", 100_000),
    "spool": (Path("/var/spool/shop"), "/var/spool/shop", "spool", "spool"),
    "durability": ("request", "request", "worker", "worker"),
    "spool_bytes": (1 << 30, 1 << 30, "1048576", 1_048_576),
    "crash_capture": (False, False, "0", False),
    "shutdown_timeout": (0, 0.0, "10", 10.0),
}

BAD: dict[str, tuple[list[Any], list[str]]] = {
    "enabled": ([1, "yes", None], ["", "maybe"]),
    "capture_request_body": ([0], ["2"]),
    "capture_response_body": ([b"1"], ["y"]),
    "max_body_bytes": ([-1, 2**40, 1.5, True, "1"], ["-1", "1.5", "", "9" * 5_000]),
    "pause_file": ([1, " ", "a\0b"], [" "]),
    "exclude_paths": (["/a", [1], ["a"], None], ["health"]),
    "sample_rate": ([-0.1, 1.1, float("nan"), "1", True, None], ["2", "nan", "half"]),
    "mask_headers": (["X-A", [""], [1], ["a.b"], None], ["a.b"]),
    "mask_query": ([["/a"], b"a", ["--"]], ["/a", "-"]),
    "mask_fields": ([["  "], 5, ["a..b"], ["/a/-"]], ["a..b"]),
    "mask_patterns": (
        [["("], [b"a"], [re.compile(b"a")], ["a*"], ["(a+)+$"], "a", [1]],
        ["(", "a*"],
    ),
    "unmask": ([["a.b"]], ["a.b"]),
    "mask_routes": (
        [["/a"], {"login": {}}, {"/a": 1}, {"/a": {"batch_size": 1}}, {"/a": {"unmask": [1]}}],
        ["/a", "[]"],
    ),
    "keep_fields": (["id", [1]], ["a..b"]),
    "shape_only": ([1], ["2"]),
    "hash": ([b"short", 1], ["short"]),
    "mask_timeout": ([0, "1"], ["0"]),
    "trusted_proxies": (["127.0.0.1", ["host"], [1], ["10.0.0.0/99"]], ["localhost", "*"]),
    "authorization_header": ([1, "a b", ""], ["a:b", ""]),
    "user_claim": ([1, " "], [" "]),
    "company_claim": ([["org"]], [""]),
    "api_version": ([2], [""]),
    "transaction_header": (["X Id", "X-Id\n"], ["é"]),
    "batch_size": ([0, 10_001, "1"], ["0", "many"]),
    "flush_interval": ([0, 3_601, "1"], ["0", "inf"]),
    "queue_events": ([0, None], ["0"]),
    "queue_bytes": ([1, 2**50], ["1"]),
    "spool": ([1, b"a", "", "a\0b"], [""]),
    "durability": (["always", None, []], ["Request"]),
    "spool_bytes": ([0, 1.5], ["1"]),
    "crash_capture": (["yes"], ["maybe"]),
    "shutdown_timeout": ([-1, 601, float("inf")], ["-1", "soon"]),
}


def test_every_option_is_in_the_tables() -> None:
    assert set(GOOD) == set(BAD) == set(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_a_good_value_is_taken_from_code(name: str) -> None:
    given, expected, _, _ = GOOD[name]
    assert getattr(Config.build({name: given}, {}), name) == expected


@pytest.mark.parametrize("name", KINDS)
def test_a_good_value_is_taken_from_the_environment(name: str) -> None:
    _, _, text, expected = GOOD[name]
    assert getattr(Config.build({}, {f"APILOG_{name.upper()}": text}), name) == expected


@pytest.mark.parametrize("name", KINDS)
def test_code_beats_environment_beats_default(name: str) -> None:
    given, expected, _, _ = GOOD[name]
    environ = {f"APILOG_{name.upper()}": BAD[name][1][0]}
    assert getattr(Config.build({name: given}, environ), name) == expected
    assert getattr(Config.build({}, {}), name) == getattr(Config(), name)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name in BAD for value in BAD[name][0]]
)
def test_a_bad_value_in_code_is_refused_by_name_value_and_what_is_expected(
    name: str, value: object
) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.build({name: value}, {})
    shown = "..." if name == "hash" else repr(value)
    assert str(caught.value) == f"{name} = {shown}: expected {KINDS[name].expected}"


@pytest.mark.parametrize(("name", "text"), [(name, text) for name in BAD for text in BAD[name][1]])
def test_a_bad_value_in_the_environment_is_refused_by_its_variable(name: str, text: str) -> None:
    variable = f"APILOG_{name.upper()}"
    with pytest.raises(ConfigError) as caught:
        Config.build({}, {variable: text})
    shown = "..." if name == "hash" else repr(text)
    assert str(caught.value) == f"{variable} = {shown}: expected {KINDS[name].expected}"


@pytest.mark.parametrize(
    ("name", "closest"),
    [
        ("max_body_byte", "max_body_bytes"),
        ("masked_headers", "mask_headers"),
        ("sample", "sample_rate"),
        ("trusted_proxy", "trusted_proxies"),
        ("BATCH_SIZE", "batch_size"),
        ("", "enabled"),
    ],
)
def test_an_unknown_option_is_refused_with_the_closest_one(name: str, closest: str) -> None:
    with pytest.raises(ConfigError, match=f"unknown option {name!r}; did you mean") as caught:
        Config.build({name: 1}, {})
    if name:
        assert f"did you mean {closest!r}?" in str(caught.value)
    assert all(option in str(caught.value) for option in KINDS)


def test_an_unknown_variable_is_only_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    environ = {
        "APILOG_MAX_BODY_BYTE": "hunter2",
        "APILOG_DESTINATION": "console:",
        "APILOG_ENABLED": "1",
        "PATH": "/bin",
    }
    assert Config.build({}, environ) == Config()
    with caplog.at_level(logging.WARNING, "apilog"):
        warn_of_unknown(environ)
    [message] = caplog.messages
    assert "APILOG_MAX_BODY_BYTE" in message
    assert "did you mean 'max_body_bytes'?" in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("globs", "path", "excluded"),
    [
        (["/health"], "/health", True),
        (["/health"], "/healthy", False),
        (["/health"], "/a/health", False),
        (["/static/*"], "/static/a/b.css", True),
        (["/static/*"], "/static", False),
        (["/a.b"], "/axb", False),
        (["/*/x"], "/1\n2/x", True),
    ],
)
def test_paths_are_excluded_as_a_whole(globs: list[str], path: str, excluded: bool) -> None:
    pattern = Config.build({"exclude_paths": globs}, {}).exclude_paths
    assert pattern is not None
    assert (pattern.fullmatch(path) is not None) == excluded


def test_no_path_is_excluded_by_an_empty_list() -> None:
    assert Config.build({"exclude_paths": []}, {}).exclude_paths is None
