"""axe-core, the accessibility checks that browsers' own tools run, for a page in the browser of the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.web.browser import Page

NO_AXE = "no axe-core: scripts/test fetches it"
PLACE = Path(__file__).parent.parent.parent / ".venv" / "axe"
_RUN = """
axe.run(document, { resultTypes: ["violations"] }).then((found) => found.violations.flatMap(
  (rule) => rule.nodes.map((node) => `${rule.id}: ${node.target.join(" ")}: ${node.failureSummary}`)))
"""


def axe_source() -> str:
    """Return the script; skips where the locked package is not there."""
    found = sorted(PLACE.rglob("axe.min.js"))
    if not found:
        pytest.skip(NO_AXE)
    return found[0].read_text(encoding="utf-8")


def findings(page: Page) -> list[str]:
    """Return what axe finds on a page in which its script has been run: the rule, the element, what is wrong."""
    found: list[str] = page.ask(_RUN)
    return found
