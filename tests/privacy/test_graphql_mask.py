"""GraphQL documents lose the values of sensitive arguments, and stay documents."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.graphql_mask import masked
from apilog.graphql_tokens import looks_like
from apilog.key_rule import KeyRule

MASK = "***"
CANARY = "hunter2-Zq9Xw7"


def hostile(size: int) -> Iterator[tuple[str, str]]:
    """Yield names and documents of about *size* characters that punish a reader that looks back."""
    yield "open braces", "{" * size
    yield "nested selections", "{a" * (size // 3) + "}" * (size // 3)
    yield "nested lists", "{a(b:" + "[" * size
    yield "nested objects", "{a(b:" + "{a:" * (size // 3)
    yield "nested sensitive objects", "{a(password:" + "{a:" * (size // 4) + "1" + "}" * (size // 4)
    yield "sensitive arguments", "{a(" + 'password:"x"' * (size // 12) + ")}"
    yield "sensitive lists", "{a(password:[" + '"x"' * (size // 3) + "])}"
    yield "sensitive variables", "{a(" + "password:$x " * (size // 12) + ")}"
    yield "strings", "{a(b:[" + '"x"' * (size // 3) + "])}"
    yield "empty strings", "{a(b:[" + '"" ' * (size // 3) + "])}"
    yield "escapes", '{a(b:"' + '\\"' * (size // 2) + '")}'
    yield "backslashes", '{a(b:"' + "\\" * size + '")}'
    yield "open string", '{a(b:"' + '\\"' * (size // 2)
    yield "open block string", '{a(b:"""' + '\\"""' * (size // 4)
    yield "quotes in a block string", '{a(b:"""' + '"" ' * (size // 3) + '""")}'
    yield "wide escapes", '{a(b:"' + "\\u{0" * (size // 4) + '")}'
    yield "zeros in a wide escape", '{a(b:"\\u{' + "0" * size + '")}'
    yield "hashes", "#" * size
    yield "comments", "#\n" * (size // 2)
    yield "commas", "," * size
    yield "dollar signs", "{a(b:" + "$ " * (size // 2)
    yield "blanks after a dollar sign", "{a(b:$" + " " * size
    yield "digits", "{a(b:" + "1" * size
    yield "dots between digits", "{a(b:" + "1.1" * (size // 3)
    yield "definitions", "query(" + "$a:B=1 " * (size // 7) + "){a}"
    yield "defaults in lists", "query($a:[B]=[" + "1 " * (size // 2) + "]){a}"
    yield "one name", "{" + "a" * size + "}"
    yield "names", "{" + "a " * (size // 2) + "}"
    yield "operations", "{a}" * (size // 3)
    yield "directives", "{a" + "@b(c:1)" * (size // 7) + "}"


class Replacing:
    """Replace values and remember them, but for those that are replacements."""

    def __init__(self, mask: str = MASK) -> None:
        self.notes: list[tuple[str, str, str]] = []
        self.texts: list[tuple[str, str]] = []
        self._mask = mask

    def value(self, value: str, where: str, rule: str) -> str:
        if value == self._mask:
            return value
        self.notes.append((value, where, rule))
        return self._mask

    def text(self, text: str, where: str) -> str:
        self.texts.append((text, where))
        return text.replace("inner", MASK)


def hide(document: str, replacing: Replacing | None = None) -> tuple[str, dict[str, str]]:
    doing = replacing or Replacing()
    return masked(document, "/query", rules=KeyRule(), replaced=doing.value, inner=doing.text)


SECRETS = {
    "a string": ('{login(password: "S") {id}}', '{login(password: "***") {id}}'),
    "a string beside another": (
        'mutation { login(email: "a@b", password: "S") { id } }',
        'mutation { login(email: "a@b", password: "***") { id } }',
    ),
    "a string without blanks": ('{a(b:1 password:"S")}', '{a(b:1 password:"***")}'),
    "a string with escapes": (r'{a(password: "\"S\u0041\\")}', '{a(password: "***")}'),
    "a string with a later escape": (r'{a(password: "\u{1F600}S")}', '{a(password: "***")}'),
    "a block string": ('{a(password: """S "x" """)}', '{a(password: "***")}'),
    "a block string with quotes": ('{a(password: """a \\""" S""")}', '{a(password: "***")}'),
    "a block string over lines": ('{a(password: """\n  S\n  S\n""")}', '{a(password: "***")}'),
    "an integer": ("{a(pin: 4711)}", '{a(pin: "***")}'),
    "a float": ("{a(pin: -4711.5e+3)}", '{a(pin: "***")}'),
    "an enum": ("{a(secret: S)}", '{a(secret: "***")}'),
    "a truth": ("{a(secret: true, b: false)}", '{a(secret: "***", b: false)}'),
    "nothing": ("{a(secret: null)}", '{a(secret: "***")}'),
    "a list": ('{a(secrets: ["S", ["S"], 1])}', '{a(secrets: "***")}'),
    "an object": ('{a(credentials: {b: "S", c: [{d: S}]}, e: 1)}', '{a(credentials: "***", e: 1)}'),
    "an object with a variable": ('{a(credentials: {b: $b, c: "S"})}', '{a(credentials: "***")}'),
    "a field of an input object": (
        '{a(input: {user: {name: "b", password: "S"}, c: 1})}',
        '{a(input: {user: {name: "b", password: "***"}, c: 1})}',
    ),
    "a field of objects in a list": (
        '{a(users: [{password: "S"}, {password: "S"}])}',
        '{a(users: [{password: "***"}, {password: "***"}])}',
    ),
    "a name with another spelling": ('{a(accessToken: "S")}', '{a(accessToken: "***")}'),
    "an argument under an alias": (
        '{secret: a(token: "S") {id}}',
        '{secret: a(token: "***") {id}}',
    ),
    "an argument of a directive": ('{a @b(token: "S")}', '{a @b(token: "***")}'),
    "an argument of an operation's directive": (
        'query A @b(token: "S") {a}',
        'query A @b(token: "***") {a}',
    ),
    "an argument in a fragment": (
        'fragment a on B @c(token: "S") { ... on D { e(token: "S") } }',
        'fragment a on B @c(token: "***") { ... on D { e(token: "***") } }',
    ),
    "an argument after a comment": (
        '{a( # password: "x"\n password # y\n : # z\n "S")}',
        '{a( # password: "x"\n password # y\n : # z\n "***")}',
    ),
    "an argument among commas": ('{a(,,password,:,"S",,)}', '{a(,,password,:,"***",,)}'),
    "a default": ('query($password: String = "S") {a}', 'query($password: String = "***") {a}'),
    "a default of a required list": (
        'query A($tokenSecret: [String!]! = ["S"], $b: Int = 1) {a}',
        'query A($tokenSecret: [String!]! = "***", $b: Int = 1) {a}',
    ),
    "a default with a directive": (
        'query($password: String = "S" @b(c: "d"), $e: Int) {a}',
        'query($password: String = "***" @b(c: "d"), $e: Int) {a}',
    ),
    "a default of a directive's argument": (
        'query($a: String @b(token: "S")) {a}',
        'query($a: String @b(token: "***")) {a}',
    ),
    "a default that feeds an argument": (
        'query($p: String = "S") {a(password: $p)}',
        'query($p: String = "***") {a(password: $p)}',
    ),
    "a default that feeds an argument of another operation": (
        'query A {a(password: $p)} query B($p: In = {x: "S"}) {b(c: $p)}',
        'query A {a(password: $p)} query B($p: In = "***") {b(c: $p)}',
    ),
    "a field of a default": (
        'query($i: In = {name: "a", password: "S"}) {a(i: $i)}',
        'query($i: In = {name: "a", password: "***"}) {a(i: $i)}',
    ),
    "a document with a byte order mark": ('\ufeff{a(token: "S")}', '\ufeff{a(token: "***")}'),
    "a document with old line ends": ('{a(\rtoken:\r"S"\r)\r}', '{a(\rtoken:\r"***"\r)\r}'),
}


