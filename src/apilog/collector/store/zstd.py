"""Zstandard: of the standard library from Python 3.14 on, else of ``backports.zstd``."""

from __future__ import annotations

import sys

if sys.version_info >= (3, 14):  # pragma: no cover
    from compression.zstd import (
        ZstdCompressor,
        ZstdDecompressor,
        ZstdDict,
        ZstdError,
        get_frame_info,
        train_dict,
    )
else:
    from backports.zstd import (
        ZstdCompressor,
        ZstdDecompressor,
        ZstdDict,
        ZstdError,
        get_frame_info,
        train_dict,
    )

__all__ = [
    "ZstdCompressor",
    "ZstdDecompressor",
    "ZstdDict",
    "ZstdError",
    "get_frame_info",
    "train_dict",
]
