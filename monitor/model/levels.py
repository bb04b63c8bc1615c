"""Which kinds of server there are, and how loud an alert can be: words of closed sets."""

from __future__ import annotations

from enum import StrEnum


class Flavor(StrEnum):
    """The kind of server; chosen at connect, never guessed from the configuration."""

    MARIADB = "mariadb"
    MYSQL = "mysql"


class Severity(StrEnum):
    """How loudly an alert speaks."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"
