"""Parts of an account: a month, the service hours, all of it."""

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from scudo_agent.contract.calendar import Calendar
from scudo_agent.contract.part import month_part, part, service_time
from scudo_agent.contract.spans import merge
from scudo_agent.instant import HOUR, Instant
from scudo_agent.model import State
from support.uptime_data import account_of, cases, year_of


@settings(max_examples=60, deadline=None)
@given(case=cases())
def test_the_whole_period_as_a_part_is_the_account(case: dict[str, object]) -> None:
    account = account_of(case)
    whole = part(account, merge([account.period]))
    assert whole.elapsed == account.elapsed
    assert {s: whole.states[s] for s in State} == {s: account.lasted(s) for s in State}
    assert (whole.down_counted, whole.down_excluded, whole.counted) == (
        account.down_counted,
        account.down_excluded,
        account.counted,
    )
    assert (whole.availability, whole.worst_case, whole.best_case) == (
        account.availability,
        account.worst_case,
        account.best_case,
    )
    assert whole.coverage == account.coverage
    assert sum(whole.excluded.values()) == account.excluded()


@settings(max_examples=40, deadline=None)
@given(case=cases())
def test_the_months_of_a_year_add_up_to_it(case: dict[str, object]) -> None:
    account = account_of(case)
    day = Calendar(account.contract).local_day(account.year[0])
    months = [
        f"{day.year + (day.month - 1 + n) // 12}-{(day.month - 1 + n) % 12 + 1:02d}"
        for n in range(13)
    ]
    if day.day == 1:
        months.pop()  # twelve whole months
    found = [month_part(account, month)[1] for month in months]
    assert sum(one.elapsed for one in found) == account.elapsed
    assert sum(one.down_counted for one in found) == account.down_counted
    assert sum(one.down_excluded for one in found) == account.down_excluded
    for state in State:
        assert sum(one.states[state] for one in found) == account.lasted(state)


@settings(max_examples=25, deadline=None)
@given(case=cases(), hours=st.integers(0, 24 * 14))
def test_service_hours_are_those_of_each_hour(
    case: dict[str, object], hours: int
) -> None:
    """Hour by hour: an hour is served when its first instant is."""
    calendar = year_of(case).calendar
    start = account_of(case).year[0]
    served = service_time(calendar, (start, Instant(start + hours * HOUR)))
    slow = 0
    for number in range(hours):
        at = start + number * HOUR
        day: date = calendar.local_day(Instant(at))
        slow += any(a <= at < b for a, b in calendar.service(day))
    # The weeks of these contracts begin and end on whole hours of wall clocks.
    assert served.length() == slow * HOUR
