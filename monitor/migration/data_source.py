"""Read a data source name, as SQLAlchemy and Go's MySQL driver write them, into its parts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote

DEFAULT_PORT: Final = 3306
_OURS: Final = frozenset({"mysql", "mariadb", "my", "maria"})
"""Schemes of the two servers; xo/dburl, which sql_exporter uses, has the short ones."""
_SCHEME: Final = re.compile(r"(?P<name>[A-Za-z0-9]+)(?:\+[A-Za-z0-9_]+)?://")
_PROTOCOL: Final = re.compile(r"(?P<name>[A-Za-z0-9]*)\((?P<address>[^)]*)\)")
_HOST_AND_PORT: Final = re.compile(
    r"(?:\[(?P<v6>[^\]]*)\]|(?P<host>[^:]*))(?::(?P<port>[0-9]+))?"
)


@dataclass(frozen=True, slots=True)
class DataSource:
    """Where a database is, and who enters it."""

    host: str = "localhost"
    port: int = DEFAULT_PORT
    socket: str = ""
    user: str = ""
    password: str = ""
    database: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Return the address as Go's driver shows it: the socket, or host:port."""
        if self.socket:
            return self.socket
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def scheme_of(text: str) -> str:
    """Return the kind of database that a data source names, in small letters; empty where it names none."""
    match = _SCHEME.match(text)
    return "" if match is None else match["name"].lower()


def is_ours(scheme: str) -> bool:
    """Return whether a scheme is one of MySQL or MariaDB."""
    return scheme in _OURS


def read_source(text: str, default_host: str) -> DataSource:
    """Read `mysql://user:password@host:3306/db?…`, `user:password@tcp(host:3306)/db`, `…@unix(/socket)/db`.

    ValueError where it has no such form; nothing of it is repeated, since it may hold a password.
    """
    rest = _SCHEME.sub("", text, count=1) if is_ours(scheme_of(text)) else text
    rest, _, query = rest.partition("?") if _is_url(rest) else _without_options(rest)
    options = dict(parse_qsl(query, keep_blank_values=True))
    before, _, database = rest.rpartition("/") if "/" in rest else (rest, "", "")
    login, _, place = before.rpartition("@")
    user, _, password = login.partition(":")
    host, port, socket = _place(place, default_host)
    if _is_url(rest):
        user, password, database = unquote(user), unquote(password), unquote(database)
    return DataSource(
        host=host,
        port=port,
        socket=options.pop("unix_socket", socket),
        user=user,
        password=password,
        database=database,
        options=options,
    )


def _is_url(text: str) -> bool:
    """Return whether it has the form of a URL, in which what is special is written as %40."""
    return _PROTOCOL.search(text.rpartition("@")[2]) is None


def _without_options(text: str) -> tuple[str, str, str]:
    """Return a source of Go's driver and its options: they are behind the last slash, as a password may have any."""
    before, slash, after = text.rpartition("/")
    database, mark, options = after.partition("?")
    return f"{before}{slash}{database}", mark, options


def _place(text: str, default_host: str) -> tuple[str, int, str]:
    """Return host, port and socket."""
    protocol = _PROTOCOL.fullmatch(text)
    if protocol is not None and protocol["name"] == "unix":
        return default_host, DEFAULT_PORT, protocol["address"]
    address = text if protocol is None else protocol["address"]
    match = _HOST_AND_PORT.fullmatch(address)
    if match is None:
        raise ValueError("is no address that is known here")
    host = match["v6"] or match["host"] or default_host
    return host, int(match["port"] or DEFAULT_PORT), ""
