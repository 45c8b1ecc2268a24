"""The first look at JSON: what it must not overlook."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog import codec
from apilog.mask_record import BodyNotMaskedError, Record
from apilog.masking import MASK, Masking
from apilog.outline import outline
from apilog.tree_levels import levels

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab:{[", max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcd"), inner),
    max_leaves=30,
)
TREES = ANYTHING.filter(lambda tree: isinstance(tree, (dict, list)))


def masked(body: Any) -> Any:
    document = {"response": {"headers": {"Content-Type": "application/json"}, "body": body}}
    Masking().apply(document)
    return document["response"]["body"]


def objects_in(tree: Any) -> list[dict[str, Any]]:
    inner = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    found = [each for one in inner for each in objects_in(one)]
    return [tree, *found] if isinstance(tree, dict) else found


@given(TREES)
def test_the_levels_have_every_object_once(tree: Any) -> None:
    met = [node for level in levels(tree, as_rows=False) for node in level.objects]
    assert sorted(map(id, met)) == sorted(map(id, objects_in(tree)))


@given(TREES)
def test_a_level_tells_of_its_names(tree: Any) -> None:
    for level in levels(tree, as_rows=False):
        assert level.names == sum(len(node) for node in level.objects)
        assert set(level.shapes()) == {
            tuple(level.objects[0]) if level.is_regular else tuple(node) for node in level.objects
        }
        assert not level.is_regular or len({frozenset(node) for node in level.objects}) == 1


@given(TREES, st.data())
def test_a_secret_in_any_object_is_found(tree: Any, data: st.DataObject) -> None:
    nodes = objects_in(tree)
    if nodes:
        data.draw(st.sampled_from(nodes))["password"] = "hunter2"
        assert "hunter2" not in json.dumps(masked(tree))


@pytest.mark.parametrize(
    "body",
    [
        [{"a": None}, {"a": {"password": "hunter2"}}],
        [{"a": {}}, {"a": [{"b": [{"password": "hunter2"}]}]}],
        [{"a": {"x": ":"}}, {"a": {"x": "{"}}, {"a": [[{"password": "hunter2"}]]}],
        [{"a": {"x": 1}, "b": 1}, {"b": {"password": "hunter2"}, "a": {"x": 1}}],
        [[], [[]], [[[{"password": "hunter2"}]]]],
        [{"name": "x", "value": 1}, {"value": "hunter2", "name": "password"}],
    ],
)
def test_rows_that_are_not_alike_are_looked_through(body: Any) -> None:
    assert "hunter2" not in json.dumps(masked(body))


def test_lists_in_lists_without_end_are_too_deep() -> None:
    tree: Any = []
    for _ in range(150):
        tree = [1, tree]
    with pytest.raises(BodyNotMaskedError):
        Masking()._trees.mask(tree, "", Record())


@given(TREES)
def test_the_outline_counts_colons_and_brackets_and_sees_signs(tree: Any) -> None:
    encoded = codec.dumps(tree)
    seen = outline(encoded)
    assert seen.marks == sum(encoded.count(mark) for mark in (b":", b"{", b"["))
    assert not seen.has_runs
    assert not seen.has_signs


@pytest.mark.parametrize(
    ("text", "has_runs"),
    [
        (str(uuid.UUID(int=7)), False),
        (f"pat-na1-{uuid.UUID(int=7)}", True),
        (f"{uuid.UUID(int=7)}-x", True),
        ("words of prose, all of them short", False),
        ("abcdefghijklmno", False),
        ("abcdefghijklmnop", True),
        ("abcd/fghi+klmn_p", True),
        ("2026-11-21T03:14:15.926Z", False),
    ],
)
def test_the_outline_sees_long_words_and_no_uuids(text: str, has_runs: bool) -> None:
    assert outline(codec.dumps([text])).has_runs is has_runs


@pytest.mark.parametrize("sign", ["=", "%", "<", "\\", "'", "`", "\xe9", "\u5bc6"])
def test_the_outline_sees_signs(sign: str) -> None:
    assert outline(codec.dumps([sign])).has_signs


def test_a_body_without_secrets_is_encoded_once() -> None:
    body: Any = [{"a": 1}, {"a": [2.5, "x"]}]
    document = {"response": {"headers": {"Content-Type": "application/json"}, "body": body}}
    record = Masking().apply(document)
    assert record.encoded == {"/response/body": codec.dumps(body)}
    assert codec.joined(document, record.encoded) == codec.dumps(document)
    Masking().apply({"response": {**document["response"], "body": {"pin": 1}}}, record)
    assert record.encoded == {}


def test_what_is_joined_may_stand_beside_what_only_the_slow_way_encodes() -> None:
    document: Any = {"request": {"uri": "\ud800", "body": [1]}}
    assert json.loads(codec.joined(document, {"/request/body": b"[1]"})) == {
        "request": {"uri": "\ufffd", "body": [1]}
    }


def test_a_name_that_is_a_secret_is_masked_in_json_in_a_string() -> None:
    key = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
    assert key not in json.dumps(masked({"text": json.dumps({key: 1})}))
    assert MASK in json.dumps(masked({"text": json.dumps({key: 1})}))
