"""Write the SQL for the rows of a table from their columns, which a tuple with names has beside its reader.

A test compares those tuples with the tables in `schema`: a column that is in one of them only fails it.
"""

from __future__ import annotations

from collections.abc import Sequence


def column_list(columns: Sequence[str]) -> str:
    """Return the names as SELECT and INSERT want them."""
    return ", ".join(columns)


def placeholders(values: Sequence[object]) -> str:
    """Return a placeholder for each value."""
    return ", ".join("?" * len(values))


def insert_into(table: str, columns: Sequence[str], *, or_replace: bool = False) -> str:
    """Return the statement that writes one row."""
    verb = "INSERT OR REPLACE" if or_replace else "INSERT"
    return (
        f"{verb} INTO {table} ({column_list(columns)}) VALUES ({placeholders(columns)})"
    )
