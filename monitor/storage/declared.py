"""What people have declared, to its tables: each part in place of all that was."""

from __future__ import annotations

import sqlite3

from monitor.model.declared import Declared
from monitor.storage.deploys import write_deploys
from monitor.storage.silences import write_silences


def write_declared(connection: sqlite3.Connection, declared: Declared) -> None:
    """Write the parts that are given, within a transaction."""
    if declared.deploys is not None:
        write_deploys(connection, declared.deploys)
    if declared.silences is not None:
        write_silences(connection, declared.silences)
