"""The house: who may import whom, kept by looking at every import statement of the package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "monitor"

# From the ground up; a module imports only from its own room and from lower floors.
FLOORS = (
    ("values", ("errors", "model", "durations", "text", "clock", "crontab", "instants", "timing")),
    (
        "pure",
        (
            *("samples", "rules", "store", "judgements", "own_findings", "standing", "probes", "redaction"),
            *("repeats", "rights", "servers", "vitals", "ages", "body_template", "patience", "alerting"),
            "event_text",
        ),
    ),
    ("files", ("catalog", "config", "secret_files", "secrets")),
    (
        "edges",
        (
            "database",
            "state",
            "deliver",
            "web",
            "telemetry",
            "metrics",
            "domain_families",
            "exposition",
            "console",
            "log_writer",
            "log",
            "schedule",
            "signals",
            "heartbeat",
            "watchdog",
            "ticker",
            "storage",
            "notify",
        ),
    ),
    (
        "order",
        (
            "reload",
            "runs",
            "workers",
            "watching",
            "messages",
            "pipeline",
            "journal",
            "checks",
            "preflight",
            "upkeep",
            "collector",
        ),
    ),
    ("daemon", ("daemon",)),
    ("app", ("app",)),
    ("commands", ("cli", "demo", "__main__")),
)
# Rooms that new modules go into; the older ones move there too.
TO_COME = {"timing", "alerting", "secrets", "storage", "notify", "collector", "daemon"}
FLOOR_OF = {room: height for height, (_, rooms) in enumerate(FLOORS) for room in rooms}

# Rooms of one floor that build on each other; all other neighbours are strangers.
STAIRS = {
    *(("alerting", room) for room in ("samples", "rules", "store", "standing", "patience", "ages")),
    *((room, "alerting") for room in ("judgements", "own_findings")),
    ("samples", "collector"),
    *((room, "alerting") for room in ("rules", "standing", "store")),
    ("runs", "collector"),
    ("app", "daemon"),
    ("storage", "state"),
    ("state", "storage"),
    ("metrics", "storage"),
    ("notify", "deliver"),
    ("model", "errors"),
    ("model", "durations"),
    ("rules", "samples"),
    ("judgements", "store"),
    ("judgements", "rules"),
    ("judgements", "own_findings"),
    ("own_findings", "store"),
    ("own_findings", "rules"),
    ("standing", "rules"),
    ("probes", "store"),
    ("probes", "alerting"),
    ("alerting", "patience"),
    ("ages", "store"),
    ("store", "patience"),
    ("own_findings", "patience"),
    ("servers", "store"),
    ("servers", "alerting"),
    ("config", "catalog"),
    ("metrics", "telemetry"),
    ("metrics", "exposition"),
    ("metrics", "domain_families"),
    ("log", "console"),
    ("event_text", "redaction"),
    ("log", "log_writer"),
    ("web", "log"),
    ("database", "watchdog"),
    ("deliver", "watchdog"),
    ("journal", "collector"),
    ("pipeline", "upkeep"),
    ("pipeline", "messages"),
    ("messages", "upkeep"),
    ("watching", "runs"),
    ("watching", "workers"),
    ("checks", "runs"),
    ("checks", "preflight"),
    ("preflight", "runs"),
    ("cli", "demo"),
    ("__main__", "cli"),
}

IMPURE = {
    *("pymysql", "apscheduler", "sqlite3", "urllib3", "starlette", "uvicorn", "httptools", "structlog"),
    *("prometheus_client", "time", "threading", "socket", "subprocess", "os", "random", "queue"),
}


def modules() -> Iterator[Path]:
    yield from sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "monitor":
                yield from (f"monitor.{alias.name}" for alias in node.names)
            else:
                yield node.module


def test_every_room_has_its_floor() -> None:
    rooms = {room_of(path) for path in modules()} - {"__init__"}
    assert rooms <= set(FLOOR_OF)
    assert set(FLOOR_OF) - rooms <= TO_COME


@pytest.mark.parametrize("path", list(modules()), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_below(path: Path) -> None:
    room = room_of(path)
    wrong = []
    for name in imports(path):
        other = name.split(".")[1] if name.startswith("monitor.") else ""
        if other in ("", room, "__version__") or (room, other) in STAIRS:
            continue
        if FLOOR_OF[other] >= FLOOR_OF.get(room, 0):
            wrong.append(name)
    assert wrong == []


@pytest.mark.parametrize(
    "path",
    [path for path in modules() if FLOOR_OF.get(room_of(path), 9) <= 1 and path.name != "clock.py"],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_values_and_pure_modules_know_no_driver_no_thread_and_no_clock(path: Path) -> None:
    assert {name.split(".")[0] for name in imports(path)} & IMPURE == set()


def test_no_module_is_two() -> None:
    long = {
        str(path.relative_to(PACKAGE)): lines
        for path in modules()
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 350
    }
    assert long == {}


def test_nine_functions_of_ten_are_under_thirty_lines() -> None:
    lengths = [
        (node.end_lineno or 0) - node.lineno + 1
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert sum(length < 30 for length in lengths) / len(lengths) > 0.9
    assert max(lengths) <= 60
