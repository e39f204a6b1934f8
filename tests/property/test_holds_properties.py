"""Windows, mutes and pauses over random sites and stories (`judging.md` 4)."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from scudo_agent.incident import AGENT
from scudo_agent.instant import HOUR, SECOND, Instant
from scudo_agent.judge.batch import Withdrawal
from scudo_agent.judge.engine import (
    AgentStart,
    AgentStop,
    Event,
    HoldsSet,
    Judge,
    PausesSet,
)
from scudo_agent.judge.holds import Hold, Holds
from scudo_agent.judge.site import JudgeSite
from scudo_agent.judge.topology import Topology
from scudo_agent.model import Kind, Observation, Result, State
from support.judging_events import Heard, Story, instants, judged, numbered, stories

EXAMPLES = settings(max_examples=60, deadline=None)


def holds_of(site: JudgeSite, span: tuple[int, int], seed: int) -> tuple[Hold, ...]:
    """Some windows and mutes within a span."""
    rng = random.Random(seed)
    found = []
    for number in range(rng.randint(1, 5)):
        start = rng.randrange(*span)
        length = rng.choice([30, 120, 600, 3600]) * SECOND
        names = [*site.services, "*"]
        services = tuple(rng.sample(names, rng.randint(0, min(2, len(names)))))
        some = rng.sample(list(site.checks), rng.randint(0, min(2, len(site.checks))))
        found.append(
            Hold(
                id=f"h{number}",
                start=Instant(start),
                end=Instant(start + length),
                services=services,
                checks=() if services else tuple(some),
            )
        )
    return tuple(found)


def slowly_held(site: JudgeSite, holds: Sequence[Hold], path: str, at: int) -> bool:
    """The rule, word for word, without an index."""
    now = [hold for hold in holds if hold.start <= at < hold.end]
    if any(path in hold.checks for hold in now):
        return True
    above = Topology(site).ancestors
    concerned = [
        service
        for service in site.services.values()
        if any(path == one or path in above[one] for one in service.checks)
    ]
    contracted = [s for s in concerned if s.contracted] or concerned
    covered = {name for hold in now for name in hold.services}
    if not contracted:
        return "*" in covered
    return all(s.id in covered or "*" in covered for s in contracted)


@EXAMPLES
@given(stories(), st.integers(0, 1 << 32))
def test_who_is_held_is_what_the_rule_says(story: Story, seed: int) -> None:
    site, events = story
    span = (events[0].at, events[-1].at + 1)
    known = holds_of(site, span, seed)
    holds = Holds(Topology(site))
    holds.set(known)
    rng = random.Random(seed)

    for _ in range(30):
        at = Instant(rng.randrange(span[0], span[1] + HOUR))
        for path in site.checks:
            held = bool(holds.holding(path, at))
            assert held is slowly_held(site, known, path, at)


@EXAMPLES
@given(stories(), st.integers(0, 1 << 32))
def test_nothing_opens_inside_by_itself_and_all_that_is_bad_opens_at_the_end(
    story: Story, seed: int
) -> None:
    site, events = story
    known = holds_of(site, (events[0].at, events[-1].at + 1), seed)
    judge, heard = Judge(site, new_id=numbered(), holds=known), Heard()
    end = Instant(max(*(hold.end for hold in known), events[-1].at) + 300 * SECOND)
    for group in instants([*events, *_going_on(site, events[-1].at, end)]):
        heard.take(judge.feed(group))

    for stage in heard.stages:
        if stage.kind not in (Kind.OPEN, Kind.REOPEN) or stage.subject == AGENT:
            continue
        free = [m for m in stage.members if not _held(site, known, m.check, stage.at)]
        assert free, "somebody whom nothing held must have opened it"
    members = {path for one in judge.open_incidents() for path in one.members}
    for path in site.checks:
        view = judge.state(path)
        assert view.pending is None
        assert not view.state.bad or path in members


def _going_on(site: JudgeSite, at: Instant, end: Instant) -> list[Event]:
    """From the last event to the end, every check fails as often as it is asked."""
    out: list[Event] = []
    while (at := Instant(at + 20 * SECOND)) < end:
        out += [Observation(check=p, at=at, result=Result.FAILED) for p in site.checks]
    return out


def _held(site: JudgeSite, known: Sequence[Hold], path: str, at: int) -> bool:
    return slowly_held(site, known, path, at)


@EXAMPLES
@given(stories(), st.integers(0, 1 << 32))
def test_a_hold_changes_no_state(story: Story, seed: int) -> None:
    """Muting is not measuring: the account is the same with it and without."""
    site, events = story
    known = holds_of(site, (events[0].at, events[-1].at + 1), seed)
    _, plain = judged(site, instants(events))
    judge, heard = Judge(site, new_id=numbered(), holds=known), Heard()
    for group in instants(events):
        heard.take(judge.feed(group))

    # From the first unknown on membership decides, too, how a check goes on.
    unknown = min(
        (
            entry.decided
            for entries in (*plain.entries.values(), *heard.entries.values())
            for entry in entries
            if isinstance(entry, Withdrawal) or entry.state is State.UNKNOWN
        ),
        default=events[-1].at,
    )
    for path in site.checks:
        one, other = heard.entries.get(path, []), plain.entries.get(path, [])
        assert [e for e in one if e.decided < unknown] == [
            e for e in other if e.decided < unknown
        ]


@dataclass(frozen=True)
class Orders:
    """A story with windows, mutes and pauses set while it is told."""

    story: Story
    seed: int

    def events(self) -> tuple[JudgeSite, list[Event]]:
        site, events = self.story
        rng = random.Random(self.seed)
        out: list[Event] = []
        span = (events[0].at, events[-1].at + 1)
        for event in events:
            out.append(event)
            if rng.random() < 0.03:
                known = holds_of(site, span, rng.randrange(1 << 30))
                out.append(HoldsSet(event.at, known))
            if rng.random() < 0.03:
                some = rng.sample(list(site.checks), rng.randint(0, len(site.checks)))
                out.append(PausesSet(event.at, frozenset(some)))
        return site, out


def ordered() -> st.SearchStrategy[Orders]:
    return st.builds(Orders, stories(), st.integers(0, 1 << 32))


@EXAMPLES
@given(ordered())
def test_at_once_one_by_one_and_step_by_step_say_the_same(orders: Orders) -> None:
    site, events = orders.events()
    _, one_by_one = judged(site, instants(events))
    _, at_once = judged(site, [events])
    judge, stepped = Judge(site, new_id=numbered()), Heard()
    for group in instants(events):
        due = judge.next_due()
        while due is not None and due < group[0].at:
            stepped.take(judge.advance(due))
            later = judge.next_due()
            assert later is None or later > due
            due = later
        stepped.take(judge.feed(group))

    assert at_once.stages == one_by_one.stages == stepped.stages
    assert at_once.entries == one_by_one.entries == stepped.entries


@EXAMPLES
@given(ordered())
def test_paused_checks_are_unknown_and_the_book_stays_whole(orders: Orders) -> None:
    site, events = orders.events()
    judge = Judge(site, new_id=numbered())
    paused: frozenset[str] = frozenset()
    running = False
    for group in instants(events):
        judge.feed(group)
        for event in group:
            if isinstance(event, PausesSet):
                paused = event.checks
            if isinstance(event, AgentStart | AgentStop):
                running = isinstance(event, AgentStart)
        members = {p for one in judge.open_incidents() for p in one.members}
        vantage = judge._scene.vantage
        for path in site.checks:
            view = judge.state(path)
            if path in paused and running:
                assert view.state is State.UNKNOWN
            assert not (view.pending is not None and path in members)
            assert view.state.bad == (
                view.pending is not None
                or (path in members and view.state is not State.UNKNOWN)
            )
        down = sum(judge.state(one.path).state is State.DOWN for one in vantage.vantage)
        assert vantage.down == down
