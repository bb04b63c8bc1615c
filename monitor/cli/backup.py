"""`backup`: the state in one file, beside the daemon or without it."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.cli import OK
from monitor.cli.options import CommonOptions, with_common_options
from monitor.cli.output import echo
from monitor.model.wording import counted, utc_second
from monitor.storage.backup import back_up


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@with_common_options
def command(file: Path, common: CommonOptions) -> int:
    """Copy the state into FILE, whole and as of one moment, while the daemon goes on.

    FILE must not be there; it is for this account alone. Exit codes: 0, 1 when nothing was copied.
    """
    config = common.load_config()
    made = back_up(config.state.directory, file)
    seen = utc_second(made.alive_at) if made.alive_at else "never"
    parts = [
        counted(made.alerts, "alert"),
        counted(made.transitions, "past transition"),
        counted(made.waiting, "waiting notification"),
        f"{made.size_bytes / 1e6:.1f} MB",
    ]
    echo(f"{file}: {', '.join(parts)}; the daemon was last known to run at {seen}")
    return OK
