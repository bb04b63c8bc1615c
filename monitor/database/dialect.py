"""How the two servers differ in what we ask of a session: who they are, and which limits they know; pure."""

from __future__ import annotations

from datetime import timedelta

from monitor.model.settings import Flavor

# LIMIT: before the session is set up, sql_select_limit may be 0.
IDENTIFY = "SELECT VERSION(), @@version_comment, @@hostname, @@read_only LIMIT 1"
IDENTIFY_BARELY = "SELECT VERSION(), '', '', NULL LIMIT 1"
IDENTIFY_HOST = "SELECT @@hostname LIMIT 1"

FIRST_STATEMENT_LIMIT = timedelta(seconds=10)


def flavor_of(version: str, comment: str = "") -> Flavor:
    """Tell the kind of server from what it says of itself."""
    return (
        Flavor.MARIADB if "mariadb" in f"{version} {comment}".lower() else Flavor.MYSQL
    )


def status_questions(flavor: Flavor) -> tuple[str, ...]:
    """List statements for the time, and what is read only: server, engine, session; the next if one fails."""
    of_session = (
        "@@tx_read_only" if flavor is Flavor.MARIADB else "@@transaction_read_only"
    )
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


def limit_name(flavor: Flavor) -> str:
    """Return the variable that holds the server's own limit for a statement."""
    return "max_statement_time" if flavor is Flavor.MARIADB else "max_execution_time"


def statement_limit(flavor: Flavor, limit: timedelta) -> str:
    """Write the assignment that makes the server itself stop a statement."""
    seconds = max(limit.total_seconds(), 0.001)
    if flavor is Flavor.MARIADB:
        return f"{limit_name(flavor)} = {seconds:.3f}"
    return f"{limit_name(flavor)} = {round(seconds * 1000)}"
