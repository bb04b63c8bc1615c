"""Read what SHOW GRANTS says of an account: its rights, and those that a monitor should not have; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

# What a monitor may have: to read, and to see what the server does.
_READING = frozenset(
    {
        "SELECT",
        "USAGE",
        "PROCESS",
        "SHOW VIEW",
        "SHOW DATABASES",
        "REPLICATION CLIENT",
        "BINLOG MONITOR",
        "SLAVE MONITOR",
        "REPLICA MONITOR",
    }
)
_QUOTED = r"(?:`(?:[^`]|``)*`|'(?:[^']|'')*'|[^`'\s])+"
# The rest of the line is never kept: there MariaDB writes the hash of the password.
_GRANT = re.compile(
    rf"GRANT (?P<rights>.+?) ON (?P<where>(?:(?:TABLE|FUNCTION|PROCEDURE) )?{_QUOTED}) TO "
)
_ROLE = re.compile(rf"GRANT (?P<roles>{_QUOTED}(?:\s*,\s*{_QUOTED})*) TO ")
# Between rights, not within the columns of one: SELECT (`id`, `name`).
_COMMA = re.compile(r",\s*(?![^(]*\))")


@dataclass(frozen=True, slots=True)
class Grant:
    """Rights on something, or (`where` is empty) roles that the account has."""

    rights: tuple[str, ...]
    where: str

    @property
    def is_role(self) -> bool:
        """Return whether it gives roles, of which the rights are not known."""
        return not self.where

    @property
    def has_process(self) -> bool:
        """Return whether it lets the account see what others do."""
        seeing = {"PROCESS", "ALL PRIVILEGES"}
        return self.where == "*.*" and not seeing.isdisjoint(self.rights)

    @property
    def surplus(self) -> tuple[str, ...]:
        """Return the rights that are more than reading, or reading far more than one schema."""
        if self.is_role:
            return ()
        return tuple(right for right in self.rights if not self._is_wanted(right))

    def _is_wanted(self, right: str) -> bool:
        # SELECT (id, name): a right on columns
        name = right.partition("(")[0].strip().upper()
        if name == "EXECUTE":
            # The views of sys call functions of its own, which only read; a single function was chosen.
            return self.where == "`sys`.*" or self.where.startswith("FUNCTION ")
        if name == "SELECT":
            return self.where != "*.*"
        return name in _READING

    def __str__(self) -> str:
        rights = ", ".join(self.rights)
        return f"role {rights}" if self.is_role else f"{rights} on {self.where}"


def read_grant(line: str) -> Grant | None:
    """Read one line of SHOW GRANTS; None for one that gives nothing, such as SET DEFAULT ROLE."""
    found = _GRANT.match(line)
    if found is not None:
        rights = [right.strip() for right in _COMMA.split(found["rights"])]
        if "WITH GRANT OPTION" in line[found.end() :].upper():
            rights.append("GRANT OPTION")
        return Grant(tuple(rights), found["where"])
    role = _ROLE.match(line)
    if role is not None:
        return Grant((role["roles"],), "")
    return None


def surplus_of(lines: Iterable[str]) -> tuple[str, ...]:
    """Return what an account may do beyond reading, each as `RIGHT on WHERE`, from the lines of SHOW GRANTS."""
    surplus: list[str] = []
    for line in lines:
        grant = read_grant(line)
        if grant is not None:
            surplus += [f"{right} on {grant.where}" for right in grant.surplus]
    return tuple(surplus)
