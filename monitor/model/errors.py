"""The exceptions of the program: what can go wrong at each edge, in our words and not in a driver's."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a run gave no data: the same word in metric, log, alert and page."""

    TARGET_DOWN = "target_down"
    ACCESS_DENIED = "access_denied"
    SCHEMA_MISSING = "schema_missing"
    TIMEOUT = "timeout"
    LOCK_WAIT = "lock_wait"
    QUERY_ERROR = "query_error"
    BAD_RESULT = "bad_result"
    KILLED = "killed"
    TOO_MANY_ROWS = "too_many_rows"
    REPLICA_LAGGING = "replica_lagging"
    INPUT_MISSING = "input_missing"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in the configuration: where, what, and what is allowed."""

    file: str
    message: str
    key: str = ""
    line: int | None = None
    may_pass: bool = False
    """Whether it may be over soon without a change of the configuration: a key that is just being renewed."""

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return (
            f"{where}: {self.key}: {self.message}"
            if self.key
            else f"{where}: {self.message}"
        )


class MonitorError(Exception):
    """Any failure that the program foresees."""


class ConfigError(MonitorError):
    """The configuration cannot be used; carries every problem, in file and line order."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems

    @property
    def may_pass(self) -> bool:
        """Return whether every problem may be over soon."""
        return all(problem.may_pass for problem in self.problems)


class ListenError(MonitorError):
    """The address of the page cannot be listened on; `may_pass`: it may be possible soon."""

    def __init__(self, message: str, *, may_pass: bool) -> None:
        super().__init__(message)
        self.may_pass = may_pass


HIDDEN_EXCERPT = "near '…'"
"""What stands in the words of a syntax error where the server quotes the statement."""


def message_with_excerpt(message: str, excerpt: str) -> str:
    """Return the words of a syntax error with the excerpt that the server stumbled over; not for logs."""
    # The excerpt is a piece of the statement, which may hold what a log must not show.
    if not excerpt:
        return message
    if HIDDEN_EXCERPT in message:
        return message.replace(HIDDEN_EXCERPT, f"near '{excerpt}'", 1)
    return f"{message} (near '{excerpt}')"


class QueryError(MonitorError):
    """A run that gave no data: a reason, the server's own words without SQL literals, its error code.

    `excerpt` is the part of the statement that the server stumbled over: for its author, never for a log.
    """

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        code: int | None = None,
        detail: str = "",
        excerpt: str = "",
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.code = code
        self.detail = detail
        self.excerpt = excerpt

    @property
    def author_message(self) -> str:
        """Return the message with the excerpt of a syntax error in it."""
        return message_with_excerpt(self.message, self.excerpt)


class TargetError(QueryError):
    """The target could not be reached, entered or kept: no query can run there."""


class RefusedError(TargetError):
    """A new connection was refused while another one of ours lives: the target is there."""


class SecretError(MonitorError):
    """A secret cannot be read; says where and why, never what it is."""


class SampleError(MonitorError):
    """A row that cannot become samples; names the row (counted from 1) and the column."""

    def __init__(self, message: str, *, row: int | None = None) -> None:
        super().__init__(message if row is None else f"row {row}: {message}")
        self.row = row


class DeliveryError(MonitorError):
    """An attempt that the receiver did not take; recoverable ones are tried again."""

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        recoverable: bool,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.recoverable = recoverable
        self.retry_after_seconds = retry_after_seconds


class ReloadError(MonitorError):
    """A valid configuration could not be put in force; the one before it still is."""


class StateError(MonitorError):
    """The state directory cannot be used: another daemon has it, or a newer version wrote it."""


class StateInUseError(StateError):
    """Another token-monitor has the state directory; `phase` is what it says of itself, empty if unknown."""

    def __init__(self, message: str, *, phase: str) -> None:
        super().__init__(message)
        self.phase = phase


class StateLockedError(StateError):
    """Another program, such as a backup, has the state's file locked."""
