"""How the two servers differ in what we ask of a session: who they are, and which limits they know; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from monitor.model.settings import Flavor

IDENTIFY = "SELECT VERSION(), @@version_comment, @@hostname, @@read_only"
IDENTIFY_BARELY = "SELECT VERSION(), '', '', NULL"

# What a proxy, an old or a locked-down server answers to a setting that it does not have or grant:
# unknown variable, no privilege, read-only variable, wrong value, not supported, syntax, Vitess's all.
NOT_AVAILABLE = frozenset({1193, 1227, 1238, 1231, 1235, 1295, 1064, 1105})

FIRST_STATEMENT_LIMIT = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that we ask of a session; `limit` is its name among the limits that took effect."""

    assignment: str
    limit: str = ""


def flavor_of(version: str, comment: str = "") -> Flavor:
    """Tell the kind of server from what it says of itself."""
    return Flavor.MARIADB if "mariadb" in f"{version} {comment}".lower() else Flavor.MYSQL


def variables(flavor: Flavor) -> tuple[Setting, ...]:
    """List the session variables to set, in one statement where the server takes all of them."""
    return (
        Setting("time_zone = '+00:00'"),
        # Neither ANSI_QUOTES nor NO_BACKSLASH_ESCAPES, which change what a statement says, nor
        # EMPTY_STRING_IS_NULL, which changes what it answers.
        Setting("sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"),
        # a SELECT behind a metadata lock waits for this one, by default a day or a year
        Setting("lock_wait_timeout = 2", "lock"),
        Setting("innodb_lock_wait_timeout = 2"),
        # a session whose client vanished dies by itself
        Setting("wait_timeout = 600"),
        Setting(statement_limit(flavor, FIRST_STATEMENT_LIMIT), "statement"),
    )


def transaction() -> tuple[Setting, ...]:
    """List the characteristics of the session's transactions."""
    return (Setting("ISOLATION LEVEL READ COMMITTED"), Setting("READ ONLY", "read_only"))


def status_questions(flavor: Flavor) -> tuple[str, ...]:
    """List statements for the time, and what is read only: server, engine, session; the next if one fails."""
    of_session = "@@tx_read_only" if flavor is Flavor.MARIADB else "@@transaction_read_only"
    return (
        f"SELECT UTC_TIMESTAMP(6), @@read_only, @@innodb_read_only, {of_session}",
        "SELECT UTC_TIMESTAMP(6), @@read_only, NULL, NULL",
        "SELECT UTC_TIMESTAMP(6), NULL, NULL, NULL",
    )


def replication_questions(flavor: Flavor) -> tuple[str, ...]:
    """List statements for what the server replicates from all its sources; the next if one is not known."""
    if flavor is Flavor.MARIADB:
        return ("SHOW ALL SLAVES STATUS",)
    # the old spelling is a syntax error from 8.4 on, the new one before 8.0.22
    return ("SHOW REPLICA STATUS", "SHOW SLAVE STATUS")


def statement_limit(flavor: Flavor, limit: timedelta) -> str:
    """Write the assignment that makes the server itself stop a statement."""
    seconds = max(limit.total_seconds(), 0.001)
    if flavor is Flavor.MARIADB:
        return f"max_statement_time = {seconds:.3f}"
    return f"max_execution_time = {round(seconds * 1000)}"
