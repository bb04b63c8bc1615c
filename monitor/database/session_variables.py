"""Which session variables are stated to which values, so that a SELECT means the same on every server; pure.

A variable that is missing here is either on the list of those that may have any value, with the reason why
(tests/database/test_session_variables.py), or new: then that test fails and says what to do.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from types import MappingProxyType

from monitor.model.session_settings import SETTABLE_VARIABLES, SessionValue

_MAX = "18446744073709551615"
_SWITCHES = {"ON": "1", "OFF": "0"}
# A session's clock may be frozen; SYSDATE() is not. Of a server that stands still for some seconds both wait.
_FROZEN_SECONDS = 5
_CLOCK = f"ABS(TIMESTAMPDIFF(SECOND, NOW(), SYSDATE())) > {_FROZEN_SECONDS}"

_SERVER_ZONE = (
    "IF(@@GLOBAL.time_zone = 'SYSTEM', @@system_time_zone, @@GLOBAL.time_zone)"
)
_OFFSET = (
    "TIMESTAMPDIFF(MINUTE, '{0}', CONVERT_TZ('{0}', '+00:00', @@GLOBAL.time_zone))"
)
FACTS: Mapping[str, str] = MappingProxyType(
    {
        "server_zone": _SERVER_ZONE,
        "january": _OFFSET.format("2026-01-01"),
        "july": _OFFSET.format("2026-07-01"),
    }
)
"""What is asked of the server on the way: its own time zone, and how far that is ahead of UTC."""


class Effect(Enum):
    """What a wrong value of a variable does."""

    ANSWER = "answer"
    """Rows may be missing or mean something else: no result can be believed."""
    COST = "cost"
    """A statement may take longer, wait longer or be refused: worth a line in the log."""
    LIMIT = "limit"
    """The same, and the operator knows it by the name of a limit."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of the session, the value that it is given, and how its value is proven.

    Without a value it is only proven: setting it would take a right that a reader has not.
    `limit` is the name under which the operator knows it among the session's limits. `alone` is another
    statement for the same, for servers that do not know the variable.
    """

    name: str
    value: str
    effect: Effect = Effect.ANSWER
    limit: str = ""
    alone: str = ""
    proof: str = ""
    proven: str = ""

    @property
    def assignment(self) -> str:
        """Return the part of SET that states it."""
        return f"{self.name} = {self.value}"

    @property
    def expression(self) -> str:
        """Return what SELECT reads to prove it."""
        # Each connection keeps them: of a thousand they are the same texts.
        return self.proof or sys.intern(f"@@SESSION.{self.name}")

    @property
    def wanted(self) -> str:
        """Return the value that the proof must give, for people."""
        return self.proven or self.value.strip("'")

    def is_right(self, value: object) -> bool:
        """Return whether a value that was read is the one that was stated."""
        return normalized(value) == normalized(self.wanted)

    def is_wrong_in(self, values: Mapping[str, object]) -> bool:
        """Return whether the value was read, by the variable's name, and is another."""
        return self.name in values and not self.is_right(values[self.name])

    def deviation(self, value: object) -> str:
        """Return in words what the value is and should be."""
        if self.proof:
            return f"{self.name} is not as it must be"
        return f"{self.name} is '{value!s:.60}', not '{self.wanted}'"


def normalized(value: object) -> str:
    """Return one spelling for a value: servers say 1, ON or '1', and write sets in an order of their own."""
    text = "" if value is None else str(value).strip().upper()
    text = _SWITCHES.get(text, text)
    try:
        return f"{Decimal(text).normalize():f}"
    except InvalidOperation:
        return ",".join(sorted(part.strip() for part in text.split(",")))


# With 0 the server counts warnings and hides them: then every result with one is refused, whichever it is.
_SHOWN_WARNINGS = "@@SESSION.max_error_count > 0"

COMMON_VARIABLES = (
    # Whether there are all rows, and whether a big SELECT runs; max_join_size resets sql_big_selects.
    Variable("sql_select_limit", _MAX),
    Variable("max_join_size", _MAX),
    Variable("sql_big_selects", "1"),
    # Neither ANSI_QUOTES nor NO_BACKSLASH_ESCAPES, which change what a statement says, nor
    # EMPTY_STRING_IS_NULL, which changes what it answers.
    Variable(
        "sql_mode",
        "'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
    ),
    Variable("sql_auto_is_null", "0"),
    Variable("sql_quote_show_create", "1"),
    Variable("group_concat_max_len", "1048576"),
    # Of longer texts only so much is compared by GROUP BY and ORDER BY.
    Variable("max_sort_length", "1024"),
    Variable("div_precision_increment", "4"),
    Variable("default_week_format", "0"),
    Variable("lc_time_names", "'en_US'"),
    # The words of errors are masked by what the English ones look like.
    Variable("lc_messages", "'en_US'"),
    Variable("time_zone", "'+00:00'"),
    # DEFAULT is the running clock here, and no value of the server's.
    Variable("timestamp", "DEFAULT", proof=_CLOCK, proven="0"),
    Variable("character_set_client", "utf8mb4"),
    Variable("character_set_results", "utf8mb4"),
    Variable("character_set_connection", "utf8mb4"),
    # Notes say nothing about the result.
    Variable("sql_notes", "0", Effect.COST),
    Variable("autocommit", "1"),
    Variable("sql_safe_updates", "0", Effect.COST),
    Variable("big_tables", "0", Effect.COST),
    Variable("profiling", "0", Effect.COST),
    # A SELECT behind a metadata lock waits for this one, by default a day or a year.
    Variable("lock_wait_timeout", "2", Effect.LIMIT, "lock"),
    Variable("innodb_lock_wait_timeout", "2", Effect.COST),
    # A session whose client vanished dies by itself.
    Variable("wait_timeout", "600", Effect.COST),
    Variable("net_write_timeout", "60", Effect.COST),
)


