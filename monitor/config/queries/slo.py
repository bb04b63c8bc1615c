"""Read the objective of a rule, and by which windows it is judged; pure."""

from __future__ import annotations

from monitor.config.queries.schema import SloSchema
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems
from monitor.config.toml.validation import validate
from monitor.model.detectors import SloDetector
from monitor.model.populations import share_text


def read_slo(section: Section, problems: Problems) -> SloDetector:
    """Return the detector of `slo = {}`, and note what is wrong with it."""
    checked = validate(SloSchema, section, problems)
    objective = checked.objective
    if objective is not None and not 0 < objective < 1:
        message = "is a share above 0 and below 1, such as 0.995"
        problems.add(section.origin("objective"), message)
    if not checked.over:
        problems.add(section.origin("over"), "names no window")
    return SloDetector(objective, tuple(checked.over))


def said_of_slo(detector: SloDetector) -> str:
    """Return in words what is missed."""
    if detector.objective is None:
        return "what is usual"
    return f"the objective {share_text(detector.objective)}"
