"""Instants and durations at the edges: read, refused, written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scudo_agent.errors import InputError
from scudo_agent.instant import (
    HOUR,
    MINUTE,
    SECOND,
    Instant,
    format_instant,
    parse_duration,
    parse_instant,
    seconds,
)

EARLIEST = parse_instant("0001-01-01T00:00:00Z")
LATEST = parse_instant("9999-12-31T23:59:59.999999Z")


@given(st.integers(EARLIEST, LATEST).map(Instant))
def test_what_is_written_is_read_back(at: Instant) -> None:
    assert parse_instant(format_instant(at)) == at


@given(st.datetimes(), st.integers(-23 * 60, 23 * 60))
def test_any_instant_is_read_or_refused_and_then_can_be_written(
    local: object, offset: int
) -> None:
    sign = "-" if offset < 0 else "+"
    hours, minutes = divmod(abs(offset), 60)
    text = f"{local}".replace(" ", "T")[:26] + f"{sign}{hours:02d}:{minutes:02d}"
    try:
        at = parse_instant(text)
    except InputError:
        return
    assert parse_instant(format_instant(at)) == at


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-03-01",
        "2026-03-01T10:00:00",
        "2026-03-01T10:00Z",
        "2026-02-30T10:00:00Z",
        "2026-03-01T25:00:00Z",
        "0001-01-01T00:00:00+05:00",
        "9999-12-31T23:00:00-05:00",
        "2026-03-01T10:00:00.1234567Z",
    ],
)
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_instant(text)


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("60s", MINUTE),
        ("500ms", SECOND // 2),
        ("1h 30m", HOUR + 30 * MINUTE),
        ("2min", 2 * MINUTE),
        (2.5, 5 * SECOND // 2),
        (0, 0),
    ],
)
def test_durations_as_people_write_them(text: str | float, us: int) -> None:
    assert parse_duration(text) == us


@pytest.mark.parametrize("text", ["", "s", "5", "5 parsecs", "-3s", -1, "1h30"])
def test_what_is_no_duration_is_refused(text: str | int) -> None:
    with pytest.raises(InputError):
        parse_duration(text)


def test_durations_of_whole_seconds_are_integers_in_json() -> None:
    assert repr(seconds(3 * SECOND)) == "3"
    assert repr(seconds(3 * SECOND // 2)) == "1.5"
