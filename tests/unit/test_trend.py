"""What is a trend and what is none: weeks of hourly values."""

import random

import pytest

from scudo_agent.instant import DAY, HOUR, Instant
from scudo_agent.judge.trend import KEPT_HOURS, Hours, crossings
from scudo_agent.model import Limit
from support.hours import BEGIN, FULL, Value, extend, firm, hours_of, openings, told

WEEK = 7 * 24


def noisy(value: Value, sigma: float, seed: int = 1) -> Value:
    """The same with white noise on it."""
    rng = random.Random(seed)

    def with_noise(hour: float) -> float | None:
        plain = value(hour)
        return None if plain is None else plain + rng.gauss(0, sigma)

    return with_noise


def test_a_disk_that_fills_is_told_14_days_before_it_is_full() -> None:
    [(kind, hour)] = openings(lambda h: 0.3 + 0.012 * h / 24, 1296)

    assert kind == "open"
    full = (0.95 - 0.3) / 0.012 * 24
    assert hour == pytest.approx(full - 14 * 24, abs=7)


def test_the_line_says_how_fast_and_how_far() -> None:
    [first, *_] = firm(hours_of(lambda h: 0.3 + 0.02 * h / 24, 28 * 24), 14 * DAY)

    assert first.pace == pytest.approx(0.02)
    assert first.likely == pytest.approx(BEGIN + 32.5 * DAY, abs=1_000)
    assert first.early == pytest.approx(first.likely, abs=1_000)
    assert first.late == pytest.approx(first.likely, abs=1_000)


def test_a_value_that_falls_towards_its_limit() -> None:
    low = Limit(value="free", bound=100.0, above=False)
    [first, *_] = firm(hours_of(lambda h: 1000 - h, 640), 14 * DAY, low)

    assert first.pace == pytest.approx(-24)
    assert first.likely == pytest.approx(BEGIN + 900 * HOUR, abs=1_000)
    assert not told(hours_of(lambda h: 1000 + h, 640), limit=low)


@pytest.mark.parametrize("count", [1, 11, 30, 35])
def test_too_little_says_nothing(count: int) -> None:
    assert crossings(hours_of(lambda h: 0.9 + 0.001 * h, count), FULL) == []


def test_nothing_is_foreseen_further_than_half_the_look_back() -> None:
    def grows(h: float) -> float:
        return 0.5 + 0.05 * h / 24  # full after 9 days

    assert not told(hours_of(grows, 5 * 24))
    assert told(hours_of(grows, 6 * 24 + 3))


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (lambda h: 0.6, "flat"),
        (noisy(lambda h: 0.6, 0.1), "white noise"),
        (lambda h: 0.6 + 0.2 * (h % 24) / 24, "a nightly backup, cleaned"),
        (lambda h: 0.7 - 0.2 * (h % 24) / 24, "the reverse"),
        (noisy(lambda h: 0.6 + 0.21 * (h % WEEK) / WEEK, 0.003), "a weekly one"),
        (lambda h: 0.5 if h < 600 else 0.7, "a step"),
        (noisy(lambda h: 0.5 if h < 600 else 0.7, 0.01), "a step and noise"),
        (lambda h: 0.5 if h < 100 else 0.7 if h < 900 else 0.8, "two steps"),
        (lambda h: 0.9 - 0.01 * h / 24, "it gets better"),
        (lambda h: 0.5 if h < 600 or h > 640 else 0.9, "a film was copied"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_no_trend(value: Value, why: str) -> None:
    assert openings(value, KEPT_HOURS) == [], why


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (noisy(lambda h: 0.4 + 0.01 * h / 24, 0.02), "noise on it"),
        (lambda h: 0.4 + 0.01 * (h // 24), "a stair each night"),
        (lambda h: 0.35 + 0.1 * (h % 24) / 24 + 0.01 * h / 24, "a saw that rises"),
        (lambda h: 0.4 + 0.01 * h / 24 if h % 24 < 13 else None, "gaps each night"),
        (
            lambda h: 0.4 + 0.01 * h / 24 if not 300 < h < 420 else None,
            "five days without the agent",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_trend_is_found_under(value: Value, why: str) -> None:
    told_at = openings(value, 1200)

    assert [kind for kind, _ in told_at] == ["open"], why
    assert 500 < told_at[0][1] < 1100


def test_a_cleaned_disk_is_no_forecast_any_more() -> None:
    def value(h: float) -> float:
        return 0.5 + 0.012 * (h if h < 800 else h - 800) / 24

    [opened, recovered] = openings(value, 1000, every=1)
    assert opened[0] == "open"
    assert recovered[0] == "recover"
    assert 800 < recovered[1] <= 804


def test_a_fast_growth_is_found_after_weeks_of_quiet() -> None:
    def value(h: float) -> float:
        return 0.5 if h < 1000 else 0.5 + 0.1 * (h - 1000) / 24

    [(kind, hour)] = openings(noisy(value, 0.003), 1100)

    assert kind == "open"
    assert value(hour) < 0.8


def test_a_growth_that_ended_is_forgotten() -> None:
    def value(h: float) -> float:
        return 0.4 + 0.012 * min(h, 900) / 24

    kinds = [kind for kind, _ in openings(noisy(value, 0.003), KEPT_HOURS)]
    assert kinds == ["open", "recover"]


def test_a_counter_that_starts_anew_begins_a_new_series() -> None:
    limit = Limit(value="value", bound=3000.0)

    def value(h: float) -> float:
        return h if h < 1100 else h - 1100

    assert told(hours_of(value, 1099), 90 * DAY, limit) is False  # 1,900 hours ahead
    near = Limit(value="value", bound=1300.0)
    assert told(hours_of(value, 1099), limit=near)
    assert not told(hours_of(value, 1110), limit=near)


def test_what_is_cleaned_now_and_then_is_cleaned_again() -> None:
    def value(h: float) -> float:
        return 0.6 + 0.25 * (h % 240) / 240  # every ten days, at 85 %

    late = [hour for kind, hour in openings(value, KEPT_HOURS) if kind == "open"]
    assert all(hour < 500 for hour in late)  # it learns that after the second time


def test_hours_of_more_than_eight_weeks_ago_are_dropped() -> None:
    hours = hours_of(lambda h: h, KEPT_HOURS + 10)

    assert len(hours.at) == KEPT_HOURS
    assert hours.mean[0] == 10.5

    extend(hours, lambda h: h, 5000, 5001)
    assert len(hours.at) == 1


def test_summer_time_is_of_no_importance() -> None:
    # 2026-03-29 lies 28 days after the first hour: hours are those of UTC.
    spring = hours_of(lambda h: 0.4 + 0.011 * h / 24, 900)
    [first, *_] = firm(spring, 14 * DAY)
    assert first.likely == pytest.approx(BEGIN + 0.55 / 0.011 * DAY, abs=1_000)


def test_a_level_beyond_the_limit_is_reached_now() -> None:
    hours = hours_of(lambda h: 0.4 + 0.001 * h, 600)
    assert crossings(hours, FULL)[0].likely == Instant(hours.at[-1])


@pytest.mark.parametrize("bound", [float("nan"), float("inf"), float("-inf")])
def test_a_limit_that_is_no_number_is_never_reached(bound: float) -> None:
    limit = Limit(value="v", bound=bound)
    assert crossings(hours_of(lambda h: h, 500), limit) == []


def test_no_hours_at_all() -> None:
    assert crossings(Hours(), FULL) == []
