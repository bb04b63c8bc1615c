"""Write each event as one JSON line; an edge that never raises, delays nobody and shows no secret."""

from __future__ import annotations

import logging
import os
import re
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import BinaryIO, TypeAlias, assert_never

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from monitor.alerting.shown import shown_annotations
from monitor.model.alerts import Transition
from monitor.model.levels import Severity
from monitor.model.process_settings import LogFormat, LogLevel
from monitor.secrets.plain_values import plain_mapping
from monitor.secrets.redaction import Secrets
from monitor.telemetry.console import Console, columns_of, is_coloured
from monitor.telemetry.log_writer import Writer

Level: TypeAlias = LogLevel
Format: TypeAlias = LogFormat

_FIRST_KEYS = ("timestamp", "level", "event")
_NUMBERS = logging.getLevelNamesMapping()
# A line must be one for every reader: JSON lets these stand, and some take them for the end of a line
# or obey them. Below U+0020 orjson writes escapes itself.
_NOT_PLAIN = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


class Log:
    """Where events go. `event` is `noun.past_participle`; fields are values that the reader can search."""

    def __init__(
        self, writer: Writer, logger: FilteringBoundLogger, hidden: _Hidden, form: _Form
    ) -> None:
        self._writer = writer
        self._logger = logger
        self._hidden = hidden
        self._form = form
        self._min_level = logging.INFO
        self._bridge: _StdlibBridge | None = None

    def set(self, *, level: Level, format: Format) -> None:  # noqa: A002 - the option's name
        """Write events from this one on at this level and above, in this format; any thread may call it."""
        self._min_level = _NUMBERS[level.upper()]
        self._form.format = format

    @property
    def dropped(self) -> int:
        """Count the events that could not be written."""
        return self._writer.dropped

    def hide(self, source: str, secrets: Iterable[str]) -> None:
        """Never write what a source holds now, in any field; what it held just before stays hidden."""
        self._hidden.put(source, secrets)

    def event(self, event: str, level: Level = "info", **fields: object) -> None:
        """Write one event at a level that the caller computed."""
        number = _NUMBERS[level.upper()]
        if number >= self._min_level:
            self._logger.log(number, event, **fields)

    def always(self, event: str, **fields: object) -> None:
        """Write what a log has to begin with, whatever its level leaves out; its own level is info."""
        self._logger.log(logging.INFO, event, **fields)

    def debug(self, event: str, **fields: object) -> None:
        """Write what only a developer asks for."""
        self.event(event, "debug", **fields)

    def info(self, event: str, **fields: object) -> None:
        """Write what happened as it should."""
        self.event(event, "info", **fields)

    def warning(self, event: str, **fields: object) -> None:
        """Write what somebody should look at."""
        self.event(event, "warning", **fields)

    def error(self, event: str, **fields: object) -> None:
        """Write what went wrong; `exc_info=True` adds the trace, without local variables."""
        self.event(event, "error", **fields)

    def take_in_libraries(self) -> None:
        """Write what other libraries log through `logging` at WARNING and above as events of ours."""
        self._bridge = _StdlibBridge(self._report)
        logging.getLogger().addHandler(self._bridge)
        # It logs each run at INFO, and at WARNING what we count ourselves as missed.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)

    def _report(self, number: int, fields: Mapping[str, object]) -> None:
        if number >= self._min_level:
            self._logger.log(number, "library.reported", **fields)

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
    """Make the program's log, which writes to a stream that stays the caller's; close the log first.

    `queued`: a thread writes, so that a slow reader delays nobody. `libraries`: what other libraries log
    through `logging` at WARNING and above comes here too.
    """
    hidden = _Hidden()
    colours = is_coloured(os.environ, is_terminal=_is_terminal(stream))
    form = _Form(
        format, Console(is_coloured=colours, columns=partial(columns_of, stream))
    )
    writer = Writer(stream, queued=queued)
    logger: FilteringBoundLogger = structlog.wrap_logger(
        writer,
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _render_exception,
            _redact_with(hidden),
            form.render,
        ],
        # Log itself leaves out what is below its level: a reload changes that, and a wrapper keeps it.
        wrapper_class=structlog.make_filtering_bound_logger("debug"),
        context_class=dict,
        # Nothing is configured for the process: a logger that is kept by then would not hear of it.
        cache_logger_on_first_use=True,
    )
    log = Log(writer, logger, hidden, form)
    log.set(level=level, format=format)
    if libraries:
        log.take_in_libraries()
    return log


