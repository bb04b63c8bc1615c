"""Keys, certificates and files with secrets: what is wrong is reported, and nobody is asked for a passphrase."""

from __future__ import annotations

import os
import pty
import re
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from monitor.config import load
from monitor.notify.kinds import KINDS
from monitor.secrets.inspection import inspect_files
from monitor.secrets.key_pairs import load_key_pair
from monitor.secrets.reader import SecretDisk
from tests.web.certificates import Authority

# Root may enter and read everything, by these two capabilities.
AS_ANYBODY = (
    ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    if os.geteuid() == 0
    else []
)
PACKAGE = Path(__file__).parent.parent.parent / "monitor"
HEAD = '[targets.main]\nhost = "127.0.0.1"\nuser = "u"\ndatabase = "app"\n'


def encrypted(key_file: Path) -> Path:
    """Write a key once more, with a passphrase."""
    key = load_pem_private_key(key_file.read_bytes(), None)
    file = key_file.with_suffix(".encrypted")
    file.write_bytes(
        key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"s3cret")
        )
    )
    file.chmod(0o600)
    return file


def faults(folder: Path, text: str) -> list[tuple[str, bool]]:
    """Inspect the files that a configuration names; paths are reported without the folder."""
    path = folder / "config.toml"
    path.write_text(HEAD + text)
    found = inspect_files(load(path, {}, KINDS), SecretDisk().read, datetime.now(UTC))
    return [(fault.text.replace(f"{folder}/", ""), fault.is_certain) for fault in found]


def secret(folder: Path, content: bytes, mode: int = 0o600) -> str:
    (folder / "pw").write_bytes(content)
    (folder / "pw").chmod(mode)
    return 'password_file = "pw"\n'


@pytest.mark.parametrize(
    ("content", "reported", "is_certain"),
    [
        (
            b"\xef\xbb\xbfs3cret\r\n",
            "begins with a byte order mark, which counts; save it as UTF-8 without BOM",
            True,
        ),
        (
            "s3cret\r\n".encode("utf-16"),
            "is UTF-16; save it as UTF-8 without BOM",
            True,
        ),
        (b"\n", "is empty", True),
        (b"s3cret\nother\n", "has several lines, and all of them count", False),
        (b" s3cret \n", "has blanks or empty lines around it, which count", False),
        (b"s3cret\n\n", "has blanks or empty lines around it, which count", False),
    ],
)
def test_a_password_file_that_is_not_what_it_looks_like_is_reported(
    content: bytes, reported: str, is_certain: bool, tmp_path: Path
) -> None:
    text = secret(tmp_path, content)
    assert faults(tmp_path, text) == [
        (f"targets.main.password_file: pw: {reported}", is_certain)
    ]


@pytest.mark.parametrize("content", [b"s3cret", b"s3cret\n", b"s3cret\r\n", b"s3 cret"])
def test_a_password_file_that_is_well_is_not_reported(
    content: bytes, tmp_path: Path
) -> None:
    assert faults(tmp_path, secret(tmp_path, content)) == []


def test_a_secret_that_everybody_may_read_or_that_is_not_there_is_reported(
    tmp_path: Path,
) -> None:
    text = secret(tmp_path, b"s3cret", mode=0o644)
    text += '[receivers.r]\nkind = "slack"\nurl_file = "url"\n'
    assert faults(tmp_path, text) == [
        (
            "targets.main.password_file: pw: its mode, 0644, lets everybody on this machine read it;"
            " chmod o= it",
            False,
        ),
        ("receivers.r.url_file: url: No such file or directory", False),
    ]


def dateless(text: str) -> str:
    return re.sub(r"at .* UTC", "at …", text)


def tls(certificate: Path, key: Path, authority: str = "ca.pem") -> str:
    files = f'ca_file = "{authority}", cert_file = "{certificate.name}", key_file = "{key.name}"'
    return f'tls = {{ mode = "verify_ca", {files} }}\n'


