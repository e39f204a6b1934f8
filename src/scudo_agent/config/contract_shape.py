"""The shape of a contract file (`domain.md` 9): its keys, their values and defaults.

That what it says fits together is looked at in `config.contract_rules`.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from scudo_agent.config.contract_fields import (
    Date,
    DayKey,
    DayRuleField,
    Included,
    Minutes,
    Months,
    Name,
    Offset,
    Percent,
    Rate,
    SpanField,
    Target,
    WorkingDays,
)
from scudo_agent.config.fields import Id, Language, Span, Title, Zone
from scudo_agent.config.probe import Model
from scudo_agent.instant import HOUR

Spans = tuple[SpanField, ...]
WeeklyFile = dict[DayKey, Spans]
Severity = Literal[1, 2, 3]
Origin = Literal[
    "Telefono", "Mail", "AltecMonitor", "Portale", "WhatsApp", "Software", "Altro"
]
Covered = Literal[
    "monitoring", "maintenance", "parts", "replacement", "redundant_system"
]
BILLING_KEYS = {
    "none": frozenset[str](),
    "card": frozenset({"rate", "minimum_minutes", "card", "free"}),
    "hourly": frozenset({"rate", "first_minutes", "step_minutes", "included"}),
}
"""What may stand beside each kind of billing."""


def _number(value: Any) -> Any:
    # 1 == True for Python, not for a person.
    if isinstance(value, bool):
        raise ValueError(f"1, 2 or 3 is needed, not {str(value).lower()}")
    return value


def _only_true(value: Any) -> Any:
    if value is not True:
        raise ValueError("only 'true' means something here; leave the key out instead")
    return value


Code = Annotated[
    Severity, BeforeValidator(_number), WithJsonSchema({"enum": [1, 2, 3]})
]


class HolidaysFile(Model):
    """`holidays`: a country's, a province's patron saint, the contract's own."""

    country: str | None = "IT"
    province: str | None = None
    add: tuple[DayRuleField, ...] = ()
    remove: tuple[DayRuleField, ...] = ()


class OrdinaryFile(Model):
    """`exclusions.ordinary`: calendar days of notice."""

    notice_days: WorkingDays = 2


class ExtraordinaryFile(Model):
    """`exclusions.extraordinary`: any notice will do."""


class OccasionalFile(Model):
    """`exclusions.occasional`: the permitted hours, in a fixed offset."""

    offset: Offset = HOUR
    night: SpanField = (0, 360)
    holidays: Annotated[bool, Field(strict=True)] = True
    saturday: Literal["working", "holiday"] = "working"


class UpgradeFile(Model):
    """`exclusions.upgrade`: how long, and the notice of a peak."""

    max_minutes: Minutes = 60
    peak_notice_working_days: WorkingDays = 4


class ExclusionsFile(Model):
    """`exclusions`: kinds of windows; one that is left out excludes nothing."""

    ordinary: OrdinaryFile | None = None
    extraordinary: ExtraordinaryFile | None = None
    occasional: OccasionalFile | None = None
    upgrade: UpgradeFile | None = None


ALL_KINDS = ExclusionsFile(
    ordinary=OrdinaryFile(),
    extraordinary=ExtraordinaryFile(),
    occasional=OccasionalFile(),
    upgrade=UpgradeFile(),
)
"""`exclusions` left out: all four kinds with their defaults."""


class UptimeFile(Model):
    """`uptime`: what is promised, and how it is counted."""

    target: Target = Decimal("99.0")
    basis: Literal["agreed", "calendar"] = "agreed"
    unknown: Literal["exclude", "up", "down"] = "exclude"
    exclusions: ExclusionsFile = ALL_KINDS


class WhenFile(Model):
    """`when`: which tickets something is for; all that stands here has to fit."""

    severity: Annotated[tuple[Code, ...], Field(min_length=1)] | None = None
    category: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None
    origin: Annotated[tuple[Origin, ...], Field(min_length=1)] | None = None
    card: (
        Annotated[bool, BeforeValidator(_only_true), WithJsonSchema({"const": True})]
        | None
    ) = None


class HalfDaysFile(Model):
    """`half_days`: days that have hours of their own, holidays or not."""

    dates: tuple[DayRuleField, ...] = ()
    hours: Spans = ()


class ExtraFile(Model):
    """One entry of `extra`: hours for tickets that fit `when`."""

    when: WhenFile
    weekly: WeeklyFile


def _office_hours() -> WeeklyFile:
    return {"mon-fri": ((540, 1080),)}


