"""Cases of uptime as data: read them, account them, make them up."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from scudo_agent.config.contract_file import contract_of_data
from scudo_agent.config.history_file import history_of_data
from scudo_agent.config.window_file import windows_of_data
from scudo_agent.contract.account import Account, AccountYear
from scudo_agent.contract.model import WindowKind
from scudo_agent.instant import SECOND, parse_instant
from scudo_agent.model import State
from support.contract_data import data

STARTS = {
    "Europe/Rome": [
        "2026-01-01",
        "2025-10-26",
        "2025-03-30",
        "2024-02-29",
        "2023-03-01",
    ],
    "America/New_York": ["2024-02-29", "2025-03-09"],
    "Australia/Lord_Howe": ["2025-04-06", "2026-01-01"],
    "Asia/Kathmandu": ["2024-03-01"],
    "UTC": ["2024-02-29"],
}
"""Years that begin or end on days when the clocks change, or around a leap day."""

CLOCK_CHANGES = ["2025-03-30T01:00:00Z", "2025-10-26T01:00:00Z", "2026-03-29T01:00:00Z"]


def year_of(case: dict[str, Any]) -> AccountYear:
    """The year of a case with its windows."""
    windows, faults = windows_of_data(case["windows"], name="case")
    assert not faults
    return AccountYear(
        contract_of_data(case["contract"], name="case"),
        windows.windows,
        at=parse_instant(case["at"]),
        year=case.get("year"),
    )


def account_of(case: dict[str, Any]) -> Account:
    """The account of the service of a case, through the readers of files."""
    history, faults = history_of_data(case["history"], name="case")
    assert not faults
    lines = history.services.get(case["service"], ())
    return year_of(case).account(case["service"], lines)


def found(account: Account) -> dict[str, Any]:
    """The figures of an account in the form of `slow_uptime`."""
    excluded = {kind.value: account.excluded(kind) // SECOND for kind in WindowKind}
    return {
        "seconds": {
            "elapsed": account.elapsed // SECOND,
            **{state.value: account.lasted(state) // SECOND for state in State},
            "counted": account.counted // SECOND,
            "excluded": {**excluded, "total": account.excluded() // SECOND},
            "down_excluded": account.down_excluded // SECOND,
            "down_counted": account.down_counted // SECOND,
        },
        "availability": account.availability,
        "worst_case": account.worst_case,
        "best_case": account.best_case,
        "coverage": account.coverage,
        "allowed": account.budget.allowed / SECOND,
        "used": account.budget.used // SECOND,
        "burn_rate": account.budget.burn_rate,
        "met": account.met,
        "breached": account.breached,
    }


def text(at: datetime) -> str:
    """As a file writes an instant."""
    return at.isoformat()


class Made:
    """Draws instants of one contract year, often where something may go wrong."""

    def __init__(self, draw: st.DrawFn, start: str, unit: int) -> None:
        self.draw, self.unit = draw, unit
        first = datetime.fromisoformat(start).replace(tzinfo=UTC)
        years = [first, first + timedelta(days=365), first + timedelta(days=366)]
        changes = [datetime.fromisoformat(one) for one in CLOCK_CHANGES]
        near = [one for one in changes if years[0] < one < years[2]]
        middle = first + timedelta(days=st_int(draw, 3, 340))
        self.points = [*years[:2], *near, middle, middle + timedelta(days=2)]
        self.hot = self.near(30)

    def near(self, hours: int = 60) -> datetime:
        """An instant near one of the points."""
        return self.around(self.draw(st.sampled_from(self.points)), hours)

    def busy(self) -> datetime:
        """An instant where windows and outages are many."""
        return self.around(self.hot, 12) if st_int(self.draw, 0, 4) else self.near()

    def around(self, point: datetime, hours: int) -> datetime:
        """An instant before or after another."""
        steps = hours * 3600 // self.unit
        return point + timedelta(seconds=self.unit * st_int(self.draw, -steps, steps))

    def later(self, at: datetime, hours: int) -> datetime:
        """Some time after an instant, or a little before it."""
        steps = hours * 3600 // self.unit
        return at + timedelta(seconds=self.unit * st_int(self.draw, -2, steps))


def st_int(draw: st.DrawFn, low: int, high: int) -> int:
    """A whole number."""
    return draw(st.integers(low, high))


@st.composite
def cases(draw: st.DrawFn, unit: int = 60, hours: int = 9, most: int = 5) -> Any:
    """A contract, a history, windows, and an instant, all in whole units."""
    zone = draw(st.sampled_from(sorted(STARTS)))
    start = draw(st.sampled_from(STARTS[zone]))
    made = Made(draw, start, unit)
    # The first instant at which a local day can have begun, and some time more.
    first = datetime.fromisoformat(start).replace(tzinfo=UTC) + timedelta(hours=12)
    late = made.hot + timedelta(days=st_int(draw, 1, 90))
    at = max(draw(st.sampled_from([late, late, late, made.busy(), made.near()])), first)
    history = {}
    for _ in range(st_int(draw, 0, 12)):
        state = draw(
            st.sampled_from(["up", "up", "degraded", "down", "down", "unknown"])
        )
        history[made.busy()] = state
    windows = [
        draw(window(made, f"w{number}", hours=hours))
        for number in range(st_int(draw, 0, most))
    ]
    return {
        "contract": draw(contracts(zone, start)),
        "history": [
            {"t": text(t), "service": "erp", "state": state}
            for t, state in history.items()
        ],
        "windows": windows,
        "at": text(at),
        "year": None,
        "service": "erp",
    }


@st.composite
def contracts(draw: st.DrawFn, zone: str, start: str) -> Any:
    """A contract's data with some of the keys that decide about uptime."""
    exclusions: dict[str, Any] = {
        "ordinary": draw(st.sampled_from([{}, {}, {}, None, {"notice_days": 0}])),
        "extraordinary": draw(st.sampled_from([{}, {}, {}, None])),
        "occasional": draw(
            st.sampled_from(
                [
                    {},
                    {"saturday": "holiday"},
                    {"holidays": False, "offset": "-05:30"},
                    {"night": "01:30-05:00", "offset": "+14:00"},
                ]
            )
        ),
        "upgrade": draw(st.sampled_from([{}, {"max_minutes": 90}])),
    }
    country = draw(st.sampled_from(["IT", None]))
    return data(
        timezone=zone,
        year_start=start,
        holidays={"country": country, "add": ["10-26"], "remove": ["04-06"]},
        uptime={
            "target": draw(st.sampled_from(["99.0", "99.9", "95", "100"])),
            "basis": draw(st.sampled_from(["agreed", "calendar"])),
            "unknown": draw(st.sampled_from(["exclude", "exclude", "up", "down"])),
            "exclusions": exclusions,
        },
    )


@st.composite
def window(draw: st.DrawFn, made: Made, name: str, *, hours: int) -> Any:
    """A window with one to three announcements; the desk would refuse some."""
    kind = draw(st.sampled_from(["ordinary", "extraordinary", "upgrade", "occasional"]))
    base = made.busy()
    announcements = []
    for _ in range(draw(st.sampled_from([1, 1, 2, 3]))):
        start = made.later(base, 6)
        ahead = draw(st.one_of(st.integers(-90, 500), st.integers(1300, 5000)))
        told = start - timedelta(minutes=ahead)
        end = made.later(start, hours)
        announcements.append(
            {"announced": text(told), "start": text(start), "end": text(end)}
        )
    cancelled = draw(st.sampled_from([None, None, None, made.later(base, 10)]))
    peak = draw(
        st.sampled_from(
            [
                None,
                base - timedelta(days=3),
                base - timedelta(days=9),
                made.later(base, 4),
            ]
        )
    )
    return {
        "id": name,
        "kind": kind,
        "services": draw(st.sampled_from([["*"], ["erp"], ["erp", "x"], ["other"]])),
        "announcements": announcements,
        "cancelled": cancelled and text(cancelled),
        "peak_notice": peak and text(peak) if kind == "upgrade" else None,
    }
