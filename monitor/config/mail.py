"""What `kind = "email"` says of its server, with the defaults that follow from where it is."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Final

from monitor.config.schema import EmailShape
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems
from monitor.model.hosts import is_loopback
from monitor.model.settings import Mail, PasswordSource

_PORTS: Final = MappingProxyType({"starttls": 587, "implicit": 465, "disabled": 25})


def read_mail(
    shape: EmailShape,
    password: PasswordSource | None,
    section: Section,
    base: Path,
    problems: Problems,
) -> Mail:
    """Check how mail is sent; a password never goes over a wire in clear."""
    is_local = is_loopback(shape.host)
    tls = shape.tls or ("disabled" if is_local else "starttls")
    if not shape.to and "to" in section.data:
        problems.add(section.origin("to"), "is empty; at least one address is required")
    _check_pair(shape, section, problems)
    if (
        tls == "disabled"
        and password is not None
        and not is_local
        and "host" in section.data
    ):
        message = 'a password is not sent without TLS beyond this machine; allowed: "starttls", "implicit"'
        problems.add(section.origin("tls"), message)
    if tls == "disabled" and shape.ca_file is not None:
        message = (
            'means nothing while tls is disabled; give tls = "starttls" or "implicit"'
        )
        problems.add(section.origin("ca_file"), message)
    return Mail(
        host=shape.host,
        port=shape.port or _PORTS[tls],
        sender=shape.from_,
        to=tuple(shape.to),
        tls=tls,
        ca_file=None if shape.ca_file is None else base / shape.ca_file,
        user=shape.user,
        password=password,
    )


def _check_pair(shape: EmailShape, section: Section, problems: Problems) -> None:
    keys = [
        key
        for key in ("password_file", "password_env", "password")
        if key in section.data
    ]
    if shape.user is not None and not keys:
        problems.add(
            section.origin("user"), 'goes with "password_file" or "password_env"'
        )
    if "user" not in section.data and keys:
        problems.add(section.origin(keys[0]), 'goes with "user"')
