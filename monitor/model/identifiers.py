"""Write names of tables and columns as MariaDB and MySQL take them in a statement; pure."""

from __future__ import annotations


def quoted(identifier: str) -> str:
    """Return a name between backticks, those in it doubled."""
    # A doubled backtick is all that needs to be written otherwise; a backslash stands for itself.
    return "`" + identifier.replace("`", "``") + "`"
