"""What Prometheus makes of printed rules: promtool judges them over series that a test gives."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence

import yaml
from click.testing import CliRunner

from monitor.cli import commands
from tests.config.folder import TARGET, Folder


def printed(folder: Folder, text: str = "", shipped: str = "false", *more: str) -> str:
    """Return what `rules` prints of a configuration with this text."""
    (folder.path / "q").mkdir(exist_ok=True)
    config = folder.path / "config.toml"
    head = f'shipped_queries = {shipped}\nquery_dirs = ["q"]\n'
    config.write_text(f'{head}{TARGET}password_env = "P"\n{text}')
    done = CliRunner().invoke(commands, ["rules", "--config", str(config), *more])
    assert (done.exit_code, done.exception) == (0, None), done.output
    return done.stdout


def promtool(*arguments: str) -> tuple[int, str]:
    """Run promtool, and return its exit code and what it said."""
    done = subprocess.run(
        ["promtool", *arguments], capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout + done.stderr


def judged(
    folder: Folder,
    text: str,
    series: Mapping[str, str],
    wanted: Mapping[str, Sequence[Sequence[Mapping[str, str]]]],
) -> str:
    """Return what promtool says against it: minute by minute the labels of each alert that fires, by its name."""
    rules = yaml.safe_load(text)
    for group in rules["groups"]:
        group["interval"] = "1m"
        for rule in group["rules"]:
            # Its texts say a value, which is not compared here.
            rule.pop("annotations", None)
    test = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": name, "values": values}
                    for name, values in series.items()
                ],
                "alert_rule_test": [
                    {
                        "eval_time": f"{minute}m",
                        "alertname": name,
                        "exp_alerts": [{"exp_labels": dict(one)} for one in fires],
                    }
                    for name, minutes in wanted.items()
                    for minute, fires in enumerate(minutes)
                ],
            }
        ],
    }
    (folder.path / "rules.yml").write_text(yaml.safe_dump(rules))
    (folder.path / "test.yml").write_text(yaml.safe_dump(test))
    code, said = promtool("test", "rules", str(folder.path / "test.yml"))
    return "" if code == 0 else said


def fires(pattern: str, **labels: str) -> list[list[Mapping[str, str]]]:
    """Return for each minute what fires: F one alert with these labels, - none."""
    return [[labels] if state == "F" else [] for state in pattern.split()]
