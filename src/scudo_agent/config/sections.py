"""The shape of a site file, validated so far that all faults come at once."""

from typing import Any

from pydantic import ValidationError

from scudo_agent.config.document import Document, Loc
from scudo_agent.config.shape import Lenient, SiteFile
from scudo_agent.config.wording import dotted, fault_at, faults_of
from scudo_agent.errors import ConfigError, Fault

_ENTRIES = {
    "targets": "target",
    "services": "service",
    "profiles": "profile",
    "credentials": "credential",
}
_WORDS = {"customer", "defaults", "desk"}


def describe(loc: Loc) -> str:
    """How a fault names a place of a site file."""
    if not loc:
        return "the site file"
    if isinstance(loc[-1], int):
        return f"entry {loc[-1] + 1} of {describe(loc[:-1])}"
    head, rest = loc[0], loc[2:]
    if head in _WORDS:
        return dotted(loc[1:], str(head))
    if head not in _ENTRIES or len(loc) == 1:
        return dotted(loc, "the site file")
    name = f"{_ENTRIES[str(head)]} '{loc[1]}'"
    if len(rest) >= 2 and rest[0] == "checks":
        if head == "targets":
            return dotted(rest[2:], f"check '{loc[1]}/{rest[1]}'")
        return dotted(rest[2:], f"check '{rest[1]}' of {name}")
    return dotted(rest, name)


def validate(doc: Document, model: type[SiteFile]) -> tuple[SiteFile, list[Fault]]:
    """Read the sections of a file; with faults, those that are whole.

    A section or entry with a fault is missing from what is returned, so that
    the rest of the file can be looked at all the same.
    """
    if not isinstance(doc.data, dict):
        what = "a site file is made of keys with values, such as 'version: 1'"
        return Lenient(), [doc.fault((), what)]
    try:
        return model.model_validate(doc.data), []
    except ValidationError as exc:
        found = faults_of(exc, model, describe=describe, locate=fault_at(doc))
        bad = {_entry(entry["loc"]) for entry in exc.errors(include_url=False)}
    return Lenient.model_validate(_without(doc.data, bad)), found


def refuse(doc: Document, faults: list[Fault]) -> None:
    """Raise all faults of a file, if there are any.

    Where a value could not even be read, what else is wrong with it is left out.
    """
    unread = {(fault.file, fault.line, fault.column) for fault in doc.faults}
    more = [f for f in faults if (f.file, f.line, f.column) not in unread]
    if doc.faults or more:
        raise ConfigError([*doc.faults, *more])


def _entry(loc: Loc) -> Loc:
    return loc[:2] if loc[:1] and loc[0] in _ENTRIES and len(loc) > 1 else loc[:1]


def _without(data: dict[str, Any], bad: set[Loc]) -> dict[str, Any]:
    whole = {key: value for key, value in data.items() if (key,) not in bad}
    for section in _ENTRIES:
        if isinstance(whole.get(section), dict):
            entries = whole[section].items()
            whole[section] = {k: v for k, v in entries if (section, k) not in bad}
    return whole
