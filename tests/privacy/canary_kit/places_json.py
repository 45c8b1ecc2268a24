"""Places in JSON, and in what is JSON by another name."""

from __future__ import annotations

import base64
import gzip
import json
import zlib

from canary_kit.planting import EVENTS, FORM, JSON, NDJSON, PLAIN, bodies
from canary_kit.scene import Place
from canary_kit.secrets import card, whole_number


def _nested(secret: str) -> bytes:
    return ('{"a":[' * 20 + f'{{"password":"{secret}"}}' + "]}" * 20).encode()


def _in_strings(depth: int, document: str = '{"user":"ann","api_key":"SECRET"}') -> str:
    for _ in range(depth):
        document = json.dumps({"payload": document})
    return document


def _utf16(secret: str) -> bytes:
    return f'{{"password": "{secret}"}}'.encode("utf-16")


def _zstandard(data: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor().compress(data)


def _brotli(data: bytes) -> bytes:
    import brotli

    compressed: bytes = brotli.compress(data)
    return compressed


def _raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


_CODINGS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": _brotli,
    "zstd": _zstandard,
}


def _document(secret: str) -> bytes:
    return f'{{"user":"ann","password":"{secret}","items":[1,2,3]}}'.encode()


_FIELDS = {  # what is under a sensitive name, by what it is
    "text under password": '{"user":"ann","password":"SECRET"}',
    "an object under credentials": '{"credentials":{"login":"ann","value":"SECRET"}}',
    "a list under tokens of a device": '{"device_tokens":["x","SECRET"]}',
    "a list of objects under secrets": '{"secrets":[{"name":"a","v":"SECRET"}]}',
    "an array of objects": '{"users":[{"name":"a"},{"name":"b","passwd":"SECRET"}]}',
    "a name in camel case": '{"clientSecret":"SECRET"}',
    "a name in snake case": '{"refresh_token":"SECRET"}',
    "a name in kebab case": '{"x-api-key":"SECRET"}',
    "a name in capitals": '{"ACCESS_TOKEN":"SECRET"}',
    "a name with blanks": '{" API key ":"SECRET"}',
    "a name with dots": '{"spring.datasource.password":"SECRET"}',
    "a name with an escape": '{"pass\\u0077ord":"SECRET"}',
    "a name in fullwidth letters": '{"ｐａｓｓｗｏｒｄ":"SECRET"}',
    "a name with a zero-width space": '{"pass\u200bword":"SECRET"}',
    "a name told twice, secret first": '{"password":"SECRET","password":"x"}',
    "a name told twice, secret last": '{"password":"x","password":"SECRET"}',
    "a name told twice with an escape": '{"pass\\u0077ord":"SECRET","password":null}',
    "a value with escapes": '{"password":"\\u0041SECRET\\u0041"}',
    "a pair of name and value": '[{"name":"a","value":"b"},{"name":"password","value":"SECRET"}]',
    "a pair of key and value": '{"params":[{"key":"api_key","value":"SECRET"}]}',
    "a pair with the value first": '{"params":[{"value":"SECRET","name":"token"}]}',
    "a pair of field and new value": '{"field":"password","new_value":"SECRET"}',
    "a list of two": '{"headers":[["Accept","*/*"],["Authorization","Bearer SECRET"]]}',
    "a JSON patch": '[{"op":"replace","path":"/password","value":"SECRET"}]',
    "headers in raw form": '{"rawHeaders":["Accept","*/*","Cookie","sid=SECRET"]}',
    "cookies by name": '{"cookies":{"sid":"SECRET"}}',
    "an empty name around it": '{"":{"password":"SECRET"}}',
    "a top-level list": '["a",{"token":"SECRET"}]',
    "after a byte order mark": '\ufeff{"password":"SECRET"}',
    "with a comment of a name": '{"_comment":"the api key follows","apikey":"SECRET"}',
    "a form in a string": '{"body":"user=ann&password=SECRET"}',
    "a query in a string": '{"url":"https://a.test/cb?access_token=SECRET&page=1"}',
    "a relative address in a string": '{"next":"/items?cursor=2&api_key=SECRET"}',
    "a header line in a string": '{"log":"Authorization: Bearer SECRET"}',
    "an assignment in a string": '{"log":"login failed: password=SECRET user=ann"}',
    "XML in a string": '{"xml":"<user><password>SECRET</password></user>"}',
    "a data address": '{"image":"data:application/json,{\\"password\\":\\"SECRET\\"}"}',
    "a name that holds an assignment": '{"password=SECRET":"x"}',
    "a sensitive name with a secret in it": '{"password: SECRET":{"a":1}}',
    "JSON with single quotes": "{\"repr\":\"{'user': 'ann', 'password': 'SECRET'}\"}",
}