class HoursFile(Model):
    """`service_hours`: of the week, of half-days, and extra ones."""

    weekly: WeeklyFile = Field(default_factory=_office_hours)
    half_days: HalfDaysFile = HalfDaysFile()
    extra: tuple[ExtraFile, ...] = ()


class CarenzaFile(Model):
    """`carenza`: days without cover."""

    percent: Percent = Decimal(5)
    days: tuple[Date, ...] = ()


class ClockFile(Model):
    """One entry of `clocks`."""

    name: Name
    within: Annotated[int, Field(ge=1, le=10_000, strict=True)]
    unit: Literal["working_hours", "working_days"]
    until: Literal["taken", "answered", "processed", "resolved"]
    when: WhenFile = WhenFile()


class TicketsFile(Model):
    """`tickets`: when a relapse re-opens, and when the desk closes."""

    reopen: Span = 4 * HOUR
    close_after: Span | None = None


class StatementFile(Model):
    """`statement`: whether the customer gets each month's statement by mail."""

    mail: Literal["monthly"] | None = None


class CardFile(Model):
    """`billing.card`: a prepaid card."""

    credits: Annotated[int, Field(ge=1, le=100_000, strict=True)] = 400
    minimum: Minutes = 15
    months: Months = 12


class BillingFile(Model):
    """`billing`: of one kind; `BILLING_KEYS` says which keys each has."""

    kind: Literal["none", "card", "hourly"] = "none"
    rate: Rate | None = None
    minimum_minutes: Minutes = 30
    card: CardFile = CardFile()
    free: tuple[Name, ...] = ()
    first_minutes: Minutes = 60
    step_minutes: Annotated[int, Field(ge=1, le=100_000, strict=True)] = 30
    included: dict[Name, Included] = Field(default_factory=dict)


class CategoryFile(Model):
    """One entry of `requests.categories`."""

    id: Name
    title: Annotated[dict[Language, Title], Field(min_length=1)]
    severity: Code | None = None


Channel = Literal[
    "phone",
    "voicemail",
    "weekend_number",
    "mail",
    "portal",
    "web_form",
    "whatsapp",
    "software",
]
Element = Literal[
    "detected_at",
    "url",
    "description",
    "screenshot",
    "software_version",
    "conformity",
    "backup",
]
Way = Literal["phone", "remote", "on_site", "workshop", "vendor"]
Closing = Literal["report", "summary", "feedback", "quality_call"]


class RequestsFile(Model):
    """`requests`: how requests are made and handled."""

    channels: tuple[Channel, ...] = ()
    clocks_for: tuple[Origin, ...] = ()
    categories: tuple[CategoryFile, ...] = ()
    required: tuple[Element, ...] = ("detected_at", "url", "description", "screenshot")
    interventions: tuple[Way, ...] = ()
    team: Literal["own_only", "own_preferred", "any"] = "any"
    closing: tuple[Closing, ...] = ()


class TermFile(Model):
    """`term`: how long, what began it, and what it may become at its end."""

    months: Months
    start: Literal["signature", "final_acceptance"] = "signature"
    converts_to: tuple[Id, ...] = ()


class ExtraTimeFile(Model):
    """`extra_time`: help outside service hours."""

    pin: Annotated[bool, Field(strict=True)] = True
    h24: Annotated[bool, Field(strict=True)] = False


Warranted = Literal["parts", "repair", "restore", "transport"]


class WarrantyFile(Model):
    """`warranty`: of hardware, in months from purchase."""

    months: Months = 12
    extended: Months | None = None
    covers: tuple[Warranted, ...] = ()
    not_covered: tuple[Warranted, ...] = ()


class ContractFile(Model):
    """A whole contract file."""

    id: Id
    title: Title
    timezone: Zone = "Europe/Rome"
    year_start: Date
    holidays: HolidaysFile = HolidaysFile()
    uptime: UptimeFile = UptimeFile()
    service_hours: HoursFile = HoursFile()
    carenza: CarenzaFile = CarenzaFile()
    clocks: tuple[ClockFile, ...] = ()
    tickets: TicketsFile = TicketsFile()
    statement: StatementFile = StatementFile()
    billing: BillingFile = BillingFile()
    requests: RequestsFile = RequestsFile()
    term: TermFile | None = None
    supply: tuple[Literal["purchased", "rented", "takeover"], ...] = ()
    covers: tuple[Covered, ...] = ()
    module: Name | None = None
    extra_time: ExtraTimeFile | None = None
    warranty: WarrantyFile | None = None


class LenientContract(ContractFile):
    """What is left of a faulty file, so that all its faults are told at once."""

    id: str = ""
    title: str = ""
    year_start: date = date(2000, 1, 1)
