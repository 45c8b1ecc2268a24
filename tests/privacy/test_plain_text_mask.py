"""Sensitive names in plain text lose their values; everything else stays byte for byte."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apilog.key_rule import KeyRule
from apilog.plain_text_mask import masked, masked_csv

MASK = "***"
CANARY = "hunter2-Zq9Xw7"


def hostile(size: int) -> Iterator[tuple[str, str]]:
    """Yield names and texts of about *size* characters that punish a masker that looks back."""
    units = {
        "equals signs": "=",
        "colons": ":",
        "one-letter settings": "a=",
        "one-letter names": "a: ",
        "sensitive names without values": "password=",
        "sensitive names with a colon": "password: ",
        "spared values": "password=None ",
        "spared phrases": "token: is a ",
        "spared sentences": "the token: it is a unit of text, ",
        "spared references": "password: ${X} ",
        "calls in calls": "token = get_token(",
        "attributes": "token=self.token,",
        "open quotes": "password='",
        "open quotes of both kinds": "password='x password=\"x ",
        "escaped quotes": "password=\\'",
        "nothing in quotes": "password='' ",
        "quotes in a row": "''",
        "quotes that hang together": "password=''None",
        "settings that are blocks": "password:\n",
        "blocks in blocks": "password:\n  a: |\n",
        "blank lines": "password:\n\n\n\n",
        "words without borders": "a",
        "sensitive words without borders": "password",
        "words": "a b ",
        "blanks": " ",
        "blanks after names": "password" + " " * 50,
        "brackets": "a[b",
        "closed brackets": "password=]]]",
        "encoded brackets": "a%5B",
        "closing brackets": ")",
        "options": "--password ",
        "options without borders": "--a",
        "cookies": "Cookie: a;",
        "cookie pairs": "a=b; ",
        "statements": "identified by ",
        "statements for users": "password for x ",
        "labels": "password for a: ",
        "labels in brackets": "password (",
        "dots": "a.",
        "backslashes": "\\",
        "pseudonyms": "hmac:0123456789abcdef0123456789abcdef",
        "commas": "password: a, ",
        "schemes": "authorization: Bearer ",
        "percent signs": "%3D",
        "hash lines": "#\n",
        "list items": "- - ",
    }
    for name, unit in units.items():
        yield name, unit * (size // len(unit))
    yield "a value in one piece", "password=" + "x" * size
    yield "a name in one piece", "x" * size + "_password=1"
    yield "a sentence in one piece", "the token: " + "is " * (size // 3)
    yield "a deep block", "".join(f"{' ' * depth}password:\n" for depth in range(int(size**0.5)))
    yield "a line with no end", "Cookie: " + "a" * size
    yield "closers after a value", "x password=a" + ")" * size
    yield "many blanks at an end", "password: a" + " " * size + "b"


def pseudonym(value: str) -> str:
    return f"hmac:{hashlib.sha256(value.encode(errors='replace')).hexdigest()[:32]}"


class Replacing:
    """Replace values and remember them, but for those that are replacements."""

    def __init__(self, make: Callable[[str], str] = lambda _value: MASK) -> None:
        self.notes: list[tuple[str, str, str]] = []
        self._make = make

    def __call__(self, value: str, where: str, rule: str) -> str:
        if value == MASK or re.fullmatch(r"hmac:[0-9a-f]{32}", value):
            return value
        self.notes.append((value, where, rule))
        return self._make(value)


def hide(text: str, replacing: Replacing | None = None) -> str:
    return masked(text, "/body", rules=KeyRule(), replaced=replacing or Replacing())


def hide_csv(
    text: str,
    replacing: Replacing | None = None,
    inner: Callable[[str, str], str] = lambda cell, _where: cell,
) -> str:
    replaced = replacing or Replacing()
    return masked_csv(text, "/body", rules=KeyRule(), replaced=replaced, inner=inner)


SECRETS: dict[str, tuple[str, str | None]] = {
    "a setting": ("password=S", "password=***"),
    "a setting with blanks": ("password = S", "password = ***"),
    "a name with a number": ("password2=S", "password2=***"),
    "settings in columns": ("password            = S", "password            = ***"),
    "a setting with a colon": ("Password: S", "Password: ***"),
    "a setting without a blank": ("password:S", "password:***"),
    "a setting with separators in its value": ("DB_PASSWORD=S,a;b&c#d e", "DB_PASSWORD=***"),
    "a setting with a comment": ("password: S # the old one", "password: ***"),
    "an exported variable": ("export API_KEY=S", "export API_KEY=***"),
    "a variable of a container file": ("ENV API_TOKEN=S", "ENV API_TOKEN=***"),
    "a variable of a make file": ("TOKEN ?= S\nSECRET := S", "TOKEN ?= ***\nSECRET := ***"),
    "a variable of a shell script": ("set PASSWORD=S", "set PASSWORD=***"),
    "a property with dots": ("spring.datasource.password=S", "spring.datasource.password=***"),
    "a setting under a heading": ("[db]\npassword = S\nport = 1", "[db]\npassword = ***\nport = 1"),
    "a setting in quotes": ('password = "S and more"', 'password = "***"'),
    "a setting in single quotes": ("password: 'S, more'", "password: '***'"),
    "a setting in quotes over lines": ('KEY=1\nPRIVATE_KEY="a\nS\nb"\nX=2', None),
    "an open quote": ("password: 'S and\nS", "password: '***"),
    "quotes that are doubled": ("password = 'it''S'", "password = '***''***'"),
    "quotes that are escaped": (r"password = 'a\'S' b", "password = '***' b"),
    "quotes within escaped quotes": (r"{\"a\": 1} password=\"S\" x", None),
    "something that hangs on to quotes": ("password='a'S b", "password='***'*** b"),
    "three quotes": ('password = """S"""', None),
    "a literal with a prefix": ("password=b'S'", "password=b'***'"),
    "a value in grave accents": ("password: `S`", "password: `***`"),
    "a passphrase": ("Passphrase: correct horse battery staple", "Passphrase: ***"),
    "a number": ("pin=4711", "pin=***"),
    "a setting after a list mark": ("- password: S", "- password: ***"),
    "a setting in a quotation": ("> Password: S", "> Password: ***"),
    "a setting in a comment": ("# password: S", "# password: ***"),
    "a setting in bold type": ("**Password**: S", "**Password**: ***"),
    "a setting in bold type with its colon": ("**Password:** S", "**Password:** ***"),
    "a setting in code type": ("`password`: S", "`password`: ***"),
    "a wide colon": ("Password\uff1aS", "Password\uff1a***"),
    "a block": ("password: |\n  a S\n  b S\nport: 1", "password: |\n  ***\nport: 1"),
    "a folded block": ("key: 1\nsecret: >-\n    S\n\n    S\n", "key: 1\nsecret: >-\n    ***\n"),
    "a block without a mark": ("password:\n    S\nport: 1", "password:\n    ***\nport: 1"),
    "a mapping": ("credentials:\n  user: a\n  other: S\nb: 1", "credentials:\n  ***\nb: 1"),
    "a list": ("secrets:\n- a S\n- S\nb: 1", "secrets:\n***\nb: 1"),
    "a block in a list": ("- password: |\n    S\n  port: 1", "- password: |\n    ***\n  port: 1"),
    "a value over lines": ("password: a\n  S\nb: 1", "password: ***\nb: 1"),
    "an object over lines": ("credentials: {\n  a: S\n}", "credentials: {\n  ***\n}"),
    "lines that end otherwise": (
        "password: |\r\n  S\r\nport: 1",
        "password: |\r\n  ***\r\nport: 1",
    ),
    "a bearer token": ("Authorization: Bearer S", "Authorization: Bearer ***"),
    "credentials in a command": (
        'curl -H "Authorization: Bearer S" https://example.com',
        'curl -H "Authorization: Bearer ***" https://example.com',
    ),
    "a header in a log": ("12:00 DEBUG sent x-api-key: S", "12:00 DEBUG sent x-api-key: ***"),
    "headers in lines": (
        "GET / HTTP/1.1\r\nHost: a\r\nX-Api-Key: S\r\nAccept: */*",
        "GET / HTTP/1.1\r\nHost: a\r\nX-Api-Key: ***\r\nAccept: */*",
    ),
    "a cookie": ("Cookie: a=S; b=S", "Cookie: a=***; b=***"),
    "a cookie without a name": ("Cookie: S", "Cookie: ***"),
    "a cookie that is set": ("Set-Cookie: a=S; Path=/", "Set-Cookie: a=***; Path=/"),
    "an authorization without a blank": ("authorization=Bearer S", "authorization=Bearer ***"),
    "an option": ("mysql --password S -u root", "mysql --password *** -u root"),
    "an option with an equals sign": ("mysql --password=S -u a", "mysql --password=*** -u a"),
    "an option with one dash": ("login -Password S -User a", "login -Password *** -User a"),
    "an option in a list": ("['mysql', '--password', 'S']", "['mysql', '--password', '***']"),
    "an option with quotes": ('x --api-key "S a" -v', 'x --api-key "***" -v'),
    "a user in SQL": ("CREATE USER a IDENTIFIED BY 'S'", "CREATE USER a IDENTIFIED BY '***'"),
    "a plugin in SQL": ("IDENTIFIED WITH mysql_native_password AS 'S'", None),
    "a role in SQL": ("ALTER ROLE a WITH PASSWORD 'S';", "ALTER ROLE a WITH PASSWORD '***';"),
    "a function in SQL": ("UPDATE u SET a = PASSWORD('S')", "UPDATE u SET a = PASSWORD('***')"),
    "a statement of SQL": ("SET PASSWORD FOR 'a'@'%' = 'S'", "SET PASSWORD FOR 'a'@'%' = '***'"),
    "a column in SQL": ("UPDATE u SET password = 'S' WHERE id = 1", None),
    "an address in prose": ("see /a?a=1&token=S&b=2 there", "see /a?a=1&token=***&b=2 there"),
    "an address in quotes": ('<a href="/a?token=S">', '<a href="/a?token=***">'),
    "an address in brackets": ("(see /a?token=S)", "(see /a?token=***)"),
    "an encoded address": ("next=%2Fa%3Ftoken%3DS", "next=%2Fa%3Ftoken%3D***"),
    "a form with brackets": ("user[password]=S&a=1", "user[password]=***&a=1"),
    "a form with encoded brackets": ("a=1&user%5Bpassword%5D=S", "a=1&user%5Bpassword%5D=***"),
    "a cookie string": ("a=b; token=S; c=d", "a=b; token=***; c=d"),
    "a connection string": (
        "Server=x;User Id=y;Password=S;Timeout=3",
        "Server=x;User Id=y;Password=***;Timeout=3",
    ),
    "a connection string with blanks": ("host=x password=S port=1", "host=x password=*** port=1"),
    "a logged pair": ("level=info token=S user=bob", "level=info token=*** user=bob"),
    "a PHP array": ("['password' => 'S', 'a' => 1]", "['password' => '***', 'a' => 1]"),
    "a Ruby symbol": ('{:password => "S"}', '{:password => "***"}'),
    "a Ruby hash": ('{password: "S", a: 1}', '{password: "***", a: 1}'),
    "a subscript": ("config['password'] = 'S'", "config['password'] = '***'"),
    "a repr": ("User(name='a', password='S')", "User(name='a', password='***')"),
    "a repr without quotes": ("User(name=a, password=S)", "User(name=a, password=***)"),
    "an annotated default": ("password: str = 'S'", "password: str = '***'"),
    "a typed default": ("  secret: string = 'S';", "  secret: string = '***';"),
    "an exception message": ("ValueError: bad password='S' for bob", None),
    "pairs in a line": ("user: bob, password: S, age: 3", "user: bob, password: ***, age: 3"),
    "pairs in braces": ("{user: bob, password: S}", "{user: bob, password: ***}"),
    "pairs between bars": ("user: bob | token: S | age: 3", "user: bob | token: *** | age: 3"),
    "a phrase in a line": ("user bob, passphrase: correct horse battery", None),
    "a name of two words": ("API key: S", "API key: ***"),
    "a card": ("Card number: 4111 1111 1111 1111", "Card number: ***"),
    "a name with what it is for": ("Password for bob: S", "Password for bob: ***"),
    "a name with a remark": ("Password (again): S", "Password (again): ***"),
    "a name in a sentence": ("Your new password is: S", "Your new password is: ***"),
    "a comparison": ("assert password == 'S'", "assert password == '***'"),
    "a call with a literal": ("password = unhash('S')", "password = ***"),
    "a query in lines": ("a=1\ntoken=S\nb=2", "a=1\ntoken=***\nb=2"),
}
"""Texts in which S stands for a secret, and what becomes of them where every byte matters."""

INNOCENT = r"""
The password is wrong
Your password must be at least 8 characters long.
Please enter your password and try again.
The token was rejected: see the documentation for details
Invalid token: expected an identifier
WARNING auth.py token: refreshed for user bob
The author: Jane Doe
Authors: Jane Doe, John Smith
tokens: 512
max_tokens=4096
prompt_tokens: 120, completion_tokens: 80, total_tokens: 200
token_type: bearer
token_type=Bearer
password_changed_at: 2024-01-01
password_length=12
keyboard: qwerty
key: value
primary_key=id
name=Bob&city=Paris
a=1; b=2; c=3
Host: example.com
Content-Type: application/json; charset=utf-8
Content-Length: 348
User-Agent: curl/8.4.0
Accept: */*
Cache-Control: no-cache, no-store, must-revalidate
Date: Tue, 15 Nov 1994 08:12:31 GMT
ETag: "33a64df551425fcc55e4d42a148795d9f25f89d4"
2024-01-01T12:00:00Z INFO GET /items/5 200 12ms
127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326
[2024-01-01 12:00:00] ERROR in app: division by zero
INFO:app.token:refreshed
WARNING:app.secrets:rotation is due
level=info msg="request finished" status=200 duration=12ms
ts=2024-01-01T00:00:00Z caller=main.go:12 msg=started
ERROR: duplicate key value violates unique constraint "users_pkey"
DETAIL:  Key (id)=(5) already exists.
django.db.utils.IntegrityError: UNIQUE constraint failed: users.email
jwt.exceptions.DecodeError: Not enough segments
InvalidTokenError: Signature verification failed
oauthlib.oauth2.rfc6749.errors.MissingTokenError: (missing_token)
itsdangerous.exc.BadSignature: Signature does not match
app.errors.PasswordExpired: log in again
json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)
KeyError: 'password'
SyntaxError: Unexpected token '<', "<!DOCTYPE "... is not valid JSON
Traceback (most recent call last):
  File "/app/auth/token.py", line 3, in refresh_token
    token = self.get_token(request)
    token = get_token()
    password = request.form["password"]
    password = request.POST.get('password', '')
    api_key = os.environ["API_KEY"]
    api_key = os.environ.get("API_KEY", "")
    user = authenticate(username=username, password=password)
    return login(user, password=self.password, remember=True)
    self.password = password
    password = settings.DB_PASSWORD
    password = getpass("Password: ")
    token = request.headers.get("Authorization", "").split(" ")[1]
    if password == confirmation:
    if not token:
        return None
    if token == "":
    if token != expected:
    while token:
    lambda token: token.strip()
class Token:
    pass
    class Secret(models.Model):
def check(token: str) -> bool:
def login(user: str, password: str = "", *, otp: str | None = None) -> None:
def login(username, password=None):
    password: str
    password: str | None = None
    token: Optional[str] = None
    secret: SecretStr
interface User { name: string; password: string; token?: string }
  password: string;
const token = await getToken();
const { data } = await api.get("/users");
let x = a ? b : c;
const token = null;
var secret = undefined;
let password = "";
for (const token of tokens) {
    case token.kind: {
$password = $request->input('password');
if (password === null) { return; }
password.value === '' ? show() : hide();
WHERE password = %s AND id = %s
WHERE password = ? AND id = ?
WHERE token = :token
INSERT INTO users (name, password) VALUES (%s, %s)
UPDATE users SET name = 'Bob' WHERE id = 1
SELECT password FROM users
ALTER TABLE users ADD COLUMN password VARCHAR(255)
CREATE TABLE users (id INT, password TEXT NOT NULL)
GRANT ALL ON db TO bob
password: ${{ secrets.PYPI_PASSWORD }}
POSTGRES_PASSWORD: ${POSTGRES_PASSWORD}
password={{ vault.password }}
Authorization: Bearer <token>
curl -H "Authorization: Bearer $TOKEN" https://example.com
dsn = "dbname=%(name)s password=%(password)s"
persist-credentials: false
password=None
token=null
secret: true
use --password to set it
  --password TEXT  The one to log in with
  --token TOKEN
The --token option is required
usage: tool [-h] [--verbose] [--name NAME]
git commit --amend --no-edit
a { color: red; }
.password:hover { color: red; }
#token:focus, .token:active { color: blue; }
input[type=password]:focus { outline: none }
input[type="password"] { width: 100% }
body { font-family: Arial, sans-serif; margin: 0 auto }
@media (max-width: 600px) { .a { display: none } }
<input type="password" name="password">
<a href="https://example.com/?page=2&sort=asc">next</a>
<label for="password">Password</label>
# Passwords
## How tokens work
- A token is a unit of text.
- **Note**: tokens are counted twice
* Password reset
1. Choose a password
| name | password | token |
|------|----------|-------|
See https://example.com/docs/password-reset#token for more.
http://localhost:8000/items?page=2
mailto:bob@example.com
version: "3.8"
services:
  web:
    image: nginx:1.25
    ports:
      - "80:80"
    environment:
      - DEBUG=1
on: [push, pull_request]
runs-on: ubuntu-latest
name = "apilog"
line-length = 100
x = 5
y += 1
if x == 5:
print(f"{x=}")
a := b
for i in range(10): print(i)
return {"a": 1}
Meeting at 10:30, room 5
Time: 12:45:10
Ratio 3:1, odds 2:1
C:\Users\bob\token.txt
Note: this is important
Subject: Re: your order
To: bob@example.com
From: alice@example.com
Dear Bob, your order 12345 has been shipped.
Total: 12.50 EUR
Phone: +1 555 0100
Address: 5 Main Street, Springfield
uuid: 123e4567-e89b-12d3-a456-426614174000
sha: 2314e84
commit f9a5ae8
The secret of success: work and patience are what it takes
He passed the test: it was easy
Passenger: Jane Doe
compass=north
spin=1/2
session_count=5
Status: 200 OK
token count = 12
password policy: strict
hmac:0123456789abcdef0123456789abcdef
data: {"a": 1}
event: message
id: 5
retry: 3000
: keep-alive
a=b=c
k1=v1,k2=v2
x: y: z
::1
std::string token;
public String getToken() { return this.token; }
private final String name;
fn token(&self) -> &str { &self.token }
func (t *Token) String() string {
type Token struct {
SELECT count(*) AS tokens FROM t WHERE a = b
""".strip("\n").splitlines()
"""Prose, logs, code, style sheets, settings, tracebacks: none of it holds a secret."""

MASKED_ALL_THE_SAME = {
    "a glossary": "token: a unit of text",
    "a message about a field": "password: This field is required.",
    "one word after a colon": "INFO auth token: expired",
    "what no sentence says": "Invalid token: unexpected end",
    "a permission": "id-token: write",
    "one name after another": "token = other_token",
}
"""Innocent texts that look like settings, or like secrets: the price of leaving none out."""

LEFT_ALONE = {
    "a sentence after a name within a line": "we read the token: it is a unit of text",
    "a name without a sign": "the password hunter was given to bob",
    "a short option": "mysql -p hunter",
    "what an attribute holds": "f(password=self.password)",
    "a name in quotes before a colon": '"password": "the affair of loose text"',
}


def planted(case: str) -> str:
    return re.sub(r"(?<![A-Za-z_])S(?![A-Za-z_])", CANARY, SECRETS[case][0])


@pytest.mark.parametrize("case", SECRETS)
def test_the_secret_goes(case: str) -> None:
    expected = SECRETS[case][1]
    replacing = Replacing()

    result = hide(planted(case), replacing)

    assert CANARY not in result
    assert result == expected or expected is None
    assert all(where.startswith("/body/") for _, where, _ in replacing.notes)
    assert all(rule.startswith("field:") for _, _, rule in replacing.notes)


@pytest.mark.parametrize("case", SECRETS)
def test_a_secret_goes_from_the_middle_of_a_text(case: str) -> None:
    assert CANARY not in hide(f"first line\na: 1\n{planted(case)}\nlast line\nb=2\n")


@pytest.mark.parametrize("make", [lambda _value: MASK, pseudonym], ids=["masked", "pseudonymous"])
@pytest.mark.parametrize("case", SECRETS)
def test_what_is_masked_already_stays(case: str, make: Callable[[str], str]) -> None:
    once = hide(planted(case), Replacing(make))
    again = Replacing(make)

    assert hide(once, again) == once
    assert again.notes == []


@pytest.mark.parametrize("text", INNOCENT)
def test_an_innocent_line_stays_byte_for_byte(text: str) -> None:
    assert hide(text) == text


def test_innocent_lines_stay_beside_each_other() -> None:
    text = "\r\n".join(INNOCENT)

    assert hide(text) == text


def test_the_tables_are_worth_their_name() -> None:
    assert len(SECRETS) >= 60
    assert len(INNOCENT) >= 100


@pytest.mark.parametrize("case", MASKED_ALL_THE_SAME)
def test_in_doubt_it_is_a_secret(case: str) -> None:
    assert hide(MASKED_ALL_THE_SAME[case]).endswith(MASK)


@pytest.mark.parametrize("case", LEFT_ALONE)
def test_what_nobody_can_tell_from_prose_stays(case: str) -> None:
    assert hide(LEFT_ALONE[case]) == LEFT_ALONE[case]


def test_a_note_says_where_and_by_which_rule() -> None:
    replacing = Replacing()

    hide("db_password = hunter2\n", replacing)

    assert replacing.notes == [("hunter2", "/body/db_password", "field:password")]


def test_names_are_judged_by_the_rules_alone() -> None:
    rules = KeyRule(added=["colour"], unmasked=["password"])

    result = masked("colour=red password=x", "", rules=rules, replaced=Replacing())

    assert result == "colour=*** password=x"


PIECES = r"""password token Cookie Set-Cookie authorization Bearer a b x1 None str self.token
    --password IDENTIFIED BY PASSWORD FOR = == : => := ; , & | > - ' ` \ ( ) [ ] { } $ % %3D %5B # .
    * *** ** // is for in hmac:0123456789abcdef0123456789abcdef""".split()
SEPARATORS = ["", " ", "  ", "\n", "\r\n", "\n  ", '"']


@given(st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(SEPARATORS)), max_size=30))
def test_masking_twice_is_masking_once(pieces: list[tuple[str, str]]) -> None:
    once = hide("".join(word + separator for word, separator in pieces))
    again = Replacing()

    assert (hide(once, again), again.notes) == (once, [])


@given(before=st.text(), after=st.text())
@example(before="password='", after="")
@example(before="a password: |\n", after="\n  b")
def test_a_setting_is_found_whatever_stands_around_it(before: str, after: str) -> None:
    assert CANARY not in hide(f"{before}\npassword: {CANARY}\n{after}")


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in hostile(2_000)])
def test_hostile_text_is_masked_once_and_for_all(text: str) -> None:
    once = hide(text)
    again = Replacing()

    assert (hide(once, again), again.notes) == (once, [])


def test_a_table_loses_its_sensitive_columns() -> None:
    text = 'id,password,"api key",note\r\n1,hunter2,"a,""b",hi\r\n2,"x\ny",,"z"\r\n'
    replacing = Replacing()

    result = hide_csv(text, replacing)

    assert result == 'id,password,"api key",note\r\n1,"***","***",hi\r\n2,"***",,"z"\r\n'
    assert replacing.notes == [
        ("hunter2", "/body/1/password", "field:password"),
        ('a,"b', "/body/1/api key", "field:apikey"),
        ("x\ny", "/body/2/password", "field:password"),
    ]
    assert hide_csv(result) == result


@pytest.mark.parametrize(
    "separator", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "bar"]
)
def test_a_table_may_have_any_usual_separator(separator: str) -> None:
    text = separator.join(["id", "token", "x"]) + "\n" + separator.join(["1", CANARY, "2"])

    assert hide_csv(text) == text.replace(CANARY, '"***"')


def test_every_other_cell_of_a_table_is_read_as_text() -> None:
    seen: list[tuple[str, str]] = []

    def inner(cell: str, where: str) -> str:
        seen.append((cell, where))
        return cell.replace("secret", MASK)

    result = hide_csv('id,note\n1,"a ""secret"""\n', inner=inner)

    assert result == 'id,note\n1,"a ""***"""\n'
    assert seen == [
        ("id", "/body"),
        ("note", "/body"),
        ("1", "/body/1/id"),
        ('a "secret"', "/body/1/note"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("id,name", id="only a header"),
        pytest.param("id,name\n1,\n\n2,b\n", id="blank lines and empty cells"),
        pytest.param('id,name\r1,"a ""b"""\r', id="old line ends"),
        pytest.param("\ufeffid\n1\n", id="one column and a byte order mark"),
    ],
)
def test_a_table_without_secrets_stays_byte_for_byte(text: str) -> None:
    assert hide_csv(text) == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('id,password\n1,a"b\n', id="a quote within a cell"),
        pytest.param('id,password\n1,"a"b\n', id="something after quotes"),
        pytest.param('id,password\n1,"ab\n', id="an open quote"),
        pytest.param("id,password\n1,a,b\n", id="a cell too many"),
        pytest.param("password,id\n1\n", id="a cell too few"),
        pytest.param("password,id\n1,2,\n", id="an empty cell too many"),
        pytest.param("password,id\n1,2,", id="an empty cell too many at the end"),
    ],
)
def test_a_table_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"CSV|cells"):
        hide_csv(text)


def test_a_column_is_found_behind_a_byte_order_mark() -> None:
    assert hide_csv("\ufeffpassword,id\nx,1\n") == '\ufeffpassword,id\n"***",1\n'


CELLS = st.text(st.characters(exclude_characters="\0"))  # which csv writes since Python 3.11


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1))
def test_a_column_of_any_table_goes_whole(rows: list[list[str]]) -> None:
    written = io.StringIO(newline="")
    csv.writer(written).writerows([["id", "password", "note"], *rows])

    result = hide_csv(written.getvalue())

    hidden = [[first, MASK if second else "", third] for first, second, third in rows]
    assert list(csv.reader(io.StringIO(result, newline="")))[1:] == hidden
