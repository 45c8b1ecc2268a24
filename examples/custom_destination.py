"""A destination of your own: one class with one method.

Here it tells a chat of every call that failed. Run it with ``python examples/custom_destination.py
http://127.0.0.1:8000/hook``, where the webhook of your chat takes ``{"text": ...}``.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence
from typing import Any
from wsgiref.util import setup_testing_defaults

import apilog
from apilog.destinations import Filter
from apilog.exceptions import Rejected, RetryLater
from apilog.wsgi import ApiLogMiddleware


class Chat:
    """Post a line for each event of a batch.

    What *send* raises says what happens next: after RetryLater the same batch comes again, and of
    what was Rejected the events at fault are found and given up. Where an endpoint answers for each
    event, `apilog.Partly` says by their places which of them come again, and which are given up.
    Queue, spool, batches, pauses and the account are apilog's.
    """

    filter = Filter(only="5xx", exclude="/health")  # leave it out, and every call arrives

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, batch: Sequence[bytes]) -> None:
        text = "\n".join(line(apilog.Event.from_json(event)) for event in batch)
        request = urllib.request.Request(
            self._url,
            data=json.dumps({"text": text}).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            urllib.request.urlopen(request, timeout=10).close()
        except urllib.error.HTTPError as error:
            if error.code == 429 or error.code >= 500:
                raise RetryLater(f"the chat answered {error.code}") from error
            raise Rejected(f"the chat answered {error.code}") from error
        except OSError as error:
            raise RetryLater("the chat cannot be reached") from error


def line(event: apilog.Event) -> str:
    status = event.response.status if event.response else "no answer"
    return f"{event.request.verb} {event.request.uri}: {status}"


def shop(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    failed = environ["PATH_INFO"] == "/orders"
    start_response("503 Service Unavailable" if failed else "200 OK", [("Content-Length", "0")])
    return [b""]


def main(url: str) -> bool:
    with apilog.Client(Chat(url)) as client:
        recorded = ApiLogMiddleware(shop, client=client)
        for path in ("/items", "/orders", "/health"):
            environ: dict[str, Any] = {"PATH_INFO": path}
            setup_testing_defaults(environ)
            response: Any = recorded(environ, lambda *_: print)
            list(response)
            response.close()
        arrived = client.flush(10)
    print(client.stats())
    return arrived


if __name__ == "__main__":
    sys.exit(not main(sys.argv[1]))
