"""The user's own patterns: masked wherever they match, in any text of an event."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias

from apilog.codec import JSON
from apilog.mask_notes import MASK, Notes, Place, note, pointer

_Tree: TypeAlias = "dict[str, JSON] | list[JSON]"


class Patterns:
    """Regular expressions whose matches are masked; false where there are none."""

    def __init__(self, patterns: Iterable[re.Pattern[str]]) -> None:
        self._patterns = tuple(patterns)

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def masked(self, text: str, where: str, notes: Notes) -> str:
        """Return *text* with every match masked."""
        for number, pattern in enumerate(self._patterns):
            masked = pattern.sub(MASK, text)
            if masked != text:
                text = masked
                note(notes, where, f"pattern:{number}")
        return text

    def mask_tree(self, root: _Tree, where: str, notes: Notes) -> bool:
        """Mask matches in every string and name of *root*; say if there were any."""
        hit = False
        pending: list[tuple[_Tree, Place]] = [(root, (None, where))]
        while pending:
            node, place = pending.pop()
            if isinstance(node, dict):
                hit = self._mask_names(node, pointer(place), notes) or hit
            for key in list(node) if isinstance(node, dict) else range(len(node)):
                value = node[key]  # type: ignore[index]
                if isinstance(value, str):
                    masked = self.masked(value, pointer((place, key)), notes)
                    node[key] = masked  # type: ignore[index]
                    hit = hit or masked != value
                elif isinstance(value, (dict, list)):
                    pending.append((value, (place, key)))
        return hit

    def _mask_names(self, node: dict[str, JSON], where: str, notes: Notes) -> bool:
        names = {name: self.masked(name, where, notes) for name in node}
        if all(name == masked for name, masked in names.items()):
            return False
        renamed = {masked: node[name] for name, masked in names.items()}
        node.clear()
        node.update(renamed)
        return True
