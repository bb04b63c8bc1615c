"""Where receivers are, and who is renamed or elsewhere by a new configuration; pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Final

from monitor.model.settings import Receiver, ReceiverSettings

# Of an address that holds a secret so much is in the state's file: enough to see that it is another, and far too
# little to find it by, as millions of others have the same.
_DIGEST_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Moves:
    """What became of receivers by a new configuration."""

    renamed: Mapping[str, str] = field(default_factory=dict)
    """New names of receivers that are where they were, by those of before."""
    elsewhere: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Those that are elsewhere under their old names, and of which alerts they are to be told by what waits."""

    def forgets(self, receiver: str, fingerprint: str) -> bool:
        """Return whether a receiver that was notified of an alert is one that was not any more."""
        return receiver in self.elsewhere and (
            fingerprint not in self.elsewhere[receiver]
        )


def digest_of(settings: ReceiverSettings) -> str:
    """Return a digest of where a receiver is: its kind, address, and the files or variables of its keys."""
    where = [
        f"{one.name}={getattr(settings, one.name)!r}"
        for one in fields(settings)  # type: ignore[arg-type] # each kind is a dataclass
        if one.name not in settings.how
    ]
    text = "\n".join((settings.kind, *where))
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()


def digests_of(receivers: Iterable[Receiver]) -> Mapping[str, str]:
    """Return for each receiver by its name a digest of where it is."""
    return {receiver.name: digest_of(receiver.settings) for receiver in receivers}


def renamed_among(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Return new names by old ones: who is gone, and is the only new one where the only one was that is gone."""
    gone = {name: digest for name, digest in before.items() if name not in now}
    new = {name: digest for name, digest in now.items() if name not in before}
    counts, new_counts = Counter(gone.values()), Counter(new.values())
    by_digest = {digest: name for name, digest in new.items()}
    return {
        name: by_digest[digest]
        for name, digest in gone.items()
        if counts[digest] == new_counts[digest] == 1
    }
