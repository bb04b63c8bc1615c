"""Print when a checkout plans the first look of each job of a fleet; for bench_fleet.py, which may run another."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from monitor.collector.entries import Moment, entry_of
from monitor.model.schedules import Every
from monitor.model.settings import Job, Query, Statement
from monitor.model.targets import Target, Tls

QUERIES = 8


def main() -> None:
    """Read how many targets there are and when the daemon started; print [target, query, Unix time] of each job."""
    targets, started_at = int(sys.argv[1]), float(sys.argv[2])
    at = Moment(datetime.fromtimestamp(started_at, UTC), timedelta(0))
    interval = Every(timedelta(minutes=1))
    plan = []
    for place in range(targets):
        target = Target(f"t{place:05}", "user", "app", Tls("disabled"))
        for number in range(1, QUERIES + 1):
            name, limit = f"fleet_{number}", timedelta(seconds=10)
            query = Query(
                name, "", Statement("SELECT 1"), interval, limit, 10, Path("x.sql")
            )
            entry = entry_of(Job(target, query))
            entry.expect_first(at, targets * QUERIES)
            if entry.due_steady is not None:
                plan.append((target.name, number, entry.due_steady.timestamp()))
    sys.stdout.write(json.dumps(plan))


if __name__ == "__main__":
    main()
