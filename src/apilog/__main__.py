"""``python -m apilog``: the ``apilog`` command."""

from __future__ import annotations

import sys

from apilog.cli import main

if __name__ == "__main__":
    sys.exit(main())
