"""Places in the head of a call: headers of both directions, and the address."""

from __future__ import annotations

import base64
from urllib.parse import quote

from canary_kit.planting import bodies, request_headers, response_headers, targets
from canary_kit.scene import FRAMEWORKS, Place, Scene
from canary_kit.secrets import base62, card, lower_hex, phrase

_JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3MDAwMDAwMDAsInJvbGUiOiJhIn0.SECRET"


def _encoded(secret: str) -> str:
    """Write every character of *secret* with a percent sign."""
    return "".join(f"%{ord(letter):02X}" for letter in secret)


def _basic(secret: str) -> str:
    return base64.b64encode(f"ann:{secret}".encode()).decode()


def _scene_places() -> list[Place]:
    """Return the places whose secret is encoded on its way."""
    return [
        Place(
            name="request header Authorization: Basic",
            plant=lambda s: Scene(headers=(("Authorization", f"Basic {_basic(s)}"),)),
        ),
        Place(
            name="request header Proxy-Authorization: Basic",
            plant=lambda s: Scene(headers=(("Proxy-Authorization", f"Basic {_basic(s)}"),)),
        ),
        Place(
            name="request header X-Forwarded-Authorization: basic",
            plant=lambda s: Scene(headers=(("X-Forwarded-Authorization", f"basic {_basic(s)}"),)),
        ),
        Place(
            name="address with a percent-encoded value",
            plant=lambda s: Scene(query=f"page=2&password={_encoded(s)}"),
        ),
        Place(
            name="address with an encoded address in a parameter",
            plant=lambda s: Scene(
                query="next=" + quote(f"https://a.test/?access_token={s}&page=2", safe="")
            ),
        ),
        Place(
            name="address with encoded userinfo in a parameter",
            plant=lambda s: Scene(query="feed=" + quote(f"https://ann:{s}@a.test/x", safe="")),
        ),
        Place(
            name="address with JSON in a parameter",
            plant=lambda s: Scene(query="filter=" + quote(f'{{"a":{{"api_key":"{s}"}}}}', safe="")),
        ),
        Place(
            name="address with a header line in a parameter",
            plant=lambda s: Scene(query="debug=" + quote(f"Authorization: Bearer {s}", safe="")),
        ),
        Place(
            name="address of a GraphQL query, variables",
            plant=lambda s: Scene(
                verb="GET",
                path="/graphql",
                query="query="
                + quote("query($p: String) { login(password: $p) { id } }")
                + "&variables="
                + quote(f'{{"p": "{s}"}}'),
            ),
        ),
        Place(
            name="address of a GraphQL query, literal",
            plant=lambda s: Scene(
                verb="GET",
                path="/graphql",
                query="query=" + quote(f'{{ login(password: "{s}") {{ id }} }}', safe=""),
            ),
        ),
        Place(
            name="both Authorization and Cookie in many lines",
            plant=lambda s: Scene(
                headers=(
                    ("Cookie", "theme=dark; a=1"),
                    ("Cookie", f"sid={s}"),
                    ("Accept", "text/html"),
                )
            ),
        ),
        Place(
            name="several response cookies, the second with a date before",
            plant=lambda s: Scene(
                response_headers=(
                    ("Set-Cookie", "theme=dark; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/"),
                    ("Set-Cookie", f"session={s}; Path=/; HttpOnly; Secure; SameSite=Lax"),
                )
            ),
        ),
    ]


_REQUEST = request_headers(
    "Authorization: Bearer SECRET",
    "authorization: bearer SECRET",
    "Authorization: SECRET",
    "Authorization: Token SECRET",
    "Authorization: ApiKey SECRET",
    "Authorization: Acme-Custom v=1, key=SECRET",
    'Authorization: Digest username="ann", realm="r", nonce="n", uri="/", response="SECRET"',
    "Authorization: AWS4-HMAC-SHA256 Credential=AKID/20260101/eu/s3/aws4_request, Signature=SECRET",
    'Authorization: OAuth oauth_consumer_key="k", oauth_signature="SECRET"',
    'Authorization: Hawk id="a", ts="1", mac="SECRET"',
    "Proxy-Authorization: Bearer SECRET",
    "X-Forwarded-Authorization: Bearer SECRET",
    "X-Original-Authorization: Bearer SECRET",
    "Cookie: sessionid=SECRET",
    "Cookie: theme=dark; sid=SECRET; csrftoken=abc",
    'Cookie: prefs="SECRET"; theme=dark',
    "Cookie: SECRET",
    "X-Api-Key: SECRET",
    "X_API_KEY: SECRET",
    "x-apikey: SECRET",
    "Api-Key: SECRET",
    "ApiKey: SECRET",
    "X-API-KEY-ID: SECRET",
    "X-Goog-Api-Key: SECRET",
    "Ocp-Apim-Subscription-Key: SECRET",
    "X-Functions-Key: SECRET",
    "X-RapidAPI-Key: SECRET",
    "X-Auth: SECRET",
    "X-Auth-Token: SECRET",
    "X-Access-Token: SECRET",
    "X-Token: SECRET",
    "Private-Token: SECRET",
    "X-Vault-Token: SECRET",
    "X-Shopify-Access-Token: SECRET",
    "X-Amz-Security-Token: SECRET",
    "X-Forwarded-Access-Token: SECRET",
    "X-CSRF-Token: SECRET",
    "X-XSRF-TOKEN: SECRET",
    "X-Session: SECRET",
    "X-Session-Id: SECRET",
    "X-Client-Secret: SECRET",
    "X-Password: SECRET",
    "X-OTP: SECRET",
    "X-User-Credentials: SECRET",
    "X-Hub-Signature-256: sha256=SECRET",
    "Stripe-Signature: t=1700000000,v1=SECRET",
    "X-Signature: SECRET",
    "Signature: sig1=:SECRET:",
    "X-Shopify-Hmac-Sha256: SECRET",
    "DPoP: SECRET",
    "Cf-Access-Jwt-Assertion: SECRET",
    "X-Goog-IAP-JWT-Assertion: SECRET",
    "Referer: https://a.test/cb?access_token=SECRET&page=2",
    "Referer: https://ann:SECRET@a.test/",
    "Referer: https://a.test/cb#access_token=SECRET&token_type=bearer",
    "Origin: https://ann:SECRET@a.test",
    "X-Forwarded-Uri: /cb?code=SECRET&state=1",
    "X-Original-Uri: /cb?token=SECRET",
    "X-Original-URL: /cb?token=SECRET",
    "X-Rewrite-Url: /cb?password=SECRET",
    "X-Envoy-Original-Path: /cb?api_key=SECRET",
    "HX-Current-URL: https://a.test/cb?token=SECRET",
    "Destination: https://ann:SECRET@a.test/copy",
    "X-Callback: https://ann:SECRET@a.test/hook",
    "X-Callback-Url: https://a.test/hook?token=SECRET",
    "User-Agent: tool/1.0 (Authorization: Bearer SECRET)",
    "X-Debug: password=SECRET",
    'X-Payload: {"user": "ann", "password": "SECRET"}',
    f"X-Note: {_JWT}",
    f"X-Amzn-Oidc-Data: {_JWT}",
)

