"""Places in forms, markup, GraphQL and plain text."""

from __future__ import annotations

import base64
import json

from canary_kit.planting import EVENTS, FORM, HTML, JSON, PLAIN, XML, bodies
from canary_kit.scene import Place
from canary_kit.secrets import card

_BOUNDARY = "----b0undary"
MULTIPART = f"multipart/form-data; boundary={_BOUNDARY}"


def multipart(*parts: tuple[str, str]) -> str:
    """Return a multipart body of (head lines, content)."""
    told = "".join(
        f"--{_BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n"
        for head, content in parts
    )
    return f"{told}--{_BOUNDARY}--\r\n"


def _graphql(query: str, **variables: object) -> str:
    return json.dumps({"query": query, "variables": variables})


_LOGIN = "mutation L($e: String!, $p: String!) { login(email: $e, password: $p) { id } }"

_FORMS = {
    "a field": "user=ann&password=SECRET&page=2",
    "a field in camel case": "clientSecret=SECRET&grant=a",
    "a field with an encoded name": "pass%77ord=SECRET",
    "a field in brackets": "user[password]=SECRET",
    "a field in encoded brackets": "user%5Bpassword%5D=SECRET",
    "a field named twice": "token=a&token=SECRET",
    "a field after a semicolon": "a=1;password=SECRET",
    "a field with a value with an equals sign": "password=a=SECRET",
    "a field with a value with a semicolon": "password=a;SECRET",
    "a field with JSON": "payload=%7B%22user%22%3A%22ann%22%2C%22token%22%3A%22SECRET%22%7D",
    "a field with bare JSON": 'payload={"token":"SECRET"}',
    "a field with a form": "body=user%3Dann%26password%3DSECRET",
    "a pair of fields": "name=password&value=SECRET",
    "OAuth": "grant_type=password&username=ann&password=SECRET&scope=a",
    "an authorization code": "grant_type=authorization_code&code=SECRET",
    "a SAML answer": "RelayState=a&SAMLResponse=SECRET",
}

_MULTIPARTS = {
    "a field": (('name="user"', "ann"), ('name="password"', "SECRET")),
    "a field without quotes": (("name=password", "SECRET"),),
    "a field with JSON": (
        ('name="payload"\r\nContent-Type: application/json', '{"pin":"SECRET"}'),
    ),
    "a field with JSON that nobody names": (('name="payload"', '{"token":"SECRET"}'),),
    "a field with an assignment": (('name="note"', "password=SECRET"),),
    "a file name": (('name="f"; filename="token=SECRET.txt"\r\nContent-Type: text/plain', "x"),),
    "a file name under a secret's name": (('name="password"; filename="SECRET.txt"', "x"),),
    "a field's own name": (('name="password=SECRET"', "x"),),
    "a field with a broken character": (('name="password"', "SECRET\udcff"),),
    "a field's content type": (('name="a"\r\nContent-Type: text/plain; token=SECRET', "x"),),
}

_MARKUP = {
    "an element": "<user><name>ann</name><password>SECRET</password></user>",
    "an element in camel case": "<user><clientSecret>SECRET</clientSecret></user>",
    "an element with a prefix": '<a xmlns:w="urn:w"><w:Password Type="T">SECRET</w:Password></a>',
    "an element with elements": "<a><credentials><v>SECRET</v></credentials></a>",
    "an attribute": '<user name="ann" password="SECRET"/>',
    "an attribute in single quotes": "<user api_key='SECRET'/>",
    "CDATA": "<a><token><![CDATA[SECRET]]></token></a>",
    "character references": "<a><password>&#65;SECRET</password></a>",
    "a pair": "<a><entry><key>password</key><value>SECRET</value></entry></a>",
    "a pair of attributes": '<a><property name="api_key" value="SECRET"/></a>',
    "a named element": '<a><param name="password">SECRET</param></a>',
    "a name with a reference": '<a><param name="pass&#119;ord">SECRET</param></a>',
    "a comment": "<a><!-- password=SECRET --></a>",
    "a processing instruction": "<a><?login password='SECRET'?></a>",
    "a property list": "<plist><dict><key>Password</key><string>SECRET</string></dict></plist>",
    "an address": '<a href="https://ann:SECRET@a.test/"/>',
    "an address with a reference": '<a href="https://a.test/?a=1&amp;token=SECRET"/>',
    "JSON in an element": '<a>{"password":"SECRET"}</a>',
    "an entity": '<!DOCTYPE a [<!ENTITY e "SECRET">]><a><password>&e;</password></a>',
    "an element that is not closed": "<a><password>SECRET</a>",
}

_SOAP = (
    '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">'
    '<s:Header><w:Security xmlns:w="urn:wsse"><w:UsernameToken><w:Username>ann</w:Username>'
    '<w:Password Type="PasswordText">SECRET</w:Password></w:UsernameToken></w:Security>'
    "</s:Header><s:Body><Get/></s:Body></s:Envelope>"
)

