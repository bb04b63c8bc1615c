"""List our targets as Prometheus finds them: what /sd/targets gives, in the format of http_sd; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from monitor.model.targets import Target

TargetGroup: TypeAlias = Mapping[str, list[str] | dict[str, str]]
"""`targets`, the addresses to scrape, and `labels` of all of them."""


def target_groups(
    targets: Iterable[Target], address: str, scheme: str
) -> list[TargetGroup]:
    """Return a group for each target: our own address, and which target to ask for.

    `address` is the one by which whoever asks has come, so that it leads to us from there as well.
    """
    return [
        {"targets": [address], "labels": _labels(target, scheme)} for target in targets
    ]


def _labels(target: Target, scheme: str) -> dict[str, str]:
    # Own labels are on the samples already: given here they would clash, and come out as exported_….
    own = {
        f"__meta_token_monitor_label_{name}": value
        for name, value in target.labels.items()
    }
    return {
        "__scheme__": scheme,
        "__metrics_path__": "/metrics",
        "__param_target": target.name,
        "__meta_token_monitor_target": target.name,
        **own,
    }
