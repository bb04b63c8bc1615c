"""The commands: arguments in, exit code out, nothing else. Each is imported when it is called."""

from __future__ import annotations

from importlib import import_module

import click

from monitor import __version__

OK = 0
FAILED = 1
USAGE = 2
IN_USE = 3
UNKNOWN = 3

_COMMANDS = {
    "run": "Watch the targets: the daemon.",
    "check": "Run queries once, now; exit 0 ok, 1 warning, 2 critical, 3 could not tell.",
    "validate": "Check config and query files; exit 0 or 2.",
    "grants": "Print the least-privilege account for each target as SQL.",
    "query": "Run one query and show rows, samples and what its rules would say.",
    "alerts": "Show the alerts that are pending or firing now.",
    "history": "Show what alerts did, newest first.",
    "explain": "Say why an alert is or is not firing.",
    "backup": "Copy the state into a file, while the daemon goes on.",
    "notify": "Send a test alert through a receiver.",
    "healthcheck": "Ask the daemon here whether it is healthy; exit 0 or 1.",
    "demo": "Show it all on a private MariaDB with the token system in it.",
}


class _Commands(click.Group):
    """The command line; a command's module is imported only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"monitor.cli.{cmd_name}").command
        return command

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            from monitor.config.toml.problems import (
                near_miss,
            )  # who types it right does not wait for it

            raise click.UsageError(
                f'no command "{args[0]}"{near_miss(args[0], _COMMANDS)}', ctx
            )
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            message = f"no option {error.option_name} before a command; write it behind: token-monitor COMMAND"
            raise click.UsageError(f"{message} {error.option_name}", ctx) from None


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="token-monitor")
def commands() -> None:
    """Run SQL health queries on a schedule, export Prometheus metrics, emit alerts.

    Every command takes --config FILE (default config.toml); COMMAND --help tells the rest.
    """
