"""The spool: a directory in which events wait, masked, until somebody has taken them.

Append-only files with a checksum for every record, each locked by the process that owns it. The
files are the state: there is no other book. What a process leaves when it dies, another adopts.
"""

from __future__ import annotations

from apilog.spool.parcel import Parcel
from apilog.spool.spool import Spool
from apilog.spool.trouble import SpoolError

__all__ = ["Parcel", "Spool", "SpoolError"]
