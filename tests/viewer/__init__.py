"""The viewer in a real browser. A package, because its fixtures end with it: pytest's `package`.

Playwright's loop runs in the thread of the tests for as long as a browser is open, and no other
suite's `asyncio.run` could.
"""
