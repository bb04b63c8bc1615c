"""`test`: rules and detectors over results that files give, with time, without a database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from monitor.cli import FAILED, OK
from monitor.cli.options import CommonOptions, with_common_options
from monitor.cli.output import echo
from monitor.cli.rule_test_run import Difference, run_rule_test
from monitor.cli.rule_tests import RuleTest, jobs_of, read_rule_tests
from monitor.model.wording import counted


@click.command("test")
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path)
)
@with_common_options
def command(files: Sequence[Path], common: CommonOptions) -> int:
    """Run the rule tests of each FILE: results that queries might give, and which alerts are to come of them.

    No database is asked: time is that of the tests, and passes at once.

    Exit codes: 0 all as expected, 1 when something differs, or a file or the configuration has a problem.
    """
    config = common.load_config()
    tests: list[RuleTest] = []
    for path in files:
        tests.extend(read_rule_tests(path))
    jobs = jobs_of(tests, config)
    failed = 0
    for test, job in zip(tests, jobs, strict=True):
        differences = list(run_rule_test(test, job, config))
        failed += bool(differences)
        for line in _report(test, differences):
            echo(line)
    total = counted(len(tests), "test")
    if failed:
        echo(f"{total}, {failed} failed")
        return FAILED
    echo(f"{total}, all as expected")
    return OK


def _report(test: RuleTest, differences: Sequence[Difference]) -> Iterator[str]:
    if not differences:
        yield f"ok      {test.given.name}"
        return
    yield f"FAILED  {test.given.name}"
    for one in differences:
        yield f"        {one.origin.file}:{one.origin.line}: {one.message}"
