"""The code that the viewer makes of calls: by its own modules in Node, and run as its users do."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

VIEWER: Final = Path(__file__).parents[3] / "viewer"
ROLLDOWN: Final = VIEWER / "node_modules/.bin/rolldown"
"""The bundler that comes with Vite."""

_ENTRY = """
import { readFileSync } from "node:fs";
import { eventOf } from "VIEWER/src/call/event.ts";
import { parsed } from "VIEWER/src/call/json.ts";
import { snippet } from "VIEWER/src/snippets/index.ts";

const answers = readFileSync(0, "utf8").split("\\n").filter(Boolean).map((line) => {
  const event = eventOf(parsed(line));
  const status = event.document.response?.status ?? null;
  const code = (language) => snippet(language, event, status).code;
  return {
    curl: code("curl"), httpie: code("httpie"), httpx: code("httpx"), pytest: code("pytest"),
    remarks: snippet("curl", event, status).remarks,
  };
});
process.stdout.write(JSON.stringify(answers));
"""


class Snippets:
    """The viewer's own modules, bundled, run by Node."""

    def __init__(self, folder: Path) -> None:
        entry = folder / "entry.ts"
        entry.write_text(_ENTRY.replace("VIEWER", VIEWER.as_posix()))
        self._bundle = folder / "snippets.mjs"
        subprocess.run(
            [ROLLDOWN, entry, "--format", "esm", "--platform", "node", "--file", self._bundle],
            check=True, capture_output=True, timeout=60, cwd=VIEWER,
        )  # fmt: skip

    def of(self, *events: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the code for each event."""
        lines = "\n".join(json.dumps(event, ensure_ascii=False) for event in events)
        done = subprocess.run(
            ["node", self._bundle],
            input=lines.encode(),
            check=True,
            capture_output=True,
            timeout=60,
        )
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found


def run_shell(code: str, folder: Path, *, more: Path | None = None) -> None:
    path = os.pathsep.join([*([str(more)] if more else []), os.environ["PATH"]])
    environment = {"PATH": path, "LANG": "C.UTF-8", "HOME": str(folder)}
    script = folder / "call.sh"
    script.write_text(code)
    subprocess.run(
        ["bash", str(script)], check=True, capture_output=True, timeout=30,
        cwd=folder, env=environment, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def run_curl(code: str, folder: Path) -> None:
    (folder / ".curlrc").write_text("silent\nshow-error\nmax-time = 20\n")
    run_shell(code, folder)


def run_httpx(code: str, folder: Path) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(code, str(folder / "call.py"), "exec"), {})


def run_httpie(code: str, folder: Path) -> None:
    run_shell(code, folder)


RUN = {"curl": run_curl, "httpx": run_httpx}
if shutil.which("http"):
    RUN["httpie"] = run_httpie
