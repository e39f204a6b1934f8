"""The charts of an account as numbers: places and widths, no markup.

Places along the year are per cent of its length, so that a chart fits any width
without scaling its letters. What is narrower than a reader can see is drawn as wide
as one can; the tables beneath the charts have the exact lengths.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from scudo_agent.contract.account import Account
from scudo_agent.contract.calendar import Calendar
from scudo_agent.contract.hours import wall
from scudo_agent.contract.spans import Spans, merge
from scudo_agent.instant import HOUR, MINUTE, Instant
from scudo_agent.intervals import Interval
from scudo_agent.model import State
from scudo_agent.text import T, Text

NARROWEST = 0.25
"""Per cent of the year (22 h): nothing is drawn narrower."""

_SHADES = ((15 * MINUTE, "down1"), (HOUR, "down2"), (4 * HOUR, "down3"))
_WORST = "down4"
_FINE = 2_000
"""Of a burn-down, at most so many corners: more cannot be seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One local day of the year: what it was, for its colour and its words."""

    day: date
    column: int
    shade: str
    counted: int
    excluded: int
    unknown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A part of a lane; `start` and `width` are per cent of the year."""

    start: str
    width: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One row of the timeline; `kind` names its colour."""

    kind: str
    name: Text
    bars: tuple[Bar, ...]
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """The first instant of a calendar month inside the year."""

    start: str
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnDown:
    """What was left of the budget: a line of `x,y` in a field of 1000 by 200.

    `zero` is the height of an empty budget, `top` and `bottom` what the field's
    edges stand for.
    """

    line: str
    zero: str
    end: tuple[str, str]
    top: Fraction
    bottom: Fraction


def heat_map(account: Account, calendar: Calendar) -> list[list[Day]]:
    """The days of the contract year, a row for each calendar month."""
    excluded = account.exclusion.total
    down, unknown = account.states[State.DOWN], account.states[State.UNKNOWN]
    lost, saved = down.without(excluded), down.common(excluded)
    rows: list[list[Day]] = []
    for day, span in _days(account, calendar):
        part = span[0], min(span[1], account.period[1])
        lengths = [one.within(part).length() for one in (lost, saved, unknown)]
        shade = _shade(lengths, part, excluded)
        counted, free, unseen = lengths
        if not rows or rows[-1][-1].day.month != day.month:
            rows.append([])
        rows[-1].append(
            Day(
                day=day,
                column=day.day - 1,
                shade=shade,
                counted=counted,
                excluded=free,
                unknown=unseen,
            )
        )
    return rows


def _shade(lengths: Sequence[int], part: Interval, excluded: Spans) -> str:
    """The worst of what a day was; `part` is what of it has elapsed."""
    counted, free, unseen = lengths
    if part[0] >= part[1]:
        return "coming"
    if counted:
        return next((name for most, name in _SHADES if counted <= most), _WORST)
    if 2 * unseen > part[1] - part[0]:
        return "unknown"
    return "excluded" if free or excluded.within(part) else "up"


def _days(account: Account, calendar: Calendar) -> Iterator[tuple[date, Interval]]:
    day, last = (calendar.local_day(one) for one in account.year)
    start = account.year[0]
    while day < last:
        day, today = day + timedelta(days=1), day
        end = wall(calendar.zone, day, 0)
        yield today, (start, end)
        start = end


def lanes(account: Account, refused: Spans) -> list[Lane]:
    """What happened in the year, one lane each, empty ones left out."""
    excluded = account.exclusion.total
    down = account.states[State.DOWN]
    drawn = (
        ("lost", T("down, counted"), down.without(excluded)),
        ("saved", T("down, excluded"), down.common(excluded)),
        ("unknown", T("not measured"), account.states[State.UNKNOWN]),
        ("excluded", T("excluded by windows"), excluded),
        ("refused", T("in a window, not excluded"), refused.within(account.year)),
    )
    found = []
    for kind, name, spans in drawn:
        if kind == "lost" or spans.length():
            bars = tuple(_bars(spans, account.year))
            found.append(Lane(kind=kind, name=name, bars=bars, length=spans.length()))
    return found


def _bars(spans: Spans, year: Interval) -> Iterator[Bar]:
    """Bars at least as wide as can be seen; those that then touch are one."""
    whole = year[1] - year[0]
    least = int(whole * NARROWEST / 100)
    # The last bar of the year grows to the left, not out of the chart.
    wide = merge(
        (min(start, year[1] - least), max(end, start + least)) for start, end in spans
    )
    for start, end in wide.within(year):
        left, width = (100 * (one) / whole for one in (start - year[0], end - start))
        yield Bar(start=f"{left:.3f}", width=f"{width:.3f}")


def months(account: Account, calendar: Calendar) -> list[Month]:
    """Where the months begin, for the axis."""
    whole = account.year[1] - account.year[0]
    found: list[Month] = []
    for day, span in _days(account, calendar):
        if day.day == 1 or not found:
            left = 100 * (span[0] - account.year[0]) / whole
            found.append(Month(start=f"{left:.3f}", day=day))
    return found


def passed(account: Account) -> str:
    """How much of the year has elapsed, in per cent."""
    whole = account.year[1] - account.year[0]
    return f"{100 * account.elapsed / whole:.3f}"


def burn_down(account: Account) -> BurnDown:
    """What was left of the year's budget as the year went on."""
    budget, (start, end) = account.budget, account.year
    top = max(budget.allowed, Fraction(HOUR))
    bottom = min(budget.remaining, Fraction(0))
    height = top - bottom

    def point(at: Instant | int, left: Fraction) -> tuple[str, str]:
        across = 1000 * (at - start) / (end - start)
        return f"{across:.2f}", f"{float(200 * (top - left) / height):.2f}"

    corners = [point(start, budget.allowed)]
    left = budget.allowed
    lost = account.states[State.DOWN].without(account.exclusion.total)
    skip = max(len(lost) // _FINE, 1)
    for number, span in enumerate(lost.within(account.period)):
        shown = number % skip == 0
        if shown:
            corners.append(point(span[0], left))
        left -= span[1] - span[0]
        if shown:
            corners.append(point(span[1], left))
    corners.append(point(account.period[1], left))
    return BurnDown(
        line=" ".join(f"{x},{y}" for x, y in corners),
        zero=point(start, Fraction(0))[1],
        end=corners[-1],
        top=top,
        bottom=bottom,
    )
