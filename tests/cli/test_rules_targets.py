"""`rules`: a rule is printed for the targets that have it, and for no other."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.judging import fires, judged, printed
from tests.config.folder import TARGET, Folder

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="promtool is not installed (package prometheus)",
)

OTHER = TARGET.replace("targets.main", "targets.other").replace(
    '/run/mysqld/mysqld.sock"', '/run/mysqld/other.sock"\npassword_env = "P"'
)
QUEUE = """
summary = "Jobs by queue"
interval = "1m"
[metrics.queue_rows]
help = "Jobs that wait"
value = "waiting"
[rules.QueueLong]
metric = "queue_rows"
above = 3
severity = "critical"
summary = "{value} jobs wait on {target}"
"""


@pytest.mark.parametrize(
    ("text", "more"),
    [
        pytest.param(
            "[targets.other.rules.QueueLong]\nenabled = false\n", (), id="switched off"
        ),
        pytest.param("", ("--target", "main"), id="not asked for"),
    ],
)
def test_a_rule_finds_nothing_on_a_target_that_does_not_have_it(
    tmp_path: Path, text: str, more: tuple[str, ...]
) -> None:
    folder = Folder(tmp_path)
    folder.query("queue", QUEUE, "SELECT 1 AS waiting")
    series = {f'queue_rows{{target="{name}"}}': "5 5" for name in ("main", "other")}
    wanted = fires("F F", target="main", severity="critical")
    rules = printed(folder, f"{OTHER}{text}", "false", *more)
    assert judged(folder, rules, series, {"QueueLong": wanted}) == ""


def test_an_objective_is_of_what_its_rule_is_about(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    slo = """
summary = "Who is served"
interval = "1m"
[metrics.served_ratio]
help = "Who is served, of all"
labels = ["plan"]
value = "served"
[rules.Unserved]
metric = "served_ratio"
where = { plan = "pro" }
slo = { objective = 0.95, over = ["1h"] }
severity = "critical"
summary = "{plan} users of {target} are not served"
"""
    folder.query("served", slo, "SELECT 'pro' AS plan, 1 AS served")
    off = "[targets.other.rules.Unserved]\nenabled = false\n"
    rules = printed(folder, f"{OTHER}{off}")
    series = {
        f'served_ratio{{target="{target}",plan="{plan}"}}': "0.1 0.1"
        for target in ("main", "other")
        for plan in ("pro", "free")
    }
    wanted = fires("F F", target="main", plan="pro", severity="critical")
    assert judged(folder, rules, series, {"Unserved": wanted}) == ""


def test_two_objectives_of_a_metric_record_each_window_once(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    other = "[targets.other.rules.TokenSubscribersUnserved]\nslo = { objective = 0.9, over = ['1h'] }\n"
    own = (
        "[rules.TokenSubscribersUnserved]\nslo = { objective = 0.99, over = ['1h'] }\n"
    )
    text = printed(folder, f"{OTHER}{other}{own}", "true")
    assert text.count("avg_over_time_1h\n") == 1
    assert text.count("avg_over_time_1h{") == 2