_PAGES = {
    "a hidden input": '<form><input type="hidden" name="csrf_token" value="SECRET"></form>',
    "an input with the value first": "<input value='SECRET' name='csrfmiddlewaretoken'>",
    "an input without quotes": "<input name=csrf_token value=SECRET>",
    "a meta element": '<head><meta name="csrf-token" content="SECRET"></head>',
    "a data attribute": '<div data-api-key="SECRET"></div>',
    "a text area": "<textarea name=password>SECRET</textarea>",
    "a script with JSON": '<script>window.config = {"apiKey": "SECRET"};</script>',
    "a script with an assignment": "<script>var accessToken = 'SECRET';</script>",
    "a script with an object": "<script>init({apiKey: 'SECRET'});</script>",
    "a link": '<a href="/reset?token=SECRET&amp;a=1">Reset</a>',
}

_GRAPHQL = {
    "a variable by its name": _graphql(
        "query($password: String) { a(p: $password) }", password="SECRET"
    ),
    "a variable by its argument": _graphql(_LOGIN, e="a@b.test", p="SECRET"),
    "a variable by a field in an object": _graphql(
        "mutation($p: String) { login(input: {user: 1, password: $p}) { id } }", p="SECRET"
    ),
    "a variable with an object": _graphql(
        "mutation($c: In!) { login(credentials: $c) { id } }", c={"a": "SECRET"}
    ),
    "a literal": _graphql('{ login(email: "a@b.test", password: "SECRET") { id } }'),
    "a literal in an object": _graphql('{ login(input: {password: "SECRET"}) { id } }'),
    "a block string": _graphql('{ login(password: """SECRET""") { id } }'),
    "a literal with an escape": _graphql('{ login(password: "\\u0041SECRET") { id } }'),
    "a default": _graphql('query($password: String = "SECRET") { a(p: $password) }'),
    "a default by its argument": _graphql('query($p: String = "SECRET") { a(password: $p) }'),
    "a document that is broken": _graphql(_LOGIN + ' "', e="a@b.test", p="SECRET"),
    "a document that is cut": _graphql(_LOGIN[:-9], e="a@b.test", p="SECRET"),
    "a variable by a directive": _graphql("query($p: String) { a @auth(token: $p) }", p="SECRET"),
    "a variable in a list": _graphql("query($p: String) { a(passwords: [$p]) }", p="SECRET"),
    "a variable told twice": _graphql(_LOGIN.replace("id }", "id(a: $p) }"), p="SECRET"),
    "a variable through a fragment": _graphql(
        "query($p: String) { ...F } fragment F on Q { login(password: $p) { id } }", p="SECRET"
    ),
    "a number": _graphql('{ login(pin: 1, i: {a: {b: [{secret: "SECRET"}]}}) { id } }'),
    "an alias in front": _graphql('{ me: login(password: "SECRET") { id } }'),
    "a subscription": _graphql('subscription { feed(apiKey: "SECRET") { id } }'),
    "an extension": json.dumps({"query": "{ a }", "extensions": {"token": "SECRET"}}),
    "a comment": _graphql("{ a } # password=SECRET"),
    "a batch": "[" + _graphql(_LOGIN, e="a@b.test", p="SECRET") + "]",
}

_TEXTS = {
    "an assignment": "2026-01-01 INFO login user=ann password=SECRET ok",
    "an assignment with blanks": "password = SECRET",
    "a name with a colon": "Password: SECRET",
    "an environment": "export API_KEY=SECRET\nDEBUG=1\n",
    "a quoted value": "password='SECRET' user='ann'",
    "an option": "mysql --password=SECRET --user=ann",
    "an option with a blank": "curl --token SECRET https://a.test/",
    "a header line": "GET / HTTP/1.1\r\nAuthorization: Bearer SECRET\r\n",
    "a basic header line": "authorization: basic SECRET\n",
    "a cookie line": "Cookie: theme=dark; sid=SECRET\n",
    "a key's header line": "X-Api-Key: SECRET\n",
    "YAML": "db:\n  user: ann\n  password: SECRET\n",
    "a YAML block": "password: |\n  SECRET\nuser: ann\n",
    "an ini file": "[db]\nuser = ann\npassword = SECRET\n",
    "SQL": "CREATE USER ann IDENTIFIED BY 'SECRET';",
    "SQL's own word": "ALTER ROLE ann WITH PASSWORD 'SECRET';",
    "a connection string": "Server=db;User Id=ann;Password=SECRET;Encrypt=yes",
    "a Python dictionary": "{'user': 'ann', 'password': 'SECRET'}",
    "a Python representation": "Login(user='ann', password='SECRET')",
    "a PHP array": "['user' => 'ann', 'password' => 'SECRET']",
    "a query in prose": "He called /cb?a=1&token=SECRET yesterday.",
    "JSON in prose": 'Received {"user": "ann", "password": "SECRET"} from 192.0.2.1',
    "JSON that is escaped": 'body="{\\"password\\": \\"SECRET\\"}"',
    "an address with a user": "cloning https://ann:SECRET@a.test/repo.git",
    "a database's address": "DATABASE_URL is postgres://ann:SECRET@db.test:5432/shop",
    "an address without a user": "redis://:SECRET@cache.test:6379/0",
    "JSON without quotes": "{user: ann, password: SECRET}",
}


