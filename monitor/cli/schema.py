"""`schema`: JSON schemas of config.toml and of query files, for editors."""

from __future__ import annotations

import json

import click

from monitor.cli import OK
from monitor.cli.options import CommonOptions, with_common_options
from monitor.cli.output import echo
from monitor.cli.printed.file_schemas import config_schema, query_schema

_SCHEMAS = {"config": config_schema, "query": query_schema}


@click.command("schema")
@click.argument("file", type=click.Choice(list(_SCHEMAS)))
@with_common_options
def command(
    file: str,
    common: CommonOptions,
) -> int:
    """Print the JSON schema of config.toml, or of a query's NAME.toml."""
    echo(json.dumps(_SCHEMAS[file](), indent=2, ensure_ascii=False))
    return OK
