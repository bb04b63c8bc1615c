"""Return the types of an answer's columns, from what the server says on the wire; pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from pymysql.constants import FIELD_TYPE

from monitor.model.results import ColumnType

_BINARY_CHARSET = 63
# MySQL 9's; the driver takes its bytes for ASCII, and breaks off in the middle of the row.
_VECTOR = 242
_OF_BYTES_OR_TEXT = frozenset(
    {
        FIELD_TYPE.VARCHAR,
        FIELD_TYPE.VAR_STRING,
        FIELD_TYPE.STRING,
        FIELD_TYPE.ENUM,
        FIELD_TYPE.SET,
    }
    | {
        FIELD_TYPE.TINY_BLOB,
        FIELD_TYPE.BLOB,
        FIELD_TYPE.MEDIUM_BLOB,
        FIELD_TYPE.LONG_BLOB,
    }
)
_OTHERS = {
    FIELD_TYPE.BIT: ColumnType.BIT,
    FIELD_TYPE.JSON: ColumnType.JSON,
    FIELD_TYPE.GEOMETRY: ColumnType.SPATIAL,
    **dict.fromkeys((FIELD_TYPE.DATE, FIELD_TYPE.NEWDATE), ColumnType.DATE),
    **dict.fromkeys((FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP), ColumnType.DATETIME),
    FIELD_TYPE.TIME: ColumnType.TIME,
}


class DriverField(Protocol):
    """What the driver keeps of a column's description."""

    name: str
    type_code: int
    charsetnr: int


def types_of(fields: Iterable[DriverField]) -> tuple[ColumnType, ...]:
    """Return each column's type. Binary is a character set there: the same code is VARCHAR and VARBINARY."""
    return tuple(_type_of(field) for field in fields)


def unreadable_column(fields: Iterable[DriverField]) -> str:
    """Return the first column that the driver cannot decode; empty where there is none."""
    return next((field.name for field in fields if field.type_code == _VECTOR), "")


def _type_of(field: DriverField) -> ColumnType:
    if field.type_code in _OF_BYTES_OR_TEXT:
        is_binary = field.charsetnr == _BINARY_CHARSET
        return ColumnType.BINARY if is_binary else ColumnType.TEXT
    return _OTHERS.get(field.type_code, ColumnType.NUMBER)
