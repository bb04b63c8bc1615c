"""A member that is added to a closed set is forgotten nowhere: tables have all of them, selections say which not.

A `match` that leaves out a member is an error of mypy (`exhaustive-match`); what it does not see is here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path

from monitor.alerting.causes import Cause
from monitor.alerting.ownership import Voice
from monitor.alerting.query_view import QueryStatus
from monitor.model.alerts import AlertState, Change
from monitor.model.errors import Reason
from monitor.model.results import ColumnType
from monitor.model.settings import Flavor, Severity

ROOT = Path(__file__).parent.parent.parent
CLOSED: Mapping[str, type[Enum]] = {
    one.__name__: one
    for one in (
        *(AlertState, Cause, Change, ColumnType, Flavor),
        *(QueryStatus, Reason, Severity, Voice),
    )
}
SEVERITIES = frozenset(severity.value for severity in Severity)
_REASONS_OF_RUNS = "BAD_RESULT INTERNAL LOCK_WAIT QUERY_ERROR REPLICA_LAGGING TARGET_DOWN TOO_MANY_ROWS INPUT_MISSING"
_COLUMN_TYPES = "BINARY BIT NUMBER SPATIAL TIME"

SELECTIONS: Mapping[tuple[str, frozenset[str]], frozenset[str]] = {
    (place, frozenset(members.split())): frozenset(left_out.split())
    for place, members, left_out in (
        ("alerting/query_view.py", "DEFERRED OK SKIPPED", "BLOCKED FAILED WAITING"),
        ("alerting/self_monitoring.py", "FAILING NOBODY", "FROZEN ROOT STALE"),
        (
            "collector/sweep_keys.py",
            "BINARY NUMBER TEXT",
            "BIT DATE DATETIME JSON SPATIAL TIME",
        ),
        (
            "alerting/root_alerts.py",
            "LAGGING LOST REFUSED",
            "DEFERRED DENIED FAILING MISSING SILENT",
        ),
        (
            "alerting/updates.py",
            "ACCESS_DENIED SCHEMA_MISSING",
            f"{_REASONS_OF_RUNS} KILLED TIMEOUT",
        ),
        ("cli/explain.py", "BLOCKED DEFERRED SKIPPED WAITING", "FAILED OK"),
        (
            "collector/cursor_statements.py",
            "TIMEOUT TOO_MANY_ROWS",
            "ACCESS_DENIED BAD_RESULT INPUT_MISSING INTERNAL KILLED LOCK_WAIT QUERY_ERROR REPLICA_LAGGING"
            " SCHEMA_MISSING TARGET_DOWN",
        ),
        ("cli/nagios.py", "CRITICAL WARNING", "INFO"),
        ("web/day_strip.py", "CRITICAL WARNING", "INFO"),
        ("web/situation.py", "CRITICAL WARNING", "INFO"),
        ("cli/run_once.py", "CRITICAL WARNING", "INFO"),
        ("collector/cells.py", "JSON TEXT", f"{_COLUMN_TYPES} DATE DATETIME"),
        ("collector/cells.py", "DATE DATETIME", f"{_COLUMN_TYPES} JSON TEXT"),
        ("daemon/heartbeat.py", "BLOCKED DEFERRED SKIPPED", "FAILED OK WAITING"),
        (
            "database/killer.py",
            "ACCESS_DENIED TARGET_DOWN",
            f"{_REASONS_OF_RUNS.replace('TARGET_DOWN ', '')} KILLED SCHEMA_MISSING TIMEOUT",
        ),
        (
            "database/server_warnings.py",
            "KILLED TIMEOUT",
            f"{_REASONS_OF_RUNS} ACCESS_DENIED SCHEMA_MISSING",
        ),
        (
            "collector/sweep_piece.py",
            "KILLED LOCK_WAIT TIMEOUT",
            f"{_REASONS_OF_RUNS.replace('LOCK_WAIT ', '')} ACCESS_DENIED SCHEMA_MISSING",
        ),
        ("telemetry/readings.py", "FIRING PENDING", "RESOLVED"),
        ("web/api.py", "FIRING PENDING", "RESOLVED"),
    )
}
"""Where some members are named on purpose, and which are left out there: a new one is to be thought of."""


def displays(tree: ast.AST) -> Iterator[tuple[int, list[ast.expr]]]:
    """Yield the elements of each tuple, list and set that is written out, and the keys of each dict."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            yield node.lineno, node.elts
        elif isinstance(node, ast.Dict):
            yield node.lineno, [key for key in node.keys if key is not None]


def member_of(node: ast.expr) -> tuple[str, str] | None:
    """Return the name of a closed set and of its member, where an expression is one."""
    if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
        return None
    name = node.value.id
    is_member = name in CLOSED and node.attr in CLOSED[name].__members__
    return (name, node.attr) if is_member else None


def selections() -> Iterator[tuple[str, int, str, frozenset[str]]]:
    """Yield each place that names two or more members of one closed set, and which."""
    for path in sorted((ROOT / "monitor").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for line, elements in displays(tree):
            found = [member_of(element) for element in elements]
            sets = {one[0] for one in found if one is not None}
            if len(found) > 1 and None not in found and len(sets) == 1:
                members = frozenset(one[1] for one in found if one is not None)
                place = str(path.relative_to(ROOT / "monitor"))
                yield place, line, sets.pop(), members


def test_who_names_several_members_of_a_closed_set_names_all_or_says_which_not() -> (
    None
):
    forgotten = []
    for place, line, name, members in selections():
        left_out = frozenset(CLOSED[name].__members__) - members
        if left_out != SELECTIONS.get((place, members), frozenset()):
            text = f"{sorted(members)} without {sorted(left_out)}"
            forgotten.append(f"monitor/{place}:{line}: {name} {text}")
    reported = "\n".join(forgotten)
    assert not forgotten, (
        f"name all, or say in SELECTIONS what is left out:\n{reported}"
    )


def test_a_table_by_the_words_of_severities_has_all_of_them() -> None:
    forgotten = []
    for path in sorted((ROOT / "monitor").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Dict):
                continue
            words = {
                key.value if isinstance(key, ast.Constant) else None
                for key in node.keys
            }
            if len(words) > 1 and words < SEVERITIES:
                missing = sorted(SEVERITIES - words)
                place = f"{path.relative_to(ROOT)}:{node.lineno}"
                forgotten.append(f"{place}: no {', '.join(missing)}")
    assert not forgotten, "\n".join(forgotten)


def members_named(place: str, closed: type[Enum]) -> set[str]:
    """Return which members of a set are named by the code in a file or below a folder."""
    root = ROOT / "monitor" / place
    named = set()
    for path in root.rglob("*.py") if root.is_dir() else [root]:
        text = path.read_text(encoding="utf-8")
        named.update(re.findall(rf"\b{closed.__name__}\.(\w+)", text))
    return named


def test_each_reason_is_given_by_somebody() -> None:
    given = members_named("database", Reason) | members_named("collector", Reason)
    given |= members_named("alerting/derived.py", Reason)
    idle = sorted(Reason.__members__.keys() - given)
    assert not idle, (
        f"no code of database/, collector/ or of derived values gives the reason {idle}"
    )
