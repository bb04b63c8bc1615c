"""Find the privileges that a statement needs beyond SELECT on its target's schema, from its text alone; pure.

What the servers ask for, tried on MariaDB 10.11 and MySQL 9.7. It reads names, not grammar: a privilege that
hides in a view or a stored function is found by the run only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from monitor.config.sql.lexer import Token, code_of, scan

_SYSTEM = "information_schema"
_JOINS = ("JOIN", "STRAIGHT_JOIN")
_BEFORE_TABLES = ("FROM", *_JOINS)
_ENDS_OF_FROM = frozenset(
    {
        "WHERE",
        "GROUP",
        "ORDER",
        "HAVING",
        "LIMIT",
        "ON",
        "USING",
        "UNION",
        "EXCEPT",
        "INTERSECT",
        "WINDOW",
        "FOR",
        "PROCEDURE",
    }
)
# Tables of information_schema that everybody may read, each row as far as the account may see it.
_FREE_TABLES = frozenset(
    {
        "tables",
        "columns",
        "statistics",
        "schemata",
        "views",
        "routines",
        "triggers",
        "partitions",
        "key_column_usage",
        "table_constraints",
        "referential_constraints",
        "check_constraints",
        "parameters",
        "events",
        "engines",
        "plugins",
        "character_sets",
        "collations",
        "keywords",
        "global_status",
        "session_status",
        "global_variables",
        "session_variables",
        "system_variables",
        "user_privileges",
        "schema_privileges",
        "table_privileges",
        "column_privileges",
        "applicable_roles",
        "enabled_roles",
        "columns_extensions",
        "tables_extensions",
        "processlist",
        "sql_functions",
        "view_table_usage",
        "view_routine_usage",
    }
)
# Tables of performance_schema that everybody may read.
_FREE_OF_PERFORMANCE: Final = frozenset(
    {"global_status", "session_status", "global_variables", "session_variables"}
)
# Of what an account without PROCESS is shown its own rows alone, and no error.
_THREADS: Final = "threads"
_STATISTICS: Final = "statistics"
_SHOWN_IN_PART: Final[Mapping[tuple[str, ...], str]] = {
    ("SHOW", "PROCESSLIST"): _THREADS,
    ("SHOW", "FULL", "PROCESSLIST"): _THREADS,
    ("SHOW", "USER_STATISTICS"): _STATISTICS,
    ("SHOW", "CLIENT_STATISTICS"): _STATISTICS,
}
_TABLES_SHOWN_IN_PART: Final[Mapping[tuple[str, str], str]] = {
    (_SYSTEM, "processlist"): _THREADS,
    ("performance_schema", "processlist"): _THREADS,
    # These two are of MariaDB.
    (_SYSTEM, "user_statistics"): _STATISTICS,
    (_SYSTEM, "client_statistics"): _STATISTICS,
}


@dataclass(frozen=True, slots=True, order=True)
class Privilege:
    """A privilege, as each server calls it, and what it is on: everything, a schema, a table or a function."""

    mariadb: str
    mysql: str
    schema: str = ""
    name: str = ""
    is_function: bool = False


PROCESS = Privilege("PROCESS", "PROCESS")
REPLICA_STATUS = Privilege("SLAVE MONITOR", "REPLICATION CLIENT")
_BINARY_LOG = Privilege("BINLOG MONITOR", "REPLICATION CLIENT")
_RELAY_LOG = Privilege("SLAVE MONITOR", "REPLICATION SLAVE")
_BINARY_LOG_EVENTS = Privilege("BINLOG MONITOR", "REPLICATION SLAVE")
_REPLICAS = Privilege("REPLICATION MASTER ADMIN", "REPLICATION SLAVE")
_PERFORMANCE: Final = Privilege("SELECT", "SELECT", "performance_schema")
_SYS: Final = Privilege("SELECT, EXECUTE", "SELECT, EXECUTE", "sys")
_OF_SYSTEM_SCHEMAS: Final[Mapping[str, tuple[Privilege, ...]]] = {
    _SYSTEM: (),
    "performance_schema": (_PERFORMANCE,),
    # Its views call functions of its own, and read performance_schema with the rights of who asks.
    "sys": (_SYS, _PERFORMANCE, PROCESS),
}
"""What every table of a schema of the server's own takes; some take PROCESS too."""
# By the words behind SHOW; the longest that fits counts.
_OF_SHOW = (
    (("REPLICA", "STATUS"), REPLICA_STATUS),
    (("REPLICAS", "STATUS"), REPLICA_STATUS),
    (("SLAVE", "STATUS"), REPLICA_STATUS),
    (("SLAVES", "STATUS"), REPLICA_STATUS),
    (("ALL", "SLAVES", "STATUS"), REPLICA_STATUS),
    (("ALL", "REPLICAS", "STATUS"), REPLICA_STATUS),
    (("MASTER", "STATUS"), _BINARY_LOG),
    (("MASTER", "LOGS"), _BINARY_LOG),
    (("BINARY", "LOG", "STATUS"), _BINARY_LOG),
    (("BINARY", "LOGS"), _BINARY_LOG),
    (("BINLOG", "STATUS"), _BINARY_LOG),
    (("BINLOG", "EVENTS"), _BINARY_LOG_EVENTS),
    (("RELAYLOG", "EVENTS"), _RELAY_LOG),
    (("SLAVE", "HOSTS"), _REPLICAS),
    (("REPLICAS",), _REPLICAS),
    (("ENGINE",), PROCESS),
    (("PROCESSLIST",), PROCESS),
    (("FULL", "PROCESSLIST"), PROCESS),
)


