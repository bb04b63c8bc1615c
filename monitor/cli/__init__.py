"""The commands: arguments in, exit code out, nothing else. Each is imported when it is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

import click

from monitor import __version__

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

OK = 0
FAILED = 1
USAGE = 2
IN_USE = 3
UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """What is known of a command before it is imported: a line of help, and what its failures exit with."""

    summary: str
    error_code: int = FAILED
    """Of bad configuration, and of any other error that is not a defect."""
    usage_code: int = USAGE
    """Of arguments that are wrong."""
    crash_code: int = FAILED
    """Of a defect."""


COMMANDS: Mapping[str, CommandEntry] = MappingProxyType(
    {
        "run": CommandEntry("Watch the targets: the daemon.", USAGE),
        "init": CommandEntry(
            "Write a configuration for one database, and try it; exit 1: not let in yet.",
            USAGE,
        ),
        "check": CommandEntry(
            "Run queries once, now; exit 0 ok, 1 warning, 2 critical, 3 could not tell.",
            # Nagios takes 2 for critical.
            error_code=UNKNOWN,
            usage_code=UNKNOWN,
            crash_code=UNKNOWN,
        ),
        "validate": CommandEntry("Check config and query files; exit 0 or 2.", USAGE),
        "grants": CommandEntry(
            "Print the least-privilege account for each target as SQL.", USAGE
        ),
        "rules": CommandEntry(
            "Print the rules as alerting rules for Prometheus.", USAGE
        ),
        "dashboard": CommandEntry(
            "Print a dashboard for Grafana of what the queries export.", USAGE
        ),
        "password": CommandEntry(
            "Print a user's line for the web-config file, with a hashed password.",
            USAGE,
        ),
        "schema": CommandEntry("Print a JSON schema of the files, for editors.", USAGE),
        "query": CommandEntry(
            "Run one query and show rows, samples and what its rules would say."
        ),
        "test": CommandEntry(
            "Run rules over results that files give, without a database."
        ),
        "alerts": CommandEntry("Show the alerts that are pending or firing now."),
        "history": CommandEntry("Show what alerts did, newest first."),
        "explain": CommandEntry("Explain why an alert is or is not firing."),
        "backup": CommandEntry("Copy the state into a file, while the daemon goes on."),
        "notify": CommandEntry("Send a test alert through a receiver."),
        "deploy": CommandEntry(
            "Say that a deployment begins or is over: alerts about changes wait for its end."
        ),
        "silence": CommandEntry(
            "Hold notices of alerts back for a while; list and end that."
        ),
        "ack": CommandEntry("Say that somebody knows of an alert: no reminders."),
        "healthcheck": CommandEntry(
            "Ask the daemon here whether it is healthy; exit 0 or 1."
        ),
        "completion": CommandEntry(
            "Print what a shell reads to complete commands and names.", USAGE
        ),
        "import": CommandEntry(
            "Make config.toml and queries of another exporter's configuration.", USAGE
        ),
        "demo": CommandEntry(
            "Show it all on a private MariaDB with the token system in it.", USAGE
        ),
    }
)
"""Every command, by its name, in the order of the help. The module of that name has the rest: `command`."""

_NO_COMMAND = CommandEntry("", USAGE)


def entry_of(name: str) -> CommandEntry:
    """Return what is known of a command; of what is not a command, how its failures end."""
    return COMMANDS.get(name, _NO_COMMAND)


class _CommandGroup(click.Group):
    """The command line; a command's module is imported only when it is called.

    Together they import every room and its libraries, for which neither `healthcheck` nor a typing error
    should wait. So click gets names and summaries from the table, not from the commands as it would itself.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"monitor.cli.{cmd_name}").command
        return command

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[CompletionItem]:
        # Only who presses the tab key waits for this import.
        from click.shell_completion import CompletionItem

        offered = [
            CompletionItem(name, help=entry.summary)
            for name, entry in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        # The options of the group; its own way to find commands would import each of them.
        return offered + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        summaries = [(name, entry.summary) for name, entry in COMMANDS.items()]
        with formatter.section("Commands"):
            formatter.write_dl(summaries)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if not args or args[0] in COMMANDS or args[0].startswith("-"):
            return super().resolve_command(ctx, args)
        # Who types it right does not wait for this import.
        from monitor.config.toml.problems import near_miss

        near = near_miss(args[0], COMMANDS)
        raise click.UsageError(f'no command "{args[0]}"{near}', ctx)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            message = f"no option {error.option_name} before a command; write it behind: token-monitor COMMAND"
            raise click.UsageError(f"{message} {error.option_name}", ctx) from None


@click.command(
    cls=_CommandGroup, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="token-monitor")
def commands() -> None:
    """Run SQL health queries on a schedule, export Prometheus metrics, emit alerts.

    Every command takes --config FILE (default config.toml); COMMAND --help shows the rest.
    """
