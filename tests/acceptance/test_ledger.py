"""The shipped daemon beside an application: a kill, a fault in its deductions, an alert that names it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from monitor.demo.mariadb import PrivateServer
from monitor.demo.traffic import Traffic
from tests.acceptance.configs import token_system, webhook, write_config
from tests.acceptance.program import Daemon, Hook, running, wait_until

_QUICK = """
[queries.ledger]
interval = "500ms"
timeout = "400ms"
[queries.ledger.ledger]
settle = "1s"
"""
_TRIGGER = (
    "CREATE TRIGGER undeducted BEFORE UPDATE ON users FOR EACH ROW"
    " SET NEW.tokens_remaining = OLD.tokens_remaining"
)


@contextmanager
def application(server: PrivateServer, schema: str) -> Iterator[Traffic]:
    traffic = Traffic(lambda: server.connect(schema), per_second=40)
    traffic.start()
    try:
        yield traffic
    finally:
        traffic.stop()


def drift(daemon: Daemon) -> dict[str, float]:
    """Return how many events are told, by series."""
    found = daemon.series("token_ledger_drift_events{")
    return {name: value for name, value in found.items() if value}


def is_judging(daemon: Daemon) -> bool:
    """Return whether the ledger knows what nearly all users who use something should have."""
    ratio = daemon.series("token_ledger_unjudged_ratio{")
    return bool(ratio) and max(ratio.values()) < 0.3


def test_a_fault_that_begins_after_a_kill_is_found_by_its_name_and_nothing_before_it(
    mariadb: PrivateServer, schema: str, tmp_path: Path
) -> None:
    token_system(mariadb, schema)
    with (
        closing(Hook()) as hook,
        application(mariadb, schema) as traffic,
        mariadb.connect(schema) as connection,
    ):
        extra = _QUICK + webhook(hook.url)
        config = write_config(
            tmp_path, mariadb, schema, extra=extra, target={"queries": ["ledger"]}
        )
        daemon = Daemon(config)
        wait_until(lambda: is_judging(daemon), seconds=30, why="no level")
        assert drift(daemon) == {}
        daemon.kill()
        with running(config) as daemon:
            # What is remembered is there at the first look: nobody is looked at anew.
            wait_until(lambda: is_judging(daemon), seconds=10, why="forgotten")
            assert drift(daemon) == {}
            with traffic.held():
                connection.cursor().execute(_TRIGGER)
            hook.wait_for("firing", "TokenLedgerDrift", seconds=30)
            wait_until(
                lambda: [name for name in drift(daemon) if "undeducted" in name],
                seconds=20,
                why="not named",
            )
