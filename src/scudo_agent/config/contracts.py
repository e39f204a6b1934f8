"""The contract file: what the main job reads of it (`domain.md` 9).

Id, title, time zone, start of the year, promised uptime and the ticket rules
are read; the rest is left to the contract engine.
"""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

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


def read_terms(
    site: Document, name: str, *, base: Path
) -> tuple[ContractTerms | None, list[Fault]]:
    """The terms in the file that a site file names, and that file's faults.

    A file that cannot be read is a fault of the site file.
    """
    try:
        doc = read(base / name)
    except ConfigError as exc:
        if exc.faults[0].line:
            return None, list(exc.faults)
        what = f"the contract '{name}' {exc.faults[0].what}"
        return None, [site.fault(("contract",), what)]
    terms, faults = terms_of(doc)
    return terms, [*doc.faults, *faults]


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
    terms = ContractTerms(
        id=contract.id,
        title=contract.title,
        timezone=contract.timezone,
        year_start=contract.year_start,
        target=Decimal(written) if written else Decimal("99.0"),
        reopen_us=contract.tickets.reopen,
        close_after_us=contract.tickets.close_after,
    )
    return terms, []
