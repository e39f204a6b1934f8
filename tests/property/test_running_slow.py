"""A ticket's running clocks against a slow walk from minute to minute."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from scudo_agent.contract.hours import TicketFacts
from scudo_agent.contract.running import Event, Happening, clock_states
from scudo_agent.instant import SECOND, Instant
from support.contract_data import SHOP, calendar_of, data
from support.slow_calendar import SlowCalendar
from support.slow_clock import SlowClock, Step

FRIDAY = 1_774_592_400
"""2026-03-27 07:20 in Rome; clocks are put on two nights later."""

rules = st.fixed_dictionaries(
    {
        "name": st.just("c"),
        "within": st.integers(1, 12),
        "unit": st.just("working_hours"),
        "until": st.sampled_from(["taken", "answered", "processed", "resolved"]),
        "when": st.sampled_from([{}, {"severity": [1]}, {"severity": [2, 3]}]),
    }
)
minutes = st.integers(0, 4 * 24 * 4).map(lambda quarter: FRIDAY + quarter * 900)
steps = st.lists(
    st.tuples(
        minutes,
        st.sampled_from([what.value for what in Happening]),
        st.sampled_from([1, 2, 3]),
    ),
    max_size=8,
)


@settings(max_examples=120, deadline=None)
@given(rules, steps, st.sampled_from([1, 2, 3]), minutes)
def test_a_clock_shows_what_a_slow_walk_sees(
    rule: dict[str, Any], happened: list[Step], severity: int, at: int
) -> None:
    body = data(**SHOP, clocks=[rule])
    ordered = sorted(happened, key=lambda step: step[0])
    slow = SlowClock(SlowCalendar(body), rule)
    wanted = slow.watch(FRIDAY, severity, ordered, at)
    events = [
        Event(
            at=Instant(second * SECOND),
            what=Happening(what),
            facts=TicketFacts(severity=code) if what == "changed" else None,
        )
        for second, what, code in ordered
    ]
    states = clock_states(
        calendar_of(body),
        Instant(FRIDAY * SECOND),
        TicketFacts(severity=severity),
        events,
        Instant(at * SECOND),
    )
    if wanted is None:
        assert not states
        return
    (found,) = states
    assert found.elapsed_us == wanted.elapsed * SECOND
    assert found.standing.value == wanted.standing
    assert found.ended == (None if wanted.ended is None else wanted.ended * SECOND)
    over = wanted.breached
    assert found.breached == (None if over is None else over * SECOND)
    if wanted.standing == "running":
        now = [code for s, what, code in ordered if what == "changed" and s <= at]
        later = slow.later(wanted, at, now[-1] or severity if now else severity)
        assert found.due == later * SECOND
