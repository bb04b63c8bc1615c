"""The public face against a list taken before: what users and other programs rely on is there, and stays.

The pages and the code are compared in test_docs.py, so that one who changes both alike would pass there. Here
the pages, the command line and the answers of a running daemon are compared with `public_face.txt`, which only
grows: a line is added when something new is promised, and taken away only with a line in CHANGELOG.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click

from monitor.cli import commands
from tests.acceptance.program import running, wait_until
from tests.project.test_docs import DOCS, HEADINGS, codes, rows, sections

LIST = Path(__file__).with_name("public_face.txt")

_API = ("alerts", "rules", "history", "queries")
# What is below these is the configuration's: names of labels and of texts.
_OF_THE_CONFIGURATION = ("labels", "annotations", "evidence")


def keys_of_files() -> Iterator[str]:
    page = sections(DOCS / "configuration.md")
    for heading in HEADINGS:
        for cells in rows(page[heading], header="key"):
            yield f"key {heading.replace('`', '')}: {codes(cells[0])[0]}"


def command_line() -> Iterator[str]:
    context = click.Context(commands)
    for name in commands.list_commands(context):
        command = commands.get_command(context, name)
        assert command is not None
        yield f"command {name}"
        for parameter in command.params:
            for option in parameter.opts:
                yield f"command {name} {option}"


def exit_codes() -> Iterator[str]:
    for heading, text in sections(DOCS / "commands.md").items():
        for cells in rows(text, header="exit code"):
            yield f"exit {heading.strip('`')} {cells[0]}"


def metrics() -> Iterator[str]:
    page = sections(DOCS / "metrics.md")
    for heading in ("Domain metrics", "The monitor's own"):
        for name, kind, labels, *_ in rows(page[heading], header="metric"):
            yield f"metric {codes(name)[0]} {kind} {' '.join(codes(labels))}".rstrip()


def events() -> Iterator[str]:
    page = sections(DOCS / "logs.md")
    for event, _, _, fields in rows(page["Log events"], header="event"):
        yield f"event {codes(event)[0]}"
        for field in codes(fields):
            yield f"event {codes(event)[0]} {field}"
    for field in codes(page["Fields of an alert"]):
        yield f"event alert {field}"


def alerts() -> Iterator[str]:
    page = sections(DOCS / "alerts.md")
    for name, severity, hold, *_ in rows(page["The shipped rules"], header="alert"):
        yield f"alert {codes(name)[0]} {severity} {hold}"


def paths() -> Iterator[str]:
    for cells in rows(sections(DOCS / "http.md")["HTTP"], header="path"):
        for path in codes(cells[0]):
            yield f"http {path}"


def reasons() -> Iterator[str]:
    text = sections(DOCS / "operations.md")["Troubleshooting by reason"]
    for cells in rows(text, header="reason"):
        for reason in codes(cells[0]):
            yield f"reason {reason}"


def members(value: object, place: str) -> Iterator[str]:
    """Yield the names of all members of a JSON document, as a path to each."""
    if isinstance(value, list):
        for item in value:
            yield from members(item, f"{place}[]")
    elif isinstance(value, dict):
        for name, inside in value.items():
            yield f"{place}.{name}"
            if name not in _OF_THE_CONFIGURATION:
                yield from members(inside, f"{place}.{name}")


def promised(*kinds: str) -> list[str]:
    lines = LIST.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.partition(" ")[0] in kinds]


def test_what_was_promised_is_there_and_what_is_new_is_in_the_list() -> None:
    kinds = (keys_of_files, command_line, exit_codes, metrics, events, alerts, paths)
    found = {line for lines in (*kinds, reasons) for line in lines()}
    listed = set(
        promised("key", "command", "exit", "metric", "event", "alert", "http", "reason")
    )
    assert sorted(listed - found) == [], "gone; users rely on it"
    assert sorted(found - listed) == [], f"new: promise it in {LIST.name}"


def test_the_api_answers_with_the_members_that_were_promised(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    # nobody listens there: the queries fail, and the alert that always fires makes a history
    config.write_text(
        f'[targets.main]\nunix_socket = "{tmp_path}/none"\nuser = "u"\ndatabase = "app"\n'
        'labels = { region = "eu" }\n[web]\nlisten = "127.0.0.1:0"\n',
        encoding="utf-8",
    )
    with running(config) as daemon:

        def answer(name: str) -> str:
            return daemon.get(f"/api/v1/{name}")[1]

        daemon.wait_for("alert.fired", alertname="TokenMonitorWatchdog")
        wait_until(lambda: "TokenMonitorWatchdog" in answer("history"))
        wait_until(lambda: "target_down" in answer("queries"))
        found = {
            f"json {line}"
            for name in _API
            for line in members(json.loads(answer(name)), f"/api/v1/{name} ")
        }
    assert sorted(set(promised("json")) - found) == [], "gone; users rely on it"
    assert sorted(found - set(promised("json"))) == [], f"promise it in {LIST.name}"
