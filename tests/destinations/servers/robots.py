"""Robots, as services that use ``isbot`` 5 know them: by their words, wherever these stand."""

from __future__ import annotations

import re

_WORDS = re.compile(
    r"(?i)bot|crawl|spider|https?:|www\.|@|headless|lighthouse|preview|curl|python|wget|java(?!;)|"
    r"monitor|(?<!cam)scan|fetch|phantom|slurp|archive|google(?!toolbar)|compatible; (?!msie)|"
    r"httpclient|agent\b|analyzer|audit|capture|catch|check|detect|download|feed|grab|inspect|"
    r"library|[^g]news|node\b|optimize|parser|playwright|proxy|rss\b|scrape|selenium|server|"
    r"synthetic|torrent|transcoder|url|validator|\.com\b|\||\(\)|\b\w+/1\.0;|"
    r"^[\w.-]+(/[\w.]+)?$|^mozilla/[\d.]+$|^node"
)


def is_robot(agent: str) -> bool:
    """Say whether *agent* is that of a robot; an empty one is none."""
    return bool(agent and _WORDS.search(agent))
