"""Which variables of its sessions an operator may state by name, and what each may be; pure.

None of them is one on which the program relies: what those are is in `database/session_variables`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias

SessionValue: TypeAlias = int | str
"""What a variable is stated to: a whole number, or a word."""

MAX_BUFFER: Final = 268_435_456
"""Bytes that a buffer may have: each statement of each session may take so many."""


class SettableVariable(Protocol):
    """A variable that may be stated."""

    @property
    def changes_answers(self) -> bool:
        """Return whether a result under another value cannot be believed."""

    def fault(self, value: object) -> str | None:
        """Return what is wrong with a value; None where it may be."""

    def proof(self, name: str, value: SessionValue) -> str:
        """Return an expression that is true where the session has it; empty: the variable itself is compared."""


@dataclass(frozen=True, slots=True)
class NumberVariable:
    """A variable that is a whole number. Servers round some down to a multiple of `step`, which is refused here."""

    least: int
    most: int
    step: int = 1
    changes_answers: bool = False

    def fault(self, value: object) -> str | None:
        """Return what is wrong with a value; None where it may be."""
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if is_number and value in range(self.least, self.most + 1, self.step):
            return None
        multiple = f", a multiple of {self.step}" if self.step > 1 else ""
        return f"allowed: {self.least} to {self.most}{multiple}"

    def proof(self, _name: str, _value: SessionValue) -> str:
        """Return nothing: the number itself is compared."""
        return ""


@dataclass(frozen=True, slots=True)
class WordVariable:
    """A variable that is a word of a shape, which leaves no room for anything else."""

    shape: str
    example: str
    changes_answers: bool = False

    def fault(self, value: object) -> str | None:
        """Return what is wrong with a value; None where it may be."""
        if isinstance(value, str) and re.fullmatch(self.shape, value):
            return None
        return f'allowed: a text such as "{self.example}"'

    def proof(self, name: str, value: SessionValue) -> str:
        """Return that each switch has its place among all of them, for a list of switches."""
        if "=" not in str(value):
            return ""
        found = [
            f"FIND_IN_SET('{switch}', @@SESSION.{name}) > 0"
            for switch in str(value).split(",")
        ]
        return " AND ".join(found)


# Nothing below what the program states itself: the shipped queries run in the same sessions.
SETTABLE_VARIABLES: Mapping[str, SettableVariable] = MappingProxyType(
    {
        "group_concat_max_len": NumberVariable(
            1_048_576, 1_073_741_824, changes_answers=True
        ),
        "div_precision_increment": NumberVariable(4, 30, changes_answers=True),
        "max_sort_length": NumberVariable(1024, 8_388_608, changes_answers=True),
        "default_week_format": NumberVariable(0, 7, changes_answers=True),
        "lc_time_names": WordVariable(
            "[a-z]{2,3}_[A-Z]{2}", "de_DE", changes_answers=True
        ),
        "cte_max_recursion_depth": NumberVariable(1000, 4_294_967_295),
        "max_recursive_iterations": NumberVariable(1000, 4_294_967_295),
        "join_buffer_size": NumberVariable(1024, MAX_BUFFER, step=1024),
        "sort_buffer_size": NumberVariable(32_768, MAX_BUFFER, step=1024),
        "read_rnd_buffer_size": NumberVariable(8192, MAX_BUFFER, step=1024),
        "tmp_table_size": NumberVariable(1024, MAX_BUFFER, step=1024),
        "max_heap_table_size": NumberVariable(16_384, MAX_BUFFER, step=1024),
        "optimizer_search_depth": NumberVariable(0, 62),
        "optimizer_prune_level": NumberVariable(0, 1),
        "eq_range_index_dive_limit": NumberVariable(0, 4_294_967_295),
        "optimizer_switch": WordVariable(
            "[a-z_]+=(on|off)(,[a-z_]+=(on|off))*", "mrr=on,mrr_cost_based=off"
        ),
    }
)
"""By their names, in the order in which a message lists them."""

OWN_VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        "sql_mode": "every statement is written for one",
        "time_zone": 'write the key "time_zone" of the target',
        "max_execution_time": 'write "timeout" of the query',
        "max_statement_time": 'write "timeout" of the query',
        "lock_wait_timeout": "it is a limit of the program",
        "innodb_lock_wait_timeout": "it is a limit of the program",
        "sql_select_limit": 'write "max_rows" of the query',
        "transaction_isolation": "each run has the one that it needs",
        "tx_isolation": "each run has the one that it needs",
        "transaction_read_only": "all sessions are read-only",
        "tx_read_only": "all sessions are read-only",
    }
)
"""What an operator might look for and the program states itself, each with what to do instead, or why."""
