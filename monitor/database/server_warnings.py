"""Read what a server remarks on its own answer, and refuse a result that it calls incomplete or altered."""

from __future__ import annotations

from types import MappingProxyType

import pymysql

from monitor.database.connection import Connection
from monitor.database.driver_errors import code_of, is_answer_error
from monitor.database.reasons import classify, shown_message
from monitor.model.errors import QueryError, Reason
from monitor.model.results import ServerWarning

_MAX_BYTES = 1 << 20
_MAX_KEPT = 5
_ENDED = (Reason.KILLED, Reason.TIMEOUT)
_HINTS = MappingProxyType(
    {
        1365: "write NULLIF(divisor, 0) where it may be 0",
        1292: "a CAST, or a text that is compared with a number or a time, as is_active of 'Y' is with 1:"
        " TokenColumnMismatch names what of the token tables is of another type",
    }
)


def read_warnings(
    connection: Connection, *, seconds: float
) -> tuple[ServerWarning, ...]:
    """Return what the server remarked on the answer just read, each kind once; QueryError where it is spoilt.

    Costs a round trip only where the answer says that there are warnings. `seconds` bounds each read.
    """
    count = connection.driver.warning_count
    if not count:
        return ()
    connection.driver.expect_answer(seconds=seconds, max_bytes=_MAX_BYTES)
    found = _found(connection)
    for warning in found:
        if warning.code in connection.dialect.spoiling_warnings:
            raise _spoilt(warning, count)
    # A server counts more warnings than it keeps (max_error_count), and a cut cannot be distinguished from the rest.
    if len(found) < count:
        message = f"the server counts {count} warnings on its answer and tells {len(found)}: it may be cut"
        raise QueryError(Reason.BAD_RESULT, message, detail="warnings")
    # Of each code the first; those that came first are the last ones here.
    first_by_code = {warning.code: warning for warning in reversed(found)}
    return tuple(first_by_code.values())[-_MAX_KEPT:]


def _found(connection: Connection) -> list[ServerWarning]:
    try:
        rows = connection.execute("SHOW WARNINGS")
    except pymysql.MySQLError as error:
        # A KILL or a limit that comes now is meant for the query: it is not a refusal to show its warnings.
        reason = classify(code_of(error), connecting=False).reason
        if reason in _ENDED or not is_answer_error(error):
            raise
        connection.in_order = True
        return []
    return [_warning(row) for row in rows]


def _warning(row: tuple[object, ...]) -> ServerWarning:
    code = int(str(row[1]))
    return ServerWarning(code, shown_message(str(row[2]), code))


def _spoilt(warning: ServerWarning, count: int) -> QueryError:
    times = f" ({count} warnings)" if count > 1 else ""
    hint = f"; {_HINTS[warning.code]}" if warning.code in _HINTS else ""
    message = f"the server says that its answer is incomplete or altered: {warning.message}{times}{hint}"
    return QueryError(Reason.BAD_RESULT, message, code=warning.code, detail="warnings")