def required_privileges(text: str, database: str) -> tuple[Privilege, ...]:
    """Return what a statement needs beyond SELECT on `database`, sorted, each privilege once."""
    code = code_of(scan(text))
    found = {*_of_show(code), *_of_names(code, database)}
    for schema, table in _tables(code):
        found.update(_of_table(schema, table, database))
    return tuple(sorted(found))


def system_tables(text: str) -> tuple[str, ...]:
    """Return the tables of information_schema that a statement reads and that not everybody may read."""
    code = code_of(scan(text))
    names = {
        table.lower() for schema, table in _tables(code) if schema.lower() == _SYSTEM
    }
    return tuple(sorted(names - _FREE_TABLES))


def sees_only_its_own(text: str) -> str:
    """Return what a statement reads of which an account without PROCESS is shown only its own, or ""."""
    code = code_of(scan(text))
    words = tuple(token.word for token in code[:3])
    for shown, what in _SHOWN_IN_PART.items():
        if words[: len(shown)] == shown:
            return what
    tables = {(schema.lower(), table.lower()) for schema, table in _tables(code)}
    for table, what in _TABLES_SHOWN_IN_PART.items():
        if table in tables:
            return what
    return ""


def _of_show(code: Sequence[Token]) -> Iterator[Privilege]:
    words = [token.word for token in code[:5]]
    if words[:1] != ["SHOW"]:
        return
    for behind, right in _OF_SHOW:
        if words[1 : 1 + len(behind)] == list(behind):
            yield right
            return


def _of_table(schema: str, table: str, database: str) -> Iterator[Privilege]:
    place, name = schema.lower(), table.lower()
    if place == "performance_schema" and name in _FREE_OF_PERFORMANCE:
        return
    if place in _OF_SYSTEM_SCHEMAS:
        yield from _OF_SYSTEM_SCHEMAS[place]
        is_closed = place == _SYSTEM and name not in _FREE_TABLES
        if is_closed or name == "processlist":
            yield PROCESS
    elif schema != database:
        yield Privilege("SELECT", "SELECT", schema, table)


def _of_names(code: Sequence[Token], database: str) -> Iterator[Privilege]:
    """Find calls of functions of another schema: `other.f(…)`."""
    for at in range(len(code) - 3):
        if not _is_qualified(code[at : at + 3]) or code[at + 3].text != "(":
            continue
        schema, name = code[at].name, code[at + 2].name
        if schema not in (database, "sys"):
            yield Privilege("EXECUTE", "EXECUTE", schema, name, is_function=True)


def _tables(code: Sequence[Token]) -> Iterator[tuple[str, str]]:
    """List `schema.table` wherever a table may stand: behind FROM and JOIN, and the commas of FROM."""
    levels = [_Parenthesis()]
    for at, token in enumerate(code):
        if token.text == "(":
            is_from = levels[-1].is_from and not _is_call(code, at)
            levels.append(_Parenthesis(is_from=is_from))
        elif token.text == ")" and len(levels) > 1:
            levels.pop()
        else:
            levels[-1].note(token.word)
        if not levels[-1].is_from:
            continue
        if _comes_before_table(token) and _is_qualified(code[at + 1 : at + 4]):
            yield code[at + 1].name, code[at + 3].name


def _is_call(code: Sequence[Token], at: int) -> bool:
    """Return whether the parenthesis at this place is that of a function, by the token before it."""
    if at == 0:
        return False
    before = code[at - 1]
    return _is_name(before) and before.word not in _BEFORE_TABLES


def _comes_before_table(token: Token) -> bool:
    return token.word in _BEFORE_TABLES or token.text in (",", "(")


@dataclass(slots=True)
class _Parenthesis:
    """What is known of the text between two parentheses."""

    has_select: bool = False
    """Without it FROM is of a function: TRIM(… FROM …)."""
    is_from: bool = False
    """Between FROM and what ends it: there a comma is followed by a table."""

    def note(self, word: str) -> None:
        """Follow the clauses of the statement by one more word."""
        if word == "SELECT":
            self.has_select = True
            self.is_from = False
        elif word == "FROM":
            self.is_from = self.has_select
        elif word in _JOINS:
            self.is_from = True
        elif word in _ENDS_OF_FROM:
            self.is_from = False


def _is_qualified(tokens: Sequence[Token]) -> bool:
    if len(tokens) < 3:
        return False
    schema, dot, table = tokens
    return dot.text == "." and _is_name(schema) and _is_name(table)


def _is_name(token: Token) -> bool:
    return token.kind in ("word", "quoted_name")
