"""``apilog lint``: what no rule masks and looks sensitive, and the options that would mask it."""

from __future__ import annotations

import ast
import json
import os
import random
import shlex
import sqlite3
import string
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from apilog import cli, suspicions
from apilog.collector.call import Call
from apilog.collector.store.sqlite import SqliteStore

HALF_A_MINUTE = 30


class Answer(NamedTuple):
    code: int
    out: str
    err: str

    def row(self, label: str) -> str:
        """Return the line about a field, empty if there is none."""
        lines = (line for line in self.out.splitlines() if f"  {label}  " in line)
        return " ".join(next(lines, "").split())


Lint = Callable[..., Answer]


@pytest.fixture(autouse=True)
def no_rules_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("APILOG_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def lint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Lint:
    """Run the command in this process over files with the given contents."""

    def run(content: object, *options: str) -> Answer:
        path = tmp_path / "recording"
        if isinstance(content, list):
            content = "\n".join(map(json.dumps, content))
        path.write_bytes(content if isinstance(content, bytes) else str(content).encode())
        code = cli.main(["lint", str(path), *options])
        out, err = capsys.readouterr()
        return Answer(code, out, err)

    return run


def call(
    body: object = None,
    *,
    answer: object = None,
    headers: dict[str, str] | None = None,
    query: str = "",
    **others: Any,
) -> dict[str, Any]:
    return {
        "request": {
            "time": "2026-01-02T03:04:05.678Z",
            "uri": f"https://shop.test/orders?{query}",
            "verb": "POST",
            "headers": {"Content-Type": "application/json", **(headers or {})},
            "body": body,
        },
        "response": {
            "time": "2026-01-02T03:04:05.700Z",
            "status": 200,
            "headers": {"Content-Type": "application/json"},
            "body": answer,
        },
        **others,
    }


def dice(seed: object, size: int = 32) -> str:
    return "".join(random.Random(str(seed)).choices(string.ascii_letters + string.digits, k=size))


def test_a_field_is_named_once_with_events_reason_and_remedy(lint: Lint) -> None:
    events = [
        call(
            headers={"X-Internal-Id": dice(number % 4)},
            user_id=f"u{number % 4}",
            answer={"users": [{"dob": "1990-01-0" + str(day)} for day in (1, 2)]}
            if number < 3
            else {},
        )
        for number in range(12)
    ]
    answer = lint(events)
    assert answer.code == 1
    assert answer.row("response.body.users.*.dob") == (
        '3 of 12 response.body.users.*.dob date of birth by its name mask_fields=["dob"]'
    )
    assert answer.row("request.headers.X-Internal-Id") == (
        "12 of 12 request.headers.X-Internal-Id random, 32 characters, one per user"
        ' mask_headers=["X-Internal-Id"]'
    )
    assert answer.out.index("X-Internal-Id") < answer.out.index("users.*.dob")


SENSITIVE: dict[str, tuple[dict[str, Any], str]] = {
    "an e-mail address": (call({"to": "ann@shop.test"}), 'mask_fields=["to"]'),
    "an e-mail address in a list": (call({"cc": ["ann@shop.test"]}), 'mask_fields=["cc"]'),
    "a phone number": (call({"contact": "+49 170 1234567"}), 'mask_fields=["contact"]'),
    "an iban": (call({"pay": "DE89 3704 0044 0532 0130 00"}), 'mask_fields=["pay"]'),
    "a date of birth": (call({"birthDate": "1990-01-02"}), 'mask_fields=["birthDate"]'),
    "a first name": (call({"first_name": "Ann"}), 'mask_fields=["first_name"]'),
    "a street": (call({"home": {"street": "Main St 1"}}), 'mask_fields=["street"]'),
    "a place of a map": (call({"lat": 52.51234}), 'mask_fields=["lat"]'),
    "an ip address": (call({"client_ip": "203.0.113.9"}), 'mask_fields=["client_ip"]'),
    "health": (call({"diagnosis": "J06.9"}), 'mask_fields=["diagnosis"]'),
    "a name with a secret in it": (call({"mysecretthing": "abcd1234"}), "mysecretthing"),
    "a key by its name": (call({"license_key": "AB12-CD34-EF56"}), "license_key"),
    "a generic name": (call({"customer": {"id": "ann@shop.test"}}), 'mask_fields=["customer.id"]'),
    "a query": (call(query="email=ann%40shop.test"), 'mask_query=["email"]'),
    "a header": (call(headers={"X-User-Email": "ann@shop.test"}), 'mask_headers=["X-User-Email"]'),
    "metadata": (call(metadata={"mobile": "0170 123"}), 'mask_fields=["mobile"]'),
    "text": (
        {"request": {"uri": "/", "headers": {}, "body": "from ann@shop.test to all"}},
        "mask_patterns=[",
    ),
    "a path": (
        {"request": {"uri": "https://x/users/ann@shop.test", "headers": {}}},
        "mask_patterns",
    ),
    "a form": (
        {
            "request": {
                "uri": "/",
                "headers": {"Content-Type": "application/x-www-form-urlencoded"},
                "body": "sku=1&email=ann%40shop.test",
            }
        },
        'mask_fields=["email"]',
    ),
    "xml": (
        {
            "request": {
                "uri": "/",
                "headers": {"Content-Type": "application/xml"},
                "body": "<user><dob>1990-01-02</dob></user>",
            }
        },
        'mask_fields=["dob"]',
    ),
    "a table": (
        {
            "request": {
                "uri": "/",
                "headers": {"Content-Type": "text/csv"},
                "body": "sku,email\nA-1,ann@shop.test\n",
            }
        },
        'mask_fields=["email"]',
    ),
    "lines": (
        {
            "request": {
                "uri": "/",
                "headers": {"Content-Type": "application/x-ndjson"},
                "body": '{"n": 1}\n{"phone": "0170 1234"}\n',
            }
        },
        'mask_fields=["phone"]',
    ),
    "a stream of events": (
        {
            "request": {
                "uri": "/",
                "headers": {"Content-Type": "text/event-stream"},
                "body": 'event: x\ndata: {"surname": "Smith"}\n\n',
            }
        },
        'mask_fields=["surname"]',
    ),
}


@pytest.mark.parametrize(("event", "remedy"), SENSITIVE.values(), ids=SENSITIVE.keys())
def test_sensitive_is(lint: Lint, event: dict[str, Any], remedy: str) -> None:
    answer = lint([event])
    assert answer.code == 1
    assert "1 of 1  " in answer.out
    assert remedy in answer.out


@pytest.mark.parametrize("event", [each for each, _ in SENSITIVE.values()], ids=SENSITIVE.keys())
@pytest.mark.parametrize("form", ["python", "env"])
def test_the_options_that_it_prints_silence_it(
    lint: Lint, monkeypatch: pytest.MonkeyPatch, event: dict[str, Any], form: str
) -> None:
    block = lint([event], "--as", form).out.rpartition("already:\n\n")[2]
    if form == "env":
        for word in shlex.split(block):
            name, _, value = word.partition("=")
            monkeypatch.setenv(name, value)
    else:
        for name, values in options_of(block).items():
            divider = "\n" if name == "mask_patterns" else ","
            monkeypatch.setenv(f"APILOG_{name.upper()}", divider.join(values))
    answer = lint([event])
    assert answer.out == "nothing looks sensitive in 1 event\n"
    assert answer.code == 0


def options_of(block: str) -> dict[str, list[str]]:
    """Return what keyword arguments say."""
    called = ast.parse(f"f({block})", mode="eval").body
    assert isinstance(called, ast.Call)
    return {str(each.arg): ast.literal_eval(each.value) for each in called.keywords}


INNOCENT: dict[str, object] = {
    "plain values": {"sku": "A-1", "count": 7, "open": True, "note": None, "title": "Blue shirt"},
    "words about secrets": {"password_changed_at": "2026-01-02", "max_tokens": 4096},
    "flags about people": {"email_verified": True, "phone_enabled": "yes", "email_count": 2},
    "a tokenizer": {"tokenizer": "cl100k_base"},
    "authors": {"author": "Ann", "passenger_count": 2, "keyboard": "qwerty"},
    "identifiers": {"id": "6f1c1b1e-7b0a-4c1e-9f58-0d3c3a2b1c4d", "order_id": "ORD-2026-000123"},
    "times": {"at": "2026-01-02T03:04:05.678901+00:00", "ts": 1767323045678},
    "addresses of machines": {"mac_address": "00:1b:44:11:3a:b7", "ip": "127.0.0.1"},
    "a code of a country": {"country_code": "DE", "currency": "EUR", "status_code": 404},
    "a key of a map": {"key": "color", "value": "red", "sort_key": "name"},
    "keys of things": {"issue_key": "PROJ-1234567890", "public_key": "MFkwEwYHKoZIzj0CAQ12"},
    "words under names of people": {"email": "sent", "phone": "none", "vat": 19, "zip": 7},
    "a version": {"ip": "1.2", "version": "1.2.3.4"},
    "masked values": {"email": "***", "phone": "hmac:0123456789abcdef0123456789abcdef"},
    "shapes": {"email": "string(12)", "dob": "integer"},
    "nothing": {"email": "", "phone": None, "dob": False},
    "numbers like ibans": {"ref": "DE00 3704 0044 0532 0130 00"},
}


@pytest.mark.parametrize("body", INNOCENT.values(), ids=INNOCENT.keys())
def test_innocent_are(lint: Lint, body: object) -> None:
    answer = lint([call(body)] * 4)
    assert answer.out == "nothing looks sensitive in 4 events\n"
    assert answer.code == 0


def test_headers_of_http_itself_are_innocent(lint: Lint) -> None:
    headers = {
        "ETag": dice(1),
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64)",
        "X-Request-Id": dice(2),
        "Accept": "*/*",
    }
    events = [call(headers={**headers, "X-Request-Id": dice(number)}) for number in range(9)]
    assert lint(events).code == 0


