from __future__ import annotations

import io
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from monitor.model.alerts import Change
from monitor.notify.webhook.settings import WebhookSettings
from monitor.telemetry.log import Log, alert_fields, configure
from monitor.telemetry.log_writer import QUEUE_LINES
from tests.web.picture import NOW, a_transition


class Written:
    """A log into memory, and what stands in it."""

    def __init__(self, **options: Any) -> None:
        self.stream = io.BytesIO()
        self.log = configure(self.stream, **options)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def fields(self, **fields: object) -> dict[str, Any]:
        """Write one event and give its fields."""
        self.log.info("thing.happened", **fields)
        line = self.lines()[-1]
        for key in ("timestamp", "level", "event"):
            line.pop(key)
        return line


@pytest.fixture
def written() -> Iterator[Written]:
    it = Written()
    yield it
    it.log.close()


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def test_an_event_is_one_json_line_with_its_time_level_and_name_first(
    written: Written,
) -> None:
    before = datetime.now(UTC)
    written.log.warning("run.failed", target="main", reason="timeout")
    text = written.stream.getvalue()
    assert text.endswith(b"\n")
    assert text.count(b"\n") == 1
    line = json.loads(text)
    assert list(line) == ["timestamp", "level", "event", "target", "reason"]
    assert line["timestamp"].endswith("Z")
    assert before <= datetime.fromisoformat(line.pop("timestamp")) <= datetime.now(UTC)
    assert line == {
        "level": "warning",
        "event": "run.failed",
        "target": "main",
        "reason": "timeout",
    }


def test_levels_below_the_chosen_one_are_left_out() -> None:
    written = Written(level="warning", libraries=False)
    written.log.debug("a.a")
    written.log.info("b.b")
    written.log.warning("c.c")
    written.log.event("d.d", "info")
    written.log.event("e.e", "critical")
    written.log.error("f.f")
    assert [(line["level"], line["event"]) for line in written.lines()] == [
        ("warning", "c.c"),
        ("critical", "e.e"),
        ("error", "f.f"),
    ]


def test_any_value_can_be_written(written: Written) -> None:
    assert written.fields(
        at=NOW.astimezone(),
        took=timedelta(milliseconds=1500),
        amount=Decimal("1.50"),
        path=Path("a/b"),
        huge=2**70,
        nan=float("nan"),
        surrogate="a\udc80b",
        error=ValueError("wrong"),
        raw=b"\xff",
        nested={1: [None, True, {"x"}]},
        unprintable=Unprintable(),
        **{"odd\udc80key": 1},
    ) == {
        "at": "2026-11-22T12:00:00Z",
        "took": "1.5s",
        "amount": "1.50",
        "path": "a/b",
        "huge": str(2**70),
        "nan": None,
        "surrogate": "a?b",
        "error": "wrong",
        "raw": "b'\\xff'",
        "nested": {"1": [None, True, ["x"]]},
        "unprintable": "<Unprintable: RuntimeError in repr>",
        "odd?key": 1,
    }


def test_a_value_that_holds_itself_is_cut_off(written: Written) -> None:
    endless: dict[str, object] = {}
    endless["again"] = endless
    assert "…" in json.dumps(written.fields(endless=endless), ensure_ascii=False)


def test_secrets_are_hidden_by_key(written: Written) -> None:
    assert written.fields(
        password="hunter2",
        routing_key="abc",
        headers={
            "Authorization": "Bearer abc",
            "X-Token": "abc",
            "accept": "text/plain",
        },
        rows=[{"slack_token": "abc", "tokens_remaining": 5}],
        tokens_limit=100,
        dsn="",
    ) == {
        "password": "<secret>",
        "routing_key": "<secret>",
        "headers": {
            "Authorization": "<secret>",
            "X-Token": "<secret>",
            "accept": "text/plain",
        },
        "rows": [{"slack_token": "<secret>", "tokens_remaining": 5}],
        "tokens_limit": 100,
        "dsn": "",
    }


def test_known_secrets_are_hidden_wherever_they_stand(written: Written) -> None:
    written.log.hide("a file", ["s3cr3t/x", "s3cr3t", ""])
    assert written.fields(
        message="denied for s3cr3t/x and s3cr3t",
        error=ValueError("got s3cr3t"),
        quoted="https://hooks.example.com/s3cr3t%2Fx",
        deep=[{"s": ("s3cr3t",)}],
    ) == {
        "message": "denied for <secret> and <secret>",
        "error": "got <secret>",
        "quoted": "https://hooks.example.com/<secret>",
        "deep": [{"s": ["<secret>"]}],
    }


