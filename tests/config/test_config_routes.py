"""What is said without effect: told, and not refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config import load
from monitor.model.errors import ConfigError
from monitor.model.settings import Config
from monitor.notify.kinds import KINDS

FILE = Path(__file__).parent.parent / "testdata" / "receiver_routes.toml"


def test_a_receiver_that_no_alert_reaches_is_warned_of_with_what_there_is() -> None:
    warnings = load(FILE, {}, KINDS).warnings
    assert [warning.removeprefix("receiver_routes.toml:") for warning in warnings] == [
        '13: receivers.unknown_label.match.tagret: no alert has this label; did you mean "target"?',
        '18: receivers.unknown_values.match.alertname: no alert has it with "TokenColumnMising";'
        ' did you mean "TokenColumnMissing"?',
        '18: receivers.unknown_values.match.region: no alert has it with "us"; allowed: eu',
        '18: receivers.unknown_values.match.severity: no alert has it with "fatal";'
        " allowed: critical, info, warning",
        '18: receivers.unknown_values.match.target: no alert has it with "mian"; did you mean "main"?',
        '23: receivers.never_both.match.status: no alert has it with "ok"; allowed: negative',
        "29: receivers.too_quiet.match: no alert is let through by match and min_severity",
        "34: receivers.dead_mans_switch.watchdog: never comes: [rules.TokenMonitorWatchdog] is switched off",
    ]


def test_what_has_no_effect_is_noted(tmp_path: Path) -> None:
    for folder in ("q", "empty"):
        (tmp_path / folder).mkdir()
    (tmp_path / "q" / "own.sql").write_text("SELECT 1 AS v")
    (tmp_path / "q" / "own.toml").write_text('summary = "s"')
    path = tmp_path / "config.toml"
    path.write_text(
        'query_dirs = ["q", "empty"]\n'
        '[targets.main]\nhost = "127.0.0.1"\nuser = "u"\ndatabase = "app"\nqueries = ["balances"]\n'
        '[queries.ledger]\ninterval = "2m"\n'
        '[receivers.am]\nkind = "alertmanager"\nurls = ["http://127.0.0.1:9"]\nsend_resolved = false\n'
    )
    config = load(path, {}, KINDS)
    assert config.notices == (
        'folder "empty" holds no query',
        'no schema query, such as missing_columns, runs on target "main": what balances needs is looked for'
        " by check --schema only, and no alert tells of a missing column",
        'query "ledger" runs on no target',
        'query "own" runs on no target',
    )
    assert config.warnings == (
        "config.toml:12: receivers.am.send_resolved: an Alertmanager ends by itself what is sent no more;"
        " its own receivers have send_resolved",
    )


_WINDOWS = """shipped_queries = false
[targets.db-1]
unix_socket = "/s"
user = "u"
database = "app"
[maintenance.night]
until = "2030-01-01T00:00:00Z"
"""


def _maintenance(folder: Path, match: str) -> Config:
    path = folder / "config.toml"
    path.write_text(f"{_WINDOWS}match = {match}\n")
    return load(path, {}, KINDS)


@pytest.mark.parametrize(
    ("match", "said"),
    [
        (
            '{ target = "db-*" }',
            'target: no alert has it with "db-*"; did you mean "db-1"',
        ),
        ('{ target = ["dbb-*"] }', 'target: no alert has it with "dbb-*"'),
        (
            '{ traget = "db-1" }',
            'traget: no alert has this label; did you mean "target"',
        ),
        ('{ severity = "crit" }', 'severity: no alert has it with "crit"'),
    ],
)
def test_a_window_that_no_alert_can_fit_is_warned_of(
    tmp_path: Path, match: str, said: str
) -> None:
    (warning,) = _maintenance(tmp_path, match).warnings
    assert f"maintenance.night.match.{said}" in warning


@pytest.mark.parametrize(
    "match",
    [
        '{ target = ["db-*", "!other"] }',
        '{ target = "db-1" }',
        '{ query = ["anything"] }',
    ],
)
def test_a_window_that_some_alert_fits_is_not(tmp_path: Path, match: str) -> None:
    assert _maintenance(tmp_path, match).warnings == ()


@pytest.mark.parametrize("given", ['[""]', '["!"]', '["db-*", ""]'])
def test_a_window_about_a_label_that_is_empty_is_refused(
    tmp_path: Path, given: str
) -> None:
    with pytest.raises(
        ConfigError, match=r"maintenance\.night\.match\.target: .*empty"
    ):
        _maintenance(tmp_path, f"{{ target = {given} }}")


@pytest.mark.parametrize("end", ["#/alerts", "?x=1", "?"])
def test_an_address_behind_which_a_path_is_put_has_no_query_and_no_fragment(
    tmp_path: Path, end: str
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        f'{_WINDOWS}[receivers.am]\nkind = "alertmanager"\nurls = ["http://am:9093/{end}"]\n'
    )
    with pytest.raises(ConfigError, match=r"receivers\.am\.urls.* query or a fragment"):
        load(path, {}, KINDS)
