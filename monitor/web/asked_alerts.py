"""Read which alerts and silences a request in Alertmanager's form is about; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from starlette.datastructures import QueryParams

from monitor.model.alerts import Alert
from monitor.model.label_matchers import (
    MAX_MATCHERS,
    LabelMatcher,
    MatchOperator,
    a_matcher,
    parse_matcher,
)


@dataclass(frozen=True, slots=True)
class AskedAlerts:
    """Which alerts a request is about."""

    matchers: Sequence[LabelMatcher] = ()
    receiver: LabelMatcher | None = None
    """Of its name, as a label `receiver` would be."""
    active: bool = True
    silenced: bool = True
    inhibited: bool = True

    def wants(self, alert: Alert) -> bool:
        """Return whether it is about an alert: one that fires."""
        if not alert.is_firing():
            return False
        labels = dict(alert.labels)
        if not all(matcher.fits(labels) for matcher in self.matchers):
            return False
        is_silenced = alert.silence is not None
        is_inhibited = alert.muted_by is not None
        if not is_silenced and not is_inhibited:
            return self.active
        is_left_out = is_silenced > self.silenced or is_inhibited > self.inhibited
        return not is_left_out

    def is_for_one_of(self, receivers: Iterable[str]) -> bool:
        """Return whether it is about one of these receivers."""
        return self.receiver is None or bool(self.among(receivers))

    def among(self, receivers: Iterable[str]) -> list[str]:
        """Return those of some receivers that it is about."""
        asked = self.receiver
        if asked is None:
            return list(receivers)
        return [one for one in receivers if asked.fits({asked.label: one})]


def asked_alerts(params: QueryParams) -> AskedAlerts:
    """Return which alerts are asked for; ValueError says what is wrong."""
    receiver = params.get("receiver")
    return AskedAlerts(
        matchers=asked_matchers(params),
        receiver=None
        if receiver is None
        else a_matcher("receiver", MatchOperator.FITS, receiver),
        active=_flag(params, "active"),
        silenced=_flag(params, "silenced"),
        inhibited=_flag(params, "inhibited"),
    )


def asked_matchers(params: QueryParams) -> tuple[LabelMatcher, ...]:
    """Return what `filter=` says, each time that it is given; ValueError says what is wrong."""
    filters = params.getlist("filter")
    if len(filters) > MAX_MATCHERS:
        raise ValueError(f"more than {MAX_MATCHERS} times filter")
    return tuple(map(parse_matcher, filters))


def _flag(params: QueryParams, name: str) -> bool:
    return params.get(name, "true").lower() not in ("false", "0", "f")