def planted(case: str) -> str:
    return re.sub(r"(?<![A-Za-z])S(?![A-Za-z])", CANARY.replace("-", "_"), SECRETS[case][0])


@pytest.mark.parametrize("case", SECRETS)
def test_the_value_of_a_sensitive_name_goes_whole(case: str) -> None:
    replacing = Replacing()

    result, _variables = hide(planted(case), replacing)

    assert result == SECRETS[case][1]
    assert replacing.notes


@pytest.mark.parametrize("mask", [MASK, "hmac:0123456789abcdef0123456789abcdef"])
@pytest.mark.parametrize("case", SECRETS)
def test_what_is_masked_already_stays(case: str, mask: str) -> None:
    once = hide(planted(case), Replacing(mask))
    again = Replacing(mask)

    assert hide(once[0], again)[0] == once[0]
    assert again.notes == []


VARIABLES = {
    "an argument": ("query($p: S) {a(password: $p)}", {"p": "password"}),
    "a variable that is never declared": ("{a(password: $p)}", {"p": "password"}),
    "a field of an input object": ("{a(input: {password: $p, b: $q})}", {"p": "password"}),
    "a list": ("{a(password: [$p, [$q]], b: $r)}", {"p": "password", "q": "password"}),
    "an object": ("{a(credentials: {b: $p, c: [$q]})}", {"p": "credentials", "q": "credentials"}),
    "an object with a literal": ('{a(credentials: {b: $p, c: "x"})}', {"p": "credentials"}),
    "a directive": ("{a @b(token: $p)}", {"p": "token"}),
    "its own name": ("query($password: S) {a(b: $password)}", {"password": "password"}),
    "its own name without a declaration": ("{a(b: $apiKey)}", {"apiKey": "apikey"}),
    "its own name with blanks": ("{a(b: $ , password)}", {"password": "password"}),
    "several uses": ("{a(b: $p) c(token: $p) d(pin: $p)}", {"p": "token"}),
    "nothing sensitive": ("query($a: Int) {b(c: $a, d: [$e], f: {g: $h})}", {}),
}


