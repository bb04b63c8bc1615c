"""A server that is far away: each answer of it takes a while to come."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from monitor.database import Database, Session
from monitor.demo.mariadb import PrivateMariaDB
from monitor.secrets.reader import SecretReader
from monitor.timing.deadlines import Watchdog
from tests.database.proxy import Proxy
from tests.database.targets import run_as_root, target_at
from tests.support.servers import free_port

FAR_SECONDS = 0.03
"""From here to the server and back."""


@contextmanager
def far_server(folder: Path) -> Iterator[PrivateMariaDB]:
    """Start a server that can be reached over TCP."""
    with PrivateMariaDB(folder, port=free_port()) as server:
        run_as_root(
            server,
            "CREATE USER over_tcp@'127.0.0.1' IDENTIFIED BY 's3cret'",
            "GRANT ALL ON *.* TO over_tcp@'127.0.0.1'",
        )
        yield server


@contextmanager
def far_session(
    server: PrivateMariaDB, schema: str, watchdog: Watchdog, sent: list[bytes]
) -> Iterator[Session]:
    """Lend a session of a schema on the server far away; `sent` gets every packet that is sent to it."""

    def travel(data: bytes) -> bytes:
        time.sleep(FAR_SECONDS)
        return data

    def note(data: bytes) -> bytes:
        sent.append(data)
        return data

    with Proxy(server.port or 0) as proxy:
        proxy.from_server = travel
        proxy.from_client = note
        secrets = SecretReader({**os.environ, "PASSWORD": "s3cret"})
        target = target_at(proxy.port, schema=schema)
        with (
            closing(Database(target, secrets=secrets, watchdog=watchdog)) as database,
            database.lease(deadline_seconds=60) as session,
        ):
            yield session
