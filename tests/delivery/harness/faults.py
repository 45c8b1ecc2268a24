"""What a sink can do wrong. Every fault counts its strokes, under the name it has here."""

from __future__ import annotations

from collections.abc import Collection

from harness.payload import claim_in
from harness.sink import Fault, Sink, Wire


def status(code: int, **headers: str) -> Fault:
    """Answer every batch with *code* and store nothing."""

    def fault(sink: Sink, wire: Wire) -> bool:
        sink.read(wire)
        sink.struck(str(code))
        wire.answer(code, **headers)
        return True

    return fault


def redirect(target: str) -> Fault:
    """Send every client to another server."""
    return status(307, Location=target)


def too_large(limit: int) -> Fault:
    """Store batches of at most *limit* bytes of JSON; answer 413 to larger ones."""

    def fault(sink: Sink, wire: Wire) -> bool:
        post = sink.read(wire)
        if len(post.text) <= limit:
            return sink.accept(wire, post)
        sink.struck("413")
        wire.answer(413)
        return True

    return fault


def poison(claims: Collection[int]) -> Fault:
    """Refuse every batch with one of *claims* in it, as a whole."""

    def fault(sink: Sink, wire: Wire) -> bool:
        post = sink.read(wire)
        if not any(claim_in(event) in claims for event in post.events):
            return sink.accept(wire, post)
        sink.struck("400")
        wire.answer(400)
        return True

    return fault


def hang(sink: Sink, wire: Wire) -> bool:
    """Read the batch and say nothing."""
    sink.read(wire)
    sink.struck("hang")
    sink.is_healthy_within()
    return False


def trickle(sink: Sink, wire: Wire) -> bool:
    """Answer, but ever so slowly, and never to the end."""
    sink.read(wire)
    sink.struck("trickle")
    wire.peer.sendall(b"HTTP/1.1 201 Created\r\nX-Slow: ")
    while not sink.is_healthy_within(0.05):
        wire.peer.sendall(b".")
    return False


def lose_ack(sink: Sink, wire: Wire) -> bool:
    """Store the batch, and end the connection instead of saying so."""
    sink.store(sink.read(wire))
    sink.struck("lost ack")
    return False


def reset_before(sink: Sink, wire: Wire) -> bool:
    """Break off before anything is read."""
    sink.struck("reset")
    wire.reset()
    return False


def reset_amid(sink: Sink, wire: Wire) -> bool:
    """Break off in the middle of the batch."""
    wire.read(half=True)
    sink.struck("reset")
    wire.reset()
    return False


def reset_after(sink: Sink, wire: Wire) -> bool:
    """Break off when the batch was read, without storing it."""
    sink.read(wire)
    sink.struck("reset")
    wire.reset()
    return False


def garbage(sink: Sink, wire: Wire) -> bool:
    """Answer with something that is not HTTP."""
    sink.read(wire)
    sink.struck("garbage")
    wire.peer.sendall(b"220 mail.example ESMTP ready\r\n\r\n")
    return False


def in_turn(*faults: Fault) -> Fault:
    """Play *faults* one after the other, a batch is stored after every round."""
    turn = 0

    def fault(sink: Sink, wire: Wire) -> bool:
        nonlocal turn
        turn += 1
        place = turn % (len(faults) + 1)
        return faults[place - 1](sink, wire) if place else sink.accept(wire, sink.read(wire))

    return fault
