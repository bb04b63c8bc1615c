"""Read one answer from the wire: rows within bounds, or the connection left for its owner to close."""

from __future__ import annotations

from typing import TypeAlias

from pymysql.cursors import SSCursor

from monitor.database.column_types import types_of, unreadable_column
from monitor.database.driver import AnswerTooLargeError, DriverConnection
from monitor.model.errors import QueryError, Reason
from monitor.model.results import Cell, Rows

# More than any health query has a use for: a million buffered rows took 207 MiB (measured).
MAX_ANSWER_BYTES = 16 * 1024 * 1024
MAX_CELL_BYTES = 64 * 1024

# Made once, and not for each cell.
_Text: TypeAlias = str | bytes


def read_answer(driver: DriverConnection, sql: str, *, max_rows: int) -> Rows:
    """Send a statement and read its rows; QueryError for too many, too large, or no table at all.

    Whatever it raises, nothing more is read: a rest of rows is not drained, which could take minutes.
    """
    cursor = driver.cursor(SSCursor)
    try:
        # Without arguments: with an empty tuple the driver would stumble over each `%`.
        cursor.execute(sql)
        columns = _columns(cursor)
        vector = unreadable_column(driver.answer_fields)
        if vector:
            raise _bad_result(
                f'column "{vector}" is a VECTOR; leave it out, or use VECTOR_TO_STRING(…)'
            )
        types = types_of(driver.answer_fields)
        rows = _rows(cursor, columns, max_rows)
        if driver.has_more_results():
            raise _bad_result("the statement gives more than one result")
    except AnswerTooLargeError:
        mebibytes = MAX_ANSWER_BYTES // 2**20
        raise _bad_result(f"the result has more than {mebibytes} MiB") from None
    finally:
        driver.forget_answer()
        cursor.close()
    return Rows(columns, rows, types)


def _columns(cursor: SSCursor) -> tuple[str, ...]:
    if not cursor.description:
        raise _bad_result("the statement gives no rows, not even none")
    columns = tuple(described[0] for described in cursor.description)
    for column in columns:
        if columns.count(column) > 1:
            raise _bad_result(
                f'two columns are named "{column}"; give each an alias of its own'
            )
    return columns


def _rows(
    cursor: SSCursor, columns: tuple[str, ...], max_rows: int
) -> tuple[tuple[Cell, ...], ...]:
    rows: list[tuple[Cell, ...]] = []
    while (row := cursor.fetchone()) is not None:
        if len(rows) == max_rows:
            words = f"more than {max_rows} rows (max_rows)"
            raise QueryError(Reason.TOO_MANY_ROWS, words)
        rows.append(row)
        for column, cell in zip(columns, row, strict=True):
            if isinstance(cell, _Text) and len(cell) > MAX_CELL_BYTES:
                where = f'row {len(rows)}, column "{column}"'
                kibibytes = MAX_CELL_BYTES // 1024
                raise _bad_result(f"{where}: more than {kibibytes} KiB")
    return tuple(rows)


def _bad_result(message: str) -> QueryError:
    return QueryError(Reason.BAD_RESULT, message)
