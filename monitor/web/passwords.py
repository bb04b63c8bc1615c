"""Compare passwords with the bcrypt hashes of the web-config file, so that neither scrapes nor guesses cost much."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Mapping

import bcrypt

from monitor.web.threads import Threads

_MAX_OUTCOMES = 100
"""Of each kind; the exporter-toolkit remembers as many."""
# Of no password; compared for users that do not exist, so that the answer takes as long (exporter-toolkit).
_DUMMY_HASH = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"


class Passwords:
    """Compares passwords with bcrypt hashes: one at a time, since each costs 70 ms of a core and more.

    The last outcomes are remembered under a keyed hash, so that scrapes do not pay each time; right and
    wrong ones apart, so that no flood of guesses makes a scrape pay again, and wait behind them.
    """

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._lock = asyncio.Lock()
        # A random key: what is remembered here means nothing to who reads the memory of this process.
        self._key = hashlib.sha256(bcrypt.gensalt()).digest()
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._wrong: OrderedDict[bytes, None] = OrderedDict()

    async def are_right(
        self, users: Mapping[str, str], user: str, password: str
    ) -> bool:
        """Return whether this is one of the users, with the right password; `users` are hashes by name."""
        hashed = users.get(user, _DUMMY_HASH)
        text = "\0".join((user, hashed, password)).encode("utf-8", "surrogateescape")
        identity = hmac.digest(self._key, text, "sha256")
        known = self._outcome(identity)
        if known is not None:
            return known
        async with self._lock:
            # The same may have been asked while we waited.
            known = self._outcome(identity)
            if known is None:
                matches = await self._threads.do(_matches, password, hashed)
                known = matches and user in users
                self._remember(identity, self._right if known else self._wrong)
            return known

    def _outcome(self, identity: bytes) -> bool | None:
        for outcomes, is_right in ((self._right, True), (self._wrong, False)):
            if identity in outcomes:
                outcomes.move_to_end(identity)
                return is_right
        return None

    def _remember(self, identity: bytes, outcomes: OrderedDict[bytes, None]) -> None:
        outcomes[identity] = None
        while len(outcomes) > _MAX_OUTCOMES:
            outcomes.popitem(last=False)


def _matches(password: str, hashed: str) -> bool:
    try:
        return bcrypt.checkpw(password.encode(), hashed.encode())
    # Longer than 72 bytes, or with a NUL: no hash is of such a password.
    except ValueError:
        return False
