"""Read one cell as a number, a label or a text, by its column's type; between rows and samples; pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from monitor.model.errors import SampleError
from monitor.model.results import Cell, ColumnType

MAX_LABEL_BYTES = 1024
"""More is an article or a stack trace, not a name: each series and each alert would carry it."""

# What SHOW STATUS, JSON and CONCAT() write: ASCII digits, no blanks around them, no hexadecimal, no word.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")

# Of a column without a type. Here a datetime stands before a date, which it is too.
_TYPES: tuple[tuple[type, ColumnType], ...] = (
    (str, ColumnType.TEXT),
    (bytes, ColumnType.BINARY),
    (datetime, ColumnType.DATETIME),
    (date, ColumnType.DATE),
    (timedelta, ColumnType.TIME),
)

# Made once: to make it for each cell takes as long as to read that.
_Number: TypeAlias = bool | int | float | Decimal

_BIT = "of the type BIT, of which the servers send bits or digits without saying which; write … + 0"
_BINARY = "binary (BINARY, VARBINARY, BLOB)"


@dataclass(frozen=True, slots=True)
class _CellRefusal:
    """Why a column of one type cannot be read as something else; empty where it can be."""

    as_number: str
    as_label: str = ""
    as_text: str = ""


REFUSALS: Mapping[ColumnType, _CellRefusal] = MappingProxyType(
    {
        ColumnType.NUMBER: _CellRefusal(as_number="not a number"),
        ColumnType.TEXT: _CellRefusal(
            as_number="text that is not a number; write what it means as one, such as (… = 'ON')",
        ),
        ColumnType.JSON: _CellRefusal(
            as_number="JSON that is not a number; write what it means as one, such as (… = 'ON')",
        ),
        ColumnType.BINARY: _CellRefusal(
            as_number=f"{_BINARY} and not a number; use CAST(… AS DECIMAL(65, 10)) if it holds digits",
            as_text=f"{_BINARY}; use HEX(…), or CONVERT(… USING utf8mb4) if it holds text",
        ),
        ColumnType.BIT: _CellRefusal(as_number=_BIT, as_text=_BIT),
        ColumnType.DATE: _CellRefusal(
            as_number="a date and not a number; use UNIX_TIMESTAMP(…)",
        ),
        ColumnType.DATETIME: _CellRefusal(
            as_number="a date and time and not a number; use UNIX_TIMESTAMP(…)",
        ),
        ColumnType.TIME: _CellRefusal(
            as_number="a time and not a number; use TIME_TO_SEC(…)",
            as_label="a time; use CAST(… AS CHAR)",
        ),
        ColumnType.SPATIAL: _CellRefusal(
            as_number="spatial and not a number; take one from it, such as ST_X(…) of a point",
            as_text="spatial; use ST_AsText(…)",
        ),
    }
)
"""What is said of each type of column where its cells are none of what is wanted."""


class CellField(NamedTuple):
    """A cell with what an error has to say of it: the column, its type, the row (counted from 1)."""

    cell: Cell
    column: str
    type: ColumnType
    row: int

    @property
    def refusal(self) -> _CellRefusal:
        """Return what this column's type cannot be read as."""
        return REFUSALS[self.type]

    def error(self, what: str) -> SampleError:
        """Return the error that names column and row."""
        return SampleError(f'column "{self.column}" {what}', row=self.row)


def type_of(cell: Cell) -> ColumnType:
    """Return the type of a cell whose column has none, because no server sent it."""
    for python_type, column_type in _TYPES:
        if isinstance(cell, python_type):
            return column_type
    return ColumnType.NUMBER


def number_of(field: CellField) -> float:
    """Read a cell as a finite value; text is one where it is nothing but a number. Raises SampleError."""
    number = _readable_number(field)
    if number is None:
        raise field.error(_not_a_number(field))
    try:
        value = float(number)
    except (OverflowError, ValueError):
        # An integer above 1e308, or a signalling NaN.
        value = math.inf
    if not math.isfinite(value):
        raise field.error(f"is {number}, which is not a finite number")
    return value


def label_of(field: CellField) -> str:
    """Read a cell as the value of a label. Raises SampleError for what is not a name, or above 1 KiB."""
    problem = _not_a_label(field)
    if problem:
        raise field.error(f"is a label and {problem}")
    # A time as ISO 8601 has it; its text for people has a blank in the middle.
    cell = field.cell
    text = cell.isoformat() if isinstance(cell, datetime) else text_of(field)
    size = len(text.encode(errors="surrogatepass"))
    if size > MAX_LABEL_BYTES:
        raise field.error(
            f"is a label of {size:,} bytes, allowed are {MAX_LABEL_BYTES:,}; use LEFT(…, 200)"
        )
    return text


def text_of(field: CellField) -> str:
    """Read a cell as text; NULL is empty. Raises SampleError for bytes, which have no spelling."""
    cell = field.cell
    if cell is None:
        return ""
    if isinstance(cell, bytes):
        # A BINARY column, or one whose bytes the driver could not read as the text that they should be.
        problem = field.refusal.as_text or REFUSALS[ColumnType.BINARY].as_text
        raise field.error(f"is {problem}")
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, Decimal):
        # str() would write 1E+3 of it.
        return format(cell, "f")
    return str(cell)


def is_number(text: str) -> bool:
    """Return whether a text is nothing but a number."""
    return _NUMBER.fullmatch(text) is not None


def _readable_number(field: CellField) -> float | Decimal | str | None:
    """Return what float() reads; of text as it is, since Decimal refuses an exponent of twenty digits."""
    cell = field.cell
    if isinstance(cell, str):
        is_text = field.type in (ColumnType.TEXT, ColumnType.JSON)
        return cell if is_text and is_number(cell) else None
    return cell if isinstance(cell, _Number) else None


def _not_a_number(field: CellField) -> str:
    if field.type is ColumnType.NUMBER and field.cell is None:
        return "is NULL and not a number"
    is_date = field.type in (ColumnType.DATE, ColumnType.DATETIME)
    # The driver gives a date that no calendar has as text; UNIX_TIMESTAMP() would make 1970 of it.
    if is_date and isinstance(field.cell, str):
        return 'is a date of zeros and not a number; use NULLIF(UNIX_TIMESTAMP(…), 0), and say null = "skip"'
    return f"is {field.refusal.as_number}"


def _not_a_label(field: CellField) -> str:
    """Return what a cell is that cannot be a label; empty where it can."""
    if field.cell is None:
        return "NULL; use COALESCE(…, 'none')"
    if isinstance(field.cell, float) and field.type is ColumnType.NUMBER:
        # Its spelling is not its identity: 0.1 + 0.2 is another series than 0.3.
        return "a float; use CAST(… AS DECIMAL(30, 6))"
    return field.refusal.as_label or field.refusal.as_text
