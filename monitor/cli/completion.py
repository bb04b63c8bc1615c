"""`completion`: what a shell reads to complete commands, options and names."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import click
from click.shell_completion import (
    BashComplete,
    FishComplete,
    ShellComplete,
    ZshComplete,
)

from monitor.cli import OK, commands
from monitor.cli.options import CommonOptions, with_common_options
from monitor.cli.output import echo

_SHELLS: Mapping[str, type[ShellComplete]] = MappingProxyType(
    {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
)
_ASKED_BY = "_TOKEN_MONITOR_COMPLETE"
"""By this variable of its environment the program knows that a shell asks."""


@click.command("completion")
@click.argument("shell", type=click.Choice(list(_SHELLS)))
@with_common_options
def command(shell: str, common: CommonOptions) -> int:
    """Print what SHELL reads so that the tab key completes commands, options and names of the configuration.

    \b
    bash, in ~/.bashrc:                     eval "$(token-monitor completion bash)"
    zsh, in ~/.zshrc:                       eval "$(token-monitor completion zsh)"
    fish, in ~/.config/fish/config.fish:    token-monitor completion fish | source
    """
    completion = _SHELLS[shell](commands, {}, "token-monitor", _ASKED_BY)
    echo(completion.source())
    return OK
