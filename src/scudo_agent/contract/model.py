"""What a contract says and what a window is (`domain.md` 3, 4, 6, 7, 9); values only.

A contract file becomes a `Contract` in `config.contract_file`; what follows from it is
computed in the modules beside this one. Instants are microseconds UTC, times of day are
minutes since midnight (0 to 1440), money is a decimal in euro without VAT.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from scudo_agent.instant import HOUR, MINUTE, Instant

Span = tuple[int, int]
"""`[start, end)` in minutes of a day; `end` is at most 1440."""

Weekly = tuple[tuple[Span, ...], ...]
"""Seven days, Monday first; each with its spans, sorted and apart."""

NO_HOURS: Weekly = ((),) * 7


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRule:
    """A day of a contract: `MM-DD`, `YYYY-MM-DD` or `easter+N`.

    `easter` is the offset in days; then month and day are 0. `year` None means
    every year (`02-29` in leap years only).
    """

    text: str
    month: int = 0
    day: int = 0
    year: int | None = None
    easter: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HolidayRules:
    """`country` None: only the contract's own list. `province` names a patron saint."""

    country: str | None = "IT"
    province: str | None = None
    add: tuple[DayRule, ...] = ()
    remove: tuple[DayRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdinaryRule:
    """Announced at least so many calendar days ahead."""

    notice_days: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraordinaryRule:
    """Any notice will do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OccasionalRule:
    """Permitted hours in a fixed offset; `holidays`: the whole festivo is permitted."""

    offset_us: int = HOUR
    night: Span = (0, 360)
    holidays: bool = True
    saturday_is_holiday: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeRule:
    """The first so many minutes; a peak notice with fewer working days is late."""

    max_us: int = 60 * MINUTE
    peak_notice_working_days: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusions:
    """The kinds of windows that exclude; a kind left out (None) excludes nothing."""

    ordinary: OrdinaryRule | None = OrdinaryRule()
    extraordinary: ExtraordinaryRule | None = ExtraordinaryRule()
    occasional: OccasionalRule | None = OccasionalRule()
    upgrade: UpgradeRule | None = UpgradeRule()


class Basis(StrEnum):
    """Whether excluded time is left out (`agreed`) or stays in as up (`calendar`)."""

    AGREED = "agreed"
    CALENDAR = "calendar"


class UnknownAs(StrEnum):
    """What unknown time is taken for."""

    EXCLUDE = "exclude"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True, kw_only=True)
class UptimePromise:
    """`target` is a percentage, the decimal that stands in the file."""

    target: Decimal = Decimal("99.0")
    basis: Basis = Basis.AGREED
    unknown: UnknownAs = UnknownAs.EXCLUDE
    exclusions: Exclusions = Exclusions()


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """Which tickets something is for; None asks for nothing, `card` True for a card."""

    severity: frozenset[int] | None = None
    category: frozenset[str] | None = None
    origin: frozenset[str] | None = None
    card: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraHours:
    """Hours added to the weekly ones for tickets that fit `when`."""

    when: When
    weekly: Weekly


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceHours:
    """Weekly hours, half-days with hours of their own, extra hours."""

    weekly: Weekly
    half_days: tuple[DayRule, ...] = ()
    half_hours: tuple[Span, ...] = ()
    extra: tuple[ExtraHours, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Carenza:
    """Days without cover: at most `percent` of the year's working days."""

    percent: Decimal = Decimal(5)
    days: tuple[date, ...] = ()


class Unit(StrEnum):
    """What a clock counts."""

    HOURS = "working_hours"
    DAYS = "working_days"


class Until(StrEnum):
    """What ends a clock."""

    TAKEN = "taken"
    ANSWERED = "answered"
    PROCESSED = "processed"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockRule:
    """`within` so many units of working time from receipt until `until`."""

    name: str
    within: int
    unit: Unit
    until: Until
    when: When = When()


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketRules:
    """Relapse within `reopen_us` re-opens; `close_after_us` None: people close."""

    reopen_us: int = 4 * HOUR
    close_after_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementRules:
    """`monthly`: the desk mails the customer each month's statement."""

    monthly: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CardBilling:
    """Prepaid credits; without a usable one `rate` an hour, by the minute."""

    rate: Decimal = Decimal("75.00")
    minimum_minutes: int = 30
    credits: int = 400
    card_minimum: int = 15
    months: int = 12
    free: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class HourlyBilling:
    """`included`: minutes an intervention by category; None has no limit."""

    rate: Decimal
    first_minutes: int = 60
    step_minutes: int = 30
    included: Mapping[str, int | None] = field(default_factory=dict)


Billing = CardBilling | HourlyBilling | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """What a request may be about; `severity` is its provisional code.

    `title` by language. A category is blocking when its code is 1 (`domain.md` 5).
    """

    id: str
    title: Mapping[str, str]
    severity: int | None = None


class Team(StrEnum):
    """Who works for the customer: the project's own team only, it first, anyone."""

    OWN_ONLY = "own_only"
    OWN_PREFERRED = "own_preferred"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRules:
    """How requests are made and handled (`domain.md` 5, 8).

    `channels` empty: any; `clocks_for`: origins whose requests start clocks, empty:
    all; `required`: what a complete request has; `interventions`: how the work is
    done, empty: any way; `closing`: what the customer gets at the end.
    """

    channels: tuple[str, ...] = ()
    clocks_for: frozenset[str] = frozenset()
    categories: tuple[Category, ...] = ()
    required: tuple[str, ...] = ("detected_at", "url", "description", "screenshot")
    interventions: tuple[str, ...] = ()
    team: Team = Team.ANY
    closing: tuple[str, ...] = ()

    def category(self, name: str) -> Category | None:
        """The category with this id."""
        return next((c for c in self.categories if c.id == name), None)


class TermStart(StrEnum):
    """What happened on the day that `year_start` is."""

    SIGNATURE = "signature"
    FINAL_ACCEPTANCE = "final_acceptance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """The contract lasts `months` from `year_start`; then it may become another."""

    months: int
    start: TermStart = TermStart.SIGNATURE
    converts_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraTime:
    """Help outside service hours: with a PIN, and if `h24` at any hour."""

    pin: bool = True
    h24: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Warranty:
    """Months from purchase, up to `extended` with the extension; what it covers."""

    months: int = 12
    extended: int | None = None
    covers: frozenset[str] = frozenset()
    not_covered: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What was promised to one customer, as its file says it.

    `year_start` is a local date in `timezone`. A 29 February is 1 March in other
    years. `supply`: how the system was got, empty for any way; `covers`: what is in
    the price beside the help desk; `module`: what the customer must have.
    """

    id: str
    title: str
    timezone: str = "Europe/Rome"
    year_start: date
    holidays: HolidayRules = HolidayRules()
    uptime: UptimePromise = UptimePromise()
    service_hours: ServiceHours
    carenza: Carenza = Carenza()
    clocks: tuple[ClockRule, ...] = ()
    tickets: TicketRules = TicketRules()
    statement: StatementRules = StatementRules()
    billing: Billing = None
    requests: RequestRules = RequestRules()
    term: Term | None = None
    supply: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()
    module: str | None = None
    extra_time: ExtraTime | None = None
    warranty: Warranty | None = None


class WindowKind(StrEnum):
    """The four kinds of maintenance, in the order in which they take the credit."""

    ORDINARY = "ordinary"
    EXTRAORDINARY = "extraordinary"
    UPGRADE = "upgrade"
    OCCASIONAL = "occasional"


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """When the customer was told, and of which span `[start, end)`."""

    announced: Instant
    start: Instant
    end: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A declared maintenance period; `services` may hold `*` for all.

    `announcements` stand as they were written (append-only); `domain.md` 4 orders
    them by `announced`. `peak_notice` is an upgrade's: when the customer told.
    """

    id: str
    kind: WindowKind
    services: tuple[str, ...]
    announcements: tuple[Announcement, ...]
    cancelled: Instant | None = None
    peak_notice: Instant | None = None

    def covers(self, service: str) -> bool:
        """Whether the window is about the service."""
        return "*" in self.services or service in self.services