def _places() -> list[Place]:
    made: list[Place] = []
    for name, template in _FIELDS.items():
        made += bodies(f"JSON, {name}", JSON, template)
    for depth in (1, 2, 3):
        made += bodies(f"JSON in JSON strings, {depth} deep", JSON, _in_strings(depth))
    made += bodies("JSON nested 40 deep", JSON, _nested)
    made += bodies(
        "JSON, a number under account_number",
        JSON,
        '{"account_number":SECRET}',
        secret=whole_number,
    )
    made += bodies("JSON, a number in a list", JSON, '{"pin":[1,SECRET]}', secret=whole_number)
    made += bodies("JSON, a card as an integer", JSON, '{"reference":SECRET}', secret=card)
    made += bodies("JSON by suffix", "application/vnd.api+json", '{"data":{"password":"SECRET"}}')
    made += bodies("JSON said to be text", PLAIN, '{"user":"ann","password":"SECRET"}')
    made += bodies("JSON said to be HTML", "text/html", '{"user":"ann","password":"SECRET"}')
    made += bodies("JSON said to be bytes", "application/octet-stream", '{"password":"SECRET"}')
    made += bodies("JSON said to be an image", "image/png", '{"password":"SECRET"}')
    made += bodies("JSON said to be a form", FORM, '{"user":"ann","password":"SECRET"}')
    made += bodies("JSON without a content type", None, '{"user":"ann","password":"SECRET"}')
    made += bodies("JSON behind an XSSI guard", JSON, ')]}\',\n{"password":"SECRET"}')
    made += bodies("JSON in a callback", "application/javascript", 'cb({"password":"SECRET"});')
    made += bodies("JSON that is cut", JSON, '{"user":"ann","password":"SECRET')
    made += bodies("JSON with single quotes", JSON, "{'user':'ann','password':'SECRET'}")
    made += bodies("JSON without quotes", JSON, "{user:ann,password:SECRET}")
    made += bodies("JSON followed by more", JSON, '{"a":1}{"password":"SECRET"}')
    made += bodies("JSON in UTF-16", "application/json; charset=utf-16", _utf16)
    made += bodies("JSON in UTF-16 that nobody names", JSON, _utf16)
    made += bodies(
        "JSON in Latin-1",
        "application/json; charset=latin-1",
        lambda s: f'{{"naïve":1,"password":"{s}"}}'.encode("latin-1"),
    )
    made += bodies(
        "JSON with a broken character",
        JSON,
        lambda s: b'{"a":"\xff","password":"' + s.encode() + b'"}',
    )
    made += bodies("a JSON string with JSON", JSON, '"{\\"password\\":\\"SECRET\\"}"')
    made += bodies("NDJSON", NDJSON, '{"a":1}\n{"password":"SECRET"}\n')
    made += bodies("NDJSON, cut", NDJSON, '{"a":1}\n{"password":"SECRET')
    made += bodies("a JSON sequence", "application/json-seq", '\x1e{"password":"SECRET"}\n')
    made += bodies("server-sent events", EVENTS, 'event: a\ndata: {"token":"SECRET"}\n\n')
    made += bodies(
        "server-sent events in several lines",
        EVENTS,
        'data: {"user":"ann",\ndata: "token":\ndata: "SECRET"}\n\n',
    )
    made += bodies("server-sent events without JSON", EVENTS, "data: password=SECRET\n\n")
    made += bodies("server-sent events in a comment", EVENTS, ": api_key=SECRET\n\ndata: x\n\n")
    for coding, pack in _CODINGS.items():
        made += bodies(
            f"JSON packed by {coding}", JSON, lambda s, pack=pack: pack(_document(s)), coding=coding
        )
    made += bodies(
        "JSON packed twice",
        JSON,
        lambda s: gzip.compress(zlib.compress(_document(s))),
        coding="deflate, gzip",
    )
    made += bodies(
        "JSON deflated without a wrapper",
        JSON,
        lambda s: _raw_deflate(_document(s)),
        coding="deflate",
    )
    made += bodies("JSON packed and nobody says so", JSON, lambda s: gzip.compress(_document(s)))
    made += bodies("JSON in an unknown coding", JSON, _document, coding="x-acme")
    made += bodies("a gzip file", "application/gzip", lambda s: gzip.compress(_document(s)))
    made += bodies(
        "JSON in base64 in a string",
        JSON,
        lambda s: json.dumps({"data": base64.b64encode(_document(s)).decode()}).encode(),
    )
    return made


JSON_PLACES: tuple[Place, ...] = tuple(_places())
