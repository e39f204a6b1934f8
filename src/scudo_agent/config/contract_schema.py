"""The JSON Schema (2020-12) of contract files, made from the models that read them.

It says what stands where; that values fit together is said by `scudo-agent contract
check`.
"""

from typing import Any

from pydantic.json_schema import models_json_schema

from scudo_agent.config.contract_shape import BILLING_KEYS, ContractFile
from scudo_agent.config.schema import DIALECT, plain_schema

_WRITTEN: dict[tuple[str, str], Any] = {
    ("CarenzaFile", "percent"): 5,
    ("HoursFile", "weekly"): {"mon-fri": ["09:00-18:00"]},
    ("OccasionalFile", "night"): "00:00-06:00",
    ("OccasionalFile", "offset"): "+01:00",
    ("TicketsFile", "reopen"): "4h",
    ("UptimeFile", "target"): 99.0,
}
"""Defaults as people write them, where the value that is read has another form."""


def contract_schema() -> dict[str, Any]:
    """The schema of a contract file."""
    refs, top = models_json_schema(
        [(ContractFile, "validation")], ref_template="#/$defs/{model}"
    )
    definitions: dict[str, Any] = dict(top["$defs"])
    for name, definition in definitions.items():
        for key, inner in definition.get("properties", {}).items():
            if isinstance(inner.get("default"), dict):
                del inner["default"]  # its own keys say their defaults
            if (name, key) in _WRITTEN:
                inner["default"] = _WRITTEN[name, key]
    contract = definitions.pop(refs[ContractFile, "validation"]["$ref"].split("/")[-1])
    definitions.pop("DayRule")  # what a day is read into; nothing refers to it
    definitions["BillingFile"] = _billing(definitions["BillingFile"])
    return {
        "$schema": DIALECT,
        "title": "scudo-agent contract file",
        **plain_schema(contract),
        "$defs": plain_schema(dict(sorted(definitions.items()))),
    }


def _billing(model: dict[str, Any]) -> dict[str, Any]:
    """One form for each kind, with its own keys."""
    properties = model["properties"]
    forms = []
    for kind, keys in BILLING_KEYS.items():
        own = {key: properties[key] for key in properties if key in keys}
        form = {
            "type": "object",
            "properties": {"kind": {"const": kind}, **own},
            "additionalProperties": False,
        }
        needed = ["kind"] if kind != "none" else []
        needed += ["rate"] if kind == "hourly" else []
        forms.append({**form, "required": needed} if needed else form)
    return {"description": model["description"], "oneOf": forms}
