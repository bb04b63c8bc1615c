"""State a new session's variables and prove them: one SET, one SELECT; each alone only after a refusal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import assert_never

import pymysql

from monitor.database.connection import Connection
from monitor.database.driver_errors import code_of
from monitor.database.reasons import is_answer
from monitor.database.session_variables import FACTS, Effect, Variable, stated
from monitor.model.errors import QueryError, Reason
from monitor.model.results import ALTERED_SESSION, Server
from monitor.model.settings import SERVER_ZONE

UNPROVEN = "unproven"
"""Told in place of variables where none can be read: then nobody knows."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the servers of one version take: the names of what can be set, and of what can be read."""

    settable: tuple[str, ...]
    readable: tuple[str, ...]


@dataclass(slots=True)
class SessionSetup:
    """States and proves the variables of one target's sessions; thread-safe, each connection in one thread.

    What a server does not know or grant is remembered by its version, so that only the first session
    there costs a round trip for each such variable.
    """

    _known: dict[tuple[str, str], _Known] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def apply(self, connection: Connection, comment: str = "") -> None:
        """Set a session up; `connection.server` says which variables are wrong all the same."""
        server = connection.server
        variables = {
            one.name: one for one in stated(server.flavor, server.version, comment)
        }
        questions = {name: one.expression for name, one in variables.items()} | dict(
            FACTS
        )
        known = self._known_of(server, variables, questions)
        settings = _set(connection, variables, known.settable)
        otherwise = _set_otherwise(connection, variables, settings)
        values = _read(connection, questions, known.readable)
        wrong = [one for one in variables.values() if one.is_wrong_in(values)]
        self._remember(server, _Known(settings, tuple(values)), forget=bool(wrong))
        facts = {name: values.pop(name, None) for name in FACTS}
        connection.proof = {name: questions[name] for name in values}
        connection.proven = values
        held = frozenset((*values, *settings, *otherwise)) - {one.name for one in wrong}
        limits = [one.limit for name, one in variables.items() if name in held]
        connection.server = replace(
            _as_proven(server, wrong, values),
            limits=tuple(filter(None, limits)),
            time_zone=str(facts["server_zone"] or ""),
            utc_offsets=_offsets(facts["january"], facts["july"]),
        )

    def _known_of(
        self,
        server: Server,
        variables: Mapping[str, Variable],
        questions: Mapping[str, str],
    ) -> _Known:
        settable = tuple(name for name, one in variables.items() if one.value)
        with self._lock:
            return self._known.get(_place(server), _Known(settable, tuple(questions)))

    def _remember(self, server: Server, known: _Known, *, forget: bool) -> None:
        """Keep what a server took; where something is wrong its refusals may have been of the moment."""
        with self._lock:
            if forget:
                self._known.pop(_place(server), None)
            else:
                self._known[_place(server)] = known


def enter_zone(connection: Connection, time_zone: str) -> None:
    """Put a session into another time zone and prove that it took; QueryError where it did not."""
    value = "@@GLOBAL.time_zone" if time_zone == SERVER_ZONE else f"'{time_zone}'"
    connection.execute(f"SET SESSION time_zone = {value}")
    ((found, wanted),) = connection.execute(f"SELECT @@SESSION.time_zone, {value}")
    if str(found).lower() != str(wanted).lower():
        message = (
            f"the session is not as we set it: time_zone is '{found}', not '{wanted}'"
        )
        raise QueryError(Reason.BAD_RESULT, message, detail=ALTERED_SESSION)
    connection.time_zone = time_zone
    connection.note_change("time_zone", found)


def _place(server: Server) -> tuple[str, str]:
    return (server.flavor.value, server.version)


def _as_proven(
    server: Server, wrong: Sequence[Variable], values: Mapping[str, object]
) -> Server:
    if not values:
        return replace(server, unstated=(UNPROVEN,))
    altered: list[str] = []
    unstated: list[str] = []
    for one in wrong:
        match one.effect:
            case Effect.ANSWER:
                altered.append(one.told(values[one.name]))
            case Effect.COST:
                unstated.append(one.name)
            case Effect.LIMIT:
                pass  # it is told by its name among the limits, or is not there
            case _:
                assert_never(one.effect)
    return replace(server, altered=tuple(altered), unstated=tuple(unstated))


def _offsets(january: object, july: object) -> tuple[timedelta, ...]:
    if not isinstance(january, int) or not isinstance(july, int):
        return ()
    return (timedelta(minutes=january), timedelta(minutes=july))


def _set(
    connection: Connection, variables: Mapping[str, Variable], names: Iterable[str]
) -> tuple[str, ...]:
    """Set all at once, without what the server refuses; returns the names of what it took."""

    def set_together(some: Sequence[str]) -> str:
        assignments = ", ".join(variables[name].assignment for name in some)
        return _refusal(
            connection, lambda: connection.execute(f"SET SESSION {assignments}")
        )

    return tuple(_taken(names, set_together))


def _set_otherwise(
    connection: Connection, variables: Mapping[str, Variable], settings: Iterable[str]
) -> tuple[str, ...]:
    """Set in another statement what the server has no variable for; returns the names of what it took."""
    taken: list[str] = []
    for name, variable in variables.items():
        if not variable.alone or name in settings:
            continue
        if not _refusal(connection, partial(connection.execute, variable.alone)):
            taken.append(name)
    return tuple(taken)


def _read(
    connection: Connection, questions: Mapping[str, str], names: Iterable[str]
) -> dict[str, object]:
    """Read all at once, without what the server refuses to tell."""
    values: dict[str, object] = {}

    def read_together(some: Sequence[str]) -> str:
        return _refusal(
            connection,
            lambda: values.update(
                connection.read({name: questions[name] for name in some})
            ),
        )

    _taken(names, read_together)
    return values


def _taken(names: Iterable[str], send: Callable[[Sequence[str]], str]) -> list[str]:
    """Send what has these names, without what the server names in a refusal; where it names none, each alone.

    `send` returns the refusal, or nothing. Returns the names of what was taken.
    """
    left = list(names)
    while left:
        refusal = send(left)
        if not refusal:
            break
        named = [name for name in left if f"'{name}'" in refusal]
        if not named:
            return [name for name in left if not send([name])]
        left = [name for name in left if name not in named]
    return left


def _refusal(connection: Connection, act: Callable[[], object]) -> str:
    """Return the server's words where it refuses; raises what is no answer of its, but a lost connection."""
    try:
        act()
    except pymysql.MySQLError as error:
        if not is_answer(code_of(error), str(error)):
            raise
        connection.in_order = True
        return f"refused: {error}"
    return ""
