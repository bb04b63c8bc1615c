"""The file that declares a deployment, as it is looked at, and who waits for an answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from monitor.daemon.declared_intake import DeclaredIntake, reason_in
from monitor.daemon.messages import Declare, DeployFile
from monitor.model.deploys import BeginDeploy, DeploySettings
from tests.support.harness import Harness, a_config


def test_its_first_line_is_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "deploy.lock"
    assert reason_in(path) is None
    assert reason_in(path / "below a file that is not there") is None
    path.write_text("")
    assert reason_in(path) == ""
    path.write_text("  release\t5  \nby anna\n")
    assert reason_in(path) == "release 5"
    path.write_bytes(b"\xff" + b"x" * 1000)
    reason = reason_in(path)
    assert reason is not None
    assert len(reason) == 200


def test_a_folder_of_that_name_declares_it_too(tmp_path: Path) -> None:
    assert reason_in(tmp_path) == ""


def test_it_is_told_until_the_pipeline_knows_it_and_not_again(tmp_path: Path) -> None:
    path = tmp_path / "deploy.lock"
    config = replace(a_config(), deploys=DeploySettings(file=path))
    one = Harness(config)
    told: list[DeployFile] = []

    def put(message: Declare | DeployFile) -> None:
        assert isinstance(message, DeployFile)
        told.append(message)

    declarations = DeclaredIntake(put, lambda: config, lambda: one.pipeline.snapshot)
    declarations.look(one.at)
    assert told == []
    path.write_text("release 5")
    declarations.look(one.at)
    declarations.look(one.at)
    assert told == [DeployFile("release 5")] * 2
    one.take(told.pop())
    told.clear()
    declarations.look(one.at)
    path.write_text("release 6")
    declarations.look(one.at)
    assert told == []
    path.unlink()
    declarations.look(one.at)
    assert told == [DeployFile(None)]


def test_who_declares_waits_until_it_is_recorded() -> None:
    one = Harness(a_config())

    def put(message: Declare | DeployFile) -> None:
        one.take(message)

    declarations = DeclaredIntake(
        put, lambda: one.config, lambda: one.pipeline.snapshot
    )
    assert declarations.declare(BeginDeploy(("main",), timedelta(hours=1)))
    assert len(one.state.deploys()["main"].under_way) == 1
