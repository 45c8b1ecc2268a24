"""The places in bodies that a user names: met wherever they are, and nothing else with them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.field_paths import FieldPaths, KeptFields, is_path

MASK = "***"


def hostile(size: int) -> Iterator[tuple[str, Any]]:
    """Give bodies of about *size* bytes that a careless walk takes too long for."""
    yield "one object with many names", {f"name{n}": n for n in range(size // 14)}
    yield "one list with many numbers", {"items": [0] * (size // 2)}
    yield "one very long name", {"a" * size: 1}
    yield "one name of dots", {"." * size: 1}
    yield "one name of parts", {"a." * (size // 2): 1}
    yield "one name of borders", {"aA" * (size // 2): 1}
    yield "names that nearly fit, nested", [nested(99, "a", 1) for _ in range(size // 600)]
    yield "long names, nested", nested(99, "a" * (size // 99), 1)
    yield "many leaves under long names", nested(9, "b" * (size // 40), [0] * (size // 4))
    yield "lists in lists", nested_lists(99, [[] for _ in range(size // 3)])


def nested(times: int, name: str, inner: Any) -> Any:
    for _ in range(times):
        inner = {name: inner}
    return inner


def nested_lists(times: int, inner: Any) -> Any:
    for _ in range(times - 1):
        inner = [inner]
    return inner


def places_met(paths: list[str], body: Any) -> list[str]:
    met: list[str] = []
    FieldPaths(paths).visit(body, "", lambda container, key, where: met.append(where))
    return met


def masked(paths: list[str], body: Any) -> Any:
    def hit(container: Any, key: Any, where: str) -> None:
        container[key] = MASK

    FieldPaths(paths).visit(body, "", hit)
    return body


def what_is_left(kept: list[str], body: Any) -> Any:
    return KeptFields(kept).mask_others(body, "", lambda value, where: MASK)


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        pytest.param("user.zip", {"user": {"zip": 1}}, ["/user/zip"], id="two names"),
        pytest.param("user.zip", {"user": {"name": 1}, "zip": 1}, [], id="only one of two names"),
        pytest.param(
            "user.zip", {"a": [{"user": {"zip": 1}}]}, ["/a/0/user/zip"], id="at any depth"
        ),
        pytest.param("user.zip", {"user": {"x": {"zip": 1}}}, [], id="not with a name between"),
        pytest.param(
            "items.card",
            {"items": [{"card": 1}, {"card": 2}]},
            ["/items/0/card", "/items/1/card"],
            id="through a list",
        ),
        pytest.param(
            "items.card", {"items": [[{"card": 1}]]}, ["/items/0/0/card"], id="through two lists"
        ),
        pytest.param("items.card", {"items": ["card"]}, [], id="a list's value is no name"),
        pytest.param(
            "items.*.card", {"items": [{"card": 1}]}, ["/items/0/card"], id="a star for an index"
        ),
        pytest.param(
            "items.*.card", {"items": {"x": {"card": 1}}}, ["/items/x/card"], id="a star for a name"
        ),
        pytest.param("items.*.card", {"items": {"card": 1}}, [], id="a star is never nothing"),
        pytest.param("*.card", {"card": 1}, [], id="a star first wants a name above"),
        pytest.param("*.card", {"a": {"card": 1}}, ["/a/card"], id="a star first has one"),
        pytest.param("user.*", {"user": {"a": 1, "b": 2}}, ["/user/a", "/user/b"], id="star last"),
        pytest.param("user.*", {"user": [1, 2]}, ["/user/0", "/user/1"], id="star last in a list"),
        pytest.param(
            "items.1.card", {"items": [{"card": 1}] * 2}, ["/items/1/card"], id="an index by number"
        ),
        pytest.param(
            "userAccount.zip_code",
            {"USER-account": {"ZipCode": 1}},
            ["/USER-account/ZipCode"],
            id="names in any spelling",
        ),
        pytest.param("ｕｓｅｒ.zip", {"user": {"zip": 1}}, ["/user/zip"], id="unicode look-alikes"),
        pytest.param(
            "user.user.zip",
            {"user": {"user": {"user": {"zip": 1}}}},
            ["/user/user/user/zip"],
            id="a path that begins like itself",
        ),
        pytest.param("user.zip", {"user.zip": 1}, ["/user.zip"], id="a flat body with dots"),
        pytest.param("user.zip", {"user.zip.x": 1}, ["/user.zip.x"], id="under it, in a flat body"),
        pytest.param("user.zip", {"a.user": {"zip.x": 1}}, ["/a.user/zip.x"], id="half flat"),
        pytest.param("user.zip", {"user[zip]": 1}, ["/user[zip]"], id="brackets in a flat body"),
        pytest.param("user.zip", {"user.x": {"zip": 1}}, [], id="another name in a flat body"),
        pytest.param("a.b", {"...": {"b": 1}, "a": {"..": {"b": 1}}}, [], id="names of dots only"),
        pytest.param("/user/zip", {"user": {"zip": 1}}, ["/user/zip"], id="a pointer"),
        pytest.param("/user/zip", {"a": {"user": {"zip": 1}}}, [], id="a pointer is anchored"),
        pytest.param("/user/zip", {"User": {"zip": 1}}, [], id="a pointer's names are exact"),
        pytest.param("/zip", [{"zip": 1}], [], id="a pointer does not look through lists"),
        pytest.param("/0/zip", [{"zip": 1}], ["/0/zip"], id="a pointer's index"),
        pytest.param("/00/zip", [{"zip": 1}], [], id="an index has no leading zero"),
        pytest.param("/a/0", {"a": {"0": 1}}, ["/a/0"], id="a number as a name"),
        pytest.param("/*/zip", [{"zip": 1}], ["/0/zip"], id="a pointer's star for an index"),
        pytest.param("/*", {"a": 1, "b": [2]}, ["/a", "/b"], id="a pointer's star for each name"),
        pytest.param("/a~1b/c~0d", {"a/b": {"c~d": 1}}, ["/a~1b/c~0d"], id="a pointer's escapes"),
        pytest.param("/~01", {"~1": 1}, ["/~01"], id="an escaped escape"),
        pytest.param("/", {"": 1}, ["/"], id="an empty name"),
        pytest.param("/a.b", {"a.b": 1, "a": {"b": 1}}, ["/a.b"], id="a pointer with a dot"),
        pytest.param("a.b", {"a": {"b": {"b": 1}}}, ["/a/b"], id="a value whole"),
        pytest.param("a.b", {"a": {"b": None}}, ["/a/b"], id="a null"),
        pytest.param("a.b", {"a": {"b": []}}, ["/a/b"], id="an empty list"),
    ],
)
def test_a_path_meets_its_places(path: str, body: Any, expected: list[str]) -> None:
    assert places_met([path], body) == expected


def test_a_place_that_many_paths_meet_is_told_once() -> None:
    paths = ["a.b", "/a/b", "*.b", "a.*", "/*/*"]

    assert places_met(paths, {"a": {"b": 1}}) == ["/a/b"]


def test_paths_do_not_run_into_each_other() -> None:
    body = {"a": {"b": {"c": {"d": 1}, "/": 0}}}

    assert places_met(["a.b", "c.x", "/c/d"], body) == ["/a/b"]


def test_what_stands_deeper_comes_later() -> None:
    body = {"x": {"card": {"x": {"card": 1}}}, "y": {"card": 2}}

    assert places_met(["*.card"], body) == ["/x/card", "/y/card", "/x/card/x/card"]


def test_what_was_replaced_is_not_entered() -> None:
    body = {"x": {"card": {"x": {"card": 1}}}}

    assert masked(["*.card"], body) == {"x": {"card": MASK}}


def test_the_place_begins_where_the_body_does() -> None:
    met: list[str] = []
    FieldPaths(["/a/0"]).visit({"a": [1]}, "/request/body", lambda *hit: met.append(hit[2]))

    assert met == ["/request/body/a/0"]


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        pytest.param("password", "is no path", id="a plain name"),
        pytest.param("", "is no path", id="nothing"),
        pytest.param("*", "is no path", id="a lone star"),
        pytest.param("user..zip", "no letter or digit", id="two dots"),
        pytest.param(".zip", "no letter or digit", id="a dot first"),
        pytest.param("user.", "no letter or digit", id="a dot last"),
        pytest.param("$.user", "no letter or digit", id="a JSONPath"),
        pytest.param("user.-", "no letter or digit", id="punctuation for a name"),
        pytest.param("*.*", "names nothing", id="stars only"),
        pytest.param("items[0].card", "without brackets", id="brackets"),
        pytest.param("/-", "names no value", id="the end of a list"),
        pytest.param("/a/-/b", "names no value", id="the end of a list on the way"),
        pytest.param("/a~2", "~0", id="a bad escape"),
        pytest.param("/a~", "~0", id="half an escape"),
        pytest.param("/a" * 101, "more than 100", id="deeper than any body"),
        pytest.param(7, "is no path", id="a number"),
    ],
)
def test_what_cannot_be_a_path_is_refused_with_a_hint(path: Any, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        FieldPaths([path])


def test_a_path_is_told_from_a_plain_name() -> None:
    assert all(map(is_path, ["a.b", "/a/b", "*.b", "/", "."]))
    assert not any(map(is_path, ["password", "x-api-key", "user[card]", "*", ""]))


def test_no_paths_are_false() -> None:
    assert not FieldPaths([])
    assert not KeptFields([])
    assert FieldPaths(["a.b"])
    assert KeptFields(["a"])


def test_no_paths_meet_nothing() -> None:
    assert places_met([], {"a": {"b": 1}}) == []


def test_the_deepest_body_is_walked_and_a_deeper_one_refused() -> None:
    paths = FieldPaths(["a.b"])
    met: list[str] = []
    paths.visit(nested(98, "x", {"a": {"b": 1}}), "", lambda *hit: met.append(hit[2]))

    assert met == ["/x" * 98 + "/a/b"]
    with pytest.raises(ValueError, match="deep"):
        paths.visit(nested(101, "x", 1), "", lambda *hit: None)


def test_a_pointer_is_walked_no_further_than_it_can_reach() -> None:
    """A deeper body is refused only by paths that it would have to be searched for."""
    assert places_met(["/a/b"], {"a": {"b": 1}, "c": nested(200, "x", 1)}) == ["/a/b"]


@pytest.mark.parametrize(
    ("name", "covered"),
    [
        pytest.param("user[card]", True, id="brackets"),
        pytest.param("user.card", True, id="dots"),
        pytest.param("order[user][card]", True, id="at any depth"),
        pytest.param("users[0][card]", False, id="another name"),
        pytest.param("user[card][number]", True, id="under a place"),
        pytest.param("user[items][card]", False, id="a name between"),
        pytest.param("list[][pin]", True, id="a star's name above"),
        pytest.param("card", False, id="a part"),
        pytest.param("exact", False, id="a pointer's name"),
    ],
)
def test_the_name_of_a_form_field_can_be_a_way(name: str, covered: bool) -> None:
    assert FieldPaths(["user.card", "*.pin", "/exact"]).covers(name) is covered


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        pytest.param(["id"], {"id": 1, "user": {"ID": 2, "zip": MASK}, "tags": [MASK]}, id="name"),
        pytest.param(
            ["user"], {"id": MASK, "user": {"ID": 2, "zip": 3}, "tags": [MASK]}, id="an object"
        ),
        pytest.param(
            ["user.zip"], {"id": MASK, "user": {"ID": MASK, "zip": 3}, "tags": [MASK]}, id="path"
        ),
        pytest.param(
            ["/tags/0"], {"id": MASK, "user": {"ID": MASK, "zip": MASK}, "tags": [4]}, id="pointer"
        ),
        pytest.param(
            ["*.id"], {"id": MASK, "user": {"ID": 2, "zip": MASK}, "tags": [MASK]}, id="a star"
        ),
        pytest.param(
            [], {"id": MASK, "user": {"ID": MASK, "zip": MASK}, "tags": [MASK]}, id="nothing"
        ),
    ],
)
def test_what_is_not_kept_goes(kept: list[str], expected: Any) -> None:
    assert what_is_left(kept, {"id": 1, "user": {"ID": 2, "zip": 3}, "tags": [4]}) == expected


@pytest.mark.parametrize("leaf", ["text", 1, 1.5, True, None, {}, [], "", 0, False])
def test_a_leaf_of_every_kind_goes(leaf: Any) -> None:
    assert what_is_left(["kept"], {"a": leaf, "b": [leaf], "kept": leaf}) == {
        "a": MASK,
        "b": [MASK],
        "kept": leaf,
    }
    assert what_is_left(["kept"], leaf) == MASK


def test_a_leaf_goes_with_its_value_and_its_place() -> None:
    seen: list[tuple[Any, str]] = []

    def replace(value: Any, where: str) -> str:
        seen.append((value, where))
        return MASK

    KeptFields(["k"]).mask_others({"a/b": [1, {"c": 2}], "k": 3}, "/body", replace)

    assert sorted(seen) == [(1, "/body/a~1b/0"), (2, "/body/a~1b/1/c")]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        pytest.param("page_size", True, id="a name"),
        pytest.param("Page-Size", True, id="in any spelling"),
        pytest.param("filter[pageSize]", True, id="at any depth"),
        pytest.param("page_size[from]", True, id="under it"),
        pytest.param("pagesizes", False, id="a longer name"),
        pytest.param("page", False, id="a part of a name"),
        pytest.param("user[zip]", True, id="a path"),
        pytest.param("zip", False, id="a part of a path"),
        pytest.param("items", False, id="a pointer's name"),
        pytest.param("", False, id="no name"),
    ],
)
def test_a_name_outside_of_bodies_is_kept_or_goes(name: str, kept: bool) -> None:
    assert KeptFields(["page_size", "user.zip", "/items"]).keeps(name) is kept


@pytest.mark.parametrize("name", ["", "*", "-", "*.*", "a..b", "/-", 7, None])
def test_what_can_keep_nothing_or_everything_is_refused(name: Any) -> None:
    with pytest.raises(ValueError, match=r"name|path|part"):
        KeptFields([name])


def test_a_body_too_deep_to_be_read_is_refused_by_the_allow_list() -> None:
    assert what_is_left(["a"], nested(100, "x", 1)) == nested(100, "x", MASK)
    with pytest.raises(ValueError, match="deep"):
        what_is_left(["a"], nested(101, "x", 1))


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in hostile(20_000)])
def test_a_hostile_body_is_walked_to_its_end(body: Any) -> None:
    before = copy.deepcopy(body)
    paths = ["a.a.a.b", "items.*.card", "*.*.*.zip", "/items/5/card"]

    assert masked(paths, body) == before
    assert "***" in str(what_is_left(paths, body))
    assert what_is_left(paths, copy.deepcopy(body)) == body, "a second time changes nothing"


def test_a_place_in_a_deep_body_is_told_in_few_words() -> None:
    seen: list[str] = []
    body = nested(90, "name" * 1000, [0, 0])

    KeptFields(["kept"]).mask_others(body, "", lambda value, where: seen.append(where) or MASK)

    assert len(seen) == 2
    assert all(len(where) < 500 for where in seen)


names = st.sampled_from(["a", "b", "c", "A", "0", "1"])
bodies = st.recursive(
    st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)
parts = st.lists(names | st.just("*"), min_size=2, max_size=4).filter(lambda p: set(p) != {"*"})
paths = parts.map(".".join) | parts.map(lambda names: "/" + "/".join(names))


def every_place(node: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items: Any = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        yield (*way, key)
        if isinstance(value, (dict, list)):
            yield from every_place(value, (*way, key))


def fits(path: str, way: tuple[Any, ...]) -> bool:
    """Say by trying every possibility whether *path* meets the place that *way* leads to."""
    if path.startswith("/"):
        wanted = path[1:].split("/")
        return len(wanted) == len(way) and all(
            want in ("*", str(key)) for want, key in zip(wanted, way, strict=True)
        )

    def rest_fits(wanted: list[str], way: tuple[Any, ...]) -> bool:
        if not wanted or not way:
            return not wanted and not way
        met = wanted[-1] in ("*", str(way[-1]).lower())
        if met and (len(wanted) == 1 or rest_fits(wanted[:-1], way[:-1])):
            return True
        passed = isinstance(way[-1], int) and len(wanted) < total
        return passed and rest_fits(wanted, way[:-1])

    wanted = path.lower().split(".")
    total = len(wanted)
    return rest_fits(wanted, way)


@given(st.lists(paths, min_size=1, max_size=3), bodies)
def test_many_paths_meet_what_each_of_them_fits(paths: list[str], body: Any) -> None:
    if not isinstance(body, (dict, list)):
        body = [body]
    expected = [way for way in every_place(body) if any(fits(path, way) for path in paths)]

    met = places_met(paths, copy.deepcopy(body))

    assert sorted(met) == sorted("".join(f"/{key}" for key in way) for way in expected)


@given(st.lists(paths | names, min_size=1, max_size=3), bodies)
def test_an_allow_list_keeps_what_a_path_meets_and_nothing_else(kept: list[str], body: Any) -> None:
    if not isinstance(body, (dict, list)) or not body:
        body = [body]
    ways = [way for way in every_place(body) if any(fits(path, way) for path in kept)]

    left = what_is_left(kept, copy.deepcopy(body))

    for way in every_place(body):
        before, after = at(body, way), at(left, way)
        if any(way[: len(kept_way)] == kept_way for kept_way in ways):
            assert after == before
        elif not isinstance(before, (dict, list)) or not before:
            assert after == MASK
    assert what_is_left(kept, copy.deepcopy(left)) == left


def at(body: Any, way: tuple[Any, ...]) -> Any:
    for key in way:
        body = body[key]
    return body
