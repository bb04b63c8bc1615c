"""The examples of the page on receivers: they load, and they verify what we sign."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.config import load
from monitor.notify.kinds import KINDS
from monitor.notify.webhook.sender import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature

_PAGE = Path(__file__).parent.parent.parent / "docs" / "receivers.md"
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

EXAMPLES: dict[str, list[str]] = {}
for _language, _text in _FENCE.findall(_PAGE.read_text(encoding="utf-8")):
    EXAMPLES.setdefault(_language, []).append(_text)


@pytest.mark.parametrize("number", range(len(EXAMPLES["toml"])))
def test_the_receivers_that_are_shown_are_valid(number: int, tmp_path: Path) -> None:
    target = '[targets.t]\nunix_socket = "/s"\nuser = "u"\ndatabase = "d"\n'
    path = tmp_path / "config.toml"
    path.write_text(target + EXAMPLES["toml"][number], encoding="utf-8")
    assert load(path, {}, KINDS).receivers


def test_the_signature_is_verified_as_documented(tmp_path: Path) -> None:
    (program,) = EXAMPLES["python"]
    (script,) = EXAMPLES["sh"]
    now = datetime.now(UTC)
    signed = signature("s3cret", b'{"a": 1}', now)
    known: dict[str, Any] = {}
    exec(program, known)
    (tmp_path / "secret").write_text("s3cret")
    for body, is_genuine in ((b'{"a": 1}', True), (b'{"a": 2}', False)):
        given = (signed[TIMESTAMP_HEADER], signed[SIGNATURE_HEADER])
        assert known["is_genuine"](b"s3cret", *given, body) is is_genuine
        (tmp_path / "body").write_bytes(body)
        environ = {**os.environ, "timestamp": given[0], "signature": given[1]}
        done = subprocess.run(
            ["sh", "-c", script], cwd=tmp_path, env=environ, check=False
        )
        assert (done.returncode == 0) is is_genuine
    old = signature("s3cret", b"", now - timedelta(hours=1))
    assert not known["is_genuine"](
        b"s3cret", old[TIMESTAMP_HEADER], old[SIGNATURE_HEADER], b""
    )
