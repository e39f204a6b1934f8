"""The accounts of a running agent, moved on as time passes.

Between two looks nothing happens to most services but that time goes by: what they
have spent in each class of the year grows by the same span, less what windows exclude
of it. So only services whose history changed are accounted anew; the others are moved
on by a few additions. The classes are whole microseconds and equal those of the whole
account at every look.

Looks are for the thread that serves a scrape; the loop only leaves what was committed.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from threading import Lock

from scudo_agent.config.site import Service, Site
from scudo_agent.contract.account import AccountYear, classes
from scudo_agent.contract.calendar import Calendar
from scudo_agent.contract.exclusion import KINDS, Exclusion
from scudo_agent.contract.model import Basis, UnknownAs, Window
from scudo_agent.errors import InputError
from scudo_agent.instant import Instant
from scudo_agent.intervals import Interval, cut, enter
from scudo_agent.judge.batch import Change, Withdrawal
from scudo_agent.judge.service import Timeline, check_timeline, service_timeline
from scudo_agent.model import State
from scudo_agent.stages import Points
from scudo_agent.store.read import StoreReader
from scudo_agent.telemetry.metric import SLA_CLASSES
from scudo_agent.telemetry.snapshot import SlaSnapshot
from scudo_agent.wire import Cost

_MOST_WAITING = 100_000
_PATIENCE_S = 0.05

_UP, _DEGRADED, _UNKNOWN, _LOST, _SAVED, _KINDS = range(6)
_PLACE = {State.UP: _UP, State.DEGRADED: _DEGRADED, State.UNKNOWN: _UNKNOWN}
_RELABELLED = {
    UnknownAs.EXCLUDE: State.UNKNOWN,
    UnknownAs.UP: State.UP,
    UnknownAs.DOWN: State.DOWN,
}


@dataclass(slots=True)
class _Row:
    """One service: what it spent in each class up to the last look.

    `allowed` is the numerator and the denominator of its budget.
    """

    service: Service
    exclusion: Exclusion
    allowed: tuple[int, int]
    state: State
    sums: list[int]


class Accounts:
    """The account of each contracted service, kept current.

    `site` and `windows` give what holds now; another object than the last time means
    that it changed.
    """

    def __init__(
        self,
        reader: StoreReader,
        *,
        site: Callable[[], Site],
        windows: Callable[[], Mapping[str, Window]],
    ) -> None:
        self._reader = reader
        self._now_site, self._now_windows = site, windows
        self._site: Site | None = None
        self._windows: Mapping[str, Window] | None = None
        self._year: AccountYear | None = None
        self._until = Instant(0)
        self._waiting: deque[Change | Withdrawal] = deque()
        self._checks: dict[str, Timeline] = {}
        self._rows: dict[str, _Row] = {}
        self._at = Instant(0)
        self._lock = Lock()
        self.latest: Mapping[str, SlaSnapshot] = {}

    def committed(self, changes: Iterable[Change | Withdrawal]) -> None:
        """What is in the ledger now; for the loop."""
        self._waiting.extend(changes)
        if len(self._waiting) > _MOST_WAITING:
            # Nobody looks: the ledger is read again when somebody does.
            self._site = None
            self._waiting.clear()

    def look(self, at: Instant) -> Mapping[str, SlaSnapshot]:
        """The accounts as of `at`, by service; empty without a contract.

        Raises `StoreError` when the ledger cannot be read.
        """
        with self._lock:
            return self._look(at)

    def freshen(self, at: Instant) -> None:
        """As `look`, but nobody waits for the ledger: what has to be read from it
        first, and what another thread works out now, stays as it was.
        """
        if not self._lock.acquire(timeout=_PATIENCE_S):
            return
        try:
            year = self._year
            if (
                year is not None
                and self._now_site() is self._site
                and at < year.year[1]
            ):
                self._look(at)
        finally:
            self._lock.release()

    def _look(self, at: Instant) -> Mapping[str, SlaSnapshot]:
        self._at = at = max(at, self._at)
        self._follow(at)
        self.latest = {} if self._year is None else self._shown(self._year)
        return self.latest

    def cost(self, timelines: Mapping[str, Points], span: Interval) -> Cost | None:
        """What an incident cost of the year's budgets; `span` is since when to when.

        `timelines` are those of the contracted services that it took along, what is
        not committed yet included. None before the first look, and while one lasts:
        the loop does not wait for it.
        """
        if not self._lock.acquire(timeout=_PATIENCE_S):
            return None
        try:
            return self._cost(timelines, span)
        finally:
            self._lock.release()

    def _cost(self, timelines: Mapping[str, Points], span: Interval) -> Cost | None:
        rows = [self._rows[name] for name in timelines if name in self._rows]
        if self._year is None or not rows:
            return None
        start = max(span[0], self._year.year[0])
        before = self._year.moved_to(start)
        cost = used = 0
        for row in rows:
            name = row.service.id
            past = before.account(name, self._history(row.service))
            points = timelines[name]
            now = self._year.moved_to(span[1]).account(name, points)
            # Before its first change a recent timeline knows nothing.
            lost = now.states[State.DOWN].within((start, span[1]))
            counted = lost.without(row.exclusion.total).length()
            cost += counted
            used += past.budget.used + counted
        allowed = sum(Fraction(*row.allowed) for row in rows)
        services = [row.service.id for row in rows]
        return Cost(
            cost_us=cost, used_us=used, allowed_us=int(allowed), services=services
        )

    def _follow(self, at: Instant) -> None:
        """Bring all rows to `at`."""
        site, windows = self._now_site(), self._now_windows()
        year = self._year
        if site is not self._site or (year is not None and at >= year.year[1]):
            self._load(site, windows, at)
        elif year is not None and (windows is not self._windows or at >= self._until):
            self._take()
            self._begin_year(site, windows, at)
        elif year is not None:
            self._move(year, at)

    def _load(self, site: Site, windows: Mapping[str, Window], at: Instant) -> None:
        """Read the ledger from the contract year's start on."""
        self._rows, self._year, self._checks = {}, None, {}
        if site.contract is None:
            self._waiting.clear()
            return
        try:
            start = AccountYear(site.contract, (), at=at).year[0]
        except InputError:  # the contract has not begun: nothing to account yet
            self._waiting.clear()
            return
        # What is committed from here on is read, left waiting, or both: to apply the
        # end of a ledger twice changes nothing.
        changes = self._reader.timelines(start, Instant(at + 1))
        self._checks = {path: check_timeline(found) for path, found in changes.items()}
        self._take()
        self._site = site
        self._begin_year(site, windows, at)

    def _begin_year(
        self, site: Site, windows: Mapping[str, Window], at: Instant
    ) -> None:
        """Assess the windows and account every service anew."""
        assert site.contract is not None
        old = self._year
        same = old is not None and old.contract is site.contract
        calendar = old.calendar if old is not None and same else Calendar(site.contract)
        year = AccountYear(site.contract, windows.values(), at=at, calendar=calendar)
        self._year, self._windows = year, windows
        self._until = _known_until(windows.values(), at)
        contracted = [one for one in site.services.values() if one.contracted]
        self._rows = {one.id: self._anew(year, one) for one in contracted}

    def _anew(self, year: AccountYear, service: Service) -> _Row:
        history = self._history(service)
        account = year.account(service.id, history)
        found = classes(account)
        return _Row(
            service=service,
            exclusion=account.exclusion,
            allowed=account.budget.allowed.as_integer_ratio(),
            state=history[-1][0] if history else State.UNKNOWN,
            sums=[found[name] for name in SLA_CLASSES],
        )

    def _history(self, service: Service) -> Timeline:
        members = [self._checks.get(path, []) for path in service.checks]
        return service_timeline(members, service.need)

    def _take(self) -> set[str]:
        """Apply what was committed since the last look; the checks it was about."""
        touched: set[str] = set()
        while self._waiting:
            one = self._waiting.popleft()
            timeline = self._checks.setdefault(one.check, [])
            if isinstance(one, Withdrawal):
                cut(timeline, one.since)
            else:
                enter(timeline, one.state, one.since)
            touched.add(one.check)
        return touched

    def _move(self, year: AccountYear, at: Instant) -> None:
        """Account anew what changed, move on all the rest."""
        touched = self._take()
        before, now = year.period[1], year.moved_to(at)
        self._year = now
        moved: dict[int, tuple[int, Sequence[int]]] = {}
        unknown = _RELABELLED[year.contract.uptime.unknown]
        for name, row in self._rows.items():
            if touched and not touched.isdisjoint(row.service.checks):
                self._rows[name] = self._anew(now, row.service)
                continue
            key = id(row.exclusion)
            found = moved.get(key)
            if found is None:
                found = moved[key] = _excluded(row.exclusion, (before, now.period[1]))
            outside, kinds = found
            state = unknown if row.state is State.UNKNOWN else row.state
            _add(row.sums, state, outside, kinds)

    def _shown(self, year: AccountYear) -> dict[str, SlaSnapshot]:
        """All ratios of whole numbers: a quotient of integers is rounded once."""
        promise = year.contract.uptime
        start, calendar = year.year[0], promise.basis is Basis.CALENDAR
        may = 1 - Fraction(promise.target) / 100
        top, bottom = may.numerator, may.denominator
        out: dict[str, SlaSnapshot] = {}
        for name, row in self._rows.items():
            up, degraded, unknown, lost, saved, *kinds = sums = row.sums
            agreed = up + degraded + unknown + lost
            if calendar:
                agreed += saved + sum(kinds)
            counted = agreed - unknown
            burn: float | None = 0.0
            if lost:
                share = agreed * top
                burn = lost * bottom / share if share else None
            allowed, of = row.allowed
            out[name] = SlaSnapshot(
                service=name,
                at=self._at,
                year_start=start,
                classes_us=tuple(sums),
                availability=(counted - lost) / counted if counted else None,
                worst_case=(counted - lost) / agreed if agreed else None,
                best_case=(agreed - lost) / agreed if agreed else None,
                coverage=counted / agreed if agreed else 1.0,
                allowed_us=allowed / of,
                remaining_us=(allowed - lost * of) / of,
                used_us=lost,
                burn_rate=burn,
            )
        return out


def _excluded(exclusion: Exclusion, span: Interval) -> tuple[int, Sequence[int]]:
    """What of a span is not excluded, and what is, by kind."""
    length = span[1] - span[0]
    if not exclusion.total.within(span):
        return length, ()
    kinds = [exclusion.kinds[kind].within(span).length() for kind in KINDS]
    return length - sum(kinds), kinds


def _add(sums: list[int], state: State, outside: int, kinds: Sequence[int]) -> None:
    """Let a service have been in one state for a while."""
    if state is State.DOWN:
        sums[_LOST] += outside
        sums[_SAVED] += sum(kinds)
        return
    sums[_PLACE[state]] += outside
    for place, excluded in enumerate(kinds, _KINDS):
        sums[place] += excluded


def _known_until(windows: Iterable[Window], at: Instant) -> Instant:
    """When more is known of the windows than at `at`: clocks of two machines differ."""
    known = [
        moment
        for one in windows
        for moment in (
            *(told.announced for told in one.announcements),
            one.cancelled,
            one.peak_notice,
        )
        if moment is not None and moment > at
    ]
    return min(known, default=Instant(1 << 62))
