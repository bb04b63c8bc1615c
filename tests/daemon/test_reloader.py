from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.daemon.reloader import (
    Loaded,
    Loader,
    ReloadAnswer,
    changed_jobs,
    needing_restart,
    replace_config,
)
from monitor.model.errors import ConfigError, Problem, ReloadError
from monitor.model.process_settings import Web
from monitor.model.schedules import Every
from monitor.model.settings import Config
from tests.support.harness import BALANCES, COLUMNS, USAGE, a_config

OLD = a_config(COLUMNS, BALANCES)
NEW = replace(OLD, external_url="https://new.example.com")
REFUSED = ConfigError((Problem("config.toml", "no targets"),))


def a_part(
    name: str, said: list[str], *, fails: type[Exception] | None = None
) -> Callable[[Config], None]:
    def take(config: Config) -> None:
        said.append(f"{name} {'new' if config is NEW else 'old'}")
        if fails is not None and config is NEW:
            raise fails("can't start new thread")

    return take


def test_every_part_takes_the_new_configuration_in_order() -> None:
    said: list[str] = []
    replace_config([a_part("a", said), a_part("b", said)], OLD, NEW)
    assert said == ["a new", "b new"]


@pytest.mark.parametrize("fails", [RuntimeError, OSError, ValueError, MemoryError])
def test_where_one_part_cannot_take_it_all_have_the_old_one_again(
    fails: type[Exception],
) -> None:
    said: list[str] = []
    parts = [a_part("a", said), a_part("b", said, fails=fails), a_part("c", said)]
    with pytest.raises(
        ReloadError, match="valid but could not be put in force: can't start new thread"
    ):
        replace_config(parts, OLD, NEW)
    assert said == ["a new", "b new", "b old", "a old"]


def test_what_is_put_back_as_far_as_it_goes() -> None:
    said: list[str] = []

    def stuck(config: Config) -> None:
        raise OSError(24, "Too many open files")

    with pytest.raises(ReloadError, match="Too many open files"):
        replace_config([a_part("a", said), stuck], OLD, NEW)
    assert said == ["a new", "a old"]


def test_loads_are_made_in_order_and_a_defect_in_one_is_its_answer() -> None:
    outcomes: Iterator[Config | Exception] = iter((OLD, KeyError("plan"), NEW, REFUSED))
    loaded: queue.SimpleQueue[Loaded] = queue.SimpleQueue()

    def load() -> Config:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    loader = Loader(loaded.put)
    loader.start(load)
    answers: list[ReloadAnswer] = [queue.SimpleQueue() for _ in range(4)]
    for answer in answers:
        loader.ask(answer)
    first, defect, third, refused = (loaded.get(timeout=30) for _ in answers)
    assert [one.answer for one in (first, defect, third, refused)] == answers
    assert (first.outcome, third.outcome, refused.outcome) == (OLD, NEW, REFUSED)
    assert isinstance(defect.outcome, ReloadError)
    assert (
        str(defect.outcome) == "the configuration could not be read: KeyError: 'plan'"
    )


def test_jobs_that_changed_at_the_same_times_are_run_at_once() -> None:
    later = replace(BALANCES, timeout=timedelta(seconds=3))
    rarer = replace(USAGE, schedule=Every(timedelta(hours=1)))
    old, new = a_config(COLUMNS, BALANCES, USAGE), a_config(COLUMNS, later, rarer)
    assert [job.query.name for job in changed_jobs(old, new)] == ["balances"]


def test_what_needs_a_restart_is_named() -> None:
    assert needing_restart(OLD, replace(NEW, web=Web(port=1))) == ["web"]
    assert needing_restart(OLD, NEW) == []
