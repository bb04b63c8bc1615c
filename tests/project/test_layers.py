"""The house: who may import whom, kept by looking at every import statement of the package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent.parent / "monitor"

# From the ground up; a module imports only from its own room and from rooms that stand before it.
ROOMS = (
    *("timing", "model", "secrets", "alerting", "detection", "config", "contract"),
    *("migration", "storage"),
    *(
        "database",
        "telemetry",
        "notify",
        "demo",
        "collector",
        "web",
        "daemon",
        "cli",
        "__main__",
    ),
)
HEIGHT_OF = {room: height for height, room in enumerate(ROOMS)}

# Rooms that talk to something outside: each knows its own wire, and none of them another's.
EDGES = ("database", "notify", "web", "demo")

# No driver, no thread, no clock: the same values give the same answer.
PURE = ("model", "alerting", "detection", "contract", "migration")
IMPURE = {
    *(
        "pymysql",
        "apscheduler",
        "sqlite3",
        "urllib3",
        "starlette",
        "uvicorn",
        "httptools",
        "structlog",
    ),
    *(
        "prometheus_client",
        "time",
        "threading",
        "socket",
        "subprocess",
        "os",
        "random",
        "queue",
    ),
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


def neighbours(path: Path) -> Iterator[tuple[str, str]]:
    """Yield what a module imports of other rooms: the name, and the room."""
    for name in imports(path):
        other = name.split(".")[1] if name.startswith("monitor.") else ""
        if other not in ("", room_of(path), "__version__"):
            yield name, other


def test_every_room_has_its_place_and_every_place_its_room() -> None:
    assert {room_of(path) for path in modules()} - {"__init__"} == set(ROOMS)


@pytest.mark.parametrize(
    "path", list(modules()), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_a_module_imports_only_from_below(path: Path) -> None:
    room = room_of(path)
    assert [
        name
        for name, other in neighbours(path)
        if HEIGHT_OF[other] > HEIGHT_OF.get(room, 0)
    ] == []


@pytest.mark.parametrize("room", EDGES)
def test_the_edges_do_not_know_each_other(room: str) -> None:
    found = {
        other
        for path in modules()
        if room_of(path) == room
        for _, other in neighbours(path)
    }
    assert found & set(EDGES) == set()


@pytest.mark.parametrize(
    "path",
    [path for path in modules() if room_of(path) in PURE],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_values_and_rules_know_no_driver_no_thread_and_no_clock(path: Path) -> None:
    assert {name.split(".")[0] for name in imports(path)} & IMPURE == set()
