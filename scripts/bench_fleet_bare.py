"""A bare PyMySQL loop over a fleet: what bench_fleet.py compares with; prints its CPU as a share of a core.

One thread and nothing else: a connection kept for each target, each of 8 queries once a minute on each.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from contextlib import suppress

import pymysql

QUERY = (
    "SELECT plan, COUNT(*) AS subscribers FROM subscribers_{0} GROUP BY plan /* q{0} */"
)


def main() -> None:
    asked = json.load(sys.stdin)
    connections = [
        pymysql.connect(
            host="127.0.0.1",
            port=asked["port"],
            user=f"bare{number}",
            password="x",
            database="app",
            ssl_disabled=True,
            autocommit=True,
        )
        for number in range(asked["targets"])
    ]
    pause = 60.0 / (8 * len(connections))
    owed: Counter[str] = Counter()
    began, cpu_before, run = time.monotonic(), time.process_time(), 0
    while (now := time.monotonic()) - began < asked["seconds"]:
        due = began + run * pause
        if due > now:
            time.sleep(due - now)
        connection = connections[run % len(connections)]
        for text, times in asked["statements"].items():
            owed[text] += times
            while owed[text] >= 1:
                owed[text] -= 1
                if text == "COM_INIT_DB":
                    connection.select_db("app")
                    continue
                cursor = connection.cursor()
                # What the stub refuses it has refused the monitor too, at the same cost.
                with suppress(pymysql.err.ProgrammingError):
                    cursor.execute(
                        QUERY.format(run % 8 + 1) if text == "query" else text
                    )
                    cursor.fetchall()
        run += 1
    print((time.process_time() - cpu_before) / (time.monotonic() - began))


if __name__ == "__main__":
    main()
