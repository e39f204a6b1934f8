"""The contract file: what the main job reads of it (`domain.md` 9).

Id, title, time zone, start of the year, promised uptime and the ticket rules
are read; the rest is left to the contract engine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from scudo_agent.config.contract_body import Body, body_of
from scudo_agent.config.document import Document
from scudo_agent.config.fields import Id, Span, Title, Zone
from scudo_agent.config.wording import dotted, fault_at, faults_of
from scudo_agent.config.yaml_source import read
from scudo_agent.contract.terms import ContractTerms
from scudo_agent.errors import ConfigError, Fault
from scudo_agent.instant import HOUR


def _date(value: Any) -> date:
    try:
        if not isinstance(value, str) or len(value) != len("2026-01-01"):
            raise ValueError
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("a date is needed, such as 2026-01-01") from None


def _percent(value: Any) -> Any:
    number = value if isinstance(value, int | float) else None
    if number is None or isinstance(value, bool) or not 0 < number <= 100:
        raise ValueError("a percentage is needed, more than 0 and at most 100")
    return value


_TARGET = Decimal("99.0")


class _Part(BaseModel):
    # Keys of the contract that belong to later parts are none of our business.
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class _Uptime(_Part):
    target: Annotated[float, BeforeValidator(_percent)] = 99.0


class _Tickets(_Part):
    reopen: Span = 4 * HOUR
    close_after: Span | None = None


class _Contract(_Part):
    id: Id
    title: Title
    timezone: Zone = "Europe/Rome"
    year_start: Annotated[date, BeforeValidator(_date)]
    uptime: _Uptime = _Uptime()
    tickets: _Tickets = _Tickets()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractFile:
    """A sound contract file: its terms, and its data as it is stored."""

    terms: ContractTerms
    body: Body


def read_contract(
    site: Document, name: str, *, base: Path
) -> tuple[ContractFile | None, list[Fault]]:
    """The contract file that a site file names, and that file's faults.

    A file that cannot be read is a fault of the site file.
    """
    try:
        doc = read(base / name)
    except ConfigError as exc:
        if exc.faults[0].line:
            return None, list(exc.faults)
        what = f"the contract '{name}' {exc.faults[0].what}"
        return None, [site.fault(("contract",), what)]
    return read_file(doc)


def read_file(doc: Document) -> tuple[ContractFile | None, list[Fault]]:
    """A contract file that was read, if it is sound, and all its faults."""
    terms, faults = terms_of(doc)
    faults = [*doc.faults, *faults]
    if terms is None or faults:
        return None, faults
    return ContractFile(terms=terms, body=body_of(doc)), []


def terms_of(doc: Document) -> tuple[ContractTerms | None, list[Fault]]:
    """The terms of a contract file; None with faults."""
    if not isinstance(doc.data, dict):
        return None, [doc.fault((), "a contract is made of keys with values")]
    try:
        contract = _Contract.model_validate(doc.data)
    except ValidationError as exc:
        found = faults_of(
            exc,
            _Contract,
            describe=lambda loc: dotted(loc, "the contract"),
            locate=fault_at(doc),
        )
        return None, found
    # Exact figures: the decimal that stands in the file, not its float.
    written = doc.text(("uptime", "target"))
    return _terms(contract, Decimal(written) if written else _TARGET), []


def terms_of_body(body: Body) -> ContractTerms:
    """The terms of a contract that was stored; `ValueError` if it is none."""
    uptime = body.get("uptime")
    written = uptime.get("target") if isinstance(uptime, Mapping) else None
    data = dict(body)
    try:
        target = _TARGET if written is None else Decimal(str(written))
        if isinstance(uptime, Mapping):
            data["uptime"] = {**uptime, "target": float(target)}
        return _terms(_Contract.model_validate(data), target)
    except InvalidOperation:
        raise ValueError("uptime.target is no number") from None


def _terms(contract: _Contract, target: Decimal) -> ContractTerms:
    return ContractTerms(
        id=contract.id,
        title=contract.title,
        timezone=contract.timezone,
        year_start=contract.year_start,
        target=target,
        reopen_us=contract.tickets.reopen,
        close_after_us=contract.tickets.close_after,
    )
