"""From a contract file, or its data, to a `Contract`, or to all its faults."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from scudo_agent.config.contract_days import carenza_faults, holiday_faults
from scudo_agent.config.contract_fields import DAYS, day_numbers
from scudo_agent.config.contract_rules import rule_faults
from scudo_agent.config.contract_shape import (
    BillingFile,
    ContractFile,
    ExclusionsFile,
    HoursFile,
    LenientContract,
    RequestsFile,
    WeeklyFile,
    WhenFile,
)
from scudo_agent.config.document import Document, of_data
from scudo_agent.config.sections import refuse
from scudo_agent.config.wording import dotted, fault_at, faults_of
from scudo_agent.config.yaml_source import read
from scudo_agent.contract.model import (
    Basis,
    Billing,
    CardBilling,
    Carenza,
    Category,
    ClockRule,
    Contract,
    Exclusions,
    ExtraHours,
    ExtraordinaryRule,
    ExtraTime,
    HolidayRules,
    HourlyBilling,
    OccasionalRule,
    OrdinaryRule,
    RequestRules,
    ServiceHours,
    Span,
    Team,
    Term,
    TermStart,
    TicketRules,
    Unit,
    UnknownAs,
    Until,
    UpgradeRule,
    UptimePromise,
    Warranty,
    Weekly,
    When,
)
from scudo_agent.errors import ConfigError, Fault
from scudo_agent.instant import MINUTE

_Value = TypeVar("_Value")


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
) -> tuple[Contract | None, list[Fault]]:
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
    contract, faults = contract_of(doc)
    return contract, [*doc.faults, *faults]


def contract_of(doc: Document) -> tuple[Contract | None, list[Fault]]:
    """The contract that a document says, or None and what is wrong with it."""
    if not isinstance(doc.data, dict):
        return None, [doc.fault((), "a contract is made of keys with values")]
    data = _with_digits(doc)
    try:
        file, faults = ContractFile.model_validate(data), []
        bad: frozenset[str] = frozenset()
    except ValidationError as exc:
        faults = faults_of(
            exc,
            ContractFile,
            describe=lambda loc: dotted(loc, "the contract"),
            locate=fault_at(doc),
        )
        places = (entry["loc"][:1] for entry in exc.errors(include_url=False))
        bad = frozenset(str(loc[0]) for loc in places if loc)
        whole = {key: value for key, value in data.items() if key not in bad}
        file = LenientContract.model_validate(whole)
    faults += rule_faults(doc, file, bad=bad)
    wrong = [] if "holidays" in bad else holiday_faults(doc, file.holidays)
    faults += wrong
    contract = _contract(file)
    if not wrong and not bad & _DAYS_NEED:
        faults += carenza_faults(doc, contract)
    return (None, faults) if faults else (contract, [])


def _whole(doc: Document) -> Contract:
    contract, faults = contract_of(doc)
    refuse(doc, faults)
    # Without faults there is a contract.
    assert contract is not None
    return contract


_DAYS_NEED = {"holidays", "service_hours", "carenza", "year_start", "timezone"}
"""What has to be readable before the working days of a year can be counted."""

_DECIMALS = (("uptime", "target"), ("carenza", "percent"), ("billing", "rate"))


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


def _contract(file: ContractFile) -> Contract:
    holidays, uptime, term = file.holidays, file.uptime, file.term
    return Contract(
        id=file.id,
        title=file.title,
        timezone=file.timezone,
        year_start=file.year_start,
        holidays=HolidayRules(**_values(holidays)),
        uptime=UptimePromise(
            target=uptime.target,
            basis=Basis(uptime.basis),
            unknown=UnknownAs(uptime.unknown),
            exclusions=_exclusions(uptime.exclusions),
        ),
        service_hours=_hours(file.service_hours),
        carenza=Carenza(**_values(file.carenza)),
        clocks=tuple(
            ClockRule(
                name=clock.name,
                within=clock.within,
                unit=Unit(clock.unit),
                until=Until(clock.until),
                when=_when(clock.when),
            )
            for clock in file.clocks
        ),
        tickets=TicketRules(
            reopen_us=file.tickets.reopen, close_after_us=file.tickets.close_after
        ),
        billing=_billing(file.billing),
        requests=_requests(file.requests),
        term=None
        if term is None
        else Term(
            months=term.months,
            start=TermStart(term.start),
            converts_to=term.converts_to,
        ),
        supply=file.supply,
        covers=file.covers,
        module=file.module,
        extra_time=ExtraTime(**_values(file.extra_time)) if file.extra_time else None,
        warranty=_warranty(file),
    )


def _values(model: Any) -> dict[str, Any]:
    """A model's values by name, as they were read."""
    return {name: getattr(model, name) for name in type(model).model_fields}


def _exclusions(file: ExclusionsFile) -> Exclusions:
    ordinary, occasional, upgrade = file.ordinary, file.occasional, file.upgrade
    return Exclusions(
        ordinary=OrdinaryRule(notice_days=ordinary.notice_days) if ordinary else None,
        extraordinary=ExtraordinaryRule() if file.extraordinary else None,
        occasional=OccasionalRule(
            offset_us=occasional.offset,
            night=occasional.night,
            holidays=occasional.holidays,
            saturday_is_holiday=occasional.saturday == "holiday",
        )
        if occasional
        else None,
        upgrade=UpgradeRule(
            max_us=upgrade.max_minutes * MINUTE,
            peak_notice_working_days=upgrade.peak_notice_working_days,
        )
        if upgrade
        else None,
    )


def _hours(file: HoursFile) -> ServiceHours:
    return ServiceHours(
        weekly=_weekly(file.weekly),
        half_days=file.half_days.dates,
        half_hours=file.half_days.hours,
        extra=tuple(
            ExtraHours(when=_when(extra.when), weekly=_weekly(extra.weekly))
            for extra in file.extra
        ),
    )


def _weekly(file: WeeklyFile) -> Weekly:
    days: list[tuple[Span, ...]] = [()] * len(DAYS)
    for key, spans in file.items():
        for day in day_numbers(key):
            days[day] = spans
    return tuple(days)


def _when(file: WhenFile) -> When:
    return When(
        severity=_set(file.severity),
        category=_set(file.category),
        origin=_set(file.origin),
        card=file.card,
    )


def _set(values: Iterable[_Value] | None) -> frozenset[_Value] | None:
    return None if values is None else frozenset(values)


def _billing(file: BillingFile) -> Billing:
    if file.kind == "card":
        default = CardBilling()
        return CardBilling(
            rate=default.rate if file.rate is None else file.rate,
            minimum_minutes=file.minimum_minutes,
            credits=file.card.credits,
            card_minimum=file.card.minimum,
            months=file.card.months,
            free=frozenset(file.free),
        )
    if file.kind == "hourly" and file.rate is not None:
        return HourlyBilling(
            rate=file.rate,
            first_minutes=file.first_minutes,
            step_minutes=file.step_minutes,
            included=dict(file.included),
        )
    return None


def _requests(file: RequestsFile) -> RequestRules:
    categories = (Category(**_values(category)) for category in file.categories)
    return RequestRules(
        channels=file.channels,
        categories=tuple(categories),
        required=file.required,
        interventions=file.interventions,
        team=Team(file.team),
        closing=file.closing,
    )


def _warranty(file: ContractFile) -> Warranty | None:
    warranty = file.warranty
    if warranty is None:
        return None
    return Warranty(
        months=warranty.months,
        extended=warranty.extended,
        covers=frozenset(warranty.covers),
        not_covered=frozenset(warranty.not_covered),
    )