@pytest.mark.parametrize("case", VARIABLES)
def test_a_variable_is_sensitive_by_what_it_feeds(case: str) -> None:
    document, expected = VARIABLES[case]

    assert hide(document)[1] == expected


@pytest.mark.parametrize(
    "document",
    [
        "{a(password: $p)}",
        "{a(credentials: {b: $p, c: [$q]})}",
        "{a(password: [], credentials: {})}",
    ],
    ids=["a variable", "variables in an object", "an empty list"],
)
def test_what_holds_no_literal_stays(document: str) -> None:
    replacing = Replacing()

    assert hide(document, replacing)[0] == document
    assert replacing.notes == []


INNOCENT = {
    "a short query": "{ me { id name } }",
    "an operation": "query GetUser($id: ID!, $n: Int = 10) { user(id: $id, first: $n) { id } }",
    "operations and fragments": (
        "query A { a { ...F } } mutation B { b { id } } subscription C { c }"
        " fragment F on User @x { id ... on Admin @include(if: $y) { level } ... { z } }"
    ),
    "fields and aliases with sensitive names": "{ password: name secret { token } apiKey }",
    "operations with sensitive names": "mutation password { resetPassword { ok } }",
    "fragments with sensitive names": "{ ...token } fragment token on Password { id }",
    "words of the language as names": "query query { query: fragment(on: null) { on } }",
    "values of every kind": '{ a(b: 1, c: -1.5e10, d: "e", f: true, g: H, i: [1], j: {k: null}) }',
    "strings with escapes": r'{ a(b: "\"\\\/\b\f\n\r\t\u00e9 é \u{1F600}") }',
    "block strings": '{ a(b: """ "x" \\""" \n y """, c: "", d: """""") }',
    "comments": '# a comment\n{ a # another, with "quotes" {(\n } # the last',
    "commas and blanks": ",,\ufeff{,a,(b:1,,c:2),}\r\n\t,",
    "introspection": "{ __schema { types { name fields(includeDeprecated: true) { name } } } }",
    "directives": "query A($a: B = C @d) @e { f @skip(if: true) @include(if: $g) }",
    "nothing": "",
}


