"""The collector: takes API calls by five protocols, keeps them for good, and shows them.

``apilog serve`` runs it; it needs ``pip install 'apilog[collector]'``. It shares no code with the
sender but the error tree, so that a bug cannot hide in code both sides use.

Nothing is imported here: a command that only reads the store needs no web server.
"""

from __future__ import annotations

__all__: list[str] = []
