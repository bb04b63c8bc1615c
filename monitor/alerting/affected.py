"""Count who is new, recovered, gone or still there of those whom an alert found when it fired; pure.

What is said is proven: a run lists at most so many, and of those whom it does not list nobody knows who they are.
Then a number is left out, or "at least".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from monitor.alerting.shown import AFFECTED, at_least_if
from monitor.model.alerts import Alert, FoundAtFiring
from monitor.model.results import Sample
from monitor.model.settings import Rule, labels_of

MAX_MEMBERS: Final = 1000
"""So many ids are kept of an alert, about 10 kB: who comes later is counted and not looked up."""


def listed_in(rule: Rule, sample: Sample) -> tuple[str, ...]:
    """Return the ids that a sample lists of whom it counts, each once; none for a rule that does not ask for them."""
    if rule.repaired is None:
        return ()
    text = dict(sample.details).get(rule.repaired.members, "")
    ids = dict.fromkeys(text.split(","))
    ids.pop("", None)
    return tuple(ids)


def is_whole(sample: Sample, listed: Sequence[str]) -> bool:
    """Return whether a sample lists all whom it counts."""
    return _is_exact(sample) and sample.value == len(listed)


class Members:
    """Whom the findings of one run of a rule list, for all of its alerts."""

    def __init__(self, rule: Rule, findings: Iterable[Sample]) -> None:
        self._rule = rule
        self._listed: set[str] = set()
        self._lists_all = rule.repaired is not None
        if rule.repaired is None:
            return
        for sample in findings:
            listed = listed_in(rule, sample)
            self._listed.update(listed)
            self._lists_all &= is_whole(sample, listed)

    def gone(self, alert: Alert) -> tuple[str, ...]:
        """Return whom an alert found earlier and the run does not; () where the run does not list all.

        Who is found under other labels is not gone, but on another plan.
        """
        if not self._lists_all:
            return ()
        return tuple(sorted(set(alert.members) - self._listed))

    def seen(self, alert: Alert, sample: Sample, left: int | None) -> Alert:
        """Return an alert as a run that finds it leaves it, with what became of whom it found.

        `left` is how many of those who are gone are not there any more; None where that is not known.
        """
        if self._rule.repaired is None:
            return alert
        members = dict.fromkeys((*alert.members, *listed_in(self._rule, sample)))
        after = replace(alert, members=tuple(members)[:MAX_MEMBERS])
        before = alert.at_firing
        if before is None or not alert.is_firing():
            return after
        compared = _compared(self._rule, after, sample, before)
        text = _text(compared, len(self.gone(alert)), left)
        annotations = dict(alert.annotations)
        if text:
            annotations[AFFECTED] = f"since it fired: {text}"
        return replace(
            after,
            at_firing=replace(before, knows_all=compared.knows_all),
            annotations=labels_of(annotations),
        )

    def fired(self, alert: Alert, sample: Sample) -> Alert:
        """Return an alert that fires now, with whom it finds; who was found before was told to nobody."""
        if self._rule.repaired is None:
            return alert
        listed = listed_in(self._rule, sample)[:MAX_MEMBERS]
        whole = is_whole(sample, listed)
        found = FoundAtFiring(
            sample.value,
            len(listed),
            is_exact=_is_exact(sample),
            is_whole=whole,
            knows_all=whole,
        )
        return replace(alert, members=listed, at_firing=found)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """What a run says of whom an alert found when it fired."""

    new: int
    """So many at least came since."""
    ongoing: int
    fewer: int
    """So many at least went."""
    is_exact: bool
    """Whether `new` and `ongoing` are all of them."""
    knows_all: bool
    """Whether everybody is known whom it ever found."""


def _compared(
    rule: Rule, alert: Alert, sample: Sample, before: FoundAtFiring
) -> _Comparison:
    listed = listed_in(rule, sample)
    whole, is_exact = is_whole(sample, listed), _is_exact(sample)
    first = set(alert.members[: before.listed])
    ongoing = len(first.intersection(listed))
    more = int(sample.value - before.count)
    new = 0
    if before.is_whole:
        new = len(listed) - ongoing
    if before.is_exact:
        # Beyond those who are listed only the numbers say how many there are.
        new = max(new, more)
    return _Comparison(
        new,
        ongoing,
        fewer=-more if is_exact else 0,
        is_exact=before.is_whole and whole,
        knows_all=before.knows_all and whole and len(alert.members) < MAX_MEMBERS,
    )


def _text(compared: _Comparison, gone: int, left: int | None) -> str:
    """Return the numbers as one text; empty where nothing is known.

    Who is gone recovered, left, or is found under other labels: it is not known which.
    """
    parts = [_part(compared.new, "new", is_exact=compared.is_exact)]
    if left is None or gone < compared.fewer:
        fewer = max(gone, compared.fewer)
        parts.append(_part(fewer, "gone", is_exact=False))
    else:
        parts.append(_part(gone - left, "recovered", is_exact=compared.knows_all))
        parts.append(_part(left, "left", is_exact=compared.knows_all))
    if compared.is_exact:
        parts.append(_part(compared.ongoing, "ongoing", is_exact=True))
    return ", ".join(filter(None, parts))


def _part(count: int, word: str, *, is_exact: bool) -> str:
    """Return a number with its word; empty of nobody."""
    if count <= 0:
        return ""
    return f"{at_least_if(str(count), is_more=not is_exact)} {word}"


def _is_exact(sample: Sample) -> bool:
    """Return whether a sample counts all: not only those up to a limit, or so far."""
    return not (sample.at_least or sample.so_far)
