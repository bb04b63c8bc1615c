"""What an import writes of a query that jobs run at other times is loaded, and runs at each of them."""

from __future__ import annotations

from pathlib import Path

from monitor.cli.import_files import written_checked
from monitor.config import load
from monitor.migration.report import ImportReport
from monitor.model.schedules import Cron, Every
from monitor.notify.kinds import KINDS
from tests.migration.imports import imported

JOBS = """\
jobs:
  - name: nightly
    cron_schedule: "0 3 * * *"
    connections: ['mysql://u@tcp(127.0.0.1)/d']
    queries: &queries
      - { name: q, help: h, values: [n], query: SELECT 1 AS n }
      - { name: "9", help: h, values: [n], query: SELECT 2 AS n }
  - name: often
    interval: 5m
    connections: ['mysql://u@tcp(127.0.0.2)/d']
    queries: *queries
"""


def test_a_query_of_two_jobs_runs_at_the_times_of_both(tmp_path: Path) -> None:
    made, _ = imported(JOBS)
    report = ImportReport()
    folder = tmp_path / "ours"
    written_checked(made, folder, "c.yml", report, with_secrets=False)
    config = load(folder / "config.toml", {}, KINDS, is_whole=True)
    schedules = {
        (job.target.name, job.query.name): type(job.query.schedule)
        for job in config.jobs
    }
    assert schedules == {
        ("nightly", "q"): Cron,
        ("nightly", "query_9"): Cron,
        ("often", "q"): Every,
        ("often", "query_9"): Every,
    }
    assert report.in_order() == []
