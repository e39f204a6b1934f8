"""The account of a contract year: what was promised and what was kept (`domain.md` 3).

Whole sets of intervals, integers in microseconds and fractions: nothing is sampled
and only printing rounds. `account` is for one service; `AccountYear` keeps what
services have in common.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import islice

from scudo_agent.contract.calendar import Calendar
from scudo_agent.contract.exclusion import KINDS, Exclusion, Maintenance
from scudo_agent.contract.hours import wall
from scudo_agent.contract.model import (
    Basis,
    Contract,
    UnknownAs,
    Window,
    WindowKind,
)
from scudo_agent.contract.spans import NOTHING, Spans, counted, union
from scudo_agent.contract.windows import WindowRules
from scudo_agent.errors import InputError
from scudo_agent.instant import Instant
from scudo_agent.intervals import Interval
from scudo_agent.model import State

Timeline = Sequence[tuple[State, Instant]]
"""State changes of one service in order of time, at most one at an instant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Microseconds that may be lost in the year, and were. `burn_rate` 1: just so.

    `burn_rate` is None where nothing may be lost and something was.
    """

    allowed: Fraction
    used: int
    burn_rate: Fraction | None

    @property
    def remaining(self) -> Fraction:
        """Negative once it is breached."""
        return self.allowed - self.used


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """All figures of one service; lengths in microseconds, ratios from 0 to 1.

    `states` are the parts of the time elapsed, before exclusion, that were not up;
    `unknown` has been relabelled where the contract says so. Ratios over nothing
    are None, `coverage` 1.
    """

    service: str
    contract: Contract
    year: Interval
    at: Instant
    period: Interval
    states: Mapping[State, Spans]
    exclusion: Exclusion
    counted: int
    down_excluded: int
    down_counted: int
    availability: Fraction | None
    worst_case: Fraction | None
    best_case: Fraction | None
    coverage: Fraction
    budget: Budget

    @property
    def elapsed(self) -> int:
        """The length of the period, A to `at` or B."""
        return self.period[1] - self.period[0]

    @property
    def target(self) -> Fraction:
        """The promise as a ratio; 99 % is 0.99."""
        return Fraction(self.contract.uptime.target) / 100

    @property
    def met(self) -> bool | None:
        """Whether the availability reaches the target; None where there is none."""
        return None if self.availability is None else self.availability >= self.target

    @property
    def breached(self) -> bool:
        """Whether more is used than the whole year allows."""
        return self.budget.used > self.budget.allowed

    def lasted(self, state: State) -> int:
        """How long the service was in a state, before exclusion."""
        if state is State.UP:
            return self.elapsed - sum(one.length() for one in self.states.values())
        return self.states[state].length()

    def excluded(self, kind: WindowKind | None = None) -> int:
        """How much of the time elapsed is excluded, by one kind or by all."""
        sets = self.exclusion
        spans = sets.total if kind is None else sets.kinds[kind]
        return spans.within(self.period).length()


class AccountYear:
    """One contract year as known at `at`: the year, its windows, its calendar."""

    def __init__(
        self,
        contract: Contract,
        windows: Iterable[Window],
        *,
        at: Instant,
        year: int | None = None,
        calendar: Calendar | None = None,
    ) -> None:
        self.contract = contract
        self.calendar = calendar or Calendar(contract)
        self.at = at
        self.year = chosen_year(self.calendar, at, year)
        start, end = self.year
        self.period = start, max(start, min(at, end))
        self.rules = WindowRules(contract, self.calendar)
        self.maintenance = Maintenance(self.rules, windows, year=self.year, at=at)

    def moved_to(self, at: Instant) -> "AccountYear":
        """The same year at another instant at which the same windows are known."""
        moved = copy(self)
        start, end = self.year
        moved.at, moved.period = at, (start, max(start, min(at, end)))
        return moved

    def account(self, service: str, history: Timeline) -> Account:
        """The account of one service; a history without a line is all unknown."""
        states = self._states(history)
        exclusion = self.maintenance.of(service)
        down, unknown = states[State.DOWN], states[State.UNKNOWN]
        counts, lost = counted(down, unknown, exclusion.total, self.period)
        figures = self._ratios(counts, lost, unknown, exclusion.total)
        availability, worst, best, coverage = figures
        return Account(
            service=service,
            contract=self.contract,
            year=self.year,
            at=self.at,
            period=self.period,
            states=states,
            exclusion=exclusion,
            counted=self._base(counts, unknown, exclusion.total)[0],
            down_excluded=down.length() - lost,
            down_counted=lost,
            availability=availability,
            worst_case=worst,
            best_case=best,
            coverage=coverage,
            budget=self._budget(lost, exclusion.total),
        )

    def _states(self, history: Timeline) -> dict[State, Spans]:
        """The parts of the period that were not up, with `unknown` relabelled."""
        found = _split(history, self.period)
        unknown = self.contract.uptime.unknown
        if unknown is not UnknownAs.EXCLUDE:
            if unknown is UnknownAs.DOWN:
                both = found[State.DOWN], found[State.UNKNOWN]
                found[State.DOWN] = union(both)
            found[State.UNKNOWN] = NOTHING
        return found

    def _base(
        self, counts: int, unknown: Spans, excluded: Spans
    ) -> tuple[int, int, int]:
        """|P ∖ E ∖ U|, |P ∖ E| and |U ∖ E|; on the calendar basis E stays in, as up."""
        elapsed = self.period[1] - self.period[0]
        agreed = elapsed - excluded.within(self.period).length()
        unseen = agreed - counts
        if self.contract.uptime.basis is Basis.CALENDAR:
            return elapsed - unseen, elapsed, unseen
        return counts, agreed, unseen

    def _ratios(
        self, counts: int, lost: int, unknown: Spans, excluded: Spans
    ) -> tuple[Fraction | None, Fraction | None, Fraction | None, Fraction]:
        base, whole, unseen = self._base(counts, unknown, excluded)
        availability = Fraction(base - lost, base) if base else None
        if not whole:
            return availability, None, None, Fraction(1)
        worst, best = (Fraction(whole - n - lost, whole) for n in (unseen, 0))
        return availability, worst, best, 1 - Fraction(unseen, whole)

    def _budget(self, used: int, excluded: Spans) -> Budget:
        promise = self.contract.uptime
        start, end = self.year
        year, elapsed = end - start, self.period[1] - self.period[0]
        if promise.basis is Basis.AGREED:
            year -= excluded.length()
            elapsed -= excluded.within(self.period).length()
        may = 1 - Fraction(promise.target) / 100
        burn: Fraction | None = Fraction(0)
        if used:
            burn = Fraction(used, elapsed) / may if may else None
        return Budget(allowed=may * year, used=used, burn_rate=burn)


def account(
    contract: Contract,
    *,
    history: Timeline,
    windows: Iterable[Window],
    at: Instant,
    service: str,
    year: int | None = None,
) -> Account:
    """The account of one service in the year that contains `at`, or starts in `year`.

    Raises `InputError` for an `at` or a year before the contract began.
    """
    return AccountYear(contract, windows, at=at, year=year).account(service, history)


def classes(account: Account) -> dict[str, int]:
    """The contract year in classes, in microseconds: each instant is in exactly one.

    Outside excluded time `up`, `degraded`, `down_counted`, `unknown`; inside it
    `down_excluded`, else the kind of window that has the credit; `not_elapsed` is
    what lies after `at`. They add up to the year.
    """
    excluded = account.exclusion.total.within(account.period)
    kinds = {
        kind: account.exclusion.kinds[kind].within(account.period) for kind in KINDS
    }
    down = account.states[State.DOWN]
    out = {
        state.value: account.states[state].length()
        - account.states[state].overlap(excluded)
        for state in (State.DEGRADED, State.UNKNOWN)
    }
    out["down_counted"], out["down_excluded"] = (
        account.down_counted,
        account.down_excluded,
    )
    for kind, spans in kinds.items():
        out[kind.value] = spans.length() - down.overlap(spans)
    not_up = union(account.states.values())
    out["up"] = account.elapsed - union((not_up, excluded)).length()
    out["not_elapsed"] = account.year[1] - account.period[1]
    return out


def chosen_year(calendar: Calendar, at: Instant, year: int | None = None) -> Interval:
    """The contract year `[A, B)` that contains `at`, or that starts in `year`.

    Local midnight to local midnight; a 29 February is 1 March in other years.
    Raises `InputError` before the contract began.
    """
    contract = calendar.contract
    start = contract.year_start
    began = f"before the contract began ({contract.id} starts on {start})"
    day = calendar.local_day(at)
    if day < start:
        raise InputError(f"{day} is {began}")
    if year is None:
        year = day.year if day >= calendar.contract_days(day.year)[0] else day.year - 1
    if year < start.year:
        raise InputError(f"the year {year} is {began}")
    if year >= date.max.year:
        raise InputError(f"the year {year} is beyond what the calendar holds")
    days = calendar.contract_days(year)
    first, last = (wall(calendar.zone, one, 0) for one in days)
    return first, last


def _split(history: Timeline, period: Interval) -> dict[State, Spans]:
    """The spans of each state but up; unknown before the first line."""
    start, end = period
    edges: dict[State, tuple[list[int], list[int]]] = {s: ([], []) for s in State}
    first = bisect_right(history, start, key=_since)
    current = history[first - 1][0] if first else State.UNKNOWN
    since = start
    starts, ends = edges[current]
    for state, at in islice(history, first, None):
        if at >= end:
            break
        if state is not current:
            starts.append(since)
            ends.append(at)
            current, since = state, at
            starts, ends = edges[state]
    if since < end:
        edges[current][0].append(since)
        edges[current][1].append(end)
    return {s: Spans(*edges[s]) for s in State if s is not State.UP}


def _since(entry: tuple[State, Instant]) -> Instant:
    return entry[1]
