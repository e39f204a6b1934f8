"""From a contract file, or its data, to a `Contract`, or to all its faults."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from scudo_agent.config.contract_body import Body, body_of
from scudo_agent.config.contract_days import carenza_faults, holiday_faults
from scudo_agent.config.contract_rules import rule_faults
from scudo_agent.config.contract_shape import ContractFile, LenientContract
from scudo_agent.config.contract_values import contract_of_file
from scudo_agent.config.document import Document, Loc, of_data
from scudo_agent.config.sections import refuse
from scudo_agent.config.wording import dotted, fault_at, faults_of
from scudo_agent.config.yaml_source import read
from scudo_agent.contract.model import Contract
from scudo_agent.errors import ConfigError, Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundContract:
    """A contract, and its file's data as it is stored and compared."""

    contract: Contract
    body: Body


def read_contract(path: Path) -> Contract:
    """The contract in a file; all that is wrong with it is told by `ConfigError`."""
    return _whole(read(path))


def contract_of_data(data: Mapping[str, Any], *, name: str) -> Contract:
    """The contract that data says: of a JSON document, or stored at the desk.

    `name` is what faults call it; they have no line.
    """
    return _whole(of_data(name, data))


def read_named(
    site: Document, name: str, *, base: Path
) -> tuple[SoundContract | None, list[Fault]]:
    """The contract in the file that a site file names, and that file's faults.

    A file that cannot be read is a fault of the site file.
    """
    try:
        doc = read(base / name)
    except ConfigError as exc:
        if exc.faults[0].line:
            return None, list(exc.faults)
        what = f"the contract '{name}' {exc.faults[0].what}"
        return None, [site.fault(("contract",), what)]
    return sound(doc)


def sound(doc: Document) -> tuple[SoundContract | None, list[Fault]]:
    """The contract of a document that was read, if it is sound, and all its faults."""
    contract, faults = contract_of(doc)
    faults = [*doc.faults, *faults]
    if contract is None or faults:
        return None, faults
    return SoundContract(contract=contract, body=body_of(doc)), []


def contract_of(doc: Document) -> tuple[Contract | None, list[Fault]]:
    """The contract that a document says, or None and what is wrong with it."""
    if not isinstance(doc.data, dict):
        return None, [doc.fault((), "a contract is made of keys with values")]
    data = _with_digits(doc)
    try:
        file, faults = ContractFile.model_validate(data), []
        bad: frozenset[str] = frozenset()
        places: list[Loc] = []
    except ValidationError as exc:
        faults = faults_of(
            exc,
            ContractFile,
            describe=_place,
            locate=fault_at(doc),
        )
        places = [entry["loc"] for entry in exc.errors(include_url=False)]
        bad = frozenset(str(loc[0]) for loc in places if loc)
        file = _what_is_readable(data, places, bad)
    faults += rule_faults(doc, file, bad=bad, unread=places)
    wrong = [] if "holidays" in bad else holiday_faults(doc, file.holidays)
    faults += wrong
    contract = contract_of_file(file)
    if not wrong and not bad & _DAYS_NEED:
        faults += carenza_faults(doc, contract)
    return (None, faults) if faults else (contract, [])


def _what_is_readable(
    data: dict[str, Any], places: Sequence[Loc], bad: frozenset[str]
) -> ContractFile:
    """The contract without its unreadable places; without their sections if need be."""
    rest = deepcopy(data)
    for loc in places:
        _drop(rest, loc)
    try:
        return LenientContract.model_validate(rest)
    except ValidationError:
        whole = {key: value for key, value in data.items() if key not in bad}
        return LenientContract.model_validate(whole)


def _drop(data: dict[str, Any], loc: Loc) -> None:
    """Take the innermost key on the way to `loc` out: items of lists stay in place."""
    here: Any = data
    found: tuple[dict[str, Any], str] | None = None
    for step in loc:
        if isinstance(here, dict) and step in here:
            found = (here, str(step))
        elif not isinstance(here, list) or step not in range(len(here)):
            break
        here = here[step]
    if found is not None:
        found[0].pop(found[1], None)


def _whole(doc: Document) -> Contract:
    contract, faults = contract_of(doc)
    refuse(doc, faults)
    # Without faults there is a contract.
    assert contract is not None
    return contract


_DAYS_NEED = {"holidays", "service_hours", "carenza", "year_start", "timezone"}
"""What has to be readable before the working days of a year can be counted."""

_DECIMALS = (("uptime", "target"), ("carenza", "percent"), ("billing", "rate"))


def _place(loc: Loc) -> str:
    """`'within' of entry 2 of 'clocks' of the contract`."""
    for end in range(len(loc) - 1, 0, -1):
        if isinstance(loc[end - 1], int):
            return dotted(loc[end:], _place(loc[:end]))
    if loc and isinstance(loc[-1], int):
        return f"entry {loc[-1] + 1} of {_place(loc[:-1])}"
    return dotted(loc, "the contract")


def _with_digits(doc: Document) -> dict[str, Any]:
    """The data, with the digits of the file where it has a decimal.

    A float has lost them: 99.0 and 99.00 are one, and some digits may be gone.
    """
    data: dict[str, Any] = dict(doc.data)
    for section, key in _DECIMALS:
        inner = data.get(section)
        if isinstance(inner, dict) and isinstance(inner.get(key), float):
            written = doc.text((section, key))
            data[section] = {**inner, key: written}
    return data
