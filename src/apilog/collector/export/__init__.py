"""Calls as files: HAR 1.2, JSON lines, CSV, Parquet. Streamed: memory does not grow with them."""