def test_a_secret_that_is_a_word_of_the_logs_own_spoils_no_event(
    written: Written,
) -> None:
    written.log.hide("a file", ["finished", "info", "2026-1"])
    written.log.info("run.finished", message="it has finished")
    (line,) = written.lines()
    assert (line["event"], line["level"], line["message"]) == (
        "run.finished",
        "info",
        "it has <secret>",
    )
    assert "secret" not in str(line["timestamp"])


def test_secrets_that_many_threads_read_are_all_hidden() -> None:
    log = (written := Written(libraries=False)).log
    names = [f"{thread}-secret-{number}" for thread in range(8) for number in range(40)]
    together = threading.Barrier(8)

    def read(thread: int) -> None:
        together.wait(30)
        for name in names[thread * 40 : thread * 40 + 40]:
            log.hide(name, [name])

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=read, args=(thread,)) for thread in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sys.setswitchinterval(before)
    assert written.fields(message=" ".join(names)) == {
        "message": " ".join(["<secret>"] * len(names))
    }


def test_tokens_that_are_rotated_for_ever_are_not_all_looked_for(
    written: Written,
) -> None:
    for number in range(2000):
        written.log.hide("a file", [f"short-lived-{number:04}"])
    assert written.fields(
        message="short-lived-1999 short-lived-1998 short-lived-0000"
    ) == {"message": "<secret> <secret> short-lived-0000"}


def test_a_header_that_is_no_secret_is_hidden_nowhere(written: Written) -> None:
    headers = {
        "X-Team": "tokens",
        "Authorization": "Bearer s3cret-one",
        "X-Api-Key": "k3y-of-ours",
    }
    written.log.hide("the configuration", WebhookSettings(headers=headers).secrets())
    assert written.fields(
        table="users.tokens_remaining", said="s3cret-one k3y-of-ours"
    ) == {
        "table": "users.tokens_remaining",
        "said": "<secret> <secret>",
    }


def test_the_user_part_of_an_address_is_hidden(written: Written) -> None:
    assert written.fields(url="mysql://root:pw@db:3306/app and http://am:9093/") == {
        "url": "mysql://<secret>@db:3306/app and http://am:9093/"
    }


def test_a_trace_shows_no_local_variables_and_no_known_secret(written: Written) -> None:
    written.log.hide("a file", ["known-secret"])

    def connect(given: str) -> None:
        raise ValueError(f"cannot connect with {'known-secret'}")

    local = "".join(("local", "-", "variable"))
    try:
        connect(local)
    except ValueError:
        written.log.error("target.lost", exc_info=True)
    text = written.stream.getvalue().decode()
    assert local not in text
    assert "known-secret')" not in text
    assert (
        "ValueError: cannot connect with <secret>" in written.lines()[-1]["exception"]
    )


def test_warnings_of_other_libraries_come_in_our_form(written: Written) -> None:
    logger = logging.getLogger("somebody.else")
    logger.info("not this")
    logger.warning("took %d s", 5)
    # Straight to our handler: pytest's own, beside it, raises on such a record.
    bad = logging.LogRecord(
        "somebody.else", logging.WARNING, "", 0, "bad arguments %d", ("x",), None
    )
    ours = [
        h
        for h in logging.getLogger().handlers
        if type(h).__module__ == "monitor.telemetry.log"
    ]
    # the newest: a log that another test left open has its own before it
    ours[-1].handle(bad)
    try:
        int("x")
    except ValueError:
        logger.exception("broke")
    lines = written.lines()
    assert [
        (line["level"], line["event"], line["logger"], line["message"])
        for line in lines
    ] == [
        ("warning", "library.reported", "somebody.else", "took 5 s"),
        ("warning", "library.reported", "somebody.else", "bad arguments %d"),
        ("error", "library.reported", "somebody.else", "broke"),
    ]
    assert lines[2]["exception"].endswith("for int() with base 10: 'x'\n")


def test_a_closed_log_lets_go_of_other_libraries() -> None:
    written = Written()
    written.log.close()
    logging.getLogger("somebody.else").warning("later")
    assert written.lines() == []


@pytest.mark.parametrize(
    "separator",
    ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\r", "\x7f", "\u202e"],
)
@pytest.mark.parametrize("form", ["json", "console"])
def test_what_ends_a_line_or_steers_a_terminal_is_escaped(
    form: Any, separator: str
) -> None:
    written = Written(format=form, libraries=False)
    written.log.info(
        "thing.happened", message=f"a{separator}b", **{f"odd{separator}key": 1}
    )
    text = written.stream.getvalue().decode()
    assert separator not in text
    assert len(text.splitlines()) == {"json": 1, "console": 2}[form]
    if form == "json":
        (line,) = written.lines()
        assert (line["message"], line[f"odd{separator}key"]) == (f"a{separator}b", 1)