def alert_fields(transition: Transition) -> dict[str, object]:
    """Return the fields of the event `alert.<change>`: the only place in the log for evidence."""
    alert = transition.alert
    fields: dict[str, object] = {
        "alertname": alert.name,
        "fingerprint": alert.fingerprint,
        "severity": alert.severity.value,
        "target": alert.scope.target,
        "labels": dict(alert.labels),
        "annotations": shown_annotations(alert),
        "value": alert.value,
        "active_at": alert.active_at,
        "fired_at": alert.fired_at,
        "resolved_at": alert.resolved_at,
        "evidence": [dict(row) for row in alert.evidence],
    }
    if alert.fired_for is not None:
        fields |= {
            "fired_seconds": round(alert.fired_for.total_seconds(), 3),
            "peak": alert.peak,
        }
    if alert.muted_by is not None:
        fields["muted_by"] = alert.muted_by
    if alert.since_at_least:
        fields["since_at_least"] = True
    if alert.resolve_reason:
        fields["resolve_reason"] = alert.resolve_reason
    return fields


class _Hidden:
    """What must not be written; every thread that reads a secret adds to it."""

    def __init__(self) -> None:
        self._putting = threading.Lock()
        self.secrets = Secrets()

    def put(self, source: str, secrets: Iterable[str]) -> None:
        """Hide what a source holds; who writes meanwhile has the set before or the one after."""
        with self._putting:
            self.secrets = self.secrets.put(source, secrets)


class _Form:
    """How events are written; may change while others write."""

    def __init__(self, format: Format, console: Console) -> None:  # noqa: A002 - the option's name
        self.format: Format = format
        self._console = console

    def render(self, _logger: WrappedLogger, _name: str, event: EventDict) -> bytes:
        return (
            self._console.line(event) if self.format == "console" else _json_line(event)
        )


class _StdlibBridge(logging.Handler):
    """Brings the warnings of other libraries into our log, in our form."""

    def __init__(self, on_record: Callable[[int, Mapping[str, object]], None]) -> None:
        super().__init__(logging.WARNING)
        self._on_record = on_record

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            # Arguments that do not fit the text: a library's defect costs no event of ours.
            message = str(record.msg)
        fields: dict[str, object] = {"logger": record.name, "message": message}
        if record.exc_info:
            fields["exc_info"] = record.exc_info
        self._on_record(min(record.levelno // 10 * 10, logging.CRITICAL), fields)


def _render_exception(
    _logger: WrappedLogger, _name: str, event: EventDict
) -> EventDict:
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
        # These are our own words: a secret that is one of them would spoil them, and be known by that.
        first: EventDict = {key: event.pop(key) for key in _FIRST_KEYS if key in event}
        return {**first, **plain_mapping(event, hidden.secrets)}

    return redact


def _json_line(event: EventDict) -> bytes:
    # Half the time of the standard library's. What orjson raises on (integers above 64 bits, lone surrogates,
    # keys that are not text) the redaction before it has made plain.
    line = orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)
    if line.isascii() and b"\x7f" not in line:
        return line
    return _NOT_PLAIN.sub(
        lambda found: f"\\u{ord(found[0]):04x}", line.decode()
    ).encode()


def _is_terminal(stream: BinaryIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # a closed one
        return False


def level_of_severity(severity: Severity) -> Level:
    """Return at which level an alert of a severity is logged."""
    match severity:
        case Severity.CRITICAL:
            return "error"
        case Severity.WARNING:
            return "warning"
        case Severity.INFO:
            return "info"
        case _:
            assert_never(severity)
