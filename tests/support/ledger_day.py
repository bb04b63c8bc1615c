"""A token system without a database, on a clock that is driven: calls, faults and what a ledger sees at each look."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from monitor.detection.ledger import compare
from monitor.detection.ledger_rows import (
    Taken,
    begun,
    begun_anew,
    rows_since,
    take_rows,
)
from monitor.model.binary_keys import key_hash
from monitor.model.ledger import (
    Account,
    LedgerMemory,
    LedgerSettings,
    Terms,
    Tokens,
    UsageRow,
    UserId,
)
from monitor.storage.ledger_positions import packed_ledger, unpacked_ledger

BEGAN = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
COSTS = (300, 400, 1500, 100, None)
"""None is any number from 500 to 2000."""
LIMITS = {"free": 20_000, "pro": 200_000, "business": 1_000_000}


@dataclass(slots=True)
class Person:
    """One user as the database has it."""

    balance: Tokens | None
    plan: str
    limit: Tokens
    extra: tuple[tuple[Tokens, str], ...] = ()
    is_active: bool = True

    @property
    def terms(self) -> Terms:
        """Return the terms as a ledger reads them."""
        if not self.is_active:
            return Terms()
        some = sorted(((self.limit, self.plan), *self.extra), reverse=True)
        limit, plan = some[0]
        return Terms(limit, plan, tuple(some))


@dataclass(slots=True)
class System:
    """Users, their calls and the history; `seconds` is the time now, events happen in its order."""

    seed: int = 1
    users: int = 500
    per_second: float = 5.0
    gap: Callable[[random.Random], float] = lambda choose: choose.uniform(0.005, 0.1)
    """How long after its deduction a call is logged."""
    late: Callable[[random.Random], float] = lambda _: 0.0
    """How long after it got its number a row is to be seen."""
    open: Callable[[random.Random], float] = lambda _: 0.0
    """How long after both were written balance and row of a call are to be seen: its transaction is open."""
    fault: str = ""
    fault_share: float = 0.01
    refills: bool = True
    renews: bool = True
    clamps: bool = False
    costs: tuple[Tokens | None, ...] = COSTS
    weights: tuple[float, ...] = ()
    choose: random.Random = field(init=False)
    people: dict[UserId, Person] = field(init=False)
    seconds: float = 0.0
    rows: dict[int, UsageRow] = field(default_factory=dict)
    """Those that are committed."""
    events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    faults: int = 0
    order: itertools.count[int] = field(default_factory=itertools.count)
    ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        """Fill in users, and begin."""
        self.choose = random.Random(self.seed)
        self.people = {}
        for number in range(1, self.users + 1):
            plan = self.choose.choices(tuple(LIMITS), weights=(60, 30, 10))[0]
            limit = LIMITS[plan]
            balance = int(limit * self.choose.uniform(0.3, 0.95))
            self.people[number] = Person(balance, plan, limit)
        self.at(self._pause(), self.call)

    def at(self, seconds: float, do: Callable[[], None]) -> None:
        """Do something so many seconds from now."""
        heapq.heappush(self.events, (self.seconds + seconds, next(self.order), do))

    def run_until(self, seconds: float) -> None:
        """Let time pass."""
        while self.events and self.events[0][0] <= seconds:
            self.seconds, _, do = heapq.heappop(self.events)
            do()
        self.seconds = seconds

    def call(self) -> None:
        """Let somebody use a feature, and the next one later."""
        self.at(self._pause(), self.call)
        if self.weights:
            numbers = range(1, len(self.weights) + 1)
            (user,) = self.choose.choices(numbers, weights=self.weights)
        else:
            user = self.choose.randint(1, self.users)
        if user in self.people:
            self.use(user)

    def use(self, user: UserId) -> None:
        """Make one call as the documented backend does, or as the fault has it."""
        person = self.people[user]
        cost = self.choose.choice(self.costs) or self.choose.randint(500, 2000)
        if not person.is_active:
            return
        if not person.balance and person.limit > 0 and self.refills:
            person.balance = person.limit
        if (person.balance or 0) < cost and not self.clamps:
            if self.renews and self.choose.random() < 0.3:
                person.balance = person.limit
            return
        is_faulty = bool(self.fault) and self.choose.random() < self.fault_share
        self.faults += is_faulty
        taken, logged = self._amounts(cost, self.fault if is_faulty else "")
        open_seconds = self.open(self.choose)
        if open_seconds and logged is not None:
            row = self._row(user, logged)
            self.at(open_seconds, lambda: self._commit(person, taken, row))
            return
        person.balance = (person.balance or 0) - taken
        if self.clamps:
            person.balance = max(0, person.balance)
        if logged is not None:
            self.at(self.gap(self.choose), lambda: self._log(user, logged))

    def _amounts(self, cost: Tokens, fault: str) -> tuple[Tokens, Tokens | None]:
        match fault:
            case "undeducted":
                return 0, cost
            case "unlogged":
                return cost, None
            case "double":
                return 2 * cost, cost
            case "sign":
                return -cost, cost
            case "log_sign":
                return cost, -cost
            case "log_nothing":
                return cost, 0
            case "amount":
                return cost + cost // 7 + 1, cost
            case "less":
                return cost - cost // 7 - 1, cost
            case _:
                return cost, cost

    def _log(self, user: UserId, tokens: Tokens) -> None:
        row = self._row(user, tokens)
        delay = self.late(self.choose)
        self.at(delay, lambda: self.rows.__setitem__(row.id, row))

    def _commit(self, person: Person, taken: Tokens, row: UsageRow) -> None:
        person.balance = (person.balance or 0) - taken
        self.rows[row.id] = row

    def _row(self, user: UserId, tokens: Tokens) -> UsageRow:
        return UsageRow(next(self.ids), user, tokens, key_hash(str(user)))

    def _pause(self) -> float:
        return self.choose.expovariate(self.per_second)


@dataclass(slots=True)
class Watcher:
    """A ledger that looks at a system every so many seconds."""

    system: System
    interval: float = 30.0
    settings: LedgerSettings = field(default_factory=LedgerSettings)
    memory: LedgerMemory | None = None
    looks: int = 0
    began: float = 0.0

    def look(self) -> LedgerMemory:
        """Let the interval pass, and look."""
        system = self.system
        system.run_until(system.seconds + self.interval)
        self.looks += 1
        taken, at = self._taken()
        accounts = {
            user: Account(system.people[user].balance, system.people[user].terms)
            for user in taken.memory.users
            if user in system.people
        }
        self.memory = compare(taken, accounts, at, self.settings)
        return self.memory

    def restart(self) -> None:
        """Write the memory and read it again, as a restart does."""
        assert self.memory is not None
        self.memory = unpacked_ledger(packed_ledger(self.memory))

    def _taken(self) -> tuple[Taken, float]:
        system, before = self.system, self.memory
        highest = max(system.rows, default=0)
        if before is None:
            self.began = system.seconds
            rows = list(system.rows.values())
            return begun(rows, highest, BEGAN, self.settings), 0.0
        at = system.seconds - self.began
        since = rows_since(before, highest, self.settings)
        rows = [
            one
            for one in system.rows.values()
            if one.id > since and one.user_hash <= before.sample
        ]
        if highest < before.highest:
            return begun_anew(before, rows, highest, at, self.settings), at
        return take_rows(before, rows, highest, at, self.settings), at


def something_healthy(system: System, watcher: Watcher) -> None:
    """Let something happen that is no fault, to somebody, or nothing."""
    choose = system.choose
    user = choose.choice(sorted(system.people, key=str))
    person = system.people[user]
    match choose.randint(1, 40):
        case 1:  # an upgrade
            person.plan, person.limit = "business", LIMITS["business"]
            person.balance = person.limit
        case 2:  # the limit first, the balance a while later
            person.plan, person.limit = "pro", LIMITS["pro"]
            system.at(choose.uniform(0, 90), lambda: _fill(person))
        case 3:  # a downgrade, the balance stays
            person.plan, person.limit = "free", LIMITS["free"]
        case 4:
            person.balance = person.limit
        case 5:  # a renewal day
            for one in system.people.values():
                if choose.random() < 0.3:
                    _fill(one)
        case 6:  # a top-up
            person.balance = (person.balance or 0) + 50_000
        case 7:
            person.is_active = not person.is_active
        case 8:  # a purge of what is older than an hour or so
            kept = 3000 + round(3600 * system.per_second)
            for old in sorted(system.rows)[:-kept]:
                del system.rows[old]
        case 9:
            watcher.restart()
        case 10:  # the monitor is down for a while
            system.run_until(system.seconds + choose.uniform(60, 900))
        case 11:
            system.people.pop(user)
        case 12:
            number = max(int(one) for one in system.people) + 1
            system.people[number] = Person(None, "free", LIMITS["free"])
            system.users = number
        case 13:
            person.extra = () if person.extra else ((5_000, "old"),)
        case 14 if choose.random() < 0.15:  # what one person does by hand
            person.balance = max(1, (person.balance or 0) - 777)
        case 15 if choose.random() < 0.15:
            person.balance = None
        case _:
            pass


def _fill(person: Person) -> None:
    person.balance = person.limit
