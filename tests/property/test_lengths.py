"""How long a service was what: every second once, against a slow count."""

from hypothesis import given
from hypothesis import strategies as st

from scudo_agent.instant import SECOND, Instant
from scudo_agent.model import State
from scudo_agent.stages import lengths

HOUR_S = 600
states = st.sampled_from(list(State))


@st.composite
def timelines(draw: st.DrawFn) -> list[tuple[State, Instant]]:
    starts = draw(st.lists(st.integers(0, HOUR_S), max_size=8, unique=True))
    return [(draw(states), Instant(at * SECOND)) for at in sorted(starts)]


@given(timelines(), st.integers(0, HOUR_S), st.integers(0, HOUR_S))
def test_lengths_agree_with_a_count_of_every_second(
    points: list[tuple[State, Instant]], a: int, b: int
) -> None:
    since, until = sorted((a, b))
    counted = dict.fromkeys(State, 0)
    for second in range(since, until):
        held = State.UNKNOWN
        for state, start in points:
            if start <= second * SECOND:
                held = state
        counted[held] += SECOND
    assert lengths(points, Instant(since * SECOND), Instant(until * SECOND)) == counted
