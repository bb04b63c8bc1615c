"""Load the configuration when asked, and put it in force part by part, or refuse it: the old one stays."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeAlias

from monitor.model.errors import ConfigError, ReloadError
from monitor.model.settings import Config, Job

Reconfigure: TypeAlias = Callable[[Config], None]
"""Makes one part of the program work by a configuration; it may be given the same one again."""

ReloadAnswer: TypeAlias = queue.SimpleQueue[str | None]
"""Takes what came of a reload: the error's text, or None."""

# No thread can be started, no file opened, no memory had. What a defect raises is not foreseen.
_FORESEEN = (RuntimeError, OSError, ValueError, MemoryError)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one load gave, and who waits to hear what comes of it."""

    outcome: Config | ConfigError | ReloadError
    answer: ReloadAnswer


class Loader:
    """Loads one after another in a thread of its own: where a disk hangs, the main thread still hears."""

    def __init__(self, on_loaded: Callable[[Loaded], None]) -> None:
        self._on_loaded = on_loaded
        self._asked: queue.SimpleQueue[ReloadAnswer | None] = queue.SimpleQueue()

    def start(self, load: Callable[[], Config]) -> None:
        """Start the thread, which loads with `load`."""
        threading.Thread(
            target=self._run, args=(load,), name="loader", daemon=True
        ).start()

    def stop(self) -> None:
        """End the thread; returns at once."""
        self._asked.put(None)

    def ask(self, answer: ReloadAnswer) -> None:
        """Ask for the configuration to be loaded once more; returns at once."""
        self._asked.put(answer)

    def _run(self, load: Callable[[], Config]) -> None:
        while (answer := self._asked.get()) is not None:
            outcome: Config | ConfigError | ReloadError
            try:
                outcome = load()
            except ConfigError as error:
                outcome = error
            # A defect: no reason to end what watches by the configuration that is in force.
            except Exception as error:  # noqa: BLE001
                outcome = ReloadError(
                    f"the configuration could not be read: {type(error).__name__}: {error}"
                )
            self._on_loaded(Loaded(outcome, answer))


def replace_config(parts: Sequence[Reconfigure], old: Config, new: Config) -> None:
    """Apply the new configuration to every part, in order; ReloadError when all have the old one again.

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
            raise ReloadError(
                f"the configuration is valid but could not be put in force: {said}"
            ) from error


def changed_jobs(old: Config, new: Config) -> list[Job]:
    """Return the jobs that are others now at the same times: those with a new schedule begin by themselves."""
    before = {job.key: job for job in old.jobs}
    changed = []
    for job in new.jobs:
        known = before.get(job.key, job)
        if known != job and known.query.schedule == job.query.schedule:
            changed.append(job)
    return changed


def needing_restart(old: Config, new: Config) -> list[str]:
    """Return the tables whose changes a running process cannot take."""
    # By these somebody goes anew at each request, or at each load.
    listens = replace(
        new.web, hosts=old.web.hosts, duration_buckets=old.web.duration_buckets
    )
    changed = {"web": listens != old.web, "state": new.state != old.state}
    return [name for name, is_other in changed.items() if is_other]
