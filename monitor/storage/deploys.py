"""Which deployments are declared, as it is kept: one row of JSON for each target of which something was declared."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from monitor.model.deploys import (
    Deploy,
    Deploys,
    DeploySource,
    EndedDeploy,
    TargetDeploys,
)
from monitor.storage.rows import insert_into
from monitor.storage.serialization import (
    UnreadableError,
    instant_to_text,
    text_to_instant,
    text_to_json,
)

DEPLOY_COLUMNS = ("target", "deploys")
_INSERT = insert_into("deploys", DEPLOY_COLUMNS)


def write_deploys(connection: sqlite3.Connection, deploys: Deploys) -> None:
    """Write what is declared, in place of all that was."""
    rows = [(target, _to_text(declared)) for target, declared in deploys.items()]
    connection.execute("DELETE FROM deploys")
    connection.executemany(_INSERT, rows)


def row_to_deploys(row: Sequence[Any]) -> tuple[str, TargetDeploys]:
    """Read a row of `deploys`; UnreadableError."""
    target, text = row
    record = text_to_json(text)
    try:
        return target, _from_record(record)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise UnreadableError(f"{type(error).__name__}: {error}") from None


def _to_text(declared: TargetDeploys) -> str:
    ended = declared.ended
    record = {
        "declared": [_deploy_record(deploy) for deploy in declared.declared],
        "ended": None
        if ended is None
        else {"at": instant_to_text(ended.at), "reason": ended.reason},
        "accepted_at": None
        if declared.accepted_at is None
        else instant_to_text(declared.accepted_at),
    }
    return json.dumps(record, ensure_ascii=False)


def _deploy_record(deploy: Deploy) -> dict[str, object]:
    return {
        "source": deploy.source.value,
        "began_at": instant_to_text(deploy.began_at),
        "ends_at": instant_to_text(deploy.ends_at),
        "reason": deploy.reason,
        "by": deploy.by,
        "is_expired": deploy.is_expired,
    }


def _from_record(record: Any) -> TargetDeploys:
    ended = record["ended"]
    return TargetDeploys(
        tuple(_deploy(one) for one in record["declared"]),
        None
        if ended is None
        else EndedDeploy(text_to_instant(ended["at"]), str(ended["reason"])),
        _instant(record["accepted_at"]),
    )


def _deploy(record: Any) -> Deploy:
    return Deploy(
        DeploySource(record["source"]),
        text_to_instant(record["began_at"]),
        text_to_instant(record["ends_at"]),
        str(record["reason"]),
        str(record["by"]),
        bool(record["is_expired"]),
    )


def _instant(text: str | None) -> datetime | None:
    return None if text is None else text_to_instant(text)
