"""Makes the suite's own package importable, and starts each real server once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

if TYPE_CHECKING:
    from conformance_kit.wire import Server


@pytest.fixture(scope="session")
def server_called(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    """Return the running server of a name; it is started when a test first asks for it."""
    from conformance_kit.wire import running

    servers: dict[str, Server] = {}
    with ExitStack() as stack:

        def server_called(name: str) -> Server:
            if name not in servers:
                log = tmp_path_factory.mktemp(name) / "log"
                servers[name] = stack.enter_context(running(name, log))
            return servers[name]

        yield server_called
