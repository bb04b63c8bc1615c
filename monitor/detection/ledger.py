"""Make one look of a ledger: what it remembers, new rows of use and balances, to what it remembers next; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from monitor.detection.ledger_crowd import (
    missing_calls,
    overwritten,
    without_own_calls,
)
from monitor.detection.ledger_rows import Taken, begun_at_next_look
from monitor.detection.ledger_told import (
    EVENTS_SECONDS,
    SLOW_SECONDS,
    last_losses,
    ongoing_drifts,
)
from monitor.detection.ledger_user import (
    Course,
    SettleTimes,
    UserLook,
    UserStep,
    follow,
)
from monitor.model.ledger import (
    Account,
    DriftEvent,
    Leaving,
    LedgerMemory,
    LedgerSettings,
    LedgerUser,
    LoggingPace,
    Refill,
    UserId,
)

REFILLS_SECONDS = 3600.0
LOOP_REFILLS = 3
"""So many refills of one user are a loop."""
FULL_AGAIN_SECONDS = 20 * 3600.0
"""For so long it is remembered that a balance was full again after use: what is renewed each day is so once."""
FULL_AGAIN_TIMES = 2
FULL_AGAIN_USERS = 3
"""So often, of so many users, no renewal is: nothing is taken off them, however rarely they call."""
LEAVINGS_SECONDS = 300.0
MAX_EVENTS = 5000
"""Of events and refills so many are kept: beyond them an alert says no more."""
SLOW_FACTOR = 2.0
"""Where a call took longer than `settle`, so many times that long is waited for the next hour."""
SLOW_MOST = 900.0
_HALF_LIFE_SECONDS = 1800.0
_MIN_PROMPT = 50.0
_MIN_PROMPT_SHARE = 0.7
_FEW_ASTRAY = 0.02
_HARDLY_ASTRAY = 0.002


@dataclass(slots=True)
class _Findings:
    """What the users of one look gave."""

    users: dict[UserId, LedgerUser] = field(default_factory=dict)
    events: list[DriftEvent] = field(default_factory=list)
    refills: list[Refill] = field(default_factory=list)
    leavings: list[Leaving] = field(default_factory=list)
    cancelled: set[UserId] = field(default_factory=set)
    has_served: bool = False
    """Somebody with an empty balance, so that these are filled up."""
    calls_while_empty: int = 0
    """Of users whose balance was 0 or NULL at the look before as well."""
    prompt: int = 0
    changed: int = 0
    astray: int = 0
    slow_seconds: float = 0.0

    @property
    def has_left(self) -> bool:
        """Return whether a balance of 0 or NULL was filled, also where it is empty again."""
        return bool(self.leavings) or self.has_served

    def add(self, step: UserStep, at: float) -> None:
        """Add what one user gave."""
        user = step.user.id
        self.users[user] = step.user
        if step.event is not None:
            self.events.append(step.event)
        if step.refill is not None:
            self.refills.append(step.refill)
        if step.has_left_empty:
            self.leavings.append(Leaving(at, user))
        self.has_served |= step.is_served
        if step.is_cancelled:
            self.cancelled.add(user)
        self.prompt += step.course is Course.PROMPT
        self.changed += step.course in (Course.CHANGED, Course.ASTRAY)
        self.astray += step.course is Course.ASTRAY
        self.slow_seconds = max(self.slow_seconds, step.slow_seconds)


def compare(
    taken: Taken,
    accounts: Mapping[UserId, Account],
    at: float,
    settings: LedgerSettings,
) -> LedgerMemory:
    """Return the memory after a look whose rows are taken; `accounts` are those of its users, as of the same instant.

    A user without an account is gone.
    """
    memory = taken.memory
    alike = overwritten(memory.users.values(), accounts, taken.amounts)
    times = times_of(memory, at, settings)
    # Their rows may come after all.
    owed = last_losses(memory.events, at - EVENTS_SECONDS)
    found = _Findings()
    for user in memory.users.values():
        if user.id not in accounts:
            continue
        look = UserLook(
            at,
            accounts[user.id],
            taken.amounts.get(user.id, ()),
            memory.calls,
            owed.get(user.id, 0),
        )
        if alike is not None and look.is_moved(user):
            # One cause, one event: it says nothing of this user alone, be it one who used something meanwhile.
            user = begun_at_next_look(user)
        found.add(follow(user, look, times), at)
        if user.empty_at is not None:
            found.calls_while_empty += len(look.amounts)
    if alike is not None:
        some = min(alike.users, key=str)
        users = len(alike.users)
        found.events.append(DriftEvent(at, some, alike.kind, alike.tokens, users))
    return _remembered(memory, found, at, settings)


def times_of(memory: LedgerMemory, at: float, settings: LedgerSettings) -> SettleTimes:
    """Return how long calls may be under way, as far as this ledger has seen."""
    pace = memory.pace
    settle_seconds = settings.settle_seconds
    if pace.slow_seconds and at - pace.slow_at < REFILLS_SECONDS:
        settle_seconds = max(settle_seconds, SLOW_FACTOR * pace.slow_seconds)
    settle_seconds = min(settle_seconds, max(SLOW_MOST, settings.settle_seconds))
    share = pace.prompt / max(_MIN_PROMPT, pace.prompt + pace.changed)
    astray = pace.astray / max(1.0, pace.prompt)
    if share < _MIN_PROMPT_SHARE or astray > _FEW_ASTRAY:
        return SettleTimes(settle_seconds)
    # Of calls that are hardly ever seen under way no two follow each other so that they look like one level.
    settles = 1.5 if astray <= _HARDLY_ASTRAY else 2.5
    return SettleTimes(settle_seconds, settle_seconds, settles * settle_seconds)


def _remembered(
    memory: LedgerMemory, found: _Findings, at: float, settings: LedgerSettings
) -> LedgerMemory:
    events = [
        one
        for one in memory.events
        if at - one.at < SLOW_SECONDS and one.user not in found.cancelled
    ]
    refills = [one for one in memory.refills if at - one.at < _kept_seconds(one)]
    leavings = [one for one in memory.leavings if at - one.at < LEAVINGS_SECONDS]
    initializations = dict(memory.initializations)
    for refill in found.refills:
        before = initializations.get(refill.plan, 0)
        initializations[refill.plan] = before + refill.times
    for user in found.users.values():
        initializations.setdefault(user.terms.plan, 0)
    has_left = found.has_left
    since_left = memory.calls_at_left + found.calls_while_empty
    after = replace(
        memory,
        looked_at=at,
        looks=memory.looks + 1,
        users=without_own_calls(found.users, found.calls_while_empty),
        events=tuple([*events, *found.events][-MAX_EVENTS:]),
        refills=tuple([*refills, *found.refills][-MAX_EVENTS:]),
        looping=looping([*refills, *found.refills], at, settings),
        leavings=tuple([*leavings, *found.leavings][-MAX_EVENTS:]),
        left_at=at if has_left else memory.left_at,
        calls_at_left=memory.calls if has_left else since_left,
        initializations=initializations,
        cancelled=memory.cancelled + len(found.cancelled),
        pace=_paced(memory, found, at, settings),
    )
    missing = missing_calls(after, times_of(memory, at, settings).quiet)
    return replace(after, drifts=ongoing_drifts(after), missing=missing)


def _kept_seconds(refill: Refill) -> float:
    return REFILLS_SECONDS if refill.times else FULL_AGAIN_SECONDS


def looping(
    refills: Sequence[Refill], at: float, settings: LedgerSettings
) -> Mapping[UserId, int]:
    """Return how often each user was refilled of late, of those who were often enough."""
    since = at - settings.loop.total_seconds()
    times: Counter[UserId] = Counter()
    for one in refills:
        times[one.user] += max(1, one.times) * (one.at > since)
    loops = {user: count for user, count in times.items() if count >= LOOP_REFILLS}
    return {**_full_again_and_again(refills), **loops}


def _full_again_and_again(refills: Sequence[Refill]) -> Mapping[UserId, int]:
    """Return how often a user was full again after use, of those who were several times, where these are several."""
    times = Counter(one.user for one in refills if not one.times)
    often = {user: count for user, count in times.items() if count >= FULL_AGAIN_TIMES}
    return often if len(often) >= FULL_AGAIN_USERS else {}


def _paced(
    memory: LedgerMemory, found: _Findings, at: float, settings: LedgerSettings
) -> LoggingPace:
    """Return how fast calls are logged, with what this look saw."""
    before = memory.pace
    kept = 0.5 ** ((at - memory.looked_at) / _HALF_LIFE_SECONDS)
    pace = replace(
        before,
        prompt=kept * before.prompt + found.prompt,
        changed=kept * before.changed + found.changed,
        astray=kept * before.astray + found.astray,
    )
    is_old = at - before.slow_at >= REFILLS_SECONDS
    longest = 0.0 if is_old else before.slow_seconds
    is_slow = found.slow_seconds >= settings.settle_seconds
    if is_slow and found.slow_seconds >= longest:
        return replace(pace, slow_seconds=found.slow_seconds, slow_at=at)
    return pace
