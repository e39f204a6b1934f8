"""Who is on call at an instant: turns of the provider's people, and swaps; pure.

A rota hands over at a wall time of its zone, every so many days from its first day
on. Instants are worked out turn by turn from the calendar, never added up: a week in
which the clocks change is an hour shorter or longer, and still hands over at nine.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from scudo_agent.contract.hours import local_day, wall
from scudo_agent.instant import Instant

PEOPLE_LIMIT = 12
"""People of a rota."""

DAYS_LIMIT = 28
"""Days of a turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rota:
    """Turns of `every_days` from `first` on, handed over at `minute` of the day.

    `people` have their turns in this order, again and again.
    """

    zone: str
    first: date
    minute: int
    every_days: int
    people: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """Somebody else from `start` to `end` (not included), whoever's turn it is."""

    start: Instant
    end: Instant
    person_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Somebody's time on call; `swapped`: it is not what the rota says."""

    person_id: int
    start: Instant
    end: Instant
    swapped: bool = False


def handover(rota: Rota, number: int) -> Instant:
    """When the turn of that number, from 0, begins."""
    day = rota.first + timedelta(days=number * rota.every_days)
    return wall(ZoneInfo(rota.zone), day, rota.minute)


def turn_number(rota: Rota, at: Instant) -> int | None:
    """Which turn an instant is in; None before the first."""
    day = local_day(ZoneInfo(rota.zone), at)
    number = (day - rota.first).days // rota.every_days
    while handover(rota, number) > at:
        number -= 1
    while handover(rota, number + 1) <= at:
        number += 1
    return number if number >= 0 else None


def in_line(rota: Rota | None, swaps: Sequence[Swap], at: Instant) -> tuple[int, ...]:
    """Who is called first at an instant, who next, and so on; each person once.

    Of swaps that overlap the last one in `swaps` holds. Behind who swapped come the
    one whose turn it is and those whose turns come next.
    """
    first = [one.person_id for one in swaps if one.start <= at < one.end][-1:]
    number = None if rota is None or not rota.people else turn_number(rota, at)
    line = list(first)
    if rota is not None and number is not None:
        turn = number % len(rota.people)
        line += rota.people[turn:] + rota.people[:turn]
    return tuple(dict.fromkeys(line))


def turns(
    rota: Rota | None, swaps: Sequence[Swap], start: Instant, end: Instant
) -> Iterator[Turn]:
    """Who is on call from `start` to `end`, in order; what is nobody's is left out."""
    edges = {start, end}
    for one in swaps:
        edges |= {at for at in (one.start, one.end) if start < at < end}
    if rota is not None and rota.people:
        number = turn_number(rota, start)
        number = -1 if number is None else number
        while (at := handover(rota, number + 1)) < end:
            edges.add(at)
            number += 1
    ordered = sorted(edges)
    last: Turn | None = None
    for begin, until in pairwise(ordered):
        line = in_line(rota, swaps, begin)
        if not line:
            continue
        swapped = any(one.start <= begin < one.end for one in swaps)
        if last is not None and (last.person_id, last.swapped, last.end) == (
            line[0], swapped, begin,
        ):  # fmt: skip
            last = Turn(person_id=line[0], start=last.start, end=until, swapped=swapped)
            continue
        if last is not None:
            yield last
        last = Turn(person_id=line[0], start=begin, end=until, swapped=swapped)
    if last is not None:
        yield last
