"""Put parameter values into a statement by the driver's own escaping."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pymysql
from pymysql import converters

from monitor.model.errors import QueryError, Reason
from monitor.model.identifiers import identifier_fault, quoted
from monitor.model.settings import Bindable, Statement
from monitor.model.statements import Identifier


def bound(
    statement: Statement,
    values: Mapping[str, Bindable],
    escape: Callable[[Bindable], str],
) -> str:
    """Return the SQL as it is sent; QueryError for a missing value or one that the driver cannot bind."""
    if not statement.parameters:
        return statement.text
    missing = [name for name in statement.parameters if name not in values]
    if missing:
        raise _unbound(f"no value for :{', :'.join(missing)}")
    literals: dict[str, str] = {}
    for name in statement.parameters:
        try:
            literals[name] = _literal(values[name], escape)
            # A lone surrogate (from a file name, say) is not a text that a server could take.
            literals[name].encode()
        except (pymysql.MySQLError, TypeError, ValueError):
            raise _unbound(f"the value of :{name} cannot be bound") from None
    try:
        return statement.text % literals
    except (TypeError, ValueError, KeyError) as error:
        raise _unbound(
            f"the statement has a % that is neither doubled nor a parameter: {error}"
        ) from None


def _literal(value: Bindable, escape: Callable[[Bindable], str]) -> str:
    """Return a value as it stands in the SQL; the driver knows no names."""
    if not isinstance(value, Identifier):
        return escape(value)
    fault = identifier_fault(value)
    if fault:
        raise ValueError(fault)
    return quoted(value)


def _unbound(message: str) -> QueryError:
    return QueryError(Reason.QUERY_ERROR, message, detail="parameters")


def runnable_sql(statement: Statement, values: Mapping[str, Bindable]) -> str:
    """Return the SQL as for a server in its default mode, without a connection; for people to read and paste.

    QueryError as from `bound`.
    """
    return bound(
        statement,
        values,
        lambda value: converters.escape_item(value, "utf8mb4", converters.encoders),
    )
