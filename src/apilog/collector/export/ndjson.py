"""JSON lines: each event as it is, one a line, which `apilog replay` and `lint` read again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from apilog.collector.store.protocol import Whole

_BREAKS: Final = re.compile(rb"[\r\n]")


def ndjson(calls: Iterable[Whole]) -> Iterator[bytes]:
    """Yield a line for each call. JSON has line breaks between its tokens only, if anywhere."""
    for call in calls:
        yield _BREAKS.sub(b" ", call.event) + b"\n"
