"""The database edge: open a connection, run a statement within its limits, stop it, name its error."""

from monitor.database.binding import runnable_sql
from monitor.database.pool import Database
from monitor.database.session import Session

__all__ = ["Database", "Session", "runnable_sql"]