def test_what_the_rules_mask_anyway_is_not_named(lint: Lint) -> None:
    event = call({"password": "hunter2hunter"}, headers={"Authorization": "Bearer abcdefghijk"})
    assert lint([event]).out == "nothing looks sensitive in 1 event\n"
    assert "dob" in lint([call({"dob": "1990"})]).out
    assert lint([call({"dob": "1990"})], "--mask-fields", "dob").code == 0


def test_values_that_differ_in_every_event_are_named(lint: Lint) -> None:
    answer = lint([call({"ref": dice(number, 40)}) for number in range(5)])
    assert answer.row("request.body.ref") == (
        "5 of 5 request.body.ref random, 40 characters, another one in every event"
        ' mask_fields=["ref"]'
    )


def test_values_that_are_mostly_the_same_are_not_named(lint: Lint) -> None:
    assert (
        lint([call({"build": dice(1), "theme": dice(number % 2)}) for number in range(6)]).code == 0
    )


def test_a_value_that_is_masked_elsewhere_comes_first(lint: Lint) -> None:
    events = [
        call({"api_key": "K4711-aaaa-bbbb"}),
        call({"said": "K4711-aaaa-bbbb", "email": "ann@shop.test"}),
    ]
    answer = lint(events)
    assert "a value that is masked elsewhere" in answer.row("request.body.said")
    assert answer.out.index("body.said") < answer.out.index("body.email")