def test_certificates_and_keys_of_a_target_that_cannot_be_used_are_reported(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("client")
    _, other = authority.issue("other")
    past, past_key = authority.issue(
        "past", until=datetime.now(UTC) - timedelta(hours=1)
    )
    soon, soon_key = authority.issue(
        "soon", until=datetime.now(UTC) + timedelta(days=3)
    )
    late, late_key = authority.issue(
        "late", until=datetime.now(UTC) + timedelta(days=90)
    )
    for one in (key, other, past_key, soon_key, late_key):
        one.chmod(0o600)
    (tmp_path / "rubbish.pem").write_text("rubbish")
    place = "targets.main.tls"
    cases = [
        (tls(late, late_key), []),
        (
            tls(certificate, encrypted(key)),
            [
                f"{place}: client.encrypted: the key is protected by a passphrase, for which nobody is asked;"
                " write it without one: openssl pkey -in KEY -out NEW"
            ],
        ),
        (
            tls(certificate, other),
            [f"{place}: other.key: is not the key of the certificate in client.pem"],
        ),
        (
            tls(tmp_path / "rubbish.pem", key),
            [f"{place}: rubbish.pem: holds no certificate (PEM) that can be used"],
        ),
        (
            tls(certificate, tmp_path / "rubbish.pem"),
            [f"{place}: rubbish.pem: holds no private key (PEM) that can be used"],
        ),
        (tls(past, past_key), [f"{place}.cert_file: past.pem: expired at …"]),
        (
            tls(late, late_key, "rubbish.pem"),
            [
                f"{place}.ca_file: rubbish.pem: holds no certificates (PEM) that can be used"
            ],
        ),
    ]
    # That one ends soon is reported and not certain.
    reported = [
        [dateless(one) for one, is_certain in faults(tmp_path, text) if is_certain]
        for text, _ in cases
    ]
    assert reported == [expected for _, expected in cases]
    later = [
        text
        for text, is_certain in faults(tmp_path, tls(soon, soon_key))
        if not is_certain
    ]
    assert [dateless(text) for text in later] == [
        f"{place}.cert_file: soon.pem: expires at …"
    ]
    gone = faults(tmp_path, tls(tmp_path / "gone.pem", key))
    assert (f"{place}: gone.pem: No such file or directory", False) in gone


def test_a_key_with_a_passphrase_is_refused_on_a_terminal_without_a_question(
    tmp_path: Path,
) -> None:
    certificate, key = Authority(tmp_path).issue("server")
    (tmp_path / "web.yml").write_text(
        f"tls_server_config:\n  cert_file: {certificate}\n  key_file: {encrypted(key)}\n"
    )
    config = tmp_path / "config.toml"
    config.write_text(
        f'{HEAD}{tls(certificate, encrypted(key))}[web]\nconfig_file = "web.yml"\n'
    )
    for command in ("validate", "healthcheck"):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(
                sys.executable,
                [sys.executable, "-m", "monitor", command, "--config", str(config)],
            )
        said = b""
        while True:
            try:
                said += os.read(terminal, 4096)
            except OSError:  # the other end is closed
                break
        os.close(terminal)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == (
            2 if command == "validate" else 1
        )
        text = said.decode().replace("\r\n", "")
        assert "is protected by a passphrase, for which nobody is asked" in text
        assert "Enter" not in text


def test_a_key_pair_is_loaded_in_one_place_only() -> None:
    found = [
        path.name
        for path in PACKAGE.rglob("*.py")
        if "load_cert_chain(" in path.read_text()
    ]
    assert found == ["key_pairs.py"]


def test_a_pipe_in_place_of_a_key_is_reported_at_once(tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path).issue("client")
    key.unlink()
    os.mkfifo(key)
    with pytest.raises(OSError, match="is no regular file"):
        load_key_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate, key)


@pytest.mark.parametrize("command", ["validate", "check"])
def test_a_folder_that_may_not_be_entered_is_reported_as_that(
    command: str, tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    (closed / "config.toml").write_text(HEAD)
    (closed / "web.yml").write_text("")
    open_config = tmp_path / "config.toml"
    open_config.write_text(
        f'{HEAD}password_file = "closed/pw"\n[web]\nconfig_file = "closed/web.yml"\n'
    )
    closed.chmod(0)
    try:
        for config in (closed / "config.toml", open_config):
            done = subprocess.run(
                [
                    *AS_ANYBODY,
                    sys.executable,
                    "-m",
                    "monitor",
                    command,
                    "--config",
                    str(config),
                ],
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert done.returncode in (2, 3), done.stderr
            assert "ermission denied" in done.stderr + done.stdout
            assert "Traceback" not in done.stderr
    finally:
        closed.chmod(0o700)
