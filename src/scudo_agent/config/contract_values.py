"""From what a contract file says to the values that are computed with."""

from collections.abc import Iterable
from typing import Any, TypeVar

from scudo_agent.config.contract_fields import DAYS, day_numbers
from scudo_agent.config.contract_shape import (
    BillingFile,
    ContractFile,
    ExclusionsFile,
    HoursFile,
    RequestsFile,
    WeeklyFile,
    WhenFile,
)
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
    StatementRules,
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
from scudo_agent.instant import MINUTE

_Value = TypeVar("_Value")


def contract_of_file(file: ContractFile) -> Contract:
    """The contract that a file says; one without faults is not asked for."""
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
        statement=StatementRules(monthly=file.statement.mail == "monthly"),
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
        clocks_for=frozenset(file.clocks_for),
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
