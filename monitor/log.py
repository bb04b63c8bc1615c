"""Write each event as one JSON line; an edge that never raises, delays nobody and tells no secret."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
import traceback
from collections.abc import Iterable
from typing import BinaryIO, Literal, TypeAlias

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from monitor.model.alerts import Transition
from monitor.redaction import Plain, Secrets, plain_mapping

Level: TypeAlias = Literal["debug", "info", "warning", "error", "critical"]
Format: TypeAlias = Literal["json", "console"]

QUEUE_LINES = 10_000
"""Lines that wait for a slow reader of our output; more are dropped and counted."""

_FIRST_KEYS = ("timestamp", "level", "event")


class Log:
    """Where events go. `event` is `noun.past_participle`; fields are values that the reader can search."""

    def __init__(
        self, writer: _Writer, logger: FilteringBoundLogger, hidden: _Hidden, bridge: _StdlibBridge | None
    ) -> None:
        self._writer = writer
        self._logger = logger
        self._hidden = hidden
        self._bridge = bridge

    @property
    def dropped(self) -> int:
        """Count the events that could not be written."""
        return self._writer.dropped

    def hide(self, place: str, secrets: Iterable[str]) -> None:
        """Never write what a place holds now, wherever it stands; what it held just before stays hidden."""
        self._hidden.put(place, secrets)

    def event(self, event: str, level: Level = "info", **fields: object) -> None:
        """Write one event at a level that the caller computed."""
        self._logger.log(logging.getLevelNamesMapping()[level.upper()], event, **fields)

    def debug(self, event: str, **fields: object) -> None:
        """Write what only a developer asks for."""
        self._logger.debug(event, **fields)

    def info(self, event: str, **fields: object) -> None:
        """Write what happened as it should."""
        self._logger.info(event, **fields)

    def warning(self, event: str, **fields: object) -> None:
        """Write what somebody should look at."""
        self._logger.warning(event, **fields)

    def error(self, event: str, **fields: object) -> None:
        """Write what went wrong; `exc_info=True` adds the trace, without local variables."""
        self._logger.error(event, **fields)

    def close(self, deadline_seconds: float = 2.0) -> None:
        """Write out what waits, and let go of the other libraries' logging."""
        if self._bridge is not None:
            logging.getLogger().removeHandler(self._bridge)
        self._writer.close(deadline_seconds)


def configure(
    stream: BinaryIO,
    *,
    level: Level = "info",
    format: Format = "json",  # noqa: A002 - the option's name
    queued: bool = False,
    libraries: bool = True,
) -> Log:
    """Make the program's log. `queued`: a thread writes, so that a slow reader delays nobody.

    `libraries`: what other libraries log through `logging` at WARNING and above comes here too.
    """
    hidden = _Hidden()
    writer = _Writer(stream, queued=queued)
    logger: FilteringBoundLogger = structlog.wrap_logger(
        writer,
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _render_exception,
            _redact_with(hidden),
            _render_json if format == "json" else _render_console,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        context_class=dict,
        cache_logger_on_first_use=True,
    )
    bridge = _StdlibBridge(logger) if libraries else None
    if bridge is not None:
        logging.getLogger().addHandler(bridge)
        # It logs each run at INFO, and at WARNING what we count ourselves as missed.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
    return Log(writer, logger, hidden, bridge)


def alert_fields(transition: Transition) -> dict[str, object]:
    """Give the fields of the event `alert.<change>`: the only place in the log for evidence."""
    alert = transition.alert
    fields: dict[str, object] = {
        "alertname": alert.name,
        "fingerprint": alert.fingerprint,
        "severity": alert.severity.value,
        "target": alert.scope.target,
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "value": alert.value,
        "active_at": alert.active_at,
        "fired_at": alert.fired_at,
        "resolved_at": alert.resolved_at,
        "evidence": [dict(row) for row in alert.evidence],
    }
    if alert.fired_for is not None:
        fields |= {"fired_seconds": round(alert.fired_for.total_seconds(), 3), "peak": alert.peak}
    if alert.since_at_least:
        fields["since_at_least"] = True
    if alert.resolve_reason:
        fields["resolve_reason"] = alert.resolve_reason
    return fields


