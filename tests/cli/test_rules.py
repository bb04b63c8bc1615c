"""`rules`: what Prometheus makes of the printed rules is what the monitor's own would do."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from monitor.cli import commands
from monitor.cli.printed.texts import template
from tests.cli.judging import fires, judged, printed, promtool
from tests.config.folder import Folder

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="promtool is not installed (package prometheus)",
)

QUEUE = """
summary = "Jobs by queue"
interval = "1m"
[metrics.queue_rows]
help = "Jobs that wait"
labels = ["queue"]
value = "waiting"
[rules.QueueLong]
metric = "queue_rows"
above = 3
for = "2m"
severity = "critical"
summary = "{value} jobs wait in {queue} of {target} since {since}"
"""
SQL = "SELECT 'mail' AS queue, 1 AS waiting"


def states(folder: Folder, values: str, is_ok: str, expected: str) -> str:
    """Have Prometheus judge a series minute by minute; F: fires then, -: it does not."""
    series = {
        'queue_rows{target="main",queue="mail"}': values,
        'token_monitor_query_status{target="main",query="queue",status="ok"}': is_ok,
    }
    wanted = fires(expected, target="main", queue="mail", severity="critical")
    return judged(folder, printed(folder), series, {"QueueLong": wanted})


@pytest.mark.parametrize(
    ("values", "is_ok", "expected"),
    [
        pytest.param(
            "0 5 5 5 5 0 0",
            "1 1 1 1 1 1 1",
            "- - - F F - -",
            id="fires after its for, and resolves",
        ),
        pytest.param(
            "0 5 5 5 stale stale stale stale 5 0",
            "1 1 1 1 0 0 0 0 1 1",
            "- - - F F F F F F -",
            id="holds while the query fails",
        ),
        pytest.param(
            "0 5 5 5 stale stale stale",
            "1 1 1 1 1 1 1",
            "- - - F - - -",
            id="zero rows resolve",
        ),
        pytest.param(
            "0 0 0 stale stale stale",
            "1 1 1 0 0 0",
            "- - - - - -",
            id="no data fires nothing",
        ),
        pytest.param(
            "0 5 5 5 stale stale 0 0 stale stale stale",
            "1 1 1 1 0 0 1 1 0 0 0",
            "- - - F F F - - - - -",
            id="what has resolved does not come back without data",
        ),
        pytest.param(
            "0 5 stale stale stale stale stale",
            "1 1 0 0 0 0 0",
            "- - - - - - -",
            id="what is only pending does not fire without data",
        ),
    ],
)
def test_prometheus_says_of_a_history_what_the_monitor_says(
    tmp_path: Path, values: str, is_ok: str, expected: str
) -> None:
    folder = Folder(tmp_path)
    folder.query("queue", QUEUE, SQL)
    assert states(folder, values, is_ok, expected) == ""


@pytest.mark.parametrize(
    ("values", "is_ok", "expected"),
    [
        ("0 5 5 5 5 0 0", "1 1 1 1 1 1 1", "- - - F F - -"),
        ("0 5 5 5 x x x x 5 0", "1 1 1 1 0 0 0 0 1 1", "- - - F F F F F F -"),
    ],
)
def test_the_monitor_says_the_same(
    tmp_path: Path, values: str, is_ok: str, expected: str
) -> None:
    folder = Folder(tmp_path)
    folder.query("queue", QUEUE, SQL)
    printed(folder)
    minutes = list(zip(values.split(), is_ok.split(), expected.split(), strict=True))
    lines = ["[[tests]]", 'name = "the same"', 'query = "queue"']
    for value, ok, state in minutes:
        rows = f'rows = [{{ queue = "mail", waiting = {value} }}]'
        lines += ["[[tests.results]]", rows if ok == "1" else "no_data = true"]
        fires = '{ alert = "QueueLong", queue = "mail" }' if state == "F" else ""
        lines.append(f"fires = [{fires}]")
    test = tmp_path / "same.toml"
    test.write_text("\n".join(lines))
    config = str(tmp_path / "config.toml")
    done = CliRunner().invoke(commands, ["test", "--config", config, str(test)])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("values", "is_ok", "expected"),
    [
        ("0 5 5 5 3 2 1 3", "1 1 1 1 1 1 1 1", "- - - F F F - -"),
        ("0 5 5 5 3 stale 2 1", "1 1 1 1 1 0 1 1", "- - - F F F F -"),
        ("0 5 3 5 5 0", "1 1 1 1 1 1", "- - - - - -"),
    ],
)
def test_what_fires_goes_on_in_prometheus_until_it_is_clear(
    tmp_path: Path, values: str, is_ok: str, expected: str
) -> None:
    folder = Folder(tmp_path)
    folder.query("queue", f"{QUEUE}clear_below = 2\n", SQL)
    assert states(folder, values, is_ok, expected) == ""


def test_several_severities_are_printed_as_a_rule_for_each(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    several = QUEUE.replace('severity = "critical"\n', "").replace(
        "above = 3", "above = { warning = 3, critical = 9 }"
    )
    folder.query("queue", several, SQL)
    (group,) = yaml.safe_load(printed(folder))["groups"]
    assert [
        (rule["labels"]["severity"], rule["expr"].splitlines()[0], rule["for"])
        for rule in group["rules"]
        if rule["alert"] == "QueueLong"
    ] == [("warning", "queue_rows > 3", "2m"), ("critical", "queue_rows > 9", "2m")]


def test_what_fires_as_a_warning_does_not_become_critical_without_data(
    tmp_path: Path,
) -> None:
    folder = Folder(tmp_path)
    several = QUEUE.replace('severity = "critical"\n', "").replace(
        "above = 3", "above = { warning = 3, critical = 9 }"
    )
    folder.query("queue", several, SQL)
    series = {
        'queue_rows{target="main",queue="mail"}': "0 5 5 5 10 stale",
        'token_monitor_query_status{target="main",query="queue",status="ok"}': "1x4 0x5",
    }
    wanted = fires(
        "- - - F F F F F F F", target="main", queue="mail", severity="warning"
    )
    assert judged(folder, printed(folder), series, {"QueueLong": wanted}) == ""


def test_hours_are_left_to_alertmanager(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.query("queue", f'{QUEUE}active = "08:00-19:00 UTC"\n', SQL)
    text = printed(folder)
    assert "alert: QueueLong" not in text
    assert "it is active 08:00-19:00 UTC; leave it to time intervals" in text


def test_every_shipped_rule_is_printed_or_says_why_it_is_not(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    text = printed(folder, shipped="true")
    (tmp_path / "shipped.yml").write_text(text)
    assert promtool("check", "rules", str(tmp_path / "shipped.yml"))[0] == 0

    queries = Path(__file__).parents[2] / "queries"
    shipped: set[str] = set()
    # That one is there only with [contract].
    for path in {*queries.glob("*.toml")} - {queries / "application_columns.toml"}:
        shipped.update(re.findall(r"^\[rules\.(\w+)\]", path.read_text(), re.MULTILINE))
    alerts = set(re.findall(r"- alert: (\w+)", text))
    left_out = set(re.findall(r"# (\w+) is not here: ", text))
    assert alerts & left_out == set()
    assert "TokenColumnMissing" in alerts
    assert alerts | left_out == shipped


def test_a_missing_column_is_printed_by_what_is_missing_whatever_else_has_its_labels(
    tmp_path: Path,
) -> None:
    text = printed(Folder(tmp_path), shipped="true")
    _, _, rule = text.partition("- alert: TokenColumnMissing\n")
    assert rule.lstrip().startswith("expr: |-\n        token_schema_column_missing > 0")


def test_an_objective_is_printed_as_burn_rates_with_recording_rules(
    tmp_path: Path,
) -> None:
    folder = Folder(tmp_path)
    text = printed(
        folder,
        "[rules.TokenSubscribersUnserved]\nslo = { objective = 0.99, over = ['1h', '6h'] }\n",
        shipped="true",
    )
    (tmp_path / "slo.yml").write_text(text)
    assert promtool("check", "rules", str(tmp_path / "slo.yml"))[0] == 0
    rules = [
        rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]
    ]
    recorded = {rule["record"]: rule["expr"] for rule in rules if "record" in rule}
    name = "token_subscribers_served_ratio"
    assert recorded == {
        f"target:{name}:avg_over_time_{window}": f"avg_over_time({name}[{window}])"
        for window in ("1h", "5m", "6h", "30m")
    }
    of_slo = [one for one in rules if one.get("alert") == "TokenSubscribersUnserved"]
    assert [one["expr"] for one in of_slo] == [
        f"(1 - target:{name}:avg_over_time_1h) > 14.4 * (1 - 0.99)\n"
        f"and (1 - target:{name}:avg_over_time_5m) > 14.4 * (1 - 0.99)",
        f"(1 - target:{name}:avg_over_time_6h) > 6 * (1 - 0.99)\n"
        f"and (1 - target:{name}:avg_over_time_30m) > 6 * (1 - 0.99)",
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{value} of {plan}", "{{ $value }} of {{ $labels.plan }}"),
        ("{value:bytes}", "{{ $value | humanize }}"),
        ("{value:.2f}", '{{ printf "%.2f" $value }}'),
        ("late since {since}", "late"),
        ("Since {since} it is late", "It is late"),
        ("fewer than {low}, {threshold}", "fewer than 7, 5"),
        ("{{x}}", '{{ "{" }}x}'),
        ("{detail}", "…"),
    ],
)
def test_names_in_texts_become_what_prometheus_knows(text: str, shown: str) -> None:
    assert template(text, ["plan"], {"low": 7}, "5") == shown


@pytest.mark.parametrize(
    ("rate", "function"),
    [("per_second", "rate"), ("increase", "increase"), ("resets", "resets")],
)
def test_a_rate_is_printed_as_prometheus_says_it(
    tmp_path: Path, rate: str, function: str
) -> None:
    folder = Folder(tmp_path)
    rule = QUEUE.replace("above = 3", f'above = 3\nrate = "{rate}"\nover = "5m"')
    folder.query("queue", rule, SQL)
    text = printed(folder)
    (folder.path / "rules.yml").write_text(text)
    code, said = promtool("check", "rules", str(folder.path / "rules.yml"))
    assert code == 0, said
    (group,) = yaml.safe_load(text)["groups"]
    (entry,) = group["rules"]
    found, *_ = entry["expr"].splitlines()
    assert found == f"{function}(queue_rows[5m]) > 3"
    held = f"last_over_time({function}(queue_rows[5m])[6h:1m]) > 3"
    assert held in entry["expr"]
