"""The JSON Schema (2020-12) of site files, made from the models that read them.

It says what stands where; that names exist and values fit together is said by
`scudo-agent check`, which refuses what is planned and not built although it
belongs to the shape (`each … where`, `heartbeat`).
"""

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import models_json_schema

from scudo_agent.config.outline import HEARTBEAT
from scudo_agent.config.probe import Model, ProbeSettings
from scudo_agent.config.shape import HeartbeatFile, SiteFile, TimingFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REF = "#/$defs/{model}"


def site_schema(registry: Mapping[str, type[ProbeSettings]]) -> dict[str, Any]:
    """The schema with the settings of all kinds of probes in `registry`."""
    models: list[type[Model]] = [
        SiteFile,
        TimingFile,
        HeartbeatFile,
        *registry.values(),
    ]
    refs, top = models_json_schema(
        [(model, "validation") for model in models], ref_template=_REF
    )
    definitions = dict(top["$defs"])
    names = {model: refs[model, "validation"] for model in models}
    probes = {
        kind: _probe(model, names[model]["$ref"]) for kind, model in registry.items()
    }
    probes[HEARTBEAT] = names[HeartbeatFile]
    definitions["Check"] = _check(definitions[_name(names[TimingFile])], probes)
    site = definitions.pop(_name(names[SiteFile]))
    definitions.pop(_name(names[TimingFile]))
    site["properties"]["desk"]["anyOf"] = [
        {"const": "embedded"},
        {"$ref": "#/$defs/DeskFile"},
    ]
    return {
        "$schema": DIALECT,
        "title": "scudo-agent site file",
        **plain_schema(site),
        "$defs": plain_schema(dict(sorted(definitions.items()))),
    }


def plain_schema(schema: Any) -> Any:
    """Without the titles that pydantic makes of names, and defaults of null.

    Where keys have a pattern, others are refused, as the loader does.
    """
    if isinstance(schema, list):
        return [plain_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: plain_schema(value) for key, value in schema.items()}
    if isinstance(plain.get("title"), str):
        del plain["title"]
    if "default" in plain and plain["default"] is None:
        del plain["default"]
    if "patternProperties" in plain:
        plain["additionalProperties"] = False
    return plain


def _name(reference: Mapping[str, Any]) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _probe(model: type[ProbeSettings], reference: str) -> dict[str, Any]:
    forms: list[dict[str, Any]] = [{"$ref": reference}, {"type": "null"}]
    if model.SHORT is not None:
        # A scalar fills this one setting: its own rules hold.
        forms.append({"$ref": f"{reference}/properties/{model.SHORT}"})
    return {"anyOf": forms}


def _check(timing: Mapping[str, Any], probes: Mapping[str, Any]) -> dict[str, Any]:
    """A check: the name of a probe, or one probe with what stands beside it.

    No probe at all is allowed by the schema: a target may change what its
    profile says of a check without repeating its probe.
    """
    one = [{"required": [kind]} for kind in probes]
    return {
        "description": "One probe, and how often it runs.",
        "anyOf": [
            {"enum": sorted(set(probes) - {HEARTBEAT})},
            {
                "type": "object",
                "properties": {**timing["properties"], **probes},
                "additionalProperties": False,
                "oneOf": [*one, {"not": {"anyOf": one}}],
            },
            {"type": "null"},
        ],
    }
