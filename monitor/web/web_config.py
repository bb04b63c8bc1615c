"""Read a web-config file in the exporter-toolkit's format: TLS, users, headers; whole or not at all."""

from __future__ import annotations

import re
import ssl
import stat
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from monitor.config.data_files import DataError, parse_yaml
from monitor.model.errors import ConfigError, Problem
from monitor.model.wording import escaped
from monitor.secrets.certificates import end_of_certificate_in
from monitor.web.tls import CIPHERS, CLIENT_AUTH, VERSIONS, ServerTls

TLS, HTTP, USERS = "tls_server_config", "http_server_config", "basic_auth_users"
_TLS_KEYS = (
    *("cert_file", "key_file", "client_ca_file", "client_auth_type"),
    *("min_version", "max_version", "cipher_suites"),
)
_HTTP_KEYS = ("http2", "headers")
_NO_CLIENT_CERT = "NoClientCert"
# With the costs that bcrypt allows, 4 to 31: it raises at another one.
_HASH = re.compile(r"\$2[abxy]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}")
# A token, as RFC 9110 has it, and printable ASCII: a line end in a value would begin a header, or an answer,
# of its author's own.
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+: [ -~]*")


@dataclass(frozen=True, slots=True)
class WebConfig:
    """What the web-config file said; empty without one: no TLS, no password.

    `users` are bcrypt hashes by name; `headers` are added to every answer.
    """

    tls: ServerTls | None = None
    users: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    context: ssl.SSLContext | None = field(default=None, compare=False)
    """Of `tls`, made of its files as they were when they were read."""
    certificate_ends_at: datetime | None = field(default=None, compare=False)

    @property
    def tls_files(self) -> tuple[Path, ...]:
        """Return the files whose change means other certificates; none without TLS."""
        return () if self.tls is None else self.tls.files


def load_web_config(path: Path) -> WebConfig:
    """Read and check the file and what it names; ConfigError has all problems at once."""
    document = _parse(path)
    check = _Check(path)
    check.names_of_sections(document)
    tls_section = check.section(document, TLS, _TLS_KEYS)
    http_section = check.section(document, HTTP, _HTTP_KEYS)
    users_section = check.mapping(document, USERS)
    tls = check.tls(tls_section)
    config = WebConfig(
        tls=tls,
        users=check.users(users_section),
        headers=check.headers(http_section.get("headers")),
        context=check.context(tls),
        certificate_ends_at=end_of_certificate_in(tls.cert_file) if tls else None,
    )
    if check.problems:
        raise ConfigError(tuple(check.problems))
    return config


def _parse(path: Path) -> Mapping[Any, Any]:
    """Return what is in the file, any YAML mapping; ConfigError where it cannot be had."""
    try:
        document = parse_yaml(_read_text(path))
    except DataError as error:
        problem = Problem(str(path), str(error), line=error.line)
        raise ConfigError((problem,)) from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigError((Problem(str(path), "must be a mapping", ""),))
    return document


def _read_text(path: Path) -> str:
    try:
        # A pipe would hold us up for as long as nobody writes.
        is_special = path.exists() and not path.is_file()
        text = "" if is_special else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot be read: {error}"
        raise ConfigError((Problem(str(path), message, ""),)) from error
    if is_special:
        raise ConfigError((Problem(str(path), "is no regular file", ""),))
    return text


