"""Which shard of a fleet watches which targets: rendezvous hashing of their names; pure."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` daemons that share the targets of one configuration; `index` counts from 0."""

    index: int
    count: int

    def owns(self, name: str, replicas: int) -> bool:
        """Return whether the target of this name is watched here, where each is watched by `replicas`."""
        return self.index in owners(name, self.count, replicas)

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def owners(name: str, shards: int, replicas: int) -> tuple[int, ...]:
    """Return which of the shards watch a target: `replicas` different ones, the first owner first.

    Each shard draws a number from its own and the target's name alone, and the highest win: a shard that is
    added takes targets and moves none between the others. All shards must have the same numbers, whatever
    machine and version they run on, so the hash is never to change (docs/adr/0037).
    """
    ranked = sorted(range(shards), key=lambda shard: _draw(name, shard), reverse=True)
    return tuple(ranked[:replicas])


def _draw(name: str, shard: int) -> bytes:
    return blake2b(f"{shard}/{name}".encode(), digest_size=8).digest()
