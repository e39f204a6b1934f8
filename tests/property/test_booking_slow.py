"""What a planned window does to the budget, beside counting each minute."""

from datetime import timedelta
from fractions import Fraction
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scudo_agent.config.contract_file import contract_of_data
from scudo_agent.config.history_file import history_of_data
from scudo_agent.config.window_file import windows_of_data
from scudo_agent.contract.booking import Effect, Plan, effect
from scudo_agent.contract.model import WindowKind
from scudo_agent.instant import SECOND, parse_instant
from support.slow_uptime import STATES, SlowUptime, moment
from support.uptime_data import Made, cases, text

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
DOWN = STATES.index("down")


def slow_effect(case: dict[str, Any], plan: dict[str, Any]) -> dict[str, Any]:
    """Budgets in seconds: each minute of the year is asked what it would be."""
    told = {key: plan[key] for key in ("announced", "start", "end")}
    booked = {**plan, "id": "plan", "announcements": [told], "cancelled": None}
    at = max(moment(plan["announced"]), SlowUptime(case).begin)
    found = {}
    for name, windows in (
        ("before", case["windows"]),
        ("after", [*case["windows"], booked]),
    ):
        slow = SlowUptime({**case, "windows": windows, "at": text(at)}, unit=60)
        excluded, states = slow.excluded(), slow.states()
        elapsed = slow.index(min(slow.at, slow.end))
        agreed = slow.promise["basis"] == "agreed"
        year = len(states) - (len(excluded) if agreed else 0)
        allowed = (1 - Fraction(slow.promise["target"]) / 100) * year * 60
        down = bytearray(states[:elapsed]) + bytes(len(states) - elapsed)
        for place in excluded:
            down[place] = 0
        used = down.count(DOWN)
        span = range(
            max(slow.index(moment(plan["start"])), 0),
            min(slow.index(moment(plan["end"])), len(states)),
        )
        inside = [place for place in span if place not in excluded]
        for place in inside:
            down[place] = DOWN
        found[name] = {
            "remaining": allowed - used * 60,
            "counted_if_down": len(inside) * 60,
            "remaining_if_down": allowed - down.count(DOWN) * 60,
        }
    return found


def fast(one: Effect) -> dict[str, Any]:
    """The figures of the product, in seconds."""
    return {
        "remaining": one.after.budget.remaining / SECOND,
        "counted_if_down": one.lost // SECOND,
        "remaining_if_down": one.remaining_if_down / SECOND,
    }


@st.composite
def plans(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """A case, and a plan that often begins before it is announced, amid outages."""
    case = draw(cases(hours=9))
    first = case["contract"]["year_start"]
    made = Made(draw, first, 60)
    outages = [moment(line["t"]) for line in case["history"]]
    start = made.around(draw(st.sampled_from(outages or [made.hot])), 6)
    start = max(start, SlowUptime({**case, "at": text(moment(case["at"]))}).begin)
    end = start + timedelta(minutes=draw(st.integers(1, 600)))
    told = start + timedelta(minutes=draw(st.integers(-4000, 700)))
    kind = draw(st.sampled_from([kind.value for kind in WindowKind]))
    peak = start - timedelta(days=9) if kind == "upgrade" else None
    plan = {
        "kind": kind,
        "services": ["*"],
        "announced": text(told),
        "start": text(start),
        "end": text(end),
        "peak_notice": peak and text(peak),
    }
    return case, plan


@given(both=plans())
@settings(max_examples=25, deadline=None, suppress_health_check=SLOW)
def test_the_budget_of_a_plan_is_what_counting_each_minute_gives(
    both: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    case, plan = both
    histories, faults = history_of_data(case["history"], name="case")
    windows, more = windows_of_data(case["windows"], name="case")
    assert not faults
    assert not more
    (one,) = effect(
        contract_of_data(case["contract"], name="case"),
        Plan(
            kind=WindowKind(plan["kind"]),
            start=parse_instant(plan["start"]),
            end=parse_instant(plan["end"]),
            announced=parse_instant(plan["announced"]),
            peak_notice=plan["peak_notice"] and parse_instant(plan["peak_notice"]),
        ),
        windows=windows.windows,
        histories={"erp": histories.services.get("erp", ())},
    )
    # The account of a plan is of the year that it starts in.
    year = moment(plan["start"]).astimezone(SlowUptime(case).zone).date()
    slow = SlowUptime(case)
    named = year.year - (year < slow.anniversary(year.year))
    found = slow_effect({**case, "year": named}, plan)
    assert fast(one) == found["after"]
    assert one.before.budget.remaining / SECOND == found["before"]["remaining"]
