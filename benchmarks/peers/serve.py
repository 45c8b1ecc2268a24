"""The app that gunicorn or uvicorn serves: one side's, as the environment says.

Run by itself it is `uvicorn` on a socket that was handed down. Uvicorn's own `--fd` takes that for
a Unix socket and leaves Nagle's algorithm on, which holds each answer back for 40 ms.
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

app = (
    importlib.import_module(f"adapters.{os.environ['PEERS_SIDE']}")
    .recorded(os.environ["PEERS_FRAMEWORK"], os.environ["PEERS_URL"])
    .app
)

if __name__ == "__main__":
    import uvicorn

    listening = socket.socket(fileno=int(sys.argv[1]))
    config = uvicorn.Config(app, log_level="warning", access_log=False)
    uvicorn.Server(config).run(sockets=[listening])
