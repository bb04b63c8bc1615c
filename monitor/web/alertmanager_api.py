"""Write silences, receivers and status as version 2 of Alertmanager's API does; pure.

Keys are public; those that newer Alertmanagers have too are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from monitor.model.label_matchers import LabelMatcher, matcher_to_json
from monitor.model.settings import Config
from monitor.model.silences import Silence, SilenceState
from monitor.web.api import Json, time_text

_ORDER: Final = (SilenceState.ACTIVE, SilenceState.PENDING, SilenceState.EXPIRED)


def receivers_json(config: Config) -> Json:
    """Return the receivers."""
    return [{"name": receiver.name} for receiver in config.receivers]


def silences_json(
    silences: Iterable[Silence], matchers: Sequence[LabelMatcher], now: datetime
) -> Json:
    """Return the silences whose matchers are asked for: active ones, those to come, those that are over."""
    found = [one for one in silences if _is_about(one, matchers)]
    found.sort(key=lambda one: (_ORDER.index(one.state_at(now)), _place(one, now)))
    return [silence_json(one, now) for one in found]


def silence_json(silence: Silence, now: datetime) -> Json:
    """Write one silence."""
    return {
        "id": silence.id,
        "status": {"state": silence.state_at(now).value},
        "updatedAt": time_text(silence.updated_at),
        "comment": silence.comment,
        "createdBy": silence.by,
        "startsAt": time_text(silence.starts_at),
        "endsAt": time_text(silence.ends_at),
        "matchers": [matcher_to_json(matcher) for matcher in silence.matchers],
    }


def status_json(version: str, started_at: datetime) -> Json:
    """Return what there is to say of a cluster and a configuration: that there are none."""
    unknown = dict.fromkeys(
        ("revision", "branch", "buildUser", "buildDate", "goVersion"), ""
    )
    return {
        "cluster": {"name": "", "status": "disabled", "peers": []},
        "versionInfo": {"version": version, **unknown},
        "config": {"original": ""},
        "uptime": time_text(started_at),
    }


def _is_about(silence: Silence, matchers: Sequence[LabelMatcher]) -> bool:
    values = {matcher.label: matcher.value for matcher in silence.matchers}
    return all(matcher.fits(values) for matcher in matchers)


def _place(silence: Silence, now: datetime) -> float:
    """Return by what silences of one state are sorted: what changes next, or changed last, comes first."""
    if silence.is_expired(now):
        return -silence.ends_at.timestamp()
    at = silence.ends_at if silence.is_active(now) else silence.starts_at
    return at.timestamp()