@pytest.mark.parametrize("case", INNOCENT)
def test_an_innocent_document_stays_byte_for_byte(case: str) -> None:
    replacing = Replacing()

    assert hide(INNOCENT[case], replacing) == (INNOCENT[case], {})
    assert replacing.notes == []


def test_a_note_says_where_and_by_which_rule() -> None:
    replacing = Replacing()

    hide('{a(input: {password: "x"}, credentials: {b: "y", c: 1})}', replacing)

    assert replacing.notes == [
        ("x", "/query/password", "field:password"),
        ('{b: "y", c: 1}', "/query/credentials", "field:credentials"),
        ("y", "/query/b", "field:credentials"),  # a part of what went whole is a secret, too
    ]


def test_every_other_string_and_comment_is_read_as_text() -> None:
    replacing = Replacing()

    result, _ = hide(
        '# inner\n{a(b: "an \\"inner\\" one", c: """\nan \\""" inner one"""\n) # x\n}', replacing
    )

    assert replacing.texts == [
        (" inner", "/query"),
        ('an "inner" one', "/query/b"),
        ('\nan """ inner one', "/query/c"),
        (" x", "/query"),
    ]
    assert result == '# ***\n{a(b: "an \\"***\\" one", c: "\\nan \\"\\"\\" *** one"\n) # x\n}'
    assert hide(result)[0] == result


