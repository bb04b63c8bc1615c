"""Let the documented application live, break it in each way that is known, and write what the monitor told.

Each seed is a world of its own: it lives until what is usual is known, is kept at some hours of a week, and each
incident begins at one of them. Days pass in minutes, since the database's clock is driven (libfaketime).
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from monitor.daemon.garbage import look_for_garbage_rarely
from scripts.scorecard_parts import healthy, learn, page
from scripts.scorecard_parts.incident import Incident
from scripts.scorecard_parts.judge import Judged, judged
from scripts.scorecard_parts.kinds import chosen
from scripts.scorecard_parts.play import play, play_now
from scripts.scorecard_parts.watcher import coarse
from scripts.scorecard_parts.world import Kept, Scale, World


def main(arguments: Sequence[str] | None = None) -> None:
    """Play what was asked for, and write what came of it."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    # As the daemon has it: a tenth of the time is else spent on garbage that is not there.
    look_for_garbage_rarely()
    options = _parser().parse_args(arguments)
    kinds = chosen(options.kinds)
    lines: list[Judged] = []
    days: list[healthy.HealthyDays] = []
    for seed in options.seeds:
        with _world(seed, options) as world:
            say(f"seed {seed}: {options.learn} days pass")
            learn.learn(world, timedelta(days=options.learn))
            if options.healthy:
                for found in _healthy(world, options):
                    _keep(options, lines, [*days, found])
                days.append(found)
            elif kinds:
                kept = learn.keep_hours(world, world.folder / "kept", options.hours)
                for line in _played(world, kept, kinds, options):
                    lines.append(line)
                    _keep(options, lines, days)
        _keep(options, lines, days)
    if options.docs:
        page.write(options.docs)


def _keep(
    options: argparse.Namespace,
    lines: Sequence[Judged],
    days: Sequence[healthy.HealthyDays],
) -> None:
    """Write what is known so far: who stops it has that."""
    if options.json:
        page.write_json(options.json, lines, days)


def say(text: str) -> None:
    """Tell the person who waits what is going on."""
    print(f"scorecard: {text}", file=sys.stderr, flush=True)


@contextmanager
def _world(seed: int, options: argparse.Namespace) -> Iterator[World]:
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="scorecard-") as folder:
        scale = Scale(options.users, options.calls)
        world = World(Path(folder), seed, scale, learn.BEGINS)
        try:
            yield world
        finally:
            world.close()


def _healthy(
    world: World, options: argparse.Namespace
) -> Iterator[healthy.HealthyDays]:
    """Yield what is known after each day, and tell what came of it."""
    step = timedelta(seconds=options.step)
    world.watcher.use(coarse(world.config, step))
    told = 0
    for found in healthy.live(world, options.healthy, step):
        say(f"seed {world.seed}: {found.days} healthy days, {len(found.pages)} pages")
        for line in (*found.pages[told:], *found.failures):
            say(f"  {line}")
        told = len(found.pages)
        yield found


def _played(
    world: World,
    kept: Sequence[Kept],
    kinds: Sequence[Incident],
    options: argparse.Namespace,
) -> Iterator[Judged]:
    for incident in kinds:
        rng = random.Random(f"{world.seed} {incident.kind}")
        sizes = incident.sizes if options.all_sizes else [rng.choice(incident.sizes)]
        for size in sizes:
            began = time.monotonic()
            line = judged(play(world, rng.choice(kept), incident, size))
            say(f"{_shown(line)} ({time.monotonic() - began:.0f} s)")
            yield line
            for days in options.repeat:
                learn.recover(world, timedelta(days=days))
                line = judged(play_now(world, incident, size))
                say(f"again after {days} days: {_shown(line)}")
                yield replace(line, kind=f"{line.kind}, again after {days} d")


def _shown(line: Judged) -> str:
    minutes = "-" if line.minutes is None else f"{line.minutes:g} min"
    text = f"{line.kind} {line.size:g}: {line.verdict}, {minutes}, {line.pages} pages; {line.first}"
    for what, found in (
        ("page", line.all_pages[1:]),
        ("other", line.others),
        ("false resolve", line.false_resolves),
        ("before", line.before),
        ("failure", line.failures),
    ):
        text += "".join(f"\n    {what}: {one}" for one in found)
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/scorecard", description=__doc__)
    parser.add_argument(
        "seeds", nargs="*", type=int, default=[1], metavar="SEED", help="default 1"
    )
    parser.add_argument(
        "--kinds", nargs="+", default=(), help="only these kinds, or groups of them"
    )
    parser.add_argument(
        "--all-sizes", action="store_true", help="each kind in all its sizes"
    )
    parser.add_argument(
        "--learn", type=int, default=16, help="days that pass first (default 16)"
    )
    parser.add_argument(
        "--hours", type=int, default=12, help="at which incidents begin (default 12)"
    )
    parser.add_argument(
        "--healthy", type=int, default=0, help="so many healthy days, and no incident"
    )
    parser.add_argument(
        "--step", type=float, default=300, help="seconds of a step of healthy days"
    )
    parser.add_argument(
        "--repeat",
        nargs="+",
        type=int,
        default=(),
        metavar="DAYS",
        help="each again, so many days after the application works again as it should",
    )
    parser.add_argument("--users", type=int, default=3_000)
    parser.add_argument("--calls", type=float, default=12.0)
    parser.add_argument("--folder", type=Path, help="where the databases are kept")
    parser.add_argument("--json", type=Path, help="add what was found to this file")
    parser.add_argument(
        "--docs", type=Path, help="renew the page detection.md in this folder"
    )
    return parser


if __name__ == "__main__":
    main()
