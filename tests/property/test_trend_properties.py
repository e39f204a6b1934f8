"""What must hold of every line, every noise and every reading of a value."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scudo_agent.instant import DAY, HOUR
from scudo_agent.judge.trend import AHEAD, KEPT_HOURS, Hours, crossings
from scudo_agent.model import Limit
from support.hours import BEGIN, extend, hours_of, told

_RUNS = 1000


@given(
    pace=st.floats(0.001, 50),
    start=st.floats(-1000, 1000),
    span=st.integers(48, KEPT_HOURS),
    ahead=st.floats(0.01, AHEAD - 0.01),
    above=st.booleans(),
)
@settings(deadline=None, max_examples=60)
def test_a_line_without_noise_gives_the_exact_crossing(
    pace: float, start: float, span: int, ahead: float, above: bool
) -> None:
    sign = 1 if above else -1
    crossed_h = span * (1 + ahead)
    bound = start + sign * pace * crossed_h
    limit = Limit(value="v", bound=bound, above=above)

    found = crossings(hours_of(lambda h: start + sign * pace * h, span), limit)

    assert found
    tolerance = 1e-6 * crossed_h * HOUR + 10
    for one in found:
        assert one.likely == pytest.approx(BEGIN + crossed_h * HOUR, abs=tolerance)
        assert one.late is not None
        assert one.early <= one.likely <= one.late
        assert one.pace == pytest.approx(sign * pace * 24, rel=1e-6)


@given(
    values=st.lists(st.none() | st.floats(-1e99, 1e99), min_size=1, max_size=400),
    bound=st.floats(-1e99, 1e99),
    above=st.booleans(),
)
@settings(deadline=None, max_examples=60)
def test_whatever_is_measured_the_answer_is_in_order(
    values: list[float | None], bound: float, above: bool
) -> None:
    hours = hours_of(lambda h: values[int(h)], len(values))
    limit = Limit(value="v", bound=bound, above=above)

    for one in crossings(hours, limit):
        assert hours.at[-1] <= one.early <= one.likely
        assert one.late is None or one.likely <= one.late


@given(value=st.floats(-1e6, 1e6), bound=st.floats(-1e6, 1e6), above=st.booleans())
@settings(deadline=None, max_examples=30)
def test_what_stands_still_never_arrives(
    value: float, bound: float, above: bool
) -> None:
    limit = Limit(value="v", bound=bound, above=above)
    assert crossings(hours_of(lambda _h: value, 500), limit) == []


def test_white_noise_is_no_trend_in_a_thousand_eight_weeks() -> None:
    """Looked at where it is most likely to go wrong, early, and now and then later.

    All hours of 1,000 runs take an hour; the figure is in the decision's page.
    """
    wrong = []
    for seed in range(_RUNS):
        rng = random.Random(seed)
        sigma = rng.choice([0.02, 0.05, 0.1])
        draws = [0.6 + rng.gauss(0, sigma) for _ in range(KEPT_HOURS)]
        hours, done = Hours(), 0
        looks = {36, 48, *rng.sample(range(37, 200), 3), rng.randrange(200, KEPT_HOURS)}
        for look in sorted(looks):
            extend(hours, lambda h, d=draws: d[int(h)], done, look)  # type: ignore[misc]
            done = look
            if told(hours, 56 * DAY):
                wrong.append((seed, look))
    assert wrong == []