_GALERA_VARIABLES = (
    # A node of a cluster that has lost the others would answer with what it had then.
    Variable("wsrep_dirty_reads", "0"),
    Variable("wsrep_sync_wait", "0", Effect.COST),
)


def named_variables(session: Mapping[str, SessionValue]) -> tuple[Variable, ...]:
    """Return the variables that the operator states by name, which replace those of the same name."""
    return tuple(_named(name, value) for name, value in session.items())


def _named(name: str, value: SessionValue) -> Variable:
    settable = SETTABLE_VARIABLES[name]
    proof = settable.proof(name, value)
    return Variable(
        name,
        # A word has a shape that leaves no room for a quote.
        f"'{value}'" if isinstance(value, str) else str(value),
        Effect.ANSWER if settable.changes_answers else Effect.COST,
        proof=proof,
        proven="1" if proof else "",
    )


def variables_of_mariadb(version: str, _comment: str) -> tuple[Variable, ...]:
    """Return what MariaDB has beside the common ones; a node of a Galera cluster looks like any other."""
    number = _number(version)
    # `utf8` means what it does by default, or a COLLATE utf8_… of an older table would be refused.
    old_mode = "'UTF8_IS_UTF8MB3'" if number >= (10, 6) else "''"
    collation = "utf8mb4_general_ci"
    collations = "''"
    if number >= (11, 6):
        collation = "utf8mb4_uca1400_ai_ci"
        collations = f"'utf8mb4={collation}'"
    own = [Variable("collation_connection", collation)]
    if number >= (11, 2):
        own.append(Variable("character_set_collations", collations))
    own += [
        Variable(
            "max_error_count", "1024", Effect.COST, proof=_SHOWN_WARNINGS, proven="1"
        ),
        Variable("old_mode", old_mode),
        Variable("old", "0"),
        Variable("default_regex_flags", "''"),
        Variable("standard_compliant_cte", "1"),
        Variable("max_recursive_iterations", "1000"),
        # DEFAULT is "as of now" here, whatever the server's own value is.
        Variable("system_versioning_asof", "DEFAULT"),
        *_GALERA_VARIABLES,
    ]
    return (*own, *_transaction("tx_isolation", "tx_read_only"))


def variables_of_mysql(version: str, comment: str) -> tuple[Variable, ...]:
    """Return what MySQL has beside the common ones; `comment` names a Galera cluster."""
    number = _number(version)
    collation = "utf8mb4_0900_ai_ci" if number >= (8, 0) else "utf8mb4_general_ci"
    own = [
        Variable("collation_connection", collation),
        # Without a value: to set it takes a right there that a reader has not.
        Variable("max_error_count", "", Effect.COST, proof=_SHOWN_WARNINGS, proven="1"),
    ]
    if number >= (8, 0):
        own += [
            Variable("default_collation_for_utf8mb4", collation),
            Variable("cte_max_recursion_depth", "1000"),
            # By default the figures of information_schema are up to a day old.
            Variable("information_schema_stats_expiry", "0"),
            Variable("windowing_use_high_precision", "1"),
            Variable("show_gipk_in_create_table_and_information_schema", "1"),
            # Another engine answers from its own copy.
            Variable("use_secondary_engine", "OFF"),
        ]
    if "cluster" in comment.lower():
        own += _GALERA_VARIABLES
    return (*own, *_transaction("transaction_isolation", "transaction_read_only"))


def _transaction(isolation: str, read_only: str) -> Iterable[Variable]:
    committed = "ISOLATION LEVEL READ COMMITTED"
    return (
        Variable(
            isolation, "'READ-COMMITTED'", alone=f"SET SESSION TRANSACTION {committed}"
        ),
        Variable(
            read_only,
            "1",
            Effect.LIMIT,
            "read_only",
            alone="SET SESSION TRANSACTION READ ONLY",
        ),
    )


def _number(version: str) -> tuple[int, ...]:
    """Return the first two numbers of a version; MariaDB behind some proxies calls itself 5.5.5-10.11.6."""
    found = re.match(r"(?:5\.5\.5-)?(\d+)\.(\d+)", version)
    if found is None:
        return (0, 0)
    return (int(found[1]), int(found[2]))
