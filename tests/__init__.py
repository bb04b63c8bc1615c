"""The tests of the monitor."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# What an example shows does not depend on how long a busy machine takes for it.
settings.register_profile(
    "default",
    settings.get_profile("default"),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
