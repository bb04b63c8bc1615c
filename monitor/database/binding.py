"""Put parameter values into a statement by the driver's own escaping."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pymysql
from pymysql import converters

from monitor.model.errors import QueryError, Reason
from monitor.model.settings import Scalar, Statement


def bound(
    statement: Statement, values: Mapping[str, Scalar], escape: Callable[[Scalar], str]
) -> str:
    """Give the SQL as it is sent; QueryError for a missing value or one that the driver cannot bind."""
    if not statement.parameters:
        return statement.text
    missing = [name for name in statement.parameters if name not in values]
    if missing:
        raise QueryError(
            Reason.QUERY_ERROR,
            f"no value for :{', :'.join(missing)}",
            detail="parameters",
        )
    literals = {}
    for name in statement.parameters:
        try:
            literals[name] = escape(values[name])
            # a lone surrogate (from a file name, say) is no text that a server could take
            literals[name].encode()
        except (pymysql.MySQLError, TypeError, ValueError):
            raise QueryError(
                Reason.QUERY_ERROR,
                f"the value of :{name} cannot be bound",
                detail="parameters",
            ) from None
    try:
        return statement.text % literals
    except (TypeError, ValueError, KeyError) as error:
        words = (
            f"the statement has a % that is neither doubled nor a parameter: {error}"
        )
        raise QueryError(Reason.QUERY_ERROR, words, detail="parameters") from None


def runnable_sql(statement: Statement, values: Mapping[str, Scalar]) -> str:
    """Bind without a connection, as for a server in its default mode; for people to read and paste."""
    return bound(
        statement,
        values,
        lambda value: converters.escape_item(value, "utf8mb4", converters.encoders),
    )
