"""Put a new configuration in force part by part, or the old one back where a part cannot take the new."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from monitor.errors import ReloadError
from monitor.model.settings import Config, Job

Part = Callable[[Config], None]
"""Makes one part of the program work by a configuration; it may be told the same one again."""

# No thread can be started, no file opened, no memory had. What a defect raises is not foreseen.
_FORESEEN = (RuntimeError, OSError, ValueError, MemoryError)


def replace_config(parts: Sequence[Part], old: Config, new: Config) -> None:
    """Have every part take the new configuration, in order; ReloadError when all have the old one again.

    What a part did meanwhile is not undone: put last what others hear of.
    """
    for number, part in enumerate(parts):
        try:
            part(new)
        except _FORESEEN as error:
            for done in reversed(parts[: number + 1]):
                with suppress(*_FORESEEN):
                    done(old)
            said = str(error) or type(error).__name__
            raise ReloadError(f"the configuration is valid but could not be put in force: {said}") from error


def changed_jobs(old: Config, new: Config) -> list[Job]:
    """List the jobs that are others now at the same times: those with a new schedule begin by themselves."""
    before = {job.key: job for job in old.jobs}
    return [
        job
        for job in new.jobs
        if (known := before.get(job.key, job)) != job and known.query.schedule == job.query.schedule
    ]


def needing_restart(old: Config, new: Config) -> list[str]:
    """Name the tables whose changes a running process cannot take."""
    return [name for name in ("web", "state") if getattr(old, name) != getattr(new, name)]
