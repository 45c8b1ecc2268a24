"""The crowd's app as a Django project."""

from __future__ import annotations

import asyncio
import json
import time

from django.http import HttpRequest, HttpResponse
from django.urls import path

from conformance_kit.crowd import answer_to, pause_of


def view(request: HttpRequest) -> HttpResponse:
    """Echo the number of the call, after a while."""
    began = time.time()
    time.sleep(pause_of(json.loads(request.body)["number"]))
    return HttpResponse(answer_to(request.body, began), content_type="application/json")


async def async_view(request: HttpRequest) -> HttpResponse:
    """Echo the number of the call, after a while, under ASGI."""
    began = time.time()
    await asyncio.sleep(pause_of(json.loads(request.body)["number"]))
    return HttpResponse(answer_to(request.body, began), content_type="application/json")


urlpatterns = [path("s/crowd", view), path("s/async/crowd", async_view)]
