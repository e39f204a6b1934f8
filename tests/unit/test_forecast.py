"""From observations to a verdict: hours, horizon, hysteresis, what is stored."""

from collections.abc import Callable

import pytest

from scudo_agent.instant import DAY, HOUR, MINUTE, Instant
from scudo_agent.judge.forecast import Forecast, Forecaster, Hour, words
from scudo_agent.judge.trend import Crossing
from scudo_agent.locale import translator
from scudo_agent.model import Limit, Shape, Trend
from support.hours import BEGIN

DISK = Trend(
    limits=(Limit(value="used", bound=0.95),),
    within_us=14 * DAY,
    measure="host disk /",
    shape=Shape.RATIO,
)
PATH = "here/disk"
Verdicts = list[tuple[float, bool | None]]


def live(
    forecaster: Forecaster,
    value: Callable[[float], float],
    days: tuple[float, float],
    *,
    step: int = 20 * MINUTE,
) -> Verdicts:
    """Observations of a stretch of days; changes of the verdict by day."""
    out: Verdicts = []
    begin, end = (round(day * DAY) for day in days)
    for at in range(begin, end, step):
        day = at / DAY
        told = forecaster.observe(PATH, {"used": value(day)}, Instant(BEGIN + at))
        if not out or out[-1][1] is not told:
            out.append((day, told))
    return out


def grows(day: float) -> float:
    return 0.5 + 0.01 * day


def test_the_verdict_turns_at_the_horizon() -> None:
    told = live(Forecaster({PATH: DISK}), grows, (0, 40))

    assert [verdict for _, verdict in told] == [False, None, True]
    # Full on day 45: said 14 days before, and in doubt from a quarter earlier.
    assert told[1][0] == pytest.approx(45 - 17.5, abs=0.4)
    assert told[2][0] == pytest.approx(45 - 14, abs=0.2)


def test_what_is_crossed_already_is_no_forecast() -> None:
    forecaster = Forecaster({PATH: DISK})
    live(forecaster, grows, (0, 44))

    at = Instant(BEGIN + 45 * DAY)
    assert forecaster.observe(PATH, {"used": 0.96}, at) is None
    assert forecaster.observe(PATH, {"used": 0.95}, at) is True


def test_what_says_nothing_of_the_value_changes_nothing() -> None:
    forecaster = Forecaster({PATH: DISK})
    assert forecaster.observe(PATH, {}, BEGIN) is None
    assert forecaster.observe("web/http", {"used": 0.5}, BEGIN) is None
    assert forecaster.running() == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e308, 1e200])
def test_what_is_no_sensible_number_is_left_out(value: float) -> None:
    forecaster = Forecaster({PATH: DISK})
    assert forecaster.observe(PATH, {"used": value}, BEGIN) is None
    assert forecaster.running() == []


def test_hours_are_handed_out_once_they_are_over() -> None:
    forecaster = Forecaster({PATH: DISK})
    for minute, value in ((0, 0.5), (20, 0.7), (40, 0.6), (60, 0.9)):
        at = Instant(BEGIN + minute * MINUTE)
        forecaster.observe(PATH, {"used": value}, at)

    [done] = forecaster.finished()
    assert forecaster.finished() == []
    assert (done.check, done.measure) == (PATH, "host disk /")
    whole = Hour(
        start=BEGIN,
        n=3,
        offset_us=60 * MINUTE,
        sum=0.5 + 0.7 + 0.6,
        min=0.5,
        max=0.7,
        last=0.6,
    )
    assert done.hour == whole
    [running] = forecaster.running()
    assert (running.hour.start, running.hour.n) == (BEGIN + HOUR, 1)


def test_a_restart_goes_on_in_the_middle_of_the_hour() -> None:
    whole, first, second = (Forecaster({PATH: DISK}) for _ in range(3))
    live(whole, grows, (0, 32))
    live(first, grows, (0, 31.51))
    hours = [one.hour for one in (*first.finished(), *first.running())]

    second.restore(PATH, hours)
    told = live(second, grows, (31.51, 32))

    assert [verdict for _, verdict in told] == [True]
    now = Instant(BEGIN + 32 * DAY)
    one, other = whole.forecast(PATH, now), second.forecast(PATH, now)
    assert one is not None
    assert other is not None
    assert other.crossing.likely == pytest.approx(one.crossing.likely, abs=MINUTE)


