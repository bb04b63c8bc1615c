"""JSON schemas of the files, for editors: of what the loader reads, by the same models; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from monitor.config import schema as files
from monitor.config.queries import derived_schemas as values
from monitor.config.queries import schema as queries
from monitor.notify.kinds import KINDS
from monitor.timing.durations import format_duration

Json = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft-07/schema#"
_DURATION: Final = "^([0-9]+(ms|s|m|h|d|w|y))+$"

_ONE_TABLE: Final[Mapping[str, type[BaseModel]]] = MappingProxyType(
    {
        "targets_defaults": files.TargetsDefaultsSchema,
        "http_sd": files.HttpSdSchema,
        "web": files.WebSchema,
        "state": files.StateSchema,
        "heartbeat": files.HeartbeatSchema,
        "log": files.LogSchema,
        "load": files.LoadSchema,
        "contract": files.ContractSchema,
        "deploys": files.DeploysSchema,
    }
)
"""The tables of config.toml that are there once."""
_METRICS: Final = (
    queries.MetricSchema,
    queries.StatesetSchema,
    queries.InfoSchema,
    queries.HistogramSchema,
)
_DETECTORS: Final[Mapping[str, type[BaseModel]]] = MappingProxyType(
    {
        "baseline": queries.BaselineSchema,
        "change": queries.ChangeSchema,
        "slo": queries.SloSchema,
    }
)


class _Generator(GenerateJsonSchema):
    """What the validator checks by a function of ours is anything to an editor."""

    def function_plain_schema(
        self, schema: core_schema.PlainValidatorFunctionSchema
    ) -> JsonSchemaValue:
        return {}

    def timedelta_schema(self, schema: core_schema.TimedeltaSchema) -> JsonSchemaValue:
        return {"type": "string", "pattern": _DURATION}

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, timedelta):
            return format_duration(dft)
        return super().encode_default(dft)


def query_schema() -> Json:
    """Return the schema of a query's NAME.toml."""
    return {"$schema": DIALECT, "title": "A query of token-monitor", **_query()}


def config_schema() -> Json:
    """Return the schema of config.toml."""
    root = _of(files.RootSchema)
    properties = root["properties"]
    for key, model in _ONE_TABLE.items():
        properties[key] = _of(model)
    kinds = [_of_kind(name, kind.schema) for name, kind in KINDS.items()]
    properties["targets"] = _named(_target())
    properties["receivers"] = _named({"anyOf": kinds})
    properties["queries"] = _named(_partial(_query()))
    properties["rules"] = _named(_partial(_rule()))
    properties["derived"] = _named(_derived())
    properties["maintenance"] = _named(_of(files.MaintenanceSchema))
    return {"$schema": DIALECT, "title": "token-monitor's config.toml", **root}


def _derived() -> Json:
    """Return the schema of a derived value: its inputs are names of metrics, or tables."""
    derived = _of(values.DerivedSchema)
    inputs = {"anyOf": [{"type": "string"}, _of(values.DerivedInputSchema)]}
    derived["properties"]["inputs"] = _named(inputs)
    derived["properties"]["rules"] = _named(_rule())
    return derived


def _target() -> Json:
    """Return the schema of a target, with what it lays over single queries and rules."""
    target = _of(files.TargetSchema)
    properties = target["properties"]
    over_queries = _named(_partial(_query()))
    properties["queries"] = {"anyOf": [properties["queries"], over_queries]}
    properties["rules"] = _named(_partial(_rule()))
    return target


def _of_kind(name: str, model: type[BaseModel]) -> Json:
    """Return the schema of a receiver of one kind."""
    receiver = _of(model)
    receiver["properties"]["kind"] = {"const": name}
    return receiver


def _query() -> Json:
    query = _of(queries.QuerySchema)
    query["properties"]["metrics"] = _named(
        {"anyOf": [_of(model) for model in _METRICS]}
    )
    query["properties"]["rules"] = _named(_rule())
    query["properties"]["for_each"] = _of(queries.ForEachSchema)
    return query


def _rule() -> Json:
    rule = _of(queries.RuleSchema)
    rule["required"].remove("severity")  # thresholds may say it
    for key, model in _DETECTORS.items():
        rule["properties"][key] = _of(model)
    return rule


def _named(table: Json) -> Json:
    """Return the schema of a table of tables, each with a name of its own."""
    return {"type": "object", "additionalProperties": table}


def _partial(table: Json) -> Json:
    """Return the schema of what lays single keys over a table."""
    partial = {key: value for key, value in table.items() if key != "required"}
    properties = dict(table["properties"])
    for key in ("metrics", "rules"):
        if key in properties:
            properties[key] = {"type": "object"}
    return {**partial, "properties": properties}


def _of(model: type[BaseModel]) -> Json:
    """Return the schema of one table; what it refers to stands in it, so that it can be put anywhere."""
    found: Json = model.model_json_schema(schema_generator=_Generator, by_alias=True)
    definitions = found.pop("$defs", {})
    placed: Json = _in_place(found, definitions)
    placed.pop("title", None)
    return placed


def _in_place(part: Any, definitions: Mapping[str, Any]) -> Any:
    """Return a part of a schema with each reference replaced by what it refers to."""
    if isinstance(part, list):
        return [_in_place(one, definitions) for one in part]
    if not isinstance(part, dict):
        return part
    reference = part.get("$ref")
    if reference is not None:
        return _in_place(definitions[reference.rpartition("/")[2]], definitions)
    return {key: _in_place(value, definitions) for key, value in part.items()}