class _Hidden:
    """What must not be written; told by every thread that reads a secret."""

    def __init__(self) -> None:
        self._putting = threading.Lock()
        self.secrets = Secrets()

    def put(self, place: str, secrets: Iterable[str]) -> None:
        with self._putting:
            self.secrets = self.secrets.put(place, secrets)


class _Writer:
    """Writes lines; what cannot be written is dropped and counted, whatever the stream does."""

    def __init__(self, stream: BinaryIO, *, queued: bool) -> None:
        self.dropped = 0
        self._stream = stream  # kept, so that nobody closes it under us
        self._writing = threading.Lock()
        self._counting = threading.Lock()  # not the same: a write can last as long as its reader sleeps
        self._torn = False
        self._queue: queue.Queue[bytes | None] | None = None
        self._thread: threading.Thread | None = None
        if queued:
            self._queue = queue.Queue(QUEUE_LINES)
            self._thread = threading.Thread(target=self._drain, name="log", daemon=True)
            self._thread.start()

    def msg(self, line: bytes) -> None:
        """Take a line; structlog calls the method that is named as the level."""
        waiting = self._queue
        if waiting is None:
            self._write(line)
            return
        try:
            waiting.put_nowait(line)
        except queue.Full:
            self._drop()

    debug = info = warning = error = critical = msg

    def close(self, deadline_seconds: float) -> None:
        """Write what waits, but no longer than the deadline; later lines are written at once."""
        if self._queue is None or self._thread is None:
            return
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=deadline_seconds)
        self._thread.join(deadline_seconds)
        if not self._thread.is_alive():
            self._queue = None

    def _drain(self) -> None:
        waiting = self._queue
        while waiting is not None and (line := waiting.get()) is not None:
            self._write(line)

    def _write(self, line: bytes) -> None:
        with self._writing:
            try:
                self._put(b"\n" + line if self._torn else line)
            except (OSError, ValueError):  # EPIPE, ENOSPC, EAGAIN; a closed file is a ValueError
                self._drop()

    def _drop(self) -> None:
        with self._counting:
            self.dropped += 1

    def _put(self, line: bytes) -> None:
        try:
            # Below the buffer: a BufferedWriter keeps what it could not write and fails again at exit.
            descriptor = self._stream.fileno()
        except OSError:  # a stream in memory
            self._stream.write(line)
            self._stream.flush()
            return
        sent = 0
        while sent < len(line):
            sent += os.write(descriptor, line[sent:])
            self._torn = sent < len(line)


class _StdlibBridge(logging.Handler):
    """Brings the warnings of other libraries into our log, in our form."""

    def __init__(self, logger: FilteringBoundLogger) -> None:
        super().__init__(logging.WARNING)
        self._target_logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # arguments that do not fit the text
            message = str(record.msg)
        fields = {"exc_info": record.exc_info} if record.exc_info else {}
        self._target_logger.log(
            min(record.levelno // 10 * 10, logging.CRITICAL),
            "library.reported",
            logger=record.name,
            message=message,
            **fields,
        )


def _render_exception(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Replace `exc_info` by the trace as text: structlog's own rendering can show local variables."""
    exc_info = event.pop("exc_info", None)
    error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    if exc_info is True:
        event["exception"] = traceback.format_exc()
    elif isinstance(error, BaseException):
        event["exception"] = "".join(traceback.format_exception(error))
    return event


def _redact_with(hidden: _Hidden) -> Processor:
    def redact(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
        # These are our own words: a secret that is one of them would spoil them, and be told by that.
        first: EventDict = {key: event.pop(key) for key in _FIRST_KEYS if key in event}
        return {**first, **plain_mapping(event, hidden.secrets)}

    return redact


def _render_json(_logger: WrappedLogger, _name: str, event: EventDict) -> bytes:
    return orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)


def _render_console(_logger: WrappedLogger, _name: str, event: EventDict) -> bytes:
    trace = event.pop("exception", None)
    first = [str(event.pop(key, "")) for key in _FIRST_KEYS]
    rest = " ".join(f"{key}={_console_value(value)}" for key, value in event.items())
    line = f"{first[0]} {first[1]:8} {first[2]:22} {rest}".rstrip()
    return (f"{line}\n{trace}" if trace else line).rstrip("\n").encode() + b"\n"


def _console_value(value: Plain) -> str:
    if isinstance(value, str) and value and not any(c in value for c in ' "=\n\t'):
        return value
    return orjson.dumps(value).decode()
