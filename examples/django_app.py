"""The same small shop on Django, recorded, in one file.

Run it with ``python examples/django_app.py``, or under any server as ``django_app:app``
(WSGI) or ``django_app:asgi``. ``APILOG_DESTINATION`` says where the calls go; without it they are
printed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import django
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c63f8cfc0f01f00050001ffa3e2d9d10000000049454e44ae426082"
)


def user(request: HttpRequest, response: HttpResponse) -> str | None:
    return request.session.get("user")


settings.configure(
    SECRET_KEY="an example",
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["apilog_django", "django.contrib.sessions"],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    MIDDLEWARE=[
        "apilog_django.ApiLogMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
    ],
    APILOG={
        "DESTINATION": os.environ.get("APILOG_DESTINATION", "console:"),
        "IDENTIFY_USER": user,
    },
)
django.setup()


def login(request: HttpRequest) -> HttpResponse:
    request.session["user"] = request.POST["user"]
    return JsonResponse({"welcome": request.POST["user"]})


def item(request: HttpRequest, item_id: int) -> HttpResponse:
    return JsonResponse({"id": item_id, "name": f"item {item_id}", "price": 12.5})


def order(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"order": json.loads(request.body), "state": "accepted"}, status=201)


def avatar(request: HttpRequest) -> HttpResponse:
    file = request.FILES["picture"]
    return JsonResponse({"name": file.name, "size": file.size})


def logo(request: HttpRequest) -> HttpResponse:
    return HttpResponse(PNG, content_type="image/png")


def ticks(request: HttpRequest) -> StreamingHttpResponse:
    def lines() -> Iterator[str]:
        for number in range(5):
            yield f'data: {{"tick": {number}}}\n\n'

    return StreamingHttpResponse(lines(), content_type="text/event-stream")


def crash(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("the example fails here on purpose")


urlpatterns = [
    path("login", login),
    path("items/<int:item_id>", item),
    path("orders", order),
    path("avatar", avatar),
    path("logo.png", logo),
    path("ticks", ticks),
    path("crash", crash),
]

from django.core.asgi import get_asgi_application  # noqa: E402 - needs the settings
from django.core.wsgi import get_wsgi_application  # noqa: E402

app = get_wsgi_application()
asgi = get_asgi_application()

if __name__ == "__main__":
    from wsgiref.simple_server import make_server

    make_server("127.0.0.1", 8003, app).serve_forever()
