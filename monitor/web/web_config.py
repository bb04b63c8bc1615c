"""Read a web-config file in the exporter-toolkit's format: TLS, users, headers; whole or not at all."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import ssl
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import bcrypt

from monitor.model.errors import ConfigError, Problem
from monitor.secrets.certificates import end_of_certificate_in
from monitor.web.threads import Threads
from monitor.web.tls import CIPHERS, CLIENT_AUTH, VERSIONS, ServerTls

_SECTIONS: Mapping[str, tuple[str, ...]] = {
    "tls_server_config": (
        *("cert_file", "key_file", "client_ca_file", "client_auth_type"),
        *("min_version", "max_version", "cipher_suites"),
    ),
    "http_server_config": ("http2", "headers"),
    "basic_auth_users": (),  # any user's name
}
_HASH = re.compile(r"\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{53}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_CACHED = 100
# Of no password; compared for users that do not exist, so that the answer takes as long (exporter-toolkit).
_DUMMY_HASH = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"


@dataclass(frozen=True, slots=True)
class WebConfig:
    """What the web-config file said; empty without one: no TLS, no password."""

    tls: ServerTls | None = None
    users: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    context: ssl.SSLContext | None = field(default=None, compare=False)
    """Of `tls`, made of its files as they were when they were read."""
    certificate_ends_at: datetime | None = field(default=None, compare=False)


def load_web_config(path: Path) -> WebConfig:
    """Read and check the file and what it names; ConfigError has all problems at once."""
    problems: list[Problem] = []
    document = _read(path, problems)
    tls, http, users = (_section(path, document, name, problems) for name in _SECTIONS)
    settings = _tls(path, tls, problems)
    config = WebConfig(
        tls=settings,
        users=_users(path, users, problems),
        headers=_headers(path, http.get("headers"), problems),
        context=_context(path, settings, problems),
        certificate_ends_at=end_of_certificate_in(settings.cert_file)
        if settings
        else None,
    )
    if problems:
        raise ConfigError(tuple(problems))
    return config


class Passwords:
    """Compares passwords with bcrypt hashes: one at a time, since each costs 70 ms of a core and more.

    The last outcomes are remembered under a keyed hash, so that scrapes do not pay each time; right and
    wrong ones apart, so that no flood of guesses makes a scrape pay again, and wait behind them.
    """

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._lock = asyncio.Lock()
        self._key = hashlib.sha256(bcrypt.gensalt()).digest()
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._wrong: OrderedDict[bytes, None] = OrderedDict()

    async def are_right(
        self, users: Mapping[str, str], user: str, password: str
    ) -> bool:
        """Tell whether this is one of the users, with the right password."""
        hashed = users.get(user, _DUMMY_HASH)
        text = "\0".join((user, hashed, password)).encode("utf-8", "surrogateescape")
        identity = hmac.digest(self._key, text, "sha256")
        known = self._outcome(identity)
        if known is not None:
            return known
        async with self._lock:
            known = self._outcome(
                identity
            )  # the same may have been asked while we waited
            if known is None:
                known = (
                    await self._threads.do(_is_right, password, hashed)
                    and user in users
                )
                self._remember(identity, self._right if known else self._wrong)
            return known

    def _outcome(self, identity: bytes) -> bool | None:
        for outcomes, is_right in ((self._right, True), (self._wrong, False)):
            if identity in outcomes:
                outcomes.move_to_end(identity)
                return is_right
        return None

    def _remember(self, identity: bytes, outcomes: OrderedDict[bytes, None]) -> None:
        outcomes[identity] = None
        while len(outcomes) > _CACHED:
            outcomes.popitem(last=False)


def _is_right(password: str, hashed: str) -> bool:
    try:
        return bcrypt.checkpw(password.encode(), hashed.encode())
    except (
        ValueError
    ):  # longer than 72 bytes, or with a NUL: no hash is of such a password
        return False


def _read(path: Path, problems: list[Problem]) -> dict[str, Any]:
    import yaml  # only who has such a file pays for it

    try:
        if (
            path.exists() and not path.is_file()
        ):  # a pipe would hold us up for as long as nobody writes
            problems.append(_problem(path, "", "is no regular file"))
            return {}
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        problems.append(_problem(path, "", f"cannot be read: {error}"))
        return {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        text = getattr(error, "problem", None) or str(error)
        problems.append(
            Problem(
                str(path),
                f"no valid YAML: {text}",
                line=mark.line + 1 if mark else None,
            )
        )
        return {}
    # Of a date that is none, a number, a tag or a depth it raises whatever Python does.
    except (
        ValueError,
        LookupError,
        AttributeError,
        TypeError,
        OverflowError,
        RecursionError,
    ) as error:
        problems.append(_problem(path, "", f"no valid YAML: {error}"))
        return {}
    if document is None:
        return {}
    if not isinstance(document, dict):
        problems.append(_problem(path, "", "must be a mapping"))
        return {}
    for name in [name for name in document if name not in _SECTIONS]:
        del document[name]
        problems.append(
            _problem(path, str(name), f"unknown; allowed: {', '.join(_SECTIONS)}")
        )
    return document


def _section(
    path: Path, document: Mapping[str, Any], name: str, problems: list[Problem]
) -> Mapping[str, Any]:
    section = document.get(name) or {}
    if not isinstance(section, dict):
        problems.append(_problem(path, name, "must be a mapping"))
        return {}
    allowed = _SECTIONS[name]
    unknown = [key for key in section if allowed and key not in allowed]
    text = f"not supported; allowed: {', '.join(allowed)}"
    problems.extend(_problem(path, f"{name}.{key}", text) for key in unknown)
    return section


def _tls(
    path: Path, section: Mapping[str, Any], problems: list[Problem]
) -> ServerTls | None:
    if not section:
        return None
    before = len(problems)
    files = {
        key: _file(
            path, key, section.get(key), problems, required=key != "client_ca_file"
        )
        for key in ("cert_file", "key_file", "client_ca_file")
    }
    auth = _choice(
        path, section, "client_auth_type", "NoClientCert", CLIENT_AUTH, problems
    )
    lowest = _choice(path, section, "min_version", "TLS12", VERSIONS, problems)
    highest = _choice(path, section, "max_version", "TLS13", VERSIONS, problems)
    ciphers = _ciphers(path, section.get("cipher_suites"), problems)
    if VERSIONS[lowest] > VERSIONS[highest]:
        problems.append(
            _problem(path, "tls_server_config.max_version", 'is below "min_version"')
        )
    if files["client_ca_file"] and auth == "NoClientCert":
        problems.append(
            _problem(
                path,
                "tls_server_config.client_ca_file",
                'needs a "client_auth_type" that verifies',
            )
        )
    if auth != "NoClientCert" and not files["client_ca_file"]:
        problems.append(
            _problem(
                path, "tls_server_config.client_auth_type", 'needs "client_ca_file"'
            )
        )
    cert, key = files["cert_file"], files["key_file"]
    if len(problems) > before or cert is None or key is None:
        return None
    return ServerTls(cert, key, files["client_ca_file"], auth, lowest, highest, ciphers)


def _context(
    path: Path, tls: ServerTls | None, problems: list[Problem]
) -> ssl.SSLContext | None:
    try:
        return tls.context() if tls else None
    except OSError as error:
        # Certificate and key are renewed one after the other: for a moment they may not fit.
        problems.append(_passing(path, "tls_server_config", f"cannot be used: {error}"))
    except ValueError as error:
        problems.append(_problem(path, "tls_server_config.key_file", str(error)))
    return None


def _ciphers(path: Path, value: object, problems: list[Problem]) -> tuple[str, ...]:
    if value is None:
        return ()
    name = "tls_server_config.cipher_suites"
    if not isinstance(value, list) or not value:
        problems.append(_problem(path, name, "must be a list of cipher suites"))
        return ()
    unknown = [one for one in value if one not in CIPHERS]
    text = f"is not supported; allowed: {', '.join(CIPHERS)}"
    problems.extend(_problem(path, name, f"{one!r} {text}") for one in unknown)
    return tuple(str(one) for one in value)


def _file(
    path: Path, key: str, value: object, problems: list[Problem], *, required: bool
) -> Path | None:
    name = f"tls_server_config.{key}"
    if value is None and not required:
        return None
    if not isinstance(value, str) or not value:
        problems.append(_problem(path, name, "must be the path of a file"))
        return None
    file = path.parent / value
    try:
        if not file.is_file():
            problems.append(_passing(path, name, f"no such file: {file}"))
    except OSError as error:  # a folder that may not be entered
        problems.append(_passing(path, name, f"{file}: {error.strerror}"))
    return file


def _choice(
    path: Path,
    section: Mapping[str, Any],
    key: str,
    default: str,
    allowed: Mapping[str, object],
    problems: list[Problem],
) -> str:
    value = section.get(key, default)
    if isinstance(value, str) and value in allowed:
        return value
    text = f"{value!r} is not supported; allowed: {', '.join(allowed)}"
    problems.append(_problem(path, f"tls_server_config.{key}", text))
    return default


def _users(
    path: Path, section: Mapping[str, Any], problems: list[Problem]
) -> dict[str, str]:
    users: dict[str, str] = {}
    for user, hashed in section.items():
        match = _HASH.fullmatch(hashed) if isinstance(hashed, str) else None
        # The text of the value is not shown: it may be a password that somebody wrote by mistake.
        if match is None or not 4 <= int(match[1]) <= 31:
            problems.append(
                _problem(path, f"basic_auth_users.{user}", "must be a bcrypt hash")
            )
        else:
            users[str(user)] = hashed
    return users


def _headers(path: Path, section: object, problems: list[Problem]) -> dict[str, str]:
    if section is None:
        return {}
    if not isinstance(section, dict):
        problems.append(
            _problem(path, "http_server_config.headers", "must be a mapping")
        )
        return {}
    for name, value in section.items():
        is_text = isinstance(value, str) and value.isascii() and value.isprintable()
        if not is_text or not _HEADER_NAME.fullmatch(str(name)):
            problems.append(
                _problem(
                    path,
                    f"http_server_config.headers.{name}",
                    "must be a header, as text",
                )
            )
    return {str(name): str(value) for name, value in section.items()}


def _problem(path: Path, key: str, message: str) -> Problem:
    return Problem(str(path), message, key)


def _passing(path: Path, key: str, message: str) -> Problem:
    return Problem(str(path), message, key, may_pass=True)
