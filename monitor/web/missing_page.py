"""Describe what there is in place of a page that there is not; pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from monitor.model.alerts import Alert
from monitor.model.wording import shortened

MAX_OFFERED = 200
_MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class OfferedPage:
    """A page that there is; its address is below the first page's."""

    text: str
    address: str


@dataclass(frozen=True, slots=True)
class MissingPage:
    """What was asked for and is not there, and what is."""

    headline: str
    detail: str
    offered: tuple[OfferedPage, ...]
    left_out: int


def missing_named(
    kind: str, plural: str, name: str, known: Iterable[str]
) -> MissingPage:
    """Describe that there is no query or target of this name, and which there are."""
    names = sorted(known)
    shown = shortened(name, _MAX_NAME)
    close = difflib.get_close_matches(shown, names, n=1)
    meant = f' Did you mean "{close[0]}"?' if close else ""
    offered = [OfferedPage(one, f"{plural}/{quote(one, safe='')}") for one in names]
    detail = f"These {plural} there are:" if names else f"There are no {plural}."
    return _page(f'There is no {kind} "{shown}".{meant}', detail, offered)


def missing_alert(fingerprint: str, alerts: Sequence[Alert]) -> MissingPage:
    """Describe that nothing is known of an alert, and which are active."""
    shown = shortened(fingerprint, _MAX_NAME)
    offered = [
        OfferedPage(_alert_text(alert), f"alerts/{alert.fingerprint}")
        for alert in alerts
        if not alert.is_over()
    ]
    detail = (
        "It is neither pending nor firing, and not in the history, which has an end."
    )
    if offered:
        detail = f"{detail} These alerts are active:"
    return _page(f'Nothing is known of an alert "{shown}".', detail, offered)


def _alert_text(alert: Alert) -> str:
    labels = dict(alert.labels)
    name = labels.pop("alertname", alert.name)
    return ", ".join([name, *labels.values()])


def _page(headline: str, detail: str, offered: Sequence[OfferedPage]) -> MissingPage:
    shown = tuple(offered[:MAX_OFFERED])
    return MissingPage(headline, detail, shown, len(offered) - len(shown))
