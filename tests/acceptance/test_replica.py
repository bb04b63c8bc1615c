"""The daemon on a replica that stands for a while: nothing old is judged, one alert speaks for all of it."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.configs import in_seconds, token_system, write_config
from tests.acceptance.program import running, wait_until
from tests.database.replicas import BOTH, replicating
from tests.database.targets import run_as_root

RULES = """
[rules.TokenMonitorReplicaLagging]
for = "0s"
[rules.TokenMonitorQueryFailing]
above = 1
"""
BALANCES = (
    "UPDATE tokens.users SET tokens_remaining = {} WHERE id IN"
    " (SELECT user_id FROM tokens.user_subscriptions WHERE is_active = 1)"
)


def test_a_replica_that_stands_holds_everything_until_it_goes_on(folder: Path) -> None:
    with replicating(BOTH["mariadb"]) as pair:
        run_as_root(pair.primary, "CREATE DATABASE tokens")
        token_system(pair.primary, "tokens")
        run_as_root(pair.primary, BALANCES.format(-5))
        pair.write()
        wait_until(pair.is_caught_up, seconds=60, why="the replica follows")
        config = write_config(
            folder, pair.replica, "tokens", extra=in_seconds("2s", "1900ms") + RULES
        )
        with running(config) as daemon:
            daemon.wait_for(
                "alert.fired", alertname="TokenBalancesNegative", seconds=60
            )
            (met,) = daemon.seen("target.connected")
            assert (met["read_only"], met["replica"]) == (False, True)
            wait_until(
                lambda: daemon.series("token_monitor_target_replica_lag_seconds"),
                why="its lag",
            )
            pair.do("STOP SQL_THREAD")
            daemon.wait_for(
                "alert.fired", alertname="TokenMonitorReplicaLagging", seconds=60
            )
            # mended where it is written: what the replica shows is past, and resolves nothing
            run_as_root(pair.primary, BALANCES.format(5000))
            asked = {event["query"] for event in daemon.seen("run.finished")}
            wait_until(
                lambda: (
                    {
                        event["query"]
                        for event in (
                            *daemon.seen("run.failed", reason="replica_lagging"),
                            *daemon.seen("run.deferred"),
                        )
                    }
                    >= asked
                ),
                seconds=60,
                why="every query is refused",
            )
            # A busy machine had some deferred before; a run that was under way when the thread stopped is the last.
            wait_until(
                lambda: daemon.series("token_subscribers{") == {},
                seconds=60,
                why="nothing old is shown",
            )
            assert daemon.series("token_monitor_up") == {
                'token_monitor_up{target="main"}': 1
            }
            assert not daemon.seen("alert.resolved", alertname="TokenBalancesNegative")
            seen = len(daemon.events)
            pair.do("START SQL_THREAD")
            daemon.wait_for(
                "alert.resolved",
                alertname="TokenMonitorReplicaLagging",
                seconds=60,
                after=seen,
            )
            daemon.wait_for(
                "alert.resolved",
                alertname="TokenBalancesNegative",
                seconds=60,
                after=seen,
            )
            shown = "token_subscribers{"
            wait_until(
                lambda: daemon.series(shown),
                seconds=60,
                why="what it counts is shown again",
            )
            fired = {event["alertname"] for event in daemon.seen("alert.fired")}
            assert not fired & {"TokenMonitorQueryFailing", "TokenMonitorTargetDown"}
