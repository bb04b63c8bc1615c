"""What the commands share: the options, and what is made of them: configuration, log, jobs."""

from __future__ import annotations

import fnmatch
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, get_args

import click

from monitor.config import Outside, load
from monitor.config.contract import read_nothing
from monitor.config.contract_reading import ContractReader
from monitor.config.former_names import former_queries
from monitor.config.queries.deriving import derive_needs
from monitor.config.sources import AskInDirectory
from monitor.config.toml.problems import near_miss
from monitor.daemon.http_lists import kept_list
from monitor.model.errors import ConfigError, Problem
from monitor.model.process_settings import LogSettings
from monitor.model.settings import Config, Job
from monitor.model.targets import Target
from monitor.model.wording import counted
from monitor.notify.kinds import KINDS
from monitor.telemetry.log import Format, Level, Log, configure

_NO_FILE = (
    "there is no such file in {folder}; name another with --config FILE. token-monitor init --database NAME"
    " writes one, which tries the connection too. To see it at work first: token-monitor demo"
)

_config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default=Path("config.toml"),
    show_default=True,
    help="The configuration file.",
)
_log_level_option = click.option(
    "--log-level",
    type=click.Choice(get_args(Level)),
    help="What to log. Default: info; of run, what [log] says.",
)
_log_format_option = click.option(
    "--log-format",
    type=click.Choice(get_args(Format)),
    help="How to log. Default: console to a terminal, else json; of run, what [log] says.",
)
format_option = click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
)


@dataclass(frozen=True, slots=True)
class CommonOptions:
    """The options of every command, and what is made of them."""

    config_path: Path
    log_level: Level | None
    log_format: Format | None

    def load_config(
        self,
        ask: AskInDirectory = kept_list,
        *,
        is_whole: bool = False,
        reads_source: bool = False,
    ) -> Config:
        """Load the configuration; ConfigError has every problem, and says what to do where there is no file.

        The targets of `[http_sd]` are those that were last in force, or those that `ask` gives. The source of
        `[contract]` is read for who compares it with a database.
        """
        path = self.config_path
        if _is_missing(path):
            message = _NO_FILE.format(folder=path.absolute().parent)
            raise ConfigError((Problem(str(path), message),))
        read_contract = ContractReader().read if reads_source else read_nothing
        outside = Outside(ask, derive_needs, read_contract)
        return load(path, os.environ, KINDS, outside, is_whole=is_whole)

    def make_log(self, *, to_stdout: bool = False) -> Log:
        """Make the log: `run` writes it to stdout, all other commands to stderr."""
        stream = sys.stdout if to_stdout else sys.stderr
        # The daemon's log is written by a thread: a slow reader of it holds up no run.
        log = configure(stream.buffer, queued=to_stdout)
        self.set_log(log, LogSettings(), is_terminal=stream.isatty())
        return log

    def set_log(self, log: Log, settings: LogSettings, *, is_terminal: bool) -> None:
        """Set the log by the options, then what the configuration says, then where it is written to."""
        default_format: Format = "console" if is_terminal else "json"
        level = self.log_level or settings.level or "info"
        form: Format = self.log_format or settings.format or default_format
        log.set(level=level, format=form)


def with_common_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add --config, --log-level and --log-format to a command, which gets them as `common`."""

    @wraps(command)
    def with_common(
        config_path: Path,
        log_level: Level | None,
        log_format: Format | None,
        **options: Any,
    ) -> int:
        common = CommonOptions(config_path, log_level, log_format)
        return command(common=common, **options)

    return _config_option(_log_level_option(_log_format_option(with_common)))


def print_problems(error: ConfigError) -> None:
    """Print the problems of a configuration to stderr, and how many there are."""
    for problem in error.problems:
        click.echo(str(problem), err=True)
    click.echo(counted(len(error.problems), "problem"), err=True)


def selected(config: Config, queries: Sequence[str], target: str | None) -> list[Job]:
    """Return the jobs of these queries (patterns; none: all) on a target (None: all), in their order.

    UsageError of a name that fits nothing, and where nothing is left.
    """
    return selected_of(config.jobs, config, queries, target)


def selected_of(
    candidates: Sequence[Job],
    config: Config,
    queries: Sequence[str],
    target: str | None,
) -> list[Job]:
    """Return the same of some jobs of the configuration."""
    targets = {one.name for one in selected_targets(config, target)}
    names = dict.fromkeys(job.query.name for job in candidates)
    wanted = _present_names(queries, list(names))
    chosen = _matching(list(names), wanted)
    jobs = [
        job
        for job in candidates
        if job.query.name in chosen and job.target.name in targets
    ]
    if not jobs:
        raise click.UsageError(_nothing_selected(queries, target))
    return jobs


def selected_targets(config: Config, target: str | None) -> list[Target]:
    """Return the target of this name, or all (None); UsageError of a name that is not there."""
    if target is None:
        return list(config.targets)
    by_name = {one.name: one for one in config.targets}
    if target not in by_name:
        raise click.UsageError(f'no target "{target}"{near_miss(target, by_name)}')
    return [by_name[target]]


def _is_missing(path: Path) -> bool:
    # Not Path.exists: since Python 3.14 that is false also for what a folder hides from us.
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        pass  # it may be there: who reads it says why it cannot be read
    return False


def all_rule_names(config: Config) -> set[str]:
    """Return the names of the rules of all queries, and of those about the monitor itself."""
    return rule_names(config).union(rule.name for rule in config.own_rules)


def rule_names(config: Config) -> set[str]:
    """Return the names of the rules of all queries; not of those about the monitor itself."""
    return {rule.name for job in config.all_jobs for rule in job.query.rules}


def _present_names(queries: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the queries that are asked for, by the names that they have now; a former one is told."""
    now = {former.name: former.now for former in former_queries(names)}
    for name in queries:
        if name in now:
            click.echo(f'"{name}" is part of "{now[name]}" now', err=True)
    return [now.get(name, name) for name in queries]


def _matching(names: Sequence[str], patterns: Sequence[str]) -> set[str]:
    """Return the names that fit any of the patterns."""
    if not patterns:
        return set(names)
    found: set[str] = set()
    for pattern in patterns:
        fitting = fnmatch.filter(names, pattern)
        if not fitting:
            known = near_miss(pattern, sorted(names))
            raise click.UsageError(f'no query "{pattern}"{known}')
        found.update(fitting)
    return found


def _nothing_selected(queries: Sequence[str], target: str | None) -> str:
    words = ["nothing selected: no query"]
    words.extend(f'"{pattern}"' for pattern in queries)
    words.append("runs")
    if target is not None:
        words.append(f'on target "{target}"')
    return " ".join(words)