def test_personal_data_can_be_left_out(lint: Lint) -> None:
    event = call({"email": "ann@shop.test", "license_key": "AB12-CD34-EF56"})
    answer = lint([event], "--no-personal")
    assert answer.row("request.body.email") == ""
    assert answer.row("request.body.license_key") != ""


def test_no_value_is_printed(lint: Lint) -> None:
    values = ["ann@shop.test", "+49 170 1234567", "zzz-1990", "DE89370400440532013000"]
    body = {
        "email": values[0],
        "phone": values[1],
        "dob": values[2],
        "pay": values[3],
        "ann@shop.test": {"email": values[0]},
        "+49 170 1234567": {"salary": 1234567},
    }
    answer = lint([call(body, query="email=ann%40shop.test")])
    assert answer.code == 1
    for value in [*values, "1234567"]:
        assert value not in answer.out
        assert value not in answer.err


def test_names_that_are_data_are_one_field(lint: Lint) -> None:
    body = {"users": {f"user-{number:06}": {"dob": "1990-01-02"} for number in range(20)}}
    answer = lint([call(body)])
    assert answer.row("request.body.users.*.dob") != ""
    assert answer.out.count("date of birth") == 1


def test_names_that_move_the_cursor_are_shown_without_that(lint: Lint) -> None:
    assert "\x1b" not in lint([call({"\x1b[2Jemail": "ann@shop.test"})]).out


