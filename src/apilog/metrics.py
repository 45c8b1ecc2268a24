"""The account of a client as text for Prometheus."""

from __future__ import annotations

from collections.abc import Mapping

from apilog.ledger import Stats

_HELP = {
    "captured": ("counter", "Calls that were recorded, or taken over from another process."),
    "delivered": ("counter", "Events that arrived."),
    "dropped": ("counter", "Calls without an event, and events that were lost, by reason."),
    "quarantined": ("counter", "Events that the endpoint refused, kept on disk."),
    "adopted": ("counter", "Events taken over from processes that are gone."),
    "retries": ("counter", "Deliveries that were tried again."),
    "faults": ("counter", "What went wrong without costing an event, by kind."),
    "queued": ("gauge", "Calls that wait in memory."),
    "spooled": ("gauge", "Events that wait on disk."),
}
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_LABELS = {"dropped": "reason", "faults": "kind"}


def prometheus(stats: Stats) -> str:
    """Return *stats* in Prometheus' text format, version 0.0.4.

    https://prometheus.io/docs/instrumenting/exposition_formats/
    """
    lines: list[str] = []
    for field, (kind, meaning) in _HELP.items():
        name = f"apilog_{field}_total" if kind == "counter" else f"apilog_{field}"
        lines += (f"# HELP {name} {meaning}", f"# TYPE {name} {kind}")
        value: int | Mapping[str, int] = getattr(stats, field)
        if isinstance(value, int):
            lines.append(f"{name} {value}")
        else:
            label = _LABELS[field]
            lines += (
                f'{name}{{{label}="{each.translate(_ESCAPES)}"}} {count}'
                for each, count in sorted(value.items())
            )
    return "\n".join(lines) + "\n"
