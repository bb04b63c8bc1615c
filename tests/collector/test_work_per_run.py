"""How much a run makes its thread do, counted in calls: all that is asked of the server, and the driver's part."""

from __future__ import annotations

from dataclasses import replace

from monitor.collector.execute import execute
from monitor.database import Database
from monitor.model.results import Success
from monitor.model.settings import Job
from monitor.secrets.reader import SecretReader
from monitor.timing.clock import AnchoredClock
from monitor.timing.deadlines import Watchdog
from tests.collector.test_fleet import a_query, a_stub, a_target
from tests.support.calls import steps


def test_a_run_on_a_connection_that_is_kept_takes_a_thousand_calls_most_of_them_the_drivers() -> (
    None
):
    clock = AnchoredClock()
    with a_stub() as stub, Watchdog() as watchdog:
        target = replace(a_target(stub, "one"), max_connections=1)
        job = Job(target, a_query(1))
        secrets = SecretReader({"PASSWORD": "x"})
        database = Database(target, secrets=secrets, watchdog=watchdog)

        def run() -> None:
            result = execute(job, clock.now(), database, clock, spares_server=True)
            assert isinstance(result.outcome, Success)

        # The first opens it, and the second notes all that is proven of it as one text.
        run()
        run()
        calls = [steps(run) for _ in range(3)]
        database.close()
    assert min(calls) <= 1040