# How the options are written


def test_options_are_written_for_python(lint: Lint) -> None:
    answer = lint([call({"dob": "1990-01-02"}, headers={"X-Email": "ann@shop.test"})])
    assert answer.out.endswith(
        'already:\n\n    mask_headers=["X-Email"],\n    mask_fields=["dob"],\n'
    )


def test_options_are_written_for_django(lint: Lint) -> None:
    block = lint([call({"dob": "1990"})], "--as", "django").out.rpartition("already:\n\n")[2]
    name, _, value = block.partition(" = ")
    assert name == "APILOG"
    assert ast.literal_eval(value) == {"MASK_FIELDS": ["dob"]}


def test_options_hold_what_is_set_already(lint: Lint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APILOG_MASK_FIELDS", "sku,price")
    answer = lint([call({"dob": "1990", "sku": "1"})], "--as", "env")
    assert answer.out.endswith("APILOG_MASK_FIELDS=sku,price,dob\n")


# What it reads


def test_it_reads_the_folder_of_the_collector(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "apilog-data"
    now = time.time_ns() // 1_000
    store = SqliteStore(path)
    store.add(
        [
            Call(
                id=str(number),
                time=now + number,
                source="moesif",
                method="POST",
                event=json.dumps(event).encode(),
            )
            for number, event in enumerate([call({"dob": "1990-01-02"}), call({"a": 1})])
        ]
    )
    assert cli.main(["lint", str(path)]) == 1  # while the collector has it open
    assert "1 of 2  request.body.dob" in capsys.readouterr().out
    store.close()
    assert cli.main(["lint", str(path)]) == 1


def test_a_database_is_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE secret (zzz)")
    connection.commit()
    connection.close()
    assert cli.main(["lint", str(path)]) == 2
    assert "zzz" not in capsys.readouterr().err


def test_it_reads_har_files_and_raw_messages(lint: Lint) -> None:
    entry = {
        "request": {
            "method": "POST",
            "url": "https://shop.test/?phone=0170123",
            "headers": [],
            "postData": {"mimeType": "application/json", "text": '{"dob": "1990-01-02"}'},
        }
    }
    answer = lint(json.dumps({"log": {"entries": [entry]}}))
    assert answer.row("request.body.dob") != ""
    assert answer.row("request.query.phone") != ""
    assert "request.query.phone" in lint(b"GET /?phone=0170123 HTTP/1.1\r\nHost: x\r\n\r\n").out


def test_several_files_are_one_account(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(json.dumps(call({"dob": "1990"})))
    assert cli.main(["lint", str(tmp_path / "a"), str(tmp_path / "b")]) == 1
    assert "2 of 2  request.body.dob" in capsys.readouterr().out


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"zzz-secret-zzz", id="text"),
        pytest.param(b'{"zzz-secret-zzz": 1}', id="json that is no event"),
        pytest.param(b"SQLite format 3\0zzz-secret-zzz", id="a broken database"),
    ],
)
def test_what_is_no_recording_is_refused_without_a_word_of_it(lint: Lint, content: bytes) -> None:
    answer = lint(content)
    assert answer.code == 2
    assert answer.out == ""
    assert "recording: it" in answer.err
    assert "zzz" not in answer.err


def test_a_file_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["lint", str(tmp_path / "nowhere")]) == 2
    assert "nowhere: it cannot be read" in capsys.readouterr().err


def test_it_runs_as_a_process() -> None:
    content = json.dumps(call({"dob": "1990-01-02"})).encode()
    done = subprocess.run(
        [sys.executable, "-m", "apilog.cli", "lint", "-", "--as", "env"],
        input=content,
        capture_output=True,
        timeout=HALF_A_MINUTE,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.endswith(b"APILOG_MASK_FIELDS=dob\n")
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("GB82 WEST 1234 5698 7654 32", True),
        ("NO9386011117947", True),
        ("GB82 WEST 1234 5698 7654 33", False),
        ("NO93", False),
    ],
)
def test_an_iban_is_known_by_its_check_digits(text: str, is_one: bool) -> None:
    assert suspicions.is_iban(text) is is_one
