"""Run queries once, now, without the daemon: for a shell, a deployment pipeline or Nagios."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime

from monitor.alerting.blocking import blocked
from monitor.cli.checked import Checked
from monitor.cli.judged import judged
from monitor.cli.preflight import preflight, would_fail
from monitor.collector.execute import execute
from monitor.collector.explain import missing_text
from monitor.database import Database
from monitor.model.errors import Reason
from monitor.model.results import Failure, Result, Success
from monitor.model.settings import ColumnName, Job
from monitor.model.wording import counted
from monitor.secrets.reader import SecretReader
from monitor.timing.clock import Clock
from monitor.timing.deadlines import Watchdog


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """How to check. `schema_only`: of queries that are not about the schema, only ask whether they would run."""

    schema_only: bool = False
    runbook_base_url: str = ""


_RUN_ALL = CheckOptions()


def check(
    jobs: Sequence[Job],
    environ: Mapping[str, str],
    clock: Clock,
    options: CheckOptions = _RUN_ALL,
) -> tuple[Checked, ...]:
    """Run these jobs, each target in a thread of its own, schema queries first; in the order of `jobs`.

    `environ` has passwords that are set there. ^C stops what runs, on the servers too.
    """
    checks = []
    with ExitStack() as stack:
        watchdog = stack.enter_context(Watchdog())
        secrets = SecretReader(environ)
        for of_target in _by_target(jobs):
            target = of_target[0].target
            database = Database(target, secrets=secrets, watchdog=watchdog)
            stack.callback(database.close)
            checks.append(_TargetRun(of_target, database, clock, options))
        _run_all(checks)
    checked = {one.result.job.key: one for check in checks for one in check.checked}
    # One is missing only where a bug ended its target's thread, which printed the traceback.
    lost = Failure(Reason.INTERNAL, "the check ended before this query; see stderr")
    return tuple(
        checked.get(job.key) or _not_run(job, lost, clock.now()) for job in jobs
    )


def _by_target(jobs: Sequence[Job]) -> list[list[Job]]:
    found: dict[str, list[Job]] = {}
    for job in jobs:
        found.setdefault(job.target.name, []).append(job)
    return list(found.values())


def _run_all(checks: Sequence[_TargetRun]) -> None:
    # Daemons: at ^C the process waits for no thread that hangs in a database.
    threads = [threading.Thread(target=one.run, daemon=True) for one in checks]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        for one in checks:
            one.database.cancel_all()
        raise


class _TargetRun:
    """The checks of one target, one after the other on one connection; `checked` grows as they are made."""

    def __init__(
        self,
        jobs: Sequence[Job],
        database: Database,
        clock: Clock,
        options: CheckOptions,
    ) -> None:
        self.database = database
        self.checked: list[Checked] = []
        # Schema queries first: what they find missing blocks the others, as it does in the daemon.
        self._jobs = sorted(jobs, key=lambda job: job.query.schema is None)
        self._clock = clock
        self._options = options
        self._missing: frozenset[ColumnName] = frozenset()

    def run(self) -> None:
        """Check every job; where the target lets nobody in, ask it once and not for each query."""
        closed: Failure | None = None
        for job in self._jobs:
            if closed is not None:
                self.checked.append(_not_run(job, closed, self._clock.now()))
                continue
            checked = self._check(job)
            self.checked.append(checked)
            outcome = checked.result.outcome
            # A connection that was lost may be had again; one that could not be made would cost 5 s each.
            if isinstance(outcome, Failure) and outcome.lost:
                closed = None if outcome.detail == "lost" else outcome

    def _check(self, job: Job) -> Checked:
        missing = self._missing & frozenset(job.query.needs)
        if missing:
            return self._blocked(job, missing)
        if self._options.schema_only and not job.query.is_about_schema:
            return preflight(job, self.database, self._clock, self._missing)
        result = execute(job, self._clock.now(), self.database, self._clock)
        outcome = result.outcome
        if not isinstance(outcome, Success):
            return Checked(result)
        self._missing |= outcome.missing or frozenset()
        return judged(
            result,
            outcome,
            _note(outcome),
            missing=self._missing,
            runbook_base_url=self._options.runbook_base_url,
        )

    def _blocked(self, job: Job, missing: frozenset[ColumnName]) -> Checked:
        now = self._clock.now()
        result = blocked(job, now, missing, now)
        if not self._options.schema_only:
            return Checked(result)
        return Checked(result, (would_fail(job, missing_text(missing)),))


def _note(success: Success) -> str:
    rows = counted(success.row_count, "row")
    names = dict.fromkeys(bound.metric for bound in success.lower_bounds)
    return f"{rows}; at least, not all counted: {', '.join(names)}" if names else rows


def _not_run(job: Job, failure: Failure, now: datetime) -> Checked:
    return Checked(Result(job, now, now, now, 0.0, failure))