class _Check:
    """Checks the sections of one file one after the other, and collects what is wrong with them."""

    def __init__(self, path: Path) -> None:
        self.problems: list[Problem] = []
        self._path = path

    def names_of_sections(self, document: Mapping[Any, Any]) -> None:
        """Refuse sections that nobody knows."""
        sections = (TLS, HTTP, USERS)
        for name in _unknown(document, sections):
            self._refuse(str(name), f"unknown; allowed: {', '.join(sections)}")

    def section(
        self, document: Mapping[Any, Any], name: str, allowed: Sequence[str]
    ) -> Mapping[Any, Any]:
        """Return a section with these keys; empty where there is none, or where it cannot be used."""
        section = self.mapping(document, name)
        text = f"not supported; allowed: {', '.join(allowed)}"
        for key in _unknown(section, allowed):
            self._refuse(f"{name}.{key}", text)
        return section

    def mapping(self, document: Mapping[Any, Any], name: str) -> Mapping[Any, Any]:
        """Return a section with any keys; empty where there is none, or where it cannot be used."""
        section = document.get(name)
        if section is None:
            return {}
        if not isinstance(section, dict):
            self._refuse(name, "must be a mapping")
            return {}
        return section

    def tls(self, section: Mapping[Any, Any]) -> ServerTls | None:
        """Return the TLS; None without it, or where anything of it cannot be used."""
        if not section:
            return None
        known_problems = len(self.problems)
        cert = self._file(section, "cert_file")
        key = self._file(section, "key_file")
        client_ca = self._optional_file(section, "client_ca_file")
        auth = self._choice(section, "client_auth_type", _NO_CLIENT_CERT, CLIENT_AUTH)
        lowest = self._choice(section, "min_version", "TLS12", VERSIONS)
        highest = self._choice(section, "max_version", "TLS13", VERSIONS)
        ciphers = self._ciphers(section.get("cipher_suites"))
        asks_for_certificate = auth != _NO_CLIENT_CERT
        conflicts = (
            (
                VERSIONS[lowest] > VERSIONS[highest],
                ("max_version", 'is below "min_version"'),
            ),
            (
                client_ca is not None and not asks_for_certificate,
                ("client_ca_file", 'needs a "client_auth_type" that verifies'),
            ),
            (
                client_ca is None and asks_for_certificate,
                ("client_auth_type", 'needs "client_ca_file"'),
            ),
        )
        for is_so, (name, message) in conflicts:
            if is_so:
                self._refuse(f"{TLS}.{name}", message)
        if len(self.problems) > known_problems:
            return None
        return ServerTls(cert, key, client_ca, auth, lowest, highest, ciphers)

    def context(self, tls: ServerTls | None) -> ssl.SSLContext | None:
        """Return the TLS of the server, made of the files; None without it, or where it cannot be made."""
        if tls is None:
            return None
        try:
            return tls.context()
        except OSError as error:
            # Certificate and key are renewed one after the other: for a moment they may not fit.
            self._refuse(TLS, f"cannot be used: {error}", may_pass=True)
        except ValueError as error:
            self._refuse(f"{TLS}.key_file", str(error))
        return None

    def users(self, section: Mapping[Any, Any]) -> dict[str, str]:
        """Return the users with their hashes."""
        for name in section:
            if not isinstance(name, str):
                self._refuse(
                    f"{USERS}.{name}",
                    "is not text as YAML reads it; put the name in quotes",
                )
        # The text of a value is not shown: it may be a password that somebody wrote by mistake.
        return self._texts(USERS, section, _is_user, "must be a bcrypt hash")

    def headers(self, section: object) -> dict[str, str]:
        """Return the headers that are added to every answer."""
        name = f"{HTTP}.headers"
        if section is None:
            return {}
        if not isinstance(section, dict):
            self._refuse(name, "must be a mapping")
            return {}
        return self._texts(name, section, _is_header, "must be a header, as text")

    def _texts(
        self,
        name: str,
        section: Mapping[Any, Any],
        is_right: Callable[[object, object], bool],
        message: str,
    ) -> dict[str, str]:
        for key, value in section.items():
            if not is_right(key, value):
                self._refuse(f"{name}.{key}", message)
        return {str(key): str(value) for key, value in section.items()}

    def _ciphers(self, value: object) -> tuple[str, ...]:
        if value is None:
            return ()
        name = f"{TLS}.cipher_suites"
        if not isinstance(value, list) or not value:
            self._refuse(name, "must be a list of cipher suites")
            return ()
        text = f"is not supported; allowed: {', '.join(CIPHERS)}"
        for one in _unknown(value, CIPHERS):
            self._refuse(name, f"{one!r} {text}")
        return tuple(str(one) for one in value)

    def _optional_file(self, section: Mapping[Any, Any], key: str) -> Path | None:
        if section.get(key) is None:
            return None
        return self._file(section, key)

    def _file(self, section: Mapping[Any, Any], key: str) -> Path:
        value = section.get(key)
        name = f"{TLS}.{key}"
        if not isinstance(value, str) or not value:
            self._refuse(name, "must be the path of a file")
            return self._path
        file = self._path.parent / value
        try:
            # Not Path.is_file: since Python 3.14 that is false also for what a folder hides from us.
            is_there = stat.S_ISREG(file.stat().st_mode)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            is_there = False
        except OSError as error:  # a folder that may not be entered
            self._refuse(name, f"{file}: {error.strerror}", may_pass=True)
            return file
        if not is_there:
            self._refuse(name, f"no such file: {file}", may_pass=True)
        return file

    def _choice(
        self,
        section: Mapping[Any, Any],
        key: str,
        default: str,
        allowed: Mapping[str, object],
    ) -> str:
        value = section.get(key, default)
        if isinstance(value, str) and value in allowed:
            return value
        text = f"{value!r} is not supported; allowed: {', '.join(allowed)}"
        self._refuse(f"{TLS}.{key}", text)
        return default

    def _refuse(self, key: str, message: str, *, may_pass: bool = False) -> None:
        """Note a problem; `may_pass`: with no change of this file it may be over in a moment."""
        # What the file says may be no text that a log or a terminal can take.
        problem = Problem(
            str(self._path), escaped(message), escaped(key), may_pass=may_pass
        )
        self.problems.append(problem)


def _unknown(found: Iterable[Any], allowed: Container[str]) -> list[Any]:
    # Of YAML a list or a mapping may stand where a word is meant, and those cannot be looked up.
    return [one for one in found if not isinstance(one, str) or one not in allowed]


def _is_user(_name: object, value: object) -> bool:
    return _HASH.fullmatch(str(value)) is not None


def _is_header(name: object, value: object) -> bool:
    is_text = isinstance(value, str)
    return is_text and _HEADER.fullmatch(f"{name}: {value}") is not None
