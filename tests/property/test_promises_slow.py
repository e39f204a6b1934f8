"""Clocks of a ticket from its history, against a slow walk from minute to minute."""

from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from scudo_agent.desk.clocks import Moment, promises
from scudo_agent.instant import SECOND, Instant
from support.contract_data import SHOP, calendar_of, data
from support.slow_calendar import SlowCalendar
from support.slow_promise import ACTS, Act, SlowPromise, entry

FRIDAY = 1_774_592_400
"""2026-03-27 07:20 in Rome; clocks are put on two nights later."""

GENERATED = (Phase.explicit, Phase.generate)
"""A failure is told as it was found: making it smaller takes minutes."""

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
lives = st.lists(
    st.tuples(minutes, st.sampled_from(ACTS), st.sampled_from([1, 2, 3])), max_size=9
)


def told(acts: list[Act], severity: int) -> list[Moment]:
    """The history that these acts leave, with the opening."""
    found = [Moment(at=at_of(FRIDAY), kind="open", actor="agent:", severity=severity)]
    status = "new"
    for second, act, code in acts:
        kind, actor, content, status = entry(act, code, status)
        severity = code if act == "triage" else severity
        found.append(
            Moment(
                at=at_of(second),
                kind=kind,
                actor=actor,
                severity=severity if actor != "desk" else None,
                data=content,
            )
        )
    return found


def at_of(second: int) -> Instant:
    return Instant(second * SECOND)


@settings(max_examples=40, deadline=None, phases=GENERATED)
@given(rules, lives, st.sampled_from([1, 2, 3]), minutes)
def test_a_promise_stands_as_a_slow_walk_sees_it(
    rule: dict[str, Any], acts: list[Act], severity: int, at: int
) -> None:
    body = data(**SHOP, clocks=[rule])
    ordered = sorted(acts, key=lambda act: act[0])
    slow = SlowPromise(SlowCalendar(body), rule)
    wanted = slow.watch(FRIDAY, severity, ordered, at)
    known = [act for act in ordered if act[0] <= at]
    found = promises(
        calendar_of(body),
        at_of(FRIDAY),
        "AltecMonitor",
        told(known, severity),
        at_of(at),
    )
    if wanted is None:
        assert found == ()
        return
    (one,) = found
    assert one.mark.value == wanted.mark
    assert one.used_us == wanted.used * SECOND
    assert one.left_us == (slow.allowed - wanted.used) * SECOND
    assert one.ended == (None if wanted.ended is None else at_of(wanted.ended))
    if one.running and wanted.over is not None:
        assert one.due == at_of(wanted.over)
