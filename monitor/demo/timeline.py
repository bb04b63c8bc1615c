"""When the demo breaks, mends and ends; and whether the alert came and went: pure."""

from __future__ import annotations

from dataclasses import dataclass, field

_HEALTHY_SECONDS = 8.0
_BROKEN_SECONDS = 25.0


@dataclass(frozen=True, slots=True)
class Timeline:
    """Seconds since the monitor started; `end_at` is None when only ^C ends the demo."""

    break_at: float
    mend_at: float
    end_at: float | None


def plan(for_seconds: float | None) -> Timeline:
    """Break when all is well, mend about half-way, so that the alert is seen to come and to go."""
    if for_seconds is None:
        return Timeline(_HEALTHY_SECONDS, _HEALTHY_SECONDS + _BROKEN_SECONDS, None)
    break_at = min(_HEALTHY_SECONDS, for_seconds * 0.2)
    return Timeline(break_at, for_seconds * 0.55, for_seconds)


@dataclass(slots=True)
class ExpectedAlert:
    """What was seen of the expected alert, in seconds since the monitor started."""

    alert: str
    broken_at: float | None = None
    mended_at: float | None = None
    fired_at: float | None = field(default=None, init=False)
    resolved_at: float | None = field(default=None, init=False)

    def saw(self, status: str, alertname: str, at: float) -> None:
        """Note a webhook: the first firing after the break, the last resolving after the mending."""
        if alertname != self.alert or self.broken_at is None:
            return
        if status == "firing" and self.fired_at is None:
            self.fired_at = at
        elif (
            status == "resolved"
            and self.fired_at is not None
            and self.mended_at is not None
        ):
            self.resolved_at = at

    @property
    def is_complete(self) -> bool:
        """Whether the alert came and went."""
        return self.fired_at is not None and self.resolved_at is not None

    def sentence(self) -> str:
        """Say how it went."""
        if self.broken_at is None:
            return "ended before anything was broken"
        if self.fired_at is None:
            return f"{self.alert} did not fire"
        fired = (
            f"{self.alert} fired {self.fired_at - self.broken_at:.1f} s after the break"
        )
        if self.resolved_at is None or self.mended_at is None:
            return f"{fired}, but did not resolve"
        return f"{fired}, and resolved {self.resolved_at - self.mended_at:.1f} s after the mending"
