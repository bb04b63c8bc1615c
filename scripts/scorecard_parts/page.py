"""Write what was found: JSON beside the page, and of that the section "The scorecard" of detection.md."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.scorecard_parts.healthy import HealthyDays
from scripts.scorecard_parts.judge import Judged, Verdict, totals

SECTION = "## The scorecard"
_TITLE = "# Detection\n"


def write_json(
    path: Path, lines: Sequence[Judged], days: Sequence[HealthyDays]
) -> None:
    """Put what was found into a file, in place of what it has of the same seeds and kinds."""
    document = _read(path)
    played = {_key(one): one for one in document["incidents"]}
    played |= {_key(one): one for one in (line.document() for line in lines)}
    lived = {(one["seed"], one["step_seconds"]): one for one in document["healthy"]}
    lived |= {(one.seed, one.step_seconds): one.document() for one in days}
    # What else is there is a person's note on how it was played.
    document |= {"incidents": [*played.values()], "healthy": [*lived.values()]}
    text = json.dumps(document, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {"incidents": [], "healthy": []}
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def _key(document: Mapping[str, Any]) -> tuple[object, ...]:
    return document["kind"], document["size"], document["seed"]


def write(docs: Path) -> None:
    """Renew the section in detection.md by the files in detection/."""
    found = _read(docs / "detection/scorecard.json")
    text = "\n".join([SECTION, "", *_section(found)])
    path = docs / "detection.md"
    before = path.read_text(encoding="utf-8") if path.exists() else _TITLE
    path.write_text(with_section(before, text), encoding="utf-8")


def with_section(page: str, section: str) -> str:
    """Return a page with the section in place of the one of its title, at the end where it has none."""
    title = section.partition("\n")[0]
    head, found, rest = page.partition(title + "\n")
    if not found:
        return f"{page.rstrip()}\n\n{section.rstrip()}\n"
    _, next_title, tail = rest.partition("\n## ")
    return f"{head}{section.rstrip()}\n" + (f"\n## {tail}" if next_title else "")


def _section(found: Mapping[str, Any]) -> Iterable[str]:
    lines = [_judged(one) for one in found["incidents"]]
    yield from _INTRODUCTION
    yield from _summary(lines, found["healthy"])
    if "note" in found:
        yield from (str(found["note"]), "")
    for seed in dict.fromkeys(one.seed for one in lines):
        yield from (f"### Seed {seed}", "")
        yield from _table([one for one in lines if one.seed == seed])


_INTRODUCTION = (
    "`scripts/scorecard` lets the documented application live on a real MariaDB whose clock is driven, has the real"
    " program watch it, and breaks it in each of the ways below, at random hours and in random sizes. What the table"
    " shows is what a receiver was told; nothing in the product knows of it.",
    "",
    "- *cause first*: the first page names the cause. *cause later*: another page came before it. *symptom only*:"
    " what was told is true and follows from the cause. *untrue*: what was told is neither. *information only*:"
    " told, but nobody was called.",
    "- Minutes are from the beginning to the first page; pages are notifications of what fires, warnings and worse;"
    " a false resolve is one while the incident goes on.",
    "",
)


def _summary(
    lines: Sequence[Judged], healthy: Sequence[Mapping[str, Any]]
) -> Iterable[str]:
    sums = totals(lines)
    seeds = len({one.seed for one in lines})
    minutes = "-" if sums.median_minutes is None else f"{sums.median_minutes:g}"
    yield f"| of {sums.incidents} incidents, {seeds} seeds | |"
    yield "|---|---|"
    yield f"| recall (called somebody, truly) | {sums.recall:.0%} |"
    yield f"| cause first | {sums.cause_first} |"
    yield f"| precision (pages that are true) | {sums.precision:.0%} of {sums.pages} |"
    yield f"| median minutes to the first page | {minutes} |"
    yield f"| false resolves | {sums.false_resolves} |"
    for one in healthy:
        step = f"{one['step_seconds'] / 60:g} minutes"
        yield (
            f"| pages on {one['days']} healthy days, seed {one['seed']},"
            f" steps of {step} | {len(one['pages'])} |"
        )
    yield ""


def _table(lines: Sequence[Judged]) -> Iterable[str]:
    yield "| kind | size | verdict | first page | minutes | pages | false resolves |"
    yield "|---|---|---|---|---|---|---|"
    for one in lines:
        first = one.first.partition("}")[0] + "}" if one.first else ""
        minutes = "" if one.minutes is None else f"{one.minutes:g}"
        yield (
            f"| {one.kind} | {one.size:g} | {one.verdict} | {_code(first)}"
            f" | {minutes} | {one.pages} | {len(one.false_resolves)} |"
        )
    yield ""


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _judged(document: Mapping[str, Any]) -> Judged:
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in document.items()
    }
    values["verdict"] = Verdict(values["verdict"])
    return Judged(**values)