_RESPONSE = response_headers(
    "Set-Cookie: sessionid=SECRET; Path=/; HttpOnly",
    "Set-Cookie: cart=SECRET",
    "Location: /done?token=SECRET",
    "Location: https://ann:SECRET@a.test/",
    "Location: https://a.test/cb#access_token=SECRET&expires_in=3600",
    "Location: https://a.test/cb?code=SECRET&state=xyz",
    "Location: /reset/SECRET",
    'Link: <https://a.test/next?api_key=SECRET&page=2>; rel="next"',
    'Link: <https://a.test/1>; rel="first", <https://a.test/2?token=SECRET>; rel="next"',
    "Refresh: 5; url=https://a.test/?token=SECRET",
    "Content-Location: /a?signature=SECRET",
    "X-Access-Token: SECRET",
    "X-Auth-Token: SECRET",
    "X-Refresh-Token: SECRET",
    "X-CSRF-Token: SECRET",
    "X-Session-Token: SECRET",
    "X-Api-Key: SECRET",
    "X-Amz-Security-Token: SECRET",
    "X-Webhook-Secret: SECRET",
    'Authentication-Info: nextnonce="SECRET"',
    "HX-Redirect: /done?token=SECRET",
    "X-Accel-Redirect: /files?sig=SECRET",
    "SourceMap: https://a.test/app.map?sig=SECRET",
    "Content-Security-Policy: report-uri https://a.test/r?token=SECRET",
    'Content-Disposition: attachment; filename="a.txt?token=SECRET"',
    "X-Debug: Authorization: Bearer SECRET",
    f"X-Note: {_JWT}",
)

_ADDRESS = targets(
    "/stage?password=SECRET",
    "/stage?page=2&access_token=SECRET&q=x",
    "/stage?apiKey=SECRET",
    "/stage?api-key=SECRET",
    "/stage?API_KEY=SECRET",
    "/stage?token=SECRET",
    "/stage?code=SECRET&state=1",
    "/stage?key=SECRET",
    "/stage?sig=SECRET",
    "/stage?X-Amz-Signature=SECRET",
    "/stage?X-Amz-Credential=SECRET",
    "/stage?session=SECRET",
    "/stage?SAMLResponse=SECRET",
    "/stage?client_secret=SECRET",
    "/stage?pass%77ord=SECRET",
    "/stage?p%61ssw%6Frd=SECRET",
    "/stage?pass%2577ord=SECRET",
    "/stage?user[password]=SECRET",
    "/stage?user%5Bpassword%5D=SECRET",
    "/stage?password[]=SECRET",
    "/stage?a=1;token=SECRET",
    "/stage?token=a&token=SECRET",
    "/stage?%EF%BD%90%EF%BD%81%EF%BD%93%EF%BD%93word=SECRET",
    "/stage?q=Bearer%20SECRET",
    "/stage?q=Bearer+SECRET",
    f"/stage?q={_JWT}",
    f"/stage?{_JWT}",
    "/stage?q=password%3DSECRET",
    "/stage?state=%257B%2522password%2522%253A%2522SECRET%2522%257D",
    "/stage;jsessionid=SECRET",
    "/stage;jsessionid=SECRET?page=2",
    "/files/token=SECRET/a.txt",
    "/proxy/https://ann:SECRET@a.test/x",
    f"/verify/{_JWT}",
    "/reset/SECRET",
    "/confirm/SECRET/now",
)

HEADS: tuple[Place, ...] = (
    *_REQUEST,
    *_RESPONSE,
    *_ADDRESS,
    *_scene_places(),
    *targets("/unknown/path/SECRET", secret=base62(32)),
    *targets("/reset/cjj7nf-SECRET", "/unsubscribe/SECRET", secret=lower_hex(40)),
    *targets("/invite/SECRET/accept", "/members/SECRET", secret=phrase, mountings=FRAMEWORKS),
    *targets("/cards/SECRET", "/stage?number=SECRET", secret=card),
    *bodies("nothing but a reset link", "text/uri-list", "https://a.test/?reset_token=SECRET\r\n"),
)
