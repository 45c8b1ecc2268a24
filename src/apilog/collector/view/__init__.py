"""The viewer's API: JSON and server-sent events over a store."""
