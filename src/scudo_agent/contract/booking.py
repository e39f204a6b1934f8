"""Before a window is booked: what it would exclude, and when it would do better."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction

from scudo_agent.contract.account import Account, AccountYear, Timeline, chosen_year
from scudo_agent.contract.hours import wall
from scudo_agent.contract.model import (
    Announcement,
    Contract,
    OrdinaryRule,
    Span,
    Window,
    WindowKind,
)
from scudo_agent.contract.spans import merge
from scudo_agent.contract.windows import Assessment, WindowRules
from scudo_agent.instant import DAY, SECOND, Instant
from scudo_agent.intervals import Interval
from scudo_agent.model import State
from scudo_agent.text import T, Text

SEARCHED_DAYS = 400
"""How far the next slot is looked for: a year and a month."""

PLANNED = "planned"
"""The id of the window that is not booked yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A window that might be booked; `announced` is when the customer would be told."""

    kind: WindowKind
    start: Instant
    end: Instant
    announced: Instant
    peak_notice: Instant | None = None
    services: tuple[str, ...] = ("*",)

    def window(self) -> Window:
        """The plan as a window with one announcement."""
        told = Announcement(announced=self.announced, start=self.start, end=self.end)
        return Window(
            id=PLANNED,
            kind=self.kind,
            services=self.services,
            announcements=(told,),
            peak_notice=self.peak_notice,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a plan does to one service's budget of its year.

    `lost` is what would count if the service were down for the whole window, and
    `more` the part of it that is not in the account yet: a window may have begun, and
    what is down in it already is used already.
    """

    before: Account
    after: Account
    lost: int
    more: int

    @property
    def remaining_if_down(self) -> Fraction:
        """What would be left of the budget then."""
        return self.after.budget.remaining - self.more


def moved(window: Window, plan: Plan) -> Window:
    """The window once the plan is announced of it too: what was told before counts."""
    told = (*window.announcements, *plan.window().announcements)
    return replace(window, announcements=told, peak_notice=plan.peak_notice)


def known_at(plan: Plan) -> Instant:
    """An instant at which all of the plan is known."""
    return max(plan.announced, plan.start, plan.end, plan.peak_notice or plan.announced)


def assess(
    rules: WindowRules, plan: Plan, *, window: Window | None = None
) -> Assessment:
    """What the plan would exclude if it were announced when it says.

    With the `window` that it would make, if that is one which is there already.
    """
    found = rules.assess(window or plan.window(), at=known_at(plan))
    if found is None:
        raise AssertionError("a plan is announced before it is assessed")
    return found


def announce_by(rules: WindowRules, plan: Plan) -> Instant | None:
    """The last whole second at which announcing it excludes all that it ever can.

    None when no announcement makes it exclude anything.
    """
    clause = rules.contract.uptime.exclusions.ordinary
    if plan.kind is WindowKind.ORDINARY and clause is not None:
        calendar = rules.calendar
        last = calendar.local_day(plan.start) - timedelta(days=clause.notice_days)
        midnight = wall(calendar.zone, last + timedelta(days=1), 0)
        return Instant(min(midnight, plan.end) - SECOND)
    early = Plan(
        kind=plan.kind,
        start=plan.start,
        end=plan.end,
        announced=plan.start,
        peak_notice=plan.peak_notice,
    )
    granted = assess(rules, early).granted
    return granted[0].span[0] if granted else None


def next_slot(rules: WindowRules, plan: Plan, within: Span | None) -> Interval | Text:
    """The first slot as long as the plan, from its start on, that is excluded whole.

    It is announced when the plan says and lies inside `within`, local times of each
    day (`(1320, 360)` passes midnight). Without one, why there is none.
    """
    length = plan.end - plan.start
    if (none := _never(rules, plan, length)) is not None:
        return none
    earliest = _earliest(rules, plan)
    horizon = Instant(earliest + SEARCHED_DAYS * DAY)
    bounds = [(earliest, horizon)]
    if plan.kind is WindowKind.OCCASIONAL:
        bounds = rules.calendar.permitted_spans(earliest, horizon)
    permitted = merge(bounds)
    longest = 0
    for start, end in _daily(rules, (earliest, horizon), within):
        for span in merge([(start, end)]).common(permitted):
            if span[1] - span[0] >= length:
                return span[0], Instant(span[0] + length)
            longest = max(longest, span[1] - span[0])
    return T(
        "no slot of {length} in the next {days} days: the longest is {longest}",
        length={"duration": length},
        days=SEARCHED_DAYS,
        longest={"duration": longest},
    )


def effect(
    contract: Contract,
    plan: Plan,
    *,
    windows: Iterable[Window],
    histories: Mapping[str, Timeline],
) -> list[Effect]:
    """What the plan does to the budget of each service that it covers.

    The year is the one that the plan starts in, as known when it is announced.
    """
    rules = WindowRules(contract)
    year = chosen_year(rules.calendar, plan.start)
    named = rules.calendar.local_day(year[0]).year
    at = max(plan.announced, year[0])
    without, with_it = (
        AccountYear(contract, some, at=at, year=named, calendar=rules.calendar)
        for some in (list(windows), [*windows, plan.window()])
    )
    out = []
    for service, history in sorted(histories.items()):
        if not plan.window().covers(service):
            continue
        before = without.account(service, history)
        after = with_it.account(service, history)
        span = merge([(plan.start, plan.end)]).within(year)
        counts = span.without(after.exclusion.total)
        lost = counts.length()
        more = lost - counts.overlap(after.states[State.DOWN])
        out.append(Effect(before=before, after=after, lost=lost, more=more))
    return out


def _never(rules: WindowRules, plan: Plan, length: int) -> Text | None:
    """Why no slot can be excluded whole, whenever it is."""
    exclusions = rules.contract.uptime.exclusions
    if getattr(exclusions, plan.kind.value) is None:
        return T("the contract excludes nothing for windows of this kind")
    upgrade = exclusions.upgrade
    if plan.kind is WindowKind.UPGRADE and upgrade is not None:
        if plan.peak_notice is None:
            return T("an upgrade needs a peak notice of the customer's first")
        if length > upgrade.max_us:
            return T(
                "of an upgrade only the first {length} are excluded",
                length={"duration": upgrade.max_us},
            )
    return None


def _earliest(rules: WindowRules, plan: Plan) -> Instant:
    """From when on the notice suffices, at the earliest from the plan's start."""
    clause, calendar = rules.contract.uptime.exclusions.ordinary, rules.calendar
    if plan.kind is WindowKind.ORDINARY and isinstance(clause, OrdinaryRule):
        told = calendar.local_day(plan.announced)
        first = wall(calendar.zone, told + timedelta(days=clause.notice_days), 0)
        return max(plan.start, first)
    earliest = max(plan.start, plan.announced)
    if plan.kind is WindowKind.UPGRADE and plan.peak_notice is not None:
        return max(earliest, plan.peak_notice)
    return earliest


def _daily(
    rules: WindowRules, searched: Interval, within: Span | None
) -> Iterator[Interval]:
    """The hours of each day that may be used; without `within` all of them at once."""
    if within is None:
        yield searched
        return
    calendar, (first, last) = rules.calendar, within
    day = calendar.local_day(searched[0]) - timedelta(days=1)
    for _ in range(SEARCHED_DAYS + 2):
        ends = day if first < last else day + timedelta(days=1)
        start = wall(calendar.zone, day, first)
        yield max(start, searched[0]), min(wall(calendar.zone, ends, last), searched[1])
        day += timedelta(days=1)
