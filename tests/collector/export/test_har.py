"""HAR files, against the specification and against what an event holds."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest

from apilog.collector.export.har import entry, har
from apilog.collector.store.protocol import Row, Whole

TIME = 1_795_269_567_123_456


def whole(event: dict[str, Any], **fields: Any) -> Whole:
    known: dict[str, Any] = {
        "id": "k",
        "time": TIME,
        "received": TIME,
        "source": "moesif",
        "method": "POST",
        "host": "shop.test",
        "route": "/a",
        "path": "/a",
        "query": "",
        "status": 200,
        "duration": 12_345,
        "user": "",
        "company": "",
        "session": "",
        "ip": "",
        "trace": "",
        "request_size": None,
        "response_size": None,
        "error": "",
        "place": "",
        **fields,
    }
    return Whole(Row(**known), json.dumps(event).encode())


def event(**changes: Any) -> dict[str, Any]:
    return {
        "request": {
            "uri": "https://shop.test/a?x=1&y=%C3%BC&x=2&empty=",
            "verb": "POST",
            "headers": {"Content-Type": "application/json", "X-A": "1"},
            "body": {"a": [1, None, "ü"]},
            **changes.pop("request", {}),
        },
        "response": {
            "status": 200,
            "headers": {"content-type": "text/plain", "Location": "/b"},
            "body": base64.b64encode(b"hello").decode(),
            "transfer_encoding": "base64",
            **changes.pop("response", {}),
        },
        **changes,
    }


def is_har(document: Any) -> None:
    """Check what the specification wants of a file: every required field, and its type."""
    log = document["log"]
    assert log["version"] == "1.2"
    assert set(log["creator"]) >= {"name", "version"}
    for each in log["entries"]:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", each["startedDateTime"])
        assert each["cache"] == {}
        timings = each["timings"]
        assert all(timings[part] >= 0 for part in ("send", "wait", "receive"))
        assert sum(timings.values()) == pytest.approx(each["time"])
        for side in ("request", "response"):
            message = each[side]
            assert isinstance(message["httpVersion"], str)
            assert message["cookies"] == []
            assert all(set(header) == {"name", "value"} for header in message["headers"])
            assert all(isinstance(v, str) for h in message["headers"] for v in h.values())
            assert isinstance(message["headersSize"], int)
            assert isinstance(message["bodySize"], int)
        request, response = each["request"], each["response"]
        assert re.match(r"[a-z]+://", request["url"])
        assert isinstance(request["method"], str)
        assert all(set(part) == {"name", "value"} for part in request["queryString"])
        if "postData" in request:
            assert set(request["postData"]) >= {"mimeType", "params", "text"}
        assert isinstance(response["status"], int)
        assert isinstance(response["statusText"], str)
        assert isinstance(response["redirectURL"], str)
        assert set(response["content"]) >= {"size", "mimeType"}


CASES = {
    "a usual call": whole(event()),
    "no response": whole({"request": event()["request"]}, status=None, error="aborted"),
    "nothing at all": whole({}, status=None, duration=None, host="", path=""),
    "odd types": whole({"request": 7, "response": [], "metadata": "x"}),
    "odd headers": whole(event(request={"headers": {"a": 1, "b": ["x"], "c": None}})),
    "a strange address": whole(event(request={"uri": "http://[bad/?x=1"})),
    "no absolute address": whole(event(request={"uri": "/a b?x"}), path="/a b", query="x"),
}


@pytest.mark.parametrize("call", CASES.values(), ids=CASES)
def test_every_call_gives_a_valid_file(call: Whole) -> None:
    is_har(json.loads(b"".join(har([call, call]))))


def test_no_call_gives_a_valid_file() -> None:
    is_har(json.loads(b"".join(har([]))))


def test_an_entry_says_what_the_call_was() -> None:
    found = entry(whole(event(metadata={"apilog": {"ttfb_ms": 10.0}}), user="ada"))
    assert found["startedDateTime"] == "2026-11-21T13:59:27.123456Z"
    assert found["time"] == 12.345
    assert found["timings"] == {"send": 0, "wait": 10.0, "receive": 2.345}
    assert found["request"]["queryString"] == [
        {"name": "x", "value": "1"},
        {"name": "y", "value": "ü"},
        {"name": "x", "value": "2"},
        {"name": "empty", "value": ""},
    ]
    assert json.loads(found["request"]["postData"]["text"]) == {"a": [1, None, "ü"]}
    assert found["request"]["postData"]["mimeType"] == "application/json"
    assert found["response"]["content"] == {"size": 5, "mimeType": "text/plain", "text": "hello"}
    assert (found["response"]["statusText"], found["response"]["redirectURL"]) == ("OK", "/b")
    assert (found["_transaction_id"], found["_user"], found["_route"]) == ("k", "ada", "/a")


@pytest.mark.parametrize("ttfb", [None, "x", True, -1, 99.0, [1]])
def test_a_first_byte_that_cannot_be_is_not_believed(ttfb: object) -> None:
    found = entry(whole(event(metadata={"apilog": {"ttfb_ms": ttfb}})))
    assert found["timings"] == {"send": 0, "wait": 12.345, "receive": 0}


def test_bytes_are_base64() -> None:
    content = bytes(range(256))
    body = {"body": base64.b64encode(content).decode(), "transfer_encoding": "base64"}
    found = entry(whole(event(request=body, response=body)))
    for part in (found["request"]["postData"], found["response"]["content"]):
        assert part["encoding"] == "base64"
        assert base64.b64decode(part["text"]) == content
    assert found["request"]["postData"]["comment"] == "the text is base64"
    assert (found["request"]["bodySize"], found["response"]["content"]["size"]) == (256, 256)


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        pytest.param("plain", "text/plain", "plain", id="text"),
        pytest.param("a=1&b=2", "application/x-www-form-urlencoded", "a=1&b=2", id="a form"),
        pytest.param("text", "application/json", '"text"', id="JSON that is a text"),
        pytest.param(0, "application/json", "0", id="a number"),
        pytest.param(False, "application/json", "false", id="false"),
        pytest.param({"field": "***"}, "multipart/form-data", '{"field":"***"}', id="a multipart"),
    ],
)
def test_a_body_is_its_text(body: object, kind: str, text: str) -> None:
    message = {"body": body, "transfer_encoding": None, "headers": {"Content-Type": kind}}
    found = entry(whole(event(request=message)))
    assert found["request"]["postData"] == {"mimeType": kind, "params": [], "text": text}


def test_what_is_no_base64_is_kept_as_text() -> None:
    message = {"body": "not base64!", "transfer_encoding": "base64"}
    found = entry(whole(event(response=message)))
    assert found["response"]["content"]["text"] == "not base64!"


def test_a_body_that_was_left_out_says_why() -> None:
    own = {"request_body_omitted": "too_large", "response_body_omitted": "file"}
    changes: dict[str, Any] = {"body": None, "transfer_encoding": None}
    found = entry(whole(event(request=changes, response=changes, metadata={"apilog": own})))
    assert found["request"]["postData"]["text"] == ""
    assert found["request"]["postData"]["comment"] == "the body was left out: too_large"
    content = found["response"]["content"]
    assert "text" not in content
    assert content["comment"] == "the body was left out: file"


def test_a_call_without_an_answer_says_so() -> None:
    call = whole({"request": event()["request"]}, status=None, error="aborted")
    found = entry(call)
    assert (found["response"]["status"], found["response"]["statusText"]) == (0, "")
    assert found["comment"] == "error: aborted; there was no response"


def test_what_apilog_exports_it_reads_again() -> None:
    """The other half of this format is in the sender, and shares no code with this one."""
    from apilog import recordings
    from apilog.har import HarRecording

    recording = recordings.read(b"".join(har([whole(event())])))
    assert isinstance(recording, HarRecording)
    assert recording.kind == "a HAR file"
