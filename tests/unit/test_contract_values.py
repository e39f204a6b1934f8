"""What each key of a contract file becomes: nothing lost, defaults as documented."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from scudo_agent.config.contract_file import contract_of_data
from scudo_agent.contract.model import (
    NO_HOURS,
    Basis,
    CardBilling,
    Carenza,
    Category,
    ClockRule,
    Contract,
    DayRule,
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
    When,
)
from scudo_agent.instant import HOUR, MINUTE

SHORT: dict[str, Any] = {"id": "a", "title": "A", "year_start": "2026-01-01"}
OFFICE = (((540, 1080),),) * 5 + ((), ())


def read(**keys: Any) -> Contract:
    return contract_of_data(SHORT | keys, name="test")


def test_what_is_left_out_has_the_values_of_the_domain() -> None:
    assert read() == Contract(
        id="a",
        title="A",
        timezone="Europe/Rome",
        year_start=date(2026, 1, 1),
        holidays=HolidayRules(country="IT", province=None, add=(), remove=()),
        uptime=UptimePromise(
            target=Decimal("99.0"),
            basis=Basis.AGREED,
            unknown=UnknownAs.EXCLUDE,
            exclusions=Exclusions(
                ordinary=OrdinaryRule(notice_days=2),
                extraordinary=ExtraordinaryRule(),
                occasional=OccasionalRule(
                    offset_us=HOUR,
                    night=(0, 360),
                    holidays=True,
                    saturday_is_holiday=False,
                ),
                upgrade=UpgradeRule(max_us=HOUR, peak_notice_working_days=4),
            ),
        ),
        service_hours=ServiceHours(weekly=OFFICE),
        carenza=Carenza(percent=Decimal(5), days=()),
        clocks=(),
        tickets=TicketRules(reopen_us=4 * HOUR, close_after_us=None),
        billing=None,
        requests=RequestRules(
            required=("detected_at", "url", "description", "screenshot")
        ),
        term=None,
        supply=(),
        covers=(),
        module=None,
        extra_time=None,
        warranty=None,
    )


NONE = Exclusions(ordinary=None, extraordinary=None, occasional=None, upgrade=None)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({}, NONE),
        ({"ordinary": None, "upgrade": None}, NONE),
        (
            {key: {} for key in ("ordinary", "extraordinary", "occasional", "upgrade")},
            Exclusions(),
        ),
        (
            {"ordinary": {"notice_days": 0}},
            Exclusions(
                ordinary=OrdinaryRule(notice_days=0),
                extraordinary=None,
                occasional=None,
                upgrade=None,
            ),
        ),
        (
            {"extraordinary": {}},
            Exclusions(ordinary=None, occasional=None, upgrade=None),
        ),
        (
            {"upgrade": {"max_minutes": 90, "peak_notice_working_days": 0}},
            Exclusions(
                ordinary=None,
                extraordinary=None,
                occasional=None,
                upgrade=UpgradeRule(max_us=90 * MINUTE, peak_notice_working_days=0),
            ),
        ),
        (
            {
                "occasional": {
                    "offset": "-03:30",
                    "night": "22:15-24:00",
                    "holidays": False,
                    "saturday": "holiday",
                }
            },
            Exclusions(
                ordinary=None,
                extraordinary=None,
                upgrade=None,
                occasional=OccasionalRule(
                    offset_us=-(3 * HOUR + 30 * MINUTE),
                    night=(1335, 1440),
                    holidays=False,
                    saturday_is_holiday=True,
                ),
            ),
        ),
    ],
)
def test_a_kind_that_is_left_out_excludes_nothing(
    written: dict[str, Any], expected: Exclusions
) -> None:
    assert read(uptime={"exclusions": written}).uptime == UptimePromise(
        exclusions=expected
    )


@pytest.mark.parametrize(
    ("target", "digits"),
    [
        ("99.950", "99.950"),
        (99.95, "99.95"),
        (100, "100"),
        ("0.000001", "0.000001"),
        (Decimal("99.90"), "99.90"),
    ],
)
def test_the_target_is_a_decimal_whatever_it_is_written_as(
    target: Any, digits: str
) -> None:
    assert str(read(uptime={"target": target}).uptime.target) == digits


def test_basis_and_unknown() -> None:
    uptime = read(uptime={"basis": "calendar", "unknown": "down"}).uptime
    assert (uptime.basis, uptime.unknown) == (Basis.CALENDAR, UnknownAs.DOWN)


def test_days_of_the_week_and_of_the_year() -> None:
    contract = read(
        holidays={
            "country": None,
            "add": ["02-29", "2026-12-24", "easter", "easter-2", "easter+50"],
            "remove": ["06-02"],
        },
        service_hours={
            "weekly": {
                "tue,thu-fri": ["00:00-00:01", "00:01-24:00"],
                " sun ": ["09:00-13:00"],
            },
            "half_days": {"dates": ["12-24"], "hours": ["10:00-12:00"]},
            "extra": [
                {
                    "when": {"origin": ["Mail"], "category": ["b", "a"]},
                    "weekly": {"mon": ["09:00-10:00"]},
                }
            ],
        },
    )
    assert contract.holidays == HolidayRules(
        country=None,
        add=(
            DayRule(text="02-29", month=2, day=29),
            DayRule(text="2026-12-24", month=12, day=24, year=2026),
            DayRule(text="easter", easter=0),
            DayRule(text="easter-2", easter=-2),
            DayRule(text="easter+50", easter=50),
        ),
        remove=(DayRule(text="06-02", month=6, day=2),),
    )
    whole = ((0, 1), (1, 1440))
    assert contract.service_hours == ServiceHours(
        weekly=((), whole, (), whole, whole, (), ((540, 780),)),
        half_days=(DayRule(text="12-24", month=12, day=24),),
        half_hours=((600, 720),),
        extra=(
            ExtraHours(
                when=When(origin=frozenset({"Mail"}), category=frozenset({"a", "b"})),
                weekly=(((540, 600),), *NO_HOURS[1:]),
            ),
        ),
    )


def test_carenza_clocks_and_tickets() -> None:
    contract = read(
        carenza={"percent": "2.5", "days": ["2026-08-10"]},
        clocks=[
            {
                "name": "a_b-1",
                "within": 3,
                "unit": "working_days",
                "until": "answered",
                "when": {"severity": [2, 3], "card": True},
            }
        ],
        tickets={"reopen": "30m", "close_after": "3d"},
        billing={"kind": "card"},
    )
    assert contract.carenza == Carenza(
        percent=Decimal("2.5"), days=(date(2026, 8, 10),)
    )
    assert contract.clocks == (
        ClockRule(
            name="a_b-1",
            within=3,
            unit=Unit.DAYS,
            until=Until.ANSWERED,
            when=When(severity=frozenset({2, 3}), card=True),
        ),
    )
    assert contract.tickets == TicketRules(
        reopen_us=30 * MINUTE, close_after_us=72 * HOUR
    )
    assert contract.billing == CardBilling()


def test_billing() -> None:
    card = read(
        billing={
            "kind": "card",
            "rate": "60.50",
            "minimum_minutes": 0,
            "card": {"credits": 10, "minimum": 1, "months": 6},
            "free": ["a"],
        }
    ).billing
    assert card == CardBilling(
        rate=Decimal("60.50"),
        minimum_minutes=0,
        credits=10,
        card_minimum=1,
        months=6,
        free=frozenset({"a"}),
    )
    hourly = read(
        billing={
            "kind": "hourly",
            "rate": 80,
            "first_minutes": 45,
            "step_minutes": 15,
            "included": {"a": "all", "b": 0},
        }
    ).billing
    assert hourly == HourlyBilling(
        rate=Decimal(80),
        first_minutes=45,
        step_minutes=15,
        included={"a": None, "b": 0},
    )
    assert read(billing={"kind": "none"}).billing is None


def test_what_a_text_says_beyond_figures() -> None:
    contract = read(
        requests={
            "channels": ["mail"],
            "clocks_for": ["Mail"],
            "categories": [{"id": "a", "title": {"it": "Una"}, "severity": 1}],
            "required": [],
            "interventions": ["vendor"],
            "team": "own_only",
            "closing": ["summary"],
        },
        term={"months": 3, "start": "final_acceptance", "converts_to": ["b"]},
        supply=["takeover"],
        covers=["parts"],
        module="m",
        extra_time={"pin": False, "h24": True},
        warranty={"months": 1, "extended": 2, "covers": ["repair"]},
    )
    assert contract.requests == RequestRules(
        channels=("mail",),
        clocks_for=frozenset({"Mail"}),
        categories=(Category(id="a", title={"it": "Una"}, severity=1),),
        required=(),
        interventions=("vendor",),
        team=Team.OWN_ONLY,
        closing=("summary",),
    )
    assert contract.term == Term(
        months=3, start=TermStart.FINAL_ACCEPTANCE, converts_to=("b",)
    )
    assert (contract.supply, contract.covers) == (("takeover",), ("parts",))
    assert contract.module == "m"
    assert contract.extra_time == ExtraTime(pin=False, h24=True)
    assert contract.warranty == Warranty(
        months=1, extended=2, covers=frozenset({"repair"})
    )
