"""The two HTML pages. Everything that was logged is text: escaped, and never an address."""

from __future__ import annotations

from html import escape
from itertools import islice
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from apilog.collector.store import Summary

MAX_SHOWN_CHARACTERS: Final = 262_144
"""Longest text a page shows of one value; the JSON API has the whole event."""

MAX_SHOWN_BASE64: Final = 4_096
"""Longest base64 text shown: enough to recognise a file type, no use to read."""

MAX_SHOWN_ROWS: Final = 1_000
"""Most rows of a table of headers or fields."""

REFRESH_SECONDS: Final = 2

STYLE: Final = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5rem; color: #1a1a1a; background: #fff; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0;
  border-bottom: 1px solid #ddd; overflow-wrap: anywhere; }
th { white-space: nowrap; }
pre { background: #f5f5f5; padding: .6rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.number { text-align: right; }
.note { color: #666; }
@media (prefers-color-scheme: dark) {
  body { color: #ddd; background: #161616; } pre { background: #222; }
  th, td { border-color: #333; } a { color: #8ab4f8; } .note { color: #999; }
}
"""

_COLUMNS: Final = ("", "time", "verb", "uri", "status", "ms", "user")


def list_page(
    summaries: Sequence[Summary], *, newest: bool, older: int | None, lost: Mapping[str, int]
) -> str:
    """Return the page that lists *summaries*.

    The page of the *newest* events refreshes itself; *older* is the id below which the next
    page begins, None on the last one. *lost* counts by reason what senders say they lost.
    """
    head = f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">' if newest else ""
    rows = "".join(map(_summary_row, summaries))
    titles = "".join(f"<th>{title}</th>" for title in _COLUMNS)
    table = f"<table><thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table>"
    empty = '<p class="note">No events. Send some to /v1/events or /v1/events/batch.</p>'
    back = "" if newest else '<p><a href="/">newest</a></p>'
    on = "" if older is None else f'<p><a href="/?before={older:d}">older</a></p>'
    reasons = ", ".join(f"{escape(reason)} {count:d}" for reason, count in sorted(lost.items()))
    losses = f'<p class="note">Senders left out or lost: {reasons}.</p>' if lost else ""
    return _page("Events", losses + (table if summaries else empty) + back + on, head=head)


def event_page(row_id: int, event: Mapping[str, object]) -> str:
    """Return the page of one event: request, response, what was masked, and all the rest."""
    metadata = event.get("metadata")
    own = metadata.get("apilog") if isinstance(metadata, dict) else None
    masked = own.get("masked") if isinstance(own, dict) else None
    rest = {k: v for k, v in event.items() if k not in ("request", "response", "metadata")}
    return _page(
        f"Event {row_id:d}",
        '<p><a href="/">newest</a></p>'
        + _message("Request", event.get("request"))
        + _message("Response", event.get("response"))
        + _section("Masked", _value(masked))
        + _section("Metadata", _value(metadata))
        + _section("Other fields", _table(rest)),
    )


def missing_page() -> str:
    """Return the page for an id that no event has."""
    return _page("No such event", '<p><a href="/">newest</a></p>')


def _page(title: str, body: str, *, head: str = "") -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<title>{title} - apilog</title><link rel="stylesheet" href="/style.css">{head}</head>'
        f"<body><h1>{title}</h1>{body}</body></html>"
    )


def _section(title: str, body: str) -> str:
    return f"<h2>{title}</h2>{body}"


def _summary_row(summary: Summary) -> str:
    duration = "" if summary.duration_ms is None else f"{summary.duration_ms:.1f}"
    cells = (summary.time, summary.verb, _path(summary.uri), summary.status, duration)
    return (
        f'<tr><td><a href="/events/{summary.row_id:d}">{summary.row_id:d}</a></td>'
        + "".join(f"<td>{_text('' if cell is None else cell)}</td>" for cell in cells)
        + f"<td>{_text(summary.user_id or '')}</td></tr>"
    )


def _path(uri: str) -> str:
    """Return path and query of *uri*, or all of it where it is not an absolute one."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return uri
    return (parts.path + (f"?{parts.query}" if parts.query else "")) or uri


def _message(title: str, message: object) -> str:
    """Return the section of a request or a response: its fields, headers and body."""
    if not isinstance(message, dict):
        return _section(title, '<p class="note">none</p>')
    fields = {k: v for k, v in message.items() if k not in ("headers", "body")}
    headers = message.get("headers")
    return (
        _section(title, _table(fields))
        + f"<h3>{title} headers</h3>{_table(headers if isinstance(headers, dict) else {})}"
        + f"<h3>{title} body</h3>{_body(message.get('body'), message.get('transfer_encoding'))}"
    )


def _table(fields: Mapping[str, object]) -> str:
    present = [(name, value) for name, value in fields.items() if value is not None]
    if not present:
        return '<p class="note">none</p>'
    rows: Iterable[str] = (
        f"<tr><th>{_text(name)}</th><td>{_text(_plain(value))}</td></tr>"
        for name, value in islice(present, MAX_SHOWN_ROWS)
    )
    more = len(present) - MAX_SHOWN_ROWS
    note = f'<p class="note">and {more} more</p>' if more > 0 else ""
    return f"<table>{''.join(rows)}</table>{note}"


def _body(body: object, transfer_encoding: object) -> str:
    if transfer_encoding == "base64" and isinstance(body, str):
        size = len(body) * 3 // 4 - body[-2:].count("=")
        note = f'<p class="note">base64 of {size} bytes</p>'
        return f"{note}<pre>{_text(body, limit=MAX_SHOWN_BASE64)}</pre>"
    return _value(body)


def _value(value: object) -> str:
    if value is None:
        return '<p class="note">none</p>'
    return f"<pre>{_text(_plain(value))}</pre>"


def _plain(value: object) -> str:
    """Return a string as it is, anything else as indented JSON."""
    if isinstance(value, str):
        return value
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def _text(value: object, *, limit: int = MAX_SHOWN_CHARACTERS) -> str:
    """Return *value* as HTML text, safe between tags and in quotes, cut after *limit*."""
    text = str(value)
    more = len(text) - limit
    return escape(text[:limit]) + (f" [{more} more characters]" if more > 0 else "")