def test_text_in_any_script_stays_as_it_is(written: Written) -> None:
    written.log.info("thing.happened", message="Müller 日本 😀")
    assert "Müller 日本 😀" in written.stream.getvalue().decode()


def test_level_and_format_change_while_it_is_used() -> None:
    written = Written(libraries=True)
    written.log.debug("a.a")
    written.log.set(level="debug", format="json")
    written.log.debug("b.b")
    written.log.set(level="error", format="json")
    written.log.info("c.c")
    logging.getLogger("somebody.else").warning("not this")
    written.log.error("d.d")
    assert [line["event"] for line in written.lines()] == ["b.b", "d.d"]
    written.log.set(level="error", format="console")
    written.log.error("e.e")
    assert written.stream.getvalue().decode().splitlines()[-1][9:] == "error    e.e"
    written.log.close()


def test_what_a_log_begins_with_is_written_at_any_level() -> None:
    written = Written(level="critical", libraries=False)
    written.log.always("monitor.started", pid=1)
    assert [(line["event"], line["level"]) for line in written.lines()] == [
        ("monitor.started", "info")
    ]


def test_a_pipe_that_nobody_reads_any_more_costs_events_and_nothing_else() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as stream:
        log = configure(stream, libraries=False)
        log.info("thing.happened")
        log.info("thing.happened")
        assert log.dropped == 2


def test_a_full_disk_costs_events_and_nothing_else() -> None:
    with Path("/dev/full").open("wb") as stream:
        log = configure(stream, libraries=False)
        log.info("thing.happened")
        assert log.dropped == 1


def test_a_closed_stream_costs_events_and_nothing_else() -> None:
    stream = io.BytesIO()
    log = configure(stream, libraries=False)
    stream.close()
    log.info("thing.happened")
    assert log.dropped == 1


def test_a_slow_reader_delays_nobody_and_what_is_too_much_is_counted() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as stream, os.fdopen(reading, "rb") as reader:
        log = configure(stream, queued=True, libraries=False)
        begun = time.monotonic()
        total = QUEUE_LINES + 5_000
        for number in range(total):
            log.info("thing.happened", number=number)
        # with a reader that takes nothing at all it would be for ever
        assert time.monotonic() - begun < 60
        assert 0 < log.dropped < total
        read = _read_in_background(reader)
        log.close(60)
        stream.close()
        lines = read()
    assert len(lines) == total - log.dropped
    assert [json.loads(line)["number"] for line in lines[:3]] == [0, 1, 2]


def test_lines_of_many_threads_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as stream:
        log = configure(stream, libraries=False)
        threads = [
            threading.Thread(target=_write_many, args=(log, name)) for name in "abcd"
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    names = [json.loads(line)["name"] for line in path.read_text().splitlines()]
    assert sorted(names) == sorted("abcd" * 200)


def test_an_alert_event_says_everything_about_the_alert() -> None:
    transition = a_transition()
    assert alert_fields(transition) == {
        "alertname": "TokenBalancesUninitialized",
        "fingerprint": transition.alert.fingerprint,
        "severity": "critical",
        "target": "main",
        "labels": {
            "alertname": "TokenBalancesUninitialized",
            "plan": "pro",
            "severity": "critical",
            "target": "main",
        },
        "annotations": {
            "summary": "summary of TokenBalancesUninitialized",
            "description": "Set the balance to the plan's limit.",
        },
        "value": 3,
        "active_at": NOW - timedelta(seconds=300),
        "fired_at": NOW - timedelta(seconds=180),
        "resolved_at": None,
        "evidence": [{"user_id": 4711}],
    }
    changed = replace(
        transition.alert,
        resolve_reason="rule_removed",
        since_at_least=True,
        resolved_at=NOW,
    )
    fields = alert_fields(replace(transition, change=Change.RESOLVED, alert=changed))
    assert (
        fields["resolve_reason"],
        fields["since_at_least"],
        fields["resolved_at"],
    ) == (
        "rule_removed",
        True,
        NOW,
    )


def _write_many(log: Log, name: str) -> None:
    for _ in range(200):
        log.info("thing.happened", name=name, filler="x" * 500)


def _read_in_background(reader: io.BufferedReader) -> Any:
    lines: list[bytes] = []
    thread = threading.Thread(target=lambda: lines.extend(reader), daemon=True)
    thread.start()

    def wait() -> list[bytes]:
        thread.join(60)
        return lines

    return wait