UNREADABLE = {
    "an open string": '{a(password: "x',
    "a string over lines": '{a(password: "x\ny")}',
    "an escape at a line's end": '{a(password: "x\\\ny")}',
    "an escape that is none": r'{a(b: "\x")}',
    "a character that is none": r'{a(b: "\u{110000}")}',
    "an open block string": '{a(password: """x\\""")}',
    "a sign that is none": "{a(b: 1) ; c}",
    "single quotes": "{a(password: 'x')}",
    "two dots": "{..a}",
    "a number with letters": "{a(pin: 12ab)}",
    "an argument without a colon": '{a(password "x")}',
    "an argument without a value": "{a(password: )}",
    "an argument without a name": '{a("x")}',
    "a value that is no value": "{a(password: @x)}",
    "a field of an object without a colon": '{a(b: {password "x"})}',
    "a string for an alias": '{password: "x"}',
    "an object for an alias": '{credentials: {password: "x"}}',
    "a string among fields": '{a "x"}',
    "a number among fields": "{a 4711}",
    "a variable among fields": "{a $password}",
    "a string in a definition": 'query($a: String "x") {a}',
    "brackets in a definition": 'query($a: String ("x")) {a}',
    "a default that is none": "query($a: String = ) {a}",
    "a string in a type": 'query($a: ["x"]) {a}',
    "brackets that do not match": '{a(b: ["x"})}',
    "an end that comes too early": "{a",
    "an end that comes too late": "{a}}",
    "a definition of types": 'input A { password: String = "x" }',
    "a description of types": '"the password" type A { b: C }',
    "arguments without a field": '(password: "x")',
    "prose": "the password is wrong",
    "an object in JSON": '{"password": "x"}',
    "too many levels": "{a(b:" + "[" * 2_000 + "]" * 2_000 + ")}",
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_for_sure_is_refused(case: str) -> None:
    with pytest.raises(ValueError, match=r"GraphQL|string|Invalid|early|chr\(\)"):
        hide(UNREADABLE[case])


def test_a_comment_that_would_take_two_lines_is_refused() -> None:
    with pytest.raises(ValueError, match="more than one line"):
        masked(
            "# a\n{b}",
            "/query",
            rules=KeyRule(),
            replaced=Replacing().value,
            inner=lambda text, _where: f"{text}\nc",
        )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("{ me { id } }", True, id="a short query"),
        pytest.param("query { me }", True, id="a query"),
        pytest.param("query Me { me }", True, id="a query with a name"),
        pytest.param("query Me($a: Int) { me }", True, id="a query with variables"),
        pytest.param("mutation @a { me }", True, id="a mutation with a directive"),
        pytest.param("subscription($a: Int) { me }", True, id="a subscription"),
        pytest.param("fragment F on User { id }", True, id="a fragment"),
        pytest.param("{ ...F }", True, id="a spread"),
        pytest.param('{ a(password: "x', True, id="a document that is cut"),
        pytest.param("\ufeff # a {\r\n,, # b\n query{me}", True, id="one after comments"),
        pytest.param("", False, id="nothing"),
        pytest.param("{}", False, id="an empty object"),
        pytest.param('{"query": "{ me }"}', False, id="JSON"),
        pytest.param("query the database", False, id="prose"),
        pytest.param("query all the {tables}", False, id="prose with braces"),
        pytest.param("select {a}", False, id="another language"),
        pytest.param("# {a}", False, id="a comment"),
        pytest.param("[{a}]", False, id="a list"),
        pytest.param("fragment of {a}", False, id="a fragment of nothing"),
        pytest.param("mutation", False, id="one word"),
        pytest.param('"a" {b}', False, id="a string"),
        pytest.param('"a {b}', False, id="an open string"),
    ],
)
def test_a_document_is_known_by_its_first_words(text: str, expected: bool) -> None:
    assert looks_like(text) is expected


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in hostile(2_000)])
def test_a_hostile_document_is_masked_or_refused(text: str) -> None:
    looks_like(text)
    try:
        once = hide(text)
    except ValueError:
        return
    again = Replacing()

    assert (hide(once[0], again), again.notes) == (once, [])


NAMES = st.sampled_from(["a", "id", "input", "password", "apiKey", "credentials", "on", "query"])
STRINGS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def _literals(names: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    scalars = st.one_of(
        STRINGS.map(json.dumps),
        STRINGS.map(lambda text: '"""' + text.replace('"', "").replace("\\", "") + '"""'),
        st.integers().map(str),
        st.sampled_from(["true", "null", "ENUM", "$a", "$password"]),
    )
    return st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda each: f"[{' '.join(each)}]"),
            st.lists(st.tuples(names, inner), max_size=3).map(
                lambda each: "{" + ", ".join(f"{name}: {value}" for name, value in each) + "}"
            ),
        ),
        max_leaves=8,
    )


@given(st.lists(st.tuples(NAMES, _literals(NAMES)), min_size=1, max_size=4))
def test_masking_a_document_twice_is_masking_it_once(pairs: list[tuple[str, str]]) -> None:
    once = hide("{a(" + " ".join(f"{name}: {value}" for name, value in pairs) + ")}")
    again = Replacing()

    assert (hide(once[0], again)[0], again.notes) == (once[0], [])


@given(_literals(NAMES), _literals(NAMES))
def test_a_secret_is_found_beside_any_value(before: str, after: str) -> None:
    document = f'{{a(x: [{before}], y: {{z: {after}, token: "{CANARY}"}}, w: {after})}}'

    assert CANARY not in hide(document)[0]


@given(_literals(st.sampled_from(["a", "id", "on"])))
def test_a_secret_goes_with_whatever_holds_it(value: str) -> None:
    result, _ = hide(f'{{a(password: [{value}, "{CANARY}"], b: 1)}}')

    assert result == '{a(password: "***", b: 1)}'
