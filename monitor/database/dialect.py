"""All that differs between the kinds of server: one row for each, which mypy asks for; pure.

A new kind is a member of `Flavor`, a `Dialect` here and its variables in `session_variables`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from monitor.database.session_variables import (
    COMMON_VARIABLES,
    Effect,
    Variable,
    variables_of_mariadb,
    variables_of_mysql,
)
from monitor.model.settings import Flavor

# LIMIT: before the session is set up, sql_select_limit may be 0.
IDENTIFY = "SELECT VERSION(), @@version_comment, @@hostname, @@read_only LIMIT 1"
# Behind some proxies a variable is refused; what VERSION() says is enough to go on.
IDENTIFY_BARELY = "SELECT VERSION(), '', '', NULL LIMIT 1"
IDENTIFY_HOST = "SELECT @@hostname LIMIT 1"

FIRST_STATEMENT_LIMIT = timedelta(seconds=10)
"""The server's own limit until the first query states its timeout: for what we ask ourselves."""

# A limit of 0 means none at all, on both servers.
_MIN_LIMIT_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of server is recognized, asked, bounded and stopped."""

    version_word: str
    """What its version or its comment says, in lower case; empty for the kind that all others are taken for."""
    limit_variable: str
    """The session variable with the server's own limit for a statement."""
    limit_value: Callable[[float], str]
    """Writes that limit, given in seconds."""
    answers_at_limit: bool
    """Whether a SLEEP that reached the limit ends with a row and no error, so that only the time shows it."""
    read_only_variable: str
    """The session variable that says that nothing can be written."""
    threads_running: str
    """Reads how many threads run a statement, within another SELECT."""
    replication_questions: tuple[str, ...]
    """Statements for what the server replicates from all its sources; the next if one is not known."""
    kill_query: str
    """Ends what the thread {thread_id} runs and leaves its connection."""
    running_statement: str
    """Reads what the thread {thread_id} runs: no row, or one, with NULL where it is idle."""
    spoiling_warnings: frozenset[int]
    """Warnings after which the result cannot be believed, though the statement "succeeded"."""
    own_variables: Callable[[str, str], tuple[Variable, ...]]
    """The session variables beside the common ones, by the server's version and its comment."""

    def statement_limit(self, limit: timedelta) -> str:
        """Return the assignment that makes the server itself stop a statement after so long."""
        seconds = max(limit.total_seconds(), _MIN_LIMIT_SECONDS)
        return f"{self.limit_variable} = {self.limit_value(seconds)}"

    def status_questions(self) -> tuple[str, ...]:
        """Return statements for the time, what is read only (server, engine, session) and the threads that run.

        The next if one fails.
        """
        read_only = f"@@read_only, @@innodb_read_only, {self.read_only_variable}"
        return (
            f"SELECT UTC_TIMESTAMP(6), {read_only}, {self.threads_running}",
            f"SELECT UTC_TIMESTAMP(6), {read_only}, NULL",
            "SELECT UTC_TIMESTAMP(6), @@read_only, NULL, NULL, NULL",
            "SELECT UTC_TIMESTAMP(6), NULL, NULL, NULL, NULL",
        )


# The same on both so far.
_KILL_QUERY = "KILL QUERY {thread_id:d}"
_RUNNING_STATEMENT = (
    "SELECT info FROM information_schema.processlist WHERE id = {thread_id:d}"
)
# A schema is at hand for every account on both; the LIMIT is for a server that knows the name twice.
_THREADS_RUNNING = (
    "(SELECT variable_value FROM {schema}.global_status"
    " WHERE variable_name = 'Threads_running' LIMIT 1)"
)
# GROUP_CONCAT was cut, LIMIT ROWS EXAMINED left rows out.
_INCOMPLETE = (1260, 1931)
_CUT_OR_MISREAD = (1264, 1265, 1292, 1366, 1367, 1411, 1977)
# A division by 0, a text or a time beyond bounds, invalid characters, JSON that is none.
_NULL_INSTEAD = (1300, 1301, 1365, 1441, 4035, 4036, 4037, 4038)
# Of the two servers together: neither gives a code of the other's to a warning that does no harm.
_SPOILING_WARNINGS = frozenset({*_INCOMPLETE, *_CUT_OR_MISREAD, *_NULL_INSTEAD})

_MARIADB = Dialect(
    version_word="mariadb",
    # 1969 after 1.00 s on CPU, in SLEEP and behind a metadata lock (measured on 10.11).
    limit_variable="max_statement_time",
    limit_value=lambda seconds: f"{seconds:.3f}",
    answers_at_limit=False,
    read_only_variable="@@tx_read_only",
    threads_running=_THREADS_RUNNING.format(schema="information_schema"),
    replication_questions=("SHOW ALL SLAVES STATUS",),
    kill_query=_KILL_QUERY,
    running_statement=_RUNNING_STATEMENT,
    spoiling_warnings=_SPOILING_WARNINGS,
    own_variables=variables_of_mariadb,
)
_MYSQL = Dialect(
    version_word="",
    # In milliseconds, and for a SELECT only: 3024. MariaDB would not know the variable, and ignore the hint.
    limit_variable="max_execution_time",
    limit_value=lambda seconds: f"{round(seconds * 1000)}",
    answers_at_limit=True,
    read_only_variable="@@transaction_read_only",
    threads_running=_THREADS_RUNNING.format(schema="performance_schema"),
    # The old spelling is a syntax error from 8.4 on, the new one before 8.0.22.
    replication_questions=("SHOW REPLICA STATUS", "SHOW SLAVE STATUS"),
    kill_query=_KILL_QUERY,
    running_statement=_RUNNING_STATEMENT,
    spoiling_warnings=_SPOILING_WARNINGS,
    own_variables=variables_of_mysql,
)


def dialect_of(flavor: Flavor) -> Dialect:
    """Return how this kind of server is spoken to."""
    match flavor:
        case Flavor.MARIADB:
            return _MARIADB
        case Flavor.MYSQL:
            return _MYSQL
        case _:
            assert_never(flavor)


def flavor_of(version: str, comment: str = "") -> Flavor:
    """Return the kind of server by what it says of itself; MySQL, where it says nothing that we know."""
    text = f"{version} {comment}".lower()
    for flavor in Flavor:
        word = dialect_of(flavor).version_word
        if word and word in text:
            return flavor
    return Flavor.MYSQL


def session_variables(
    flavor: Flavor,
    version: str,
    comment: str = "",
    *,
    limit: timedelta = FIRST_STATEMENT_LIMIT,
) -> tuple[Variable, ...]:
    """Return the variables to state on this kind and version of server, in the order of one SET.

    `comment` is what the server says of its version; `limit` its own limit for a statement.
    """
    dialect = dialect_of(flavor)
    name, _, value = dialect.statement_limit(limit).partition(" = ")
    statement_limit = Variable(name, value, Effect.LIMIT, "statement")
    own = dialect.own_variables(version, comment)
    return (*COMMON_VARIABLES, statement_limit, *own)
