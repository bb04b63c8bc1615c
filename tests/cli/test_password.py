"""`password`: a line that the web-config file takes, of a password that is shown nowhere."""

from __future__ import annotations

import bcrypt
import pytest
import yaml
from click.testing import CliRunner, Result

from monitor.cli import USAGE, commands

PASSWORD = "correct horse ü"


def asked(name: str, given: str) -> Result:
    return CliRunner().invoke(commands, ["password", name], input=given)


@pytest.mark.parametrize("ending", ["\n", "\r\n", ""])
def test_the_line_is_a_user_of_the_web_config_file(ending: str) -> None:
    done = asked("anna", PASSWORD + ending)
    assert (done.exit_code, done.stderr) == (0, "")
    assert PASSWORD not in done.stdout
    ((name, hashed),) = yaml.safe_load(done.stdout).items()
    assert name == "anna"
    assert bcrypt.checkpw(PASSWORD.encode(), hashed.encode())


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("anna", "\n", "a password has to be given"),
        ("anna", "x" * 73, "the password has 73 bytes; bcrypt looks at 72 only"),
        ("an:na", PASSWORD, '"an:na" cannot be a user'),
        (" ", PASSWORD, '" " cannot be a user'),
    ],
)
def test_what_cannot_be_a_user_is_refused(name: str, given: str, said: str) -> None:
    done = asked(name, given)
    assert done.exit_code == USAGE
    assert said in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("name", ["007", "on", "~", "1e3", "#ops", "null", "é"])
def test_a_name_that_yaml_would_read_as_something_else_stays_the_name(
    name: str,
) -> None:
    done = asked(name, PASSWORD)
    assert list(yaml.safe_load(done.stdout)) == [name]
    assert len(done.stdout.splitlines()) == 1
