"""Read one cell as a number, a label or a text, by its column's type; between rows and samples; pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import assert_never

from monitor.model.errors import SampleError
from monitor.model.results import Cell, ColumnType

MAX_LABEL_BYTES = 1024
"""More is an article or a stack trace, not a name: each series and each alert would carry it."""

# What SHOW STATUS, JSON and CONCAT() write: ASCII digits, no blanks around them, no hexadecimal, no word.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_BIT = "is of the type BIT, of which the servers send bits or digits without saying which; write … + 0"
_BINARY = "is binary (BINARY, VARBINARY, BLOB)"


@dataclass(frozen=True, slots=True)
class Field:
    """A cell with what an error has to say of it: the column, its type, the row (counted from 1)."""

    cell: Cell
    column: str
    type: ColumnType
    row: int

    def error(self, what: str) -> SampleError:
        """Return the error that names column and row."""
        return SampleError(f'column "{self.column}" {what}', row=self.row)


def type_of(cell: Cell) -> ColumnType:
    """Return the type of a cell whose column has none, because no server sent it."""
    if isinstance(cell, str):
        return ColumnType.TEXT
    if isinstance(cell, bytes):
        return ColumnType.BINARY
    if isinstance(cell, datetime):
        return ColumnType.DATETIME
    if isinstance(cell, date):
        return ColumnType.DATE
    return ColumnType.TIME if isinstance(cell, timedelta) else ColumnType.NUMBER


def number_of(field: Field) -> float:
    """Read a cell as a value; text is one where it is nothing but a number. Raises SampleError."""
    cell: Cell = field.cell
    if field.type in (ColumnType.TEXT, ColumnType.JSON):
        cell = _written_number(cell)
    if not isinstance(cell, bool | int | float | Decimal):
        raise field.error(_not_a_number(field))
    try:
        value = float(cell)
    except (OverflowError, ValueError):
        value = math.inf
    if not math.isfinite(value):
        raise field.error(f"is {cell}, which is not a finite number")
    return value


def _written_number(cell: Cell) -> Cell:
    """Return the number that a text is, or the cell as it is."""
    if isinstance(cell, str) and _NUMBER.fullmatch(cell):
        return Decimal(cell)
    return cell


def label_of(field: Field) -> str:
    """Read a cell as the value of a label. Raises SampleError for what is not a name, or above 1 KiB."""
    problem = _not_a_label(field)
    if problem:
        raise field.error(f"is a label and {problem}")
    text = text_of(field)
    size = len(text.encode(errors="surrogatepass"))
    if size > MAX_LABEL_BYTES:
        raise field.error(
            f"is a label of {size:,} bytes, allowed are {MAX_LABEL_BYTES:,}; use LEFT(…, 200)"
        )
    return text


def text_of(field: Field) -> str:
    """Read a cell as text; NULL is empty. Raises SampleError for bytes, which have no spelling."""
    cell = field.cell
    if cell is None:
        return ""
    if isinstance(cell, bytes):
        raise field.error(_bytes_as_text(field.type))
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return format(cell, "f") if isinstance(cell, Decimal) else str(cell)


def _not_a_number(field: Field) -> str:
    match field.type:
        case ColumnType.NUMBER:
            return (
                "is NULL and not a number" if field.cell is None else "is not a number"
            )
        case ColumnType.TEXT | ColumnType.JSON:
            what = "JSON" if field.type is ColumnType.JSON else "text"
            return f"is {what} that is not a number; write what it means as one, such as (… = 'ON')"
        case ColumnType.BINARY:
            return f"{_BINARY} and not a number; use CAST(… AS DECIMAL(65, 10)) if it holds digits"
        case ColumnType.BIT:
            return _BIT
        case ColumnType.DATE | ColumnType.DATETIME:
            return _moment_as_number(field)
        case ColumnType.TIME:
            return "is a time and not a number; use TIME_TO_SEC(…)"
        case ColumnType.SPATIAL:
            return "is spatial and not a number; take one from it, such as ST_X(…) of a point"
        case _:
            assert_never(field.type)


def _moment_as_number(field: Field) -> str:
    # The driver gives a date that no calendar has as text; UNIX_TIMESTAMP() would make 1970 of it.
    if isinstance(field.cell, str):
        return 'is a date of zeros and not a number; use NULLIF(UNIX_TIMESTAMP(…), 0), and say null = "skip"'
    what = "a date and time" if field.type is ColumnType.DATETIME else "a date"
    return f"is {what} and not a number; use UNIX_TIMESTAMP(…)"


def _not_a_label(field: Field) -> str:
    if field.cell is None:
        return "NULL; use COALESCE(…, 'none')"
    match field.type:
        case ColumnType.NUMBER:
            is_float = isinstance(field.cell, float)
            return "a float; use CAST(… AS DECIMAL(30, 6))" if is_float else ""
        case ColumnType.TEXT | ColumnType.JSON | ColumnType.DATE:
            return ""
        case ColumnType.BINARY | ColumnType.BIT | ColumnType.SPATIAL:
            return _bytes_as_text(field.type).removeprefix("is ")
        case ColumnType.DATETIME:
            return "a date and time; use DATE_FORMAT(…, '%Y-%m-%d')"
        case ColumnType.TIME:
            return "a time; use CAST(… AS CHAR)"
        case _:
            assert_never(field.type)


def _bytes_as_text(column_type: ColumnType) -> str:
    if column_type is ColumnType.BIT:
        return _BIT
    if column_type is ColumnType.SPATIAL:
        return "is spatial; use ST_AsText(…)"
    return f"{_BINARY}; use HEX(…), or CONVERT(… USING utf8mb4) if it holds text"
