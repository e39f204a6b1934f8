"""Who is on call against a clock that is watched minute by minute."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from scudo_agent.desk.rota import Rota, Swap, in_line, turn_number, turns
from scudo_agent.instant import MINUTE, Instant, from_datetime
from support.slow_rota import slow_turn

# The clocks change in these weeks; in Beirut and Santiago at midnight.
WEEKS = {
    "Europe/Rome": (date(2026, 3, 27), date(2026, 10, 23)),
    "Asia/Beirut": (date(2025, 3, 28), date(2025, 10, 24)),
    "America/Santiago": (date(2026, 4, 2), date(2026, 9, 4)),
    "Australia/Lord_Howe": (date(2026, 4, 3), date(2026, 10, 2)),
    "UTC": (date(2026, 2, 26),),
}
PLACES = [(zone, day) for zone, days in WEEKS.items() for day in days]


@settings(max_examples=40)
@given(
    place=st.sampled_from(PLACES),
    minute=st.sampled_from([0, 30, 90, 120, 125, 150, 179, 540, 1439]),
    every=st.integers(1, 3),
    after=st.integers(-60, 5 * 1440),
)
def test_the_turn_is_the_one_that_the_clock_on_the_wall_began(
    place: tuple[str, date], minute: int, every: int, after: int
) -> None:
    zone, first = place
    at = datetime.combine(first, datetime.min.time(), UTC) + timedelta(minutes=after)
    rota = Rota(
        zone=zone, first=first, minute=minute, every_days=every, people=(7, 8, 9)
    )
    wanted = slow_turn(zone, first, minute, every, at)
    assert turn_number(rota, from_datetime(at)) == wanted
    line = in_line(rota, (), from_datetime(at))
    assert line == (
        () if wanted is None else tuple(7 + (wanted + n) % 3 for n in range(3))
    )


SWAPS = st.lists(
    st.tuples(st.integers(0, 9000), st.integers(1, 3000), st.integers(5, 8)),
    max_size=4,
)


@settings(max_examples=40)
@given(swaps=SWAPS, offset=st.integers(-2000, 4000))
def test_the_list_of_turns_says_of_each_minute_what_the_line_says(
    swaps: list[tuple[int, int, int]], offset: int
) -> None:
    base = from_datetime(datetime(2026, 10, 23, tzinfo=UTC))
    rota = Rota(
        zone="Europe/Rome", first=date(2026, 10, 24), minute=540, every_days=1,
        people=(7, 8, 9),
    )  # fmt: skip
    given_ = [
        Swap(
            start=Instant(base + begin * MINUTE),
            end=Instant(base + (begin + length) * MINUTE),
            person_id=who,
        )
        for begin, length, who in swaps
    ]
    start = Instant(base + offset * MINUTE)
    end = Instant(start + 4 * 1440 * MINUTE)
    listed = list(turns(rota, given_, start, end))
    assert all(a.end <= b.start for a, b in pairwise(listed))
    for minute in range(0, 4 * 1440, 7):
        at = Instant(start + minute * MINUTE)
        line = in_line(rota, given_, at)
        holds = [one.person_id for one in listed if one.start <= at < one.end]
        assert holds == list(line[:1])
        assert len(set(line)) == len(line)