def test_a_known_pace_needs_no_history() -> None:
    trend = Trend(
        limits=(Limit(value="days_left", bound=14.0, above=False),),
        within_us=7 * DAY,
        measure="tls erp.example:443",
        shape=Shape.DAYS,
        pace=-1.0,
    )
    forecaster = Forecaster({"web/tls": trend})

    def seen(left: float) -> bool | None:
        return forecaster.observe("web/tls", {"days_left": left}, BEGIN)

    assert seen(60) is False
    assert forecaster.forecast("web/tls", BEGIN) is None
    assert seen(22) is None
    assert seen(20.5) is True
    forecast = forecaster.forecast("web/tls", BEGIN)
    assert forecast is not None
    assert forecast.crossing.likely == BEGIN + 6.5 * DAY
    assert seen(13.9) is None
    assert forecaster.running() == []
    assert forecaster.measures() == {}


def test_limits_on_both_sides() -> None:
    sides = (Limit(value="v", bound=90.0), Limit(value="v", bound=10.0, above=False))
    trend = Trend(limits=sides, within_us=14 * DAY, measure="snmp x")
    for pace in (1, -1):
        forecaster = Forecaster({PATH: trend})
        for at in range(0, 30 * DAY, HOUR):
            value = 50 + pace * at / DAY
            told = forecaster.observe(PATH, {"v": value}, Instant(BEGIN + at))
        assert told is True
        forecast = forecaster.forecast(PATH, Instant(BEGIN + at))
        assert forecast is not None
        assert forecast.crossing.limit == sides[0 if pace > 0 else 1]


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            "81% now, 1% more a day: at this pace 95% is reached on Wednesday, "
            "15 April 2026",
        ),
        (
            "it",
            "ora 81%, 1% in più al giorno: di questo passo il limite di 95% è "
            "raggiunto mercoledì 15 aprile 2026",
        ),
    ],
)
def test_the_words(language: str, said: str) -> None:
    forecaster = Forecaster({PATH: DISK})
    live(forecaster, grows, (0, 31.02))
    forecast = forecaster.forecast(PATH, Instant(BEGIN + 31 * DAY))
    assert forecast is not None

    text = translator(language).render(words(forecast), zone="Europe/Rome")
    assert text.replace("\N{NO-BREAK SPACE}", " ") == said


@pytest.mark.parametrize(
    ("late", "language", "said"),
    [
        (
            20,
            "en",
            "at this pace 95% is reached on Wednesday, 11 March 2026, b",
        ),
        (20, "en", "between 6 Mar 2026 and 21 Mar 2026"),
        (20, "it", "mercoledì 11 marzo 2026 (al più presto 6 mar 2026, al più tardi"),
        (None, "en", "on Wednesday, 11 March 2026, on 6 Mar 2026 at the earliest"),
        (None, "it", "mercoledì 11 marzo 2026 (al più presto 6 mar 2026)"),
    ],
)
def test_the_words_say_how_sure_it_is(
    late: int | None, language: str, said: str
) -> None:
    crossing = Crossing(
        limit=DISK.limits[0],
        early=Instant(BEGIN + 5 * DAY),
        likely=Instant(BEGIN + 10 * DAY),
        late=None if late is None else Instant(BEGIN + late * DAY),
        pace=-0.01,
        level=0.8,
        firm=late is not None,
    )
    text = words(Forecast(crossing, 0.8, Shape.RATIO))

    shown = translator(language).render(text, zone="Europe/Rome")
    assert said in shown.replace("\N{NO-BREAK SPACE}", " ")
    less = {"en": "1% less a day", "it": "1% in meno al giorno"}[language]
    assert less in shown


@pytest.mark.parametrize(
    ("bound", "language", "said"),
    [
        (1.0, "en", "from Sunday, 1 March 2026 on the certificate has less than 1 day"),
        (14.0, "en", "has less than 14 days left"),
        (1.0, "it", "da domenica 1 marzo 2026 al certificato resta meno di 1 giorno"),
        (14.0, "it", "al certificato restano meno di 14 giorni"),
    ],
)
def test_the_words_of_a_certificate(bound: float, language: str, said: str) -> None:
    crossing = Crossing(
        limit=Limit(value="days_left", bound=bound, above=False),
        early=BEGIN,
        likely=BEGIN,
        late=BEGIN,
        pace=-1.0,
        level=bound,
        firm=True,
    )
    text = words(Forecast(crossing, bound, Shape.DAYS))
    assert said in translator(language).render(text, zone="Europe/Rome")


def test_a_number_has_three_digits_that_count() -> None:
    assert Shape.NUMBER.shown(1234.56) == 1230
    assert Shape.NUMBER.shown(0.0012345) == 0.00123
    assert Shape.NUMBER.shown(80.0) == 80
    assert Shape.RATIO.shown(0.5) == {"ratio": 0.5}
