"""Start, and try again while what keeps us from it may pass: before the pipe, with the log and no thread.

At boot an address, a name, a disk may come later than we do; a certificate may be half renewed, a backup
may have the state. None of that is a bad configuration, and a service manager that hears so would leave
the monitor down. `obstacle_of` is the table of causes; docs/operations.md has it for people.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from monitor.daemon import service_manager
from monitor.model.errors import (
    ConfigError,
    ListenError,
    MonitorError,
    StateError,
    StateInUseError,
    StateLockedError,
)
from monitor.telemetry.log import Log

DEFAULT_START_SECONDS = 60.0
"""How long a start is tried; less than the time that deploy/systemd gives it."""
_RUNNING_SECONDS = 5.0
"""How long one that runs may have the state: if it has just been asked to stop, it says so within this."""
_UNKNOWN_SECONDS = 15.0
"""The same of one that does not say how far it is (an older version): to stop takes 10 s."""
_FIRST_PAUSE_SECONDS = 0.25
_MAX_PAUSE_SECONDS = 5.0

_Started = TypeVar("_Started")


class Ending(StrEnum):
    """How a start ended that did not succeed."""

    STOPPED = "stopped"
    FAILED = "failed"
    BAD_CONFIG = "bad_config"
    IN_USE = "in_use"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps the daemon from starting: how long it is worth trying, and what it is if it stays."""

    message: str
    ending: Ending
    worth_seconds: float


class StartError(MonitorError):
    """The daemon did not start; `ending` says whether starting it again may help."""

    def __init__(self, obstacle: Obstacle) -> None:
        super().__init__(obstacle.message)
        self.ending = obstacle.ending


def obstacle_of(error: Exception, start_seconds: float) -> Obstacle | None:
    """Return what an error of the start means; None for a defect of ours."""
    message = str(error) or type(error).__name__
    if isinstance(error, ConfigError | ListenError) and not error.may_pass:
        return Obstacle(message, Ending.BAD_CONFIG, 0)
    if isinstance(error, StateError):
        return _of_state(error, message, start_seconds)
    if isinstance(error, MonitorError):
        return _passing(message, start_seconds)
    # No thread, no descriptor, no memory, a disk that does not answer.
    if isinstance(
        error, OSError | MemoryError | sqlite3.OperationalError
    ) or _is_about_threads(error):
        return _passing(message, start_seconds)
    return None


def _passing(message: str, start_seconds: float) -> Obstacle:
    return Obstacle(message, Ending.FAILED, start_seconds)


def _of_state(error: StateError, message: str, start_seconds: float) -> Obstacle:
    if isinstance(error, StateLockedError):
        return _passing(message, start_seconds)
    if not isinstance(error, StateInUseError):
        return Obstacle(message, Ending.IN_USE, 0)  # of a newer version
    if error.phase == "running":
        return Obstacle(message, Ending.IN_USE, min(_RUNNING_SECONDS, start_seconds))
    if error.phase in ("starting", "stopping"):
        return _passing(message, start_seconds)
    return Obstacle(message, Ending.IN_USE, min(_UNKNOWN_SECONDS, start_seconds))


def _is_about_threads(error: Exception) -> bool:
    return type(error) is RuntimeError and "thread" in str(error)


def start_patiently(
    attempt: Callable[[], _Started],
    log: Log,
    *,
    start_seconds: float,
    stopped_within: Callable[[float], str],
) -> _Started | None:
    """Return what an attempt gave; None when asked to stop; StartError when it is not worth trying longer.

    `stopped_within` waits so many seconds, or until something is asked, and names what says to stop.
    What is in the way is logged once, and again when it is something else.
    """
    began = time.monotonic()
    pause_seconds = _FIRST_PAUSE_SECONDS
    logged = ""
    while True:
        try:
            return attempt()
        except Exception as error:
            obstacle = obstacle_of(error, start_seconds)
            if obstacle is None:
                raise
            cause = error
        tried_seconds = time.monotonic() - began
        if tried_seconds >= obstacle.worth_seconds:
            if obstacle.worth_seconds > 0:
                _log_failed(log, obstacle, tried_seconds)
            raise StartError(obstacle) from cause
        if obstacle.message != logged:
            logged = obstacle.message
            log.warning(
                "start.delayed",
                message=logged,
                tried_for_seconds=obstacle.worth_seconds,
            )
            service_manager.notify(f"STATUS=Tries again: {logged}")
        if reason := stopped_within(
            min(pause_seconds, obstacle.worth_seconds - tried_seconds)
        ):
            log.info("monitor.stopped", reason=reason)
            return None
        pause_seconds = min(2 * pause_seconds, _MAX_PAUSE_SECONDS)


def _log_failed(log: Log, obstacle: Obstacle, tried_seconds: float) -> None:
    log.error(
        "start.failed",
        reason=str(obstacle.ending),
        message=obstacle.message,
        tried_seconds=round(tried_seconds, 1),
    )
