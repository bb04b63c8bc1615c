"""Read what a server remarks on its own answer, and refuse a result that it calls incomplete or altered."""

from __future__ import annotations

from types import MappingProxyType

import pymysql

from monitor.database.connection import Connection
from monitor.database.driver_errors import code_of
from monitor.database.reasons import classify, is_answer, shown_message
from monitor.model.errors import QueryError, Reason
from monitor.model.results import ServerWarning

# None of these changes the result code: the statement "succeeded".
_INCOMPLETE = (1260, 1931)  # GROUP_CONCAT was cut, LIMIT ROWS EXAMINED left rows out
_CUT_OR_MISREAD = (1264, 1265, 1292, 1366, 1367, 1411, 1977)
# A division by 0, a text or a time beyond bounds, invalid characters, JSON that is none.
_NULL_INSTEAD = (1300, 1301, 1365, 1441, 4035, 4036, 4037, 4038)
SPOILING = frozenset({*_INCOMPLETE, *_CUT_OR_MISREAD, *_NULL_INSTEAD})
_MAX_BYTES = 1 << 20
_MAX_KEPT = 5
_HINTS = MappingProxyType(
    {
        1365: "write NULLIF(divisor, 0) where it may be 0",
        1292: "a CAST, or a text that is compared with a number or a time",
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
        if warning.code in SPOILING:
            raise _spoilt(warning, count)
    if len(found) < count:
        message = f"the server counts {count} warnings on its answer and tells {len(found)}: it may be cut"
        raise QueryError(Reason.BAD_RESULT, message, detail="warnings")
    return tuple({warning.code: warning for warning in reversed(found)}.values())[
        -_MAX_KEPT:
    ]


def _found(connection: Connection) -> list[ServerWarning]:
    try:
        rows = connection.execute("SHOW WARNINGS")
    except pymysql.MySQLError as error:
        code = code_of(error)
        is_ended = classify(code, connecting=False).reason in (
            Reason.KILLED,
            Reason.TIMEOUT,
        )
        if is_ended or not is_answer(code, str(error)):
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
