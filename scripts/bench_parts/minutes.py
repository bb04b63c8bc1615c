"""Measure what the daemon at its shipped settings costs each database a minute, sweeps and cursors included.

One daemon watches the schemas on both servers, each by an account of its own, while a row of usage a second is
written. Each minute what the accounts have cost is read from the servers' books: statements' time, and the
processor's, which does not depend on what else the machine does.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from monitor.demo.mariadb import PrivateConnection, PrivateServer
from scripts.bench_parts.data import freshen
from scripts.bench_parts.options import Options, say
from scripts.bench_parts.plots import lines
from scripts.bench_parts.programs import (
    Target,
    create_account,
    drop_account,
    free_port,
    our_command,
    our_environment,
    running,
    wait_for_metrics,
)
from scripts.bench_parts.rows import Row
from scripts.bench_parts.servers import ServerKind, serving
from scripts.bench_parts.statements import (
    AccountTime,
    account_time,
)

_STANDARD = ("bare", "indexed")


@dataclass(frozen=True, slots=True)
class Watched:
    """A target of the daemon, and our connection to its server."""

    kind: ServerKind
    target: Target
    connection: PrivateConnection

    @property
    def name(self) -> str:
        """Return how rows call it."""
        return f"{self.kind} {self.target.schema}"

    def cost(self) -> AccountTime:
        """Return what the daemon's account has cost so far."""
        return account_time(self.connection, self.kind, self.target.account)


def run(options: Options) -> list[Row]:
    """Watch the daemon for the minutes that the options say."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tm-")))
        watched = list(_targets(options, folder, stack))
        port = free_port()
        config = folder / "config.toml"
        config.write_text(_configuration(options, watched, port, folder))
        log: list[str] = []
        command = our_command("run", "--config", str(config))
        for each in watched:
            stack.enter_context(_usage(each.target))
        before = {each.name: each.cost() for each in watched}
        process = stack.enter_context(
            running(command, log, our_environment(options.checkout))
        )
        wait_for_metrics(port, process, log)
        minutes = _minutes(watched, before, options.minutes)
        return _rows(watched, minutes)


def _targets(options: Options, folder: Path, stack: ExitStack) -> Iterator[Watched]:
    for kind in options.servers:
        server = stack.enter_context(serving(kind, options.folder))
        for schema in options.schemas or _STANDARD:
            connection = stack.enter_context(server.connect(schema))
            freshen(connection, schema)
            name = f"{kind}_{schema}"
            # a new one, of which nothing is booked yet
            account = f"bench_{schema}_{os.getpid()}"
            target = Target(name, server, schema, account, folder / name)
            create_account(connection, account, schema, target.password_file)
            stack.callback(drop_account, server, account)
            yield Watched(kind, target, connection)


def _configuration(
    options: Options, watched: Sequence[Watched], port: int, folder: Path
) -> str:
    chosen = f"queries = {list(options.queries or ['*'])}\n"
    tables = [each.target.table() + chosen for each in watched]
    tables.append(f'[web]\nlisten = "127.0.0.1:{port}"\n')
    tables.append(f'[state]\ndirectory = "{folder / "state"}"\n')
    return "\n".join(tables)


def plots(rows: Sequence[Row]) -> dict[str, str]:
    """Return the plot of each minute."""
    end = ": processor's time, each minute"
    series = {
        row.measure.removesuffix(end): row.samples
        for row in rows
        if row.measure.endswith(end)
    }
    title = "Processor's time of the daemon's statements"
    return {"minutes": lines(title, "ms", "minute since the start", series)}


def _minutes(
    watched: Sequence[Watched], before: Mapping[str, AccountTime], minutes: float
) -> dict[str, list[AccountTime]]:
    """Return for each target what each minute cost."""
    found: dict[str, list[AccountTime]] = {each.name: [] for each in watched}
    last = dict(before)
    began = time.monotonic()
    for minute in range(1, round(minutes) + 1):
        time.sleep(max(0.0, began + 60 * minute - time.monotonic()))
        for each in watched:
            now = each.cost()
            found[each.name].append(_since(last[each.name], now))
            last[each.name] = now
        newest = ", ".join(
            f"{name} {costs[-1].seconds * 1000:.0f} ({costs[-1].cpu_seconds * 1000:.0f})"
            for name, costs in found.items()
        )
        say(f"minute {minute}, ms of statements (of the processor): {newest}")
    return found


def _since(before: AccountTime, now: AccountTime) -> AccountTime:
    return AccountTime(
        statements=now.statements - before.statements,
        seconds=now.seconds - before.seconds,
        cpu_seconds=now.cpu_seconds - before.cpu_seconds,
        rows=now.rows - before.rows,
        longest=now.longest,
    )


def _rows(
    watched: Sequence[Watched], minutes: Mapping[str, Sequence[AccountTime]]
) -> list[Row]:
    rows: list[Row] = []
    for each in watched:
        costs = minutes[each.name]
        time_ms = tuple(cost.seconds * 1000 for cost in costs)
        cpu_ms = tuple(cost.cpu_seconds * 1000 for cost in costs)
        statements = tuple(float(cost.statements) for cost in costs)
        mean = statistics.fmean(time_ms)
        longest = costs[-1].longest
        rows += [
            Row("minutes", f"{each.name}: statements' time, each minute", "ms", time_ms),
            Row("minutes", f"{each.name}: processor's time, each minute", "ms", cpu_ms),
            Row("minutes", f"{each.name}: statements, each minute", "", statements),
            Row("minutes", f"{each.name}: statements' time a minute, mean", "ms", (mean,)),
            Row("minutes", f"{each.name}: processor's time a minute, mean", "ms", (statistics.fmean(cpu_ms),)),
            Row("minutes", f"{each.name}: longest statement", "ms", (longest * 1000,)),
        ]  # fmt: skip
    for row in rows:
        say(row.line())
    return rows


@contextlib.contextmanager
def _usage(target: Target) -> Iterator[None]:
    """Write a row of usage each second, as the application would."""
    ended = threading.Event()
    thread = threading.Thread(target=_write, args=(target.server, target.schema, ended))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _write(server: PrivateServer, schema: str, ended: threading.Event) -> None:
    number = 0
    with server.connect(schema) as connection, connection.cursor() as cursor:
        while not ended.wait(1):
            number += 7919
            cursor.execute(
                "INSERT INTO token_usage_history (user_id, article_id, tokens_used, action, created_at)"
                " VALUES (%s, 1, 500, 'rewrite', UTC_TIMESTAMP())",
                (1 + number % 1_000_000,),
            )