def _broken_text(secret: str) -> bytes:
    return b'\xff\xfe\xfd{"password": "' + secret.encode() + b'"} password=' + secret.encode()


def _places() -> list[Place]:
    made: list[Place] = []
    for name, template in _FORMS.items():
        made += bodies(f"form, {name}", FORM, template)
    for name, parts in _MULTIPARTS.items():
        told = multipart(*parts)
        made += bodies(
            f"multipart, {name}",
            MULTIPART,
            lambda secret, told=told: told.replace("SECRET", secret).encode(
                "utf-8", "surrogateescape"
            ),
        )
    content = multipart(('name="f"; filename="a.txt"\r\nContent-Type: text/plain', "SECRET x"))
    made += bodies("multipart, a file's contents", MULTIPART, content)
    made += bodies(
        "multipart, a text in front",
        MULTIPART,
        "password=SECRET\r\n" + multipart(('name="a"', "x")),
    )
    for name, template in _MARKUP.items():
        made += bodies(f"XML, {name}", XML, template)
    made += bodies("XML without a content type", None, _MARKUP["an element"])
    made += bodies("XML said to be text", PLAIN, _MARKUP["an element"])
    made += bodies(
        "XML with another encoding",
        XML,
        lambda secret: (
            f'<?xml version="1.0" encoding="UTF-16"?><a><password>{secret}</password></a>'
        ).encode("utf-16"),
    )
    made += bodies("SOAP", "application/soap+xml; charset=utf-8", _SOAP)
    made += bodies("SOAP as text", "text/xml", _SOAP)
    made += bodies("SVG", "image/svg+xml", '<svg><text id="t" token="SECRET">a</text></svg>')
    for name, template in _PAGES.items():
        made += bodies(f"HTML, {name}", HTML, template)
    for name, template in _GRAPHQL.items():
        made += bodies(f"GraphQL, {name}", JSON, template)
    made += bodies(
        "GraphQL as it is", "application/graphql", '{ login(password: "SECRET") { id } }'
    )
    made += bodies(
        "GraphQL in a form", FORM, "query=%7B+login%28password%3A+%22SECRET%22%29+%7B+id+%7D+%7D"
    )
    for name, template in _TEXTS.items():
        made += bodies(f"text, {name}", PLAIN, template)
    made += bodies("text without a content type", None, _TEXTS["an assignment"])
    made += bodies("a form without a content type", None, _FORMS["a field"])
    made += bodies("a form said to be JSON", JSON, _FORMS["a field"])
    made += bodies("a form said to be text", PLAIN, _FORMS["a field"])
    made += bodies(
        "text in Latin-1",
        "text/plain; charset=iso-8859-1",
        lambda secret: f"naïve password={secret}".encode("latin-1"),
    )
    made += bodies("text that is no text", PLAIN, _broken_text)
    made += bodies(
        "text in UTF-16",
        "text/plain; charset=utf-16",
        lambda secret: f"password={secret}".encode("utf-16"),
    )
    made += bodies(
        "text in UTF-16 that nobody names",
        PLAIN,
        lambda secret: f"password={secret}".encode("utf-16-le"),
    )
    made += bodies("text in UTF-7", "text/plain; charset=utf-7", _TEXTS["an assignment"])
    made += bodies("YAML by its name", "application/yaml", _TEXTS["YAML"])
    made += bodies("bytes with text in them", "application/octet-stream", _broken_text)
    made += bodies(
        "base64 with text in it", PLAIN, lambda secret: base64.b64encode(_broken_text(secret))
    )
    made += bodies("CSV", "text/csv", "user,password,age\nann,SECRET,7\n")
    made += bodies("CSV with quotes", "text/csv", 'user,"api key"\n"ann","SECRET"\n')
    made += bodies("CSV with semicolons", "text/csv", "user;password\nann;SECRET\n")
    made += bodies("CSV with a card", "text/csv", "user,number\nann,SECRET\n", secret=card)
    made += bodies("JavaScript", "application/javascript", 'const apiKey = "SECRET";')
    made += bodies("server-sent events with a header", EVENTS, "data: Cookie: sid=SECRET\n\n")
    return made


TEXT_PLACES: tuple[Place, ...] = tuple(_places())
