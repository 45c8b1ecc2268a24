"""The app with Sentry, every call traced, request bodies on; responses it does not record."""

from __future__ import annotations

import sentry_sdk

from adapters import Recorded, bare


def recorded(framework: str, url: str) -> Recorded:
    """Return *framework*'s app, made after Sentry has patched the framework."""
    sentry_sdk.init(
        dsn=f"{url.replace('://', '://key@')}/1",
        traces_sample_rate=1.0,
        send_default_pii=True,
        max_request_body_size="always",
    )
    # Its queue holds 100 and drops what comes then.
    return Recorded(app=bare.recorded(framework, url).app, flush=sentry_sdk.flush, burst=50)
