from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from monitor.model.errors import SecretError
from monitor.model.targets import PasswordSource
from monitor.secrets.reader import SecretReader
from tests.acceptance.program import wait_until
from tests.support.hanging import hanging
from tests.support.resource_limits import no_thread_to_be_had


class Recorder:
    """Takes what a reader tells of."""

    def __init__(self) -> None:
        self.secrets: list[tuple[str, list[str]]] = []

    def __call__(self, place: str, secrets: Iterable[str]) -> None:
        self.secrets.append((place, list(secrets)))


@pytest.fixture
def reported() -> Recorder:
    return Recorder()


@pytest.mark.parametrize(
    ("content", "password"),
    [
        (b"pw\n", b"pw"),
        (b"pw\r\n", b"pw"),
        (b"pw\n\n", b"pw\n"),
        (b" p w \t", b" p w \t"),
        (b"p\xffw", b"p\xffw"),
        (b"\n", b""),
        (b"", b""),
    ],
)
def test_a_password_is_taken_as_it_is_but_for_one_line_end(
    tmp_path: Path, content: bytes, password: bytes
) -> None:
    (tmp_path / "pw").write_bytes(content)
    assert SecretReader().password(PasswordSource(file=tmp_path / "pw")) == password


def test_a_password_in_a_variable_is_taken_as_it_is() -> None:
    reader = SecretReader({"PW": " p\udcffw\n", "EMPTY": ""})
    assert reader.password(PasswordSource(env="PW")) == b" p\xffw\n"
    assert reader.password(PasswordSource(env="EMPTY")) == b""


def test_anything_else_is_taken_without_the_white_space_around_it(
    tmp_path: Path,
) -> None:
    file = tmp_path / "file"
    file.write_text(" \tone two\r\n\n")
    reader = SecretReader({"KEY": " three\n"})
    assert reader.text(PasswordSource(file=file)) == "one two"
    assert reader.text(PasswordSource(env="KEY")) == "three"
    assert reader.header(file) == "one two"
    assert reader.address(file) == "one two"


def test_every_secret_is_reported_with_its_place_before_it_is_given(
    tmp_path: Path, reported: Recorder
) -> None:
    file = tmp_path / "file"
    file.write_text("Bearer s3cret-one\n")
    reader = SecretReader({"PW": " the-passw0rd"}, on_read=reported)
    place = str(file)
    for read, expected in (
        (
            lambda: reader.password(PasswordSource(env="PW")),
            ("the variable PW", ["the-passw0rd"]),
        ),
        (
            lambda: reader.text(PasswordSource(file=file)),
            (place, ["Bearer s3cret-one"]),
        ),
        (lambda: reader.header(file), (place, ["Bearer s3cret-one", "s3cret-one"])),
    ):
        assert read()
        assert reported.secrets.pop() == expected
    file.write_text("https://h/ping/0123-abcd")
    assert reader.address(file)
    ((_, secrets),) = reported.secrets
    assert {"https://h/ping/0123-abcd", "0123-abcd"} == set(secrets) - {""}


READS: tuple[Callable[[SecretReader, Path], object], ...] = (
    lambda reader, path: reader.password(PasswordSource(file=path)),
    lambda reader, path: reader.text(PasswordSource(file=path)),
    lambda reader, path: reader.header(path),
    lambda reader, path: reader.address(path),
)


@pytest.mark.parametrize("read", READS, ids=["password", "text", "header", "address"])
def test_what_cannot_be_read_is_said_by_its_place_and_never_shown(
    tmp_path: Path, reported: Recorder, read: Callable[[SecretReader, Path], object]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "long").write_text("s3cret" * 1000)
    reader = SecretReader({}, on_read=reported)
    for name, message in (
        ("none", "No such file or directory"),
        ("", "is no regular file"),
        ("pipe", "is no regular file"),
        ("long", "has more than 4096 bytes"),
    ):
        path = tmp_path / name
        with pytest.raises(SecretError) as caught:
            read(reader, path)
        assert str(caught.value) == f"{path}: {message}"
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert reported.secrets == []


def test_only_a_password_may_be_empty_or_no_text(tmp_path: Path) -> None:
    file = tmp_path / "file"
    reader = SecretReader({"BLANK": " "})
    for content, message in (
        (b" \n", f"{file}: is empty"),
        (b"\xff", f"{file}: is no text"),
    ):
        file.write_bytes(content)
        for read in READS[1:]:
            with pytest.raises(SecretError, match=message):
                read(reader, file)
    for name, said in (("BLANK", "BLANK: is empty"), ("NONE", "NONE is not set")):
        with pytest.raises(SecretError, match=f"the variable {said}"):
            reader.text(PasswordSource(env=name))
    with pytest.raises(SecretError, match="the variable NONE is not set"):
        reader.password(PasswordSource(env="NONE"))


def test_a_file_on_a_disk_that_hangs_is_given_up_and_read_when_it_can_be(
    tmp_path: Path,
) -> None:
    file = tmp_path / "pw"
    file.write_text("pw\n")
    source = PasswordSource(file=file)
    reader = SecretReader()
    with hanging(file) as is_waited_for:
        with pytest.raises(SecretError, match=f"^{file}: its disk does not answer$"):
            reader.password(source)
        wait_until(is_waited_for)
        threads = threading.active_count()
        with pytest.raises(SecretError, match=f"^{file}: its disk does not answer$"):
            reader.password(source)
        assert threading.active_count() <= threads
    wait_until(lambda: can_be_read(reader, source))
    assert reader.password(source) == b"pw"


def test_a_file_is_read_where_no_thread_can_be_had(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("pw\n")
    with no_thread_to_be_had():
        assert SecretReader().password(PasswordSource(file=tmp_path / "pw")) == b"pw"


def can_be_read(reader: SecretReader, source: PasswordSource) -> bool:
    try:
        reader.password(source)
    except SecretError:
        return False
    return True
