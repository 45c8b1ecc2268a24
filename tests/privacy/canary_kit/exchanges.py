"""Exchanges made of scenes without an app: for thousands of events in little time."""

from __future__ import annotations

from apilog import Client, codec
from apilog.capture import Exchange, RequestHead
from apilog.destinations import Memory
from canary_kit.scene import Scene


def encoded(client: Client, scene: Scene) -> bytes:
    """Return the event of *scene* as *client* would send it.

    Raises:
        Dropped: there is none.
    """
    return client._encoder.encode(exchange(client, scene))


def exchange(client: Client, scene: Scene) -> Exchange:
    """Return the exchange of *scene*, which has ended."""
    made = client.begin(scene.path, scene, _head)
    assert made is not None
    for piece in scene.pieces:
        made.request_body.add(piece)
    made.request_ended = True
    made.respond(scene.status, scene.response_headers)
    for piece in scene.response_pieces:
        made.body_sent(piece)
    made.annotations.update(scene.annotations)
    if "metadata" in made.annotations:
        made.annotations["metadata"] = codec.dumps(made.annotations["metadata"])
    made.finish()
    return made


def client() -> Client:
    """Return a client that nothing is sent with."""
    return Client(Memory())


def _head(scene: Scene) -> RequestHead:
    return RequestHead(
        verb=scene.verb,
        scheme="https",
        authority="shop.test",
        path=scene.path,
        query=scene.query,
        address="192.0.2.7",
        headers=list(scene.headers),
    )
