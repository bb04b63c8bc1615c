"""Say in two or three words how all is, or one target, query or alert, and draw it for other pages; pure."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from html import escape
from typing import Final

from monitor.alerting.query_view import QueryView
from monitor.alerting.snapshot import Snapshot
from monitor.model.alerts import Alert
from monitor.model.settings import Config
from monitor.model.wording import shortened
from monitor.web.alert_groups import known_rules
from monitor.web.alert_sections import sections_of
from monitor.web.icons import COLOURS
from monitor.web.verdict import Tone, verdict_of
from monitor.web.views import Scene
from monitor.web.words import fit

_OF_ALL: Final = "token-monitor"
_MAX_LABEL: Final = 60
_GREY: Final = "#3f4652"
_PADDING: Final = 6
_HEIGHT: Final = 20
_LETTER_WIDTH: Final = 7.0
_NARROW_WIDTH: Final = 4.2
_WIDE_WIDTH: Final = 11.0
_NARROW_LETTERS: Final = frozenset(" .,:;!|'()[]/fijlrtI")
_WIDE_LETTERS: Final = frozenset("mwMW@%")


@dataclass(frozen=True, slots=True)
class BadgePart:
    """What a badge is about: all, or what these names say together."""

    target: str = ""
    query: str = ""
    alert: str = ""

    @property
    def label(self) -> str:
        """Return what it is called."""
        names = [self.target, self.query, self.alert]
        return " / ".join(filter(None, names)) or _OF_ALL

    def is_about(self, target: str, query: str, alert: str) -> bool:
        """Return whether what has these names is a part of it."""
        asked = (self.target, self.query, self.alert)
        pairs = zip(asked, (target, query, alert), strict=True)
        return all(name in ("", found) for name, found in pairs)


_EVERYTHING: Final = BadgePart()


@dataclass(frozen=True, slots=True)
class Badge:
    """What a badge says."""

    label: str
    message: str
    tone: Tone
    is_known: bool = True
    """There is what it was asked for."""


def badge_part(parameters: Mapping[str, str]) -> BadgePart:
    """Read what an address asks for; a name without a value is none."""
    return BadgePart(
        parameters.get("target", ""),
        parameters.get("query", ""),
        parameters.get("alert", ""),
    )


def badge_of(part: BadgePart, scene: Scene, config: Config, *, sick: str = "") -> Badge:
    """Judge a part as the headline of the first page judges all; `sick`: why the monitor does not watch."""
    snapshot = scene.snapshot
    shown = snapshot if part == _EVERYTHING else _narrowed(part, snapshot, config)
    unknown = _unknown(part, shown)
    if unknown:
        return Badge(_OF_ALL, f"no such {unknown}", "wait", is_known=False)
    sections = sections_of(shown.alerts, known_rules(snapshot, config))
    # What is muted under an alert that is not among them speaks for itself here.
    groups = sections.active if shown is snapshot else sections.active + sections.muted
    said = [(group, "") for group in groups]
    verdict = verdict_of(shown, said, scene.now, sick=sick)
    if part.alert and verdict.tone == "ok" and any(map(Alert.is_firing, shown.alerts)):
        # One that is only information: no trouble, but what was asked for.
        return Badge(part.label, "firing", "info")
    return Badge(part.label, verdict.brief, verdict.tone)


def _narrowed(part: BadgePart, snapshot: Snapshot, config: Config) -> Snapshot:
    """Return what is known of a part; of no receiver, which are of all."""
    own_names = config.own_rule_names
    queries = {
        key: view
        for key, view in snapshot.queries.items()
        if part.is_about(*key, _rule_in(view, part.alert, own_names))
    }
    names = {part.target, *(target for target, _ in queries)}
    return replace(
        snapshot,
        queries=queries,
        targets={
            name: snapshot.targets[name] for name in names & snapshot.targets.keys()
        },
        receivers={},
        alerts=tuple(alert for alert in snapshot.alerts if _is_of(alert, part)),
    )


def _rule_in(view: QueryView, name: str, own_names: Set[str]) -> str:
    """Return the name of a rule that looks at a query; those about the monitor itself look at all."""
    return name if name in own_names or view.has_rule(name) else ""


def _is_of(alert: Alert, part: BadgePart) -> bool:
    return part.is_about(alert.scope.target, alert.scope.subject, alert.name)


def _unknown(part: BadgePart, shown: Snapshot) -> str:
    """Return what of a part there is not; empty where there is all of it."""
    # A target may have no query, but is there.
    found = {"target": shown.targets, "alert": shown.queries, "query": shown.queries}
    asked = {"target": part.target, "alert": part.alert, "query": part.query}
    lacking = [kind for kind, name in asked.items() if name and not found[kind]]
    return lacking[0] if lacking else ""


def badge_picture(badge: Badge) -> str:
    """Return a badge as SVG, whose text is read out where it is not seen."""
    label = shortened(str(fit(badge.label)), _MAX_LABEL)
    left, right = _width(label), _width(badge.message)
    named = escape(f"{label}: {badge.message}")
    # Attributes and no style: the policy that comes with it allows none.
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{_HEIGHT}"'
        f' viewBox="0 0 {left + right} {_HEIGHT}" role="img" aria-label="{named}"><title>{named}</title>'
        f'<rect width="{left + right}" height="{_HEIGHT}" rx="3" fill="{COLOURS[badge.tone]}"/>'
        f'<path d="M3 0H{left}V{_HEIGHT}H3a3 3 0 0 1-3-3V3a3 3 0 0 1 3-3z" fill="{_GREY}"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11">'
        f"{_text(label, 0, left)}{_text(badge.message, left, right)}</g></svg>"
    )


def _text(text: str, begins: int, width: int) -> str:
    """Write a text into its part, as wide as that in whatever font there is."""
    inside = width - 2 * _PADDING
    return f'<text x="{begins + _PADDING}" y="14" textLength="{inside}">{escape(text)}</text>'


def _width(text: str) -> int:
    """Return how wide the part with a text is: as the letters are in Verdana, about."""
    return round(sum(map(_letter_width, text))) + 2 * _PADDING


def _letter_width(letter: str) -> float:
    if letter in _NARROW_LETTERS:
        return _NARROW_WIDTH
    is_wide = letter in _WIDE_LETTERS or not letter.isascii()
    return _WIDE_WIDTH if is_wide else _LETTER_WIDTH
