"""Before a window is booked: what it would do, and when it would do better."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scudo_agent.cli.main import main
from scudo_agent.contract.booking import Plan, announce_by, assess, next_slot
from scudo_agent.contract.model import WindowKind
from scudo_agent.contract.windows import WindowRules
from scudo_agent.instant import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Instant,
    parse_instant,
    to_datetime,
)
from scudo_agent.text import Text
from support.contract_data import contract
from support.uptime_files import STANDARD, window, write

Capture = pytest.CaptureFixture[str]
RULES = WindowRules(contract(year_start="2020-01-01"))
NIGHT = (22 * 60, 6 * 60)


def plan(
    kind: str, start: str, hours: float, *, announced: str, peak: str | None = None
) -> Plan:
    first = parse_instant(start)
    return Plan(
        kind=WindowKind(kind),
        start=first,
        end=Instant(first + round(hours * HOUR)),
        announced=parse_instant(announced),
        peak_notice=peak and parse_instant(peak),  # type: ignore[arg-type]
    )


def granted(one: Plan) -> int:
    return sum(part.span[1] - part.span[0] for part in assess(RULES, one).granted)


def told_at(one: Plan, at: int) -> Plan:
    return Plan(
        kind=one.kind,
        start=one.start,
        end=one.end,
        announced=Instant(at),
        peak_notice=one.peak_notice,
    )


def test_the_latest_moment_of_an_ordinary_window_is_before_midnight() -> None:
    one = plan(
        "ordinary", "2026-06-03T00:30:00+02:00", 4, announced="2026-01-01T00:00:00Z"
    )
    last = announce_by(RULES, one)
    assert last == parse_instant("2026-06-01T23:59:59+02:00")
    assert granted(told_at(one, last)) == 4 * HOUR
    assert granted(told_at(one, last + SECOND)) == 0


def test_the_latest_moment_is_right_when_the_clocks_change_between() -> None:
    # On 2026-03-29 the clocks go forward: midnight before is at +01:00.
    one = plan(
        "ordinary", "2026-03-30T12:00:00+02:00", 1, announced="2026-01-01T00:00:00Z"
    )
    assert announce_by(RULES, one) == parse_instant("2026-03-28T23:59:59+01:00")


@pytest.mark.parametrize(
    ("kind", "start", "last"),
    [
        ("extraordinary", "2026-06-03T10:00:00Z", "2026-06-03T10:00:00Z"),
        ("upgrade", "2026-06-03T10:00:00Z", "2026-06-03T10:00:00Z"),
        # Permitted from 01:00 in Rome on: before, no announcement helps.
        ("occasional", "2026-06-10T00:00:00+02:00", "2026-06-10T01:00:00+02:00"),
    ],
)
def test_other_windows_are_told_before_they_begin(
    kind: str, start: str, last: str
) -> None:
    peak = "2026-05-01T00:00:00Z"
    one = plan(kind, start, 2, announced="2026-01-01T00:00:00Z", peak=peak)
    assert announce_by(RULES, one) == parse_instant(last)
    later = granted(told_at(one, parse_instant(last) + SECOND))
    assert later < granted(told_at(one, parse_instant(last)))


def test_where_nothing_can_be_excluded_no_moment_is_the_latest() -> None:
    noon = plan(
        "occasional", "2026-06-10T12:00:00+02:00", 2, announced="2026-01-01T00:00:00Z"
    )
    assert announce_by(RULES, noon) is None
    upgrade = plan(
        "upgrade", "2026-06-10T12:00:00+02:00", 1, announced="2026-01-01T00:00:00Z"
    )
    assert announce_by(RULES, upgrade) is None


@pytest.mark.parametrize(
    ("kind", "start", "hours", "slot"),
    [
        # Told on 1 June: 3 June is the first day, and the night goes on from the 2nd.
        ("ordinary", "2026-06-01T12:00:00+02:00", 4, "2026-06-03T00:00:00+02:00"),
        ("ordinary", "2026-07-04T12:00:00+02:00", 4, "2026-07-04T22:00:00+02:00"),
        ("ordinary", "2026-07-04T23:00:00+02:00", 4, "2026-07-04T23:00:00+02:00"),
        ("ordinary", "2026-07-05T03:00:00+02:00", 4, "2026-07-05T22:00:00+02:00"),
        ("extraordinary", "2026-06-01T12:00:00+02:00", 4, "2026-06-01T22:00:00+02:00"),
        # 2 June is a holiday: from 01:00 in Rome on all is permitted.
        ("occasional", "2026-06-01T12:00:00+02:00", 6.5, "2026-06-02T22:00:00+02:00"),
        ("occasional", "2026-06-08T12:00:00+02:00", 4, "2026-06-09T01:00:00+02:00"),
        ("upgrade", "2026-06-01T12:00:00+02:00", 1, "2026-06-01T22:00:00+02:00"),
    ],
)
def test_the_next_slot_at_night(kind: str, start: str, hours: float, slot: str) -> None:
    one = plan(
        kind, start, hours, announced="2026-06-01T09:00:00+02:00",
        peak="2026-05-01T00:00:00Z",
    )  # fmt: skip
    found = next_slot(RULES, one, NIGHT)
    assert found == (parse_instant(slot), parse_instant(slot) + one.end - one.start)


@pytest.mark.parametrize(
    ("kind", "hours", "peak", "said"),
    [
        ("ordinary", 10, None, "no slot of {length} in the next {days} days: the"),
        ("upgrade", 1, None, "an upgrade needs a peak notice of the customer's first"),
        ("upgrade", 2, "2026-05-01T00:00:00Z", "of an upgrade only the first {length}"),
    ],
)
def test_why_there_is_no_slot(
    kind: str, hours: float, peak: str | None, said: str
) -> None:
    one = plan(
        kind, "2026-06-01T12:00:00Z", hours, announced="2026-06-01T09:00:00Z", peak=peak
    )
    found = next_slot(RULES, one, NIGHT)
    assert isinstance(found, Text)
    assert found.id.startswith(said)


def test_nine_hours_fit_into_the_night_in_which_the_clocks_go_back() -> None:
    one = plan("ordinary", "2026-06-01T12:00:00Z", 9, announced="2026-06-01T09:00:00Z")
    found = next_slot(RULES, one, NIGHT)
    assert found == (
        parse_instant("2026-10-24T22:00:00+02:00"),
        parse_instant("2026-10-25T06:00:00+01:00"),
    )


def test_without_a_clause_there_is_no_slot() -> None:
    rules = WindowRules(contract(uptime={"exclusions": {"upgrade": {}}}))
    one = plan("ordinary", "2026-06-01T12:00:00Z", 1, announced="2026-01-01T00:00:00Z")
    found = next_slot(rules, one, None)
    assert isinstance(found, Text)
    assert found.id == "the contract excludes nothing for windows of this kind"
    assert announce_by(rules, one) is None


@given(
    kind=st.sampled_from(["ordinary", "extraordinary", "occasional"]),
    start=st.integers(0, 400 * 24 * 4),
    ahead=st.integers(-6 * 24 * 4, 6 * 24 * 4),
    length=st.integers(1, 34),
    within=st.sampled_from([NIGHT, (0, 1440), (9 * 60, 18 * 60), None]),
)
@settings(max_examples=120, deadline=None)
def test_a_slot_is_excluded_whole_and_none_before_it_is(
    kind: str, start: int, ahead: int, length: int, within: Any
) -> None:
    quarter = 15 * MINUTE
    first = Instant(parse_instant("2026-01-01T00:00:00Z") + start * quarter)
    one = Plan(
        kind=WindowKind(kind),
        start=first,
        end=Instant(first + length * quarter),
        announced=Instant(first - ahead * quarter),
    )
    found = next_slot(RULES, one, within)
    stop = first + 9 * DAY if isinstance(found, Text) else found[0]
    if not isinstance(found, Text):
        assert fits(one, found[0], within)
    # Each quarter of an hour before it, for at most nine days.
    for at in range(first, min(stop, first + 9 * DAY), quarter):
        assert not fits(one, Instant(at), within)


def fits(one: Plan, start: Instant, within: Any) -> bool:
    """Whether a window of this length at `start` is excluded and lies in the hours."""
    length = one.end - one.start
    moved = Plan(
        kind=one.kind, start=start, end=Instant(start + length), announced=one.announced
    )
    if granted(moved) != length:
        return False
    if within is None:
        return True
    # The clocks change at 02:00 or 03:00: these hours are told by each minute's wall.
    zone = RULES.calendar.zone
    minutes = []
    for at in range(start, start + length, 15 * MINUTE):
        local = to_datetime(Instant(at)).astimezone(zone)
        minutes.append((local.date(), local.hour * 60 + local.minute))
    begin, end = within
    if begin < end:
        days = {day for day, _ in minutes}
        return len(days) == 1 and all(begin <= m < end for _, m in minutes)
    return all(m >= begin or m < end for _, m in minutes)


def test_the_command_says_it_all_as_json(tmp_path: Path, capsys: Capture) -> None:
    start, end = "2026-06-02T23:30:00+02:00", "2026-06-03T04:30:00+02:00"
    history = [{"t": "2026-01-01T00:00:00+01:00", "service": "erp", "state": "up"}]
    known = [window("w1", "ordinary", "2026-06-03T00:30:00+02:00", end,
                    announced="2026-05-01T00:00:00Z")]  # fmt: skip
    words = write(tmp_path, history, known)
    words = ["contract", "window", *words[2:], "--kind", "ordinary", "--json"]
    words += ["--start", start, "--end", end, "--within", "22:00-06:00"]
    assert main([*words, "--announced", "2026-06-01T00:30:00+02:00"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["excluded"] == {"seconds": 0, "parts": []}
    assert found["refused"] == {
        "seconds": 18_000,
        "parts": [
            {
                "start": start,
                "end": end,
                "seconds": 18_000,
                "why": "announced 1 calendar day ahead, 2 needed",
            }
        ],
    }
    assert found["announce_by"] == "2026-05-31T23:59:59+02:00"
    assert found["next_slot"]["start"] == "2026-06-03T00:00:00+02:00"
    assert found["no_slot"] is None
    # Four of the five hours are another window's: one would count.
    assert found["budget"] == [
        {
            "service": "erp",
            "year": {
                "start": "2026-01-01T00:00:00+01:00",
                "end": "2027-01-01T00:00:00+01:00",
            },
            "allowed_before": 315_216,
            "allowed_after": 315_216,
            "used": 0,
            "remaining_before": 315_216,
            "remaining_after": 315_216,
            "counted_if_down": 3600,
            "remaining_if_down": 311_616,
        }
    ]


def test_the_command_speaks_both_languages(tmp_path: Path, capsys: Capture) -> None:
    file = write(tmp_path, [], [])[2]
    words = ["contract", "window", file, "--kind", "ordinary", "--start"]
    words += ["2026-06-02T23:30:00+02:00", "--end", "2026-06-03T04:30:00+02:00"]
    words += ["--announced", "2026-06-01T00:30:00+02:00"]
    assert main(words) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "it would have had to be announced by 2026-05-31 23:59:59 +02:00" in said
    assert "next slot that is excluded whole: 2026-06-03 00:00 +02:00 to" in said
    assert STANDARD["title"] in said
    assert main([*words, "--language", "it"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "annunciata con 1 giorno di calendario di anticipo" in said
    assert "andava annunciata entro 2026-05-31 23:59:59 +02:00" in said
    assert "margine dell’anno contrattuale, senza storico" in said
