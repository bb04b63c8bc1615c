"""What an import has to say of a configuration, line by line; filled while it is mapped."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.config.toml.problems import Origin, format_key
from monitor.model.errors import Problem
from monitor.model.wording import escaped


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to say of their configuration: where, what, and whether something is left to do."""

    problem: Problem
    is_left: bool

    @property
    def text(self) -> str:
        """Return the line of the report; what asks for nothing is marked as a note."""
        if self.is_left:
            return str(self.problem)
        one = self.problem
        return str(Problem(one.file, f"note: {one.message}", one.key, one.line))


class ImportReport:
    """The remarks on one import, each once."""

    def __init__(self) -> None:
        self._remarks: dict[Remark, None] = {}

    def left(self, origin: Origin, message: str) -> None:
        """Note what a person has to do, or what is not there any more."""
        self._add(origin, message, is_left=True)

    def note(self, origin: Origin, message: str) -> None:
        """Note what is otherwise here and asks for nothing."""
        self._add(origin, message, is_left=False)

    def in_order(self) -> list[Remark]:
        """List the remarks by file and line."""
        return sorted(self._remarks, key=_place)

    def _add(self, origin: Origin, message: str, *, is_left: bool) -> None:
        key = escaped(format_key(origin.key))
        problem = Problem(escaped(origin.file), escaped(message), key, origin.line)
        self._remarks[Remark(problem, is_left)] = None


def _place(remark: Remark) -> tuple[str, int]:
    return remark.problem.file, remark.problem.line or 0
