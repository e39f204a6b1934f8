"""Whatever happens to the checks, the ledger that is told is the account's own."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from scudo_agent.desk.ledger import Witness, together, witnessed
from scudo_agent.instant import Instant
from scudo_agent.intervals import lengths, spans
from scudo_agent.judge.batch import Batch, Change, Withdrawal, fewest, merged
from scudo_agent.judge.service import check_timeline
from scudo_agent.model import State
from scudo_agent.store import ledger
from scudo_agent.store.agent_store import AgentStore
from support.ledgers import (
    ERP,
    SECOND,
    WEB,
    Desk,
    change,
    commit,
    own,
    rows,
    told,
)
from support.storing import T0, StoppedClock, opened

CHECKS = ("a/1", "b/1", "c/1")
STATES = st.sampled_from(list(State))
TOLD_AT = st.lists(
    st.tuples(
        st.sampled_from(("erp", "web")), STATES, st.integers(0, 9), st.integers(0, 9)
    ),
    max_size=12,
)


@st.composite
def histories(draw: st.DrawFn) -> list[list[Change | Withdrawal]]:
    """Commits of changes as judging makes them: dated back, and withdrawn."""
    commits: list[list[Change | Withdrawal]] = []
    last = dict.fromkeys(CHECKS, 0)
    now = 0
    for _ in range(draw(st.integers(1, 12))):
        now += draw(st.integers(1, 50))
        group: list[Change | Withdrawal] = []
        for check in draw(st.lists(st.sampled_from(CHECKS), min_size=1, unique=True)):
            if draw(st.integers(0, 4)) == 0:
                since = draw(st.integers(0, now))
                at = Instant(T0 + since * SECOND)
                decided = Instant(T0 + now * SECOND)
                group.append(Withdrawal(check=check, since=at, decided=decided))
                group.append(change(check, State.UNKNOWN, since, now))
            else:
                since = draw(st.integers(min(last[check] + 1, now), now))
                group.append(change(check, draw(STATES), since, now))
            last[check] = since
        commits.append(group)
    return commits


@contextmanager
def store() -> Iterator[tuple[AgentStore, StoppedClock, Path]]:
    """A store in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        clock = StoppedClock()
        made = opened(Path(folder) / "agent", clock)
        try:
            yield made, clock, Path(folder)
        finally:
            made.close()


@given(histories(), st.integers(0, 12))
@settings(max_examples=40, deadline=None)
def test_what_is_told_is_what_follows_from_the_checks(
    history: list[list[Change | Withdrawal]], begun: int
) -> None:
    """Also when services are followed only after some of it had happened."""
    with store() as (agent, clock, _):
        for number, group in enumerate(history):
            if number == min(begun, len(history) - 1):
                agent.follow([ERP, WEB]).result()
            clock.pass_s(50)
            commit(agent, *group)
        for rule in (ERP, WEB):
            assert told(agent, rule) == own(agent, rule)
        assert agent.reader.read(ledger.broken) is None


@given(histories(), st.integers(0, 12))
def test_what_is_joined_leaves_each_timeline_as_it_is(
    history: list[list[Change | Withdrawal]], stored: int
) -> None:
    """Whatever had been stored before; and none of it can be left out."""
    before = [one for group in history[:stored] for one in group]
    waiting = tuple(one for group in history[stored:] for one in group)
    kept = fewest(Batch(changes=waiting)).changes
    assert_fewest(kept)
    for check in CHECKS:
        plain, joined = (
            check_timeline(one for one in (*before, *changes) if one.check == check)
            for changes in (waiting, kept)
        )
        assert plain == joined


@given(histories(), st.integers(0, 12), st.lists(st.booleans(), max_size=12))
@settings(max_examples=5, deadline=None)
def test_what_waited_for_a_full_disk_tells_the_same_seconds_in_fewer_rows(
    history: list[list[Change | Withdrawal]], stored: int, retries: list[bool]
) -> None:
    """What the store refused is joined with each retry, and stored as one."""
    with store() as (plain, _, folder):
        spared = opened(folder / "spared", StoppedClock())
        try:
            for agent in (plain, spared):
                agent.follow([ERP, WEB]).result()
            waiting = Batch()
            for number, group in enumerate(history):
                commit(plain, *group)
                if number < stored:
                    commit(spared, *group)
                    continue
                waiting = merged([waiting, Batch(changes=tuple(group))])
                if number < len(retries) and retries[number]:
                    waiting = fewest(waiting)
            waiting = fewest(waiting)
            assert_fewest(waiting.changes)
            commit(spared, *waiting.changes)
            ever = (Instant(0), Instant(T0 + 700 * SECOND))
            both = [agent.reader.timelines(*ever).items() for agent in (plain, spared)]
            one, other = (
                {check: lengths(check_timeline(found), ever) for check, found in each}
                for each in both
            )
            assert one == other
            for rule in (ERP, WEB):
                assert told(spared, rule) == own(spared, rule) == own(plain, rule)
            assert len(rows(spared)) <= len(rows(plain))
        finally:
            spared.close()


def assert_fewest(changes: Sequence[Change | Withdrawal]) -> None:
    """None of them can be left out."""
    for check in CHECKS:
        mine = [one for one in changes if one.check == check]
        standing = check_timeline(mine)
        assert [(one.state, one.since) for one in mine if isinstance(one, Change)] == (
            standing
        )


@given(histories(), st.integers(1, 5), st.integers(0, 12))
@settings(max_examples=8, deadline=None)
def test_the_desk_has_the_agents_timeline_over_restarts(
    history: list[list[Change | Withdrawal]], limit: int, restart: int
) -> None:
    with store() as (agent, clock, folder):
        desk = Desk(folder / "desk")
        live = agent
        try:
            live.follow([ERP, WEB]).result()
            for number, group in enumerate(history):
                clock.pass_s(50)
                desk.clock.forward(50)
                commit(live, *group)
                desk.hello(live)
                desk.take(live, limit)
                if number == restart:
                    live.close()
                    live = opened(folder / "agent", clock)
                    live.follow([ERP, WEB]).result()
            desk.settle(live)
            whole = Instant(desk.clock.wall())
            found = desk.timelines()
            for rule in (ERP, WEB):
                here = [p for p in own(live, rule) if p[1] < whole]
                assert before(found.get(rule.id, []), whole) == here
        finally:
            live.close()
            desk.store.close()


def before(
    points: list[tuple[State, Instant]], end: Instant
) -> list[tuple[State, Instant]]:
    """What is said of the time before `end`."""
    return [point for point in points if point[1] < end]


@given(TOLD_AT, st.sets(st.integers(0, 12)), st.booleans())
def test_what_never_came_is_unknown_until_the_service_is_told_again(
    told: list[tuple[str, State, int, int]], lost: set[int], named: bool
) -> None:
    """Never another known state than the whole telling has at that second."""
    whole, holed = Witness(), Witness()
    now = 0
    for number, (service, state, later, back) in enumerate(told):
        now += later
        # As old as what was told before it at most: dated back within one breath.
        since = Instant(now - min(back, later))
        whole.take(service, state, since=since, decided=Instant(now))
        if number in lost:
            holed.lose(*((service, since) if named else ()))
        else:
            holed.take(service, state, since=since, decided=Instant(now))
    for one in (whole, holed):
        one.end()
    for service, entries in holed.entries.items():
        true = witnessed(whole.entries[service], Instant(1 << 40))
        known = witnessed(entries, Instant(1 << 40))
        for second in range(now + 2):
            seen = _at(known, second)
            assert seen in (State.UNKNOWN, _at(true, second))


TELLING = st.lists(st.tuples(STATES, st.integers(0, 100).map(Instant)), max_size=12)


@given(st.lists(st.tuples(TELLING, st.none() | st.integers(1, 120)), max_size=3))
def test_of_a_pair_the_one_counts_that_saw_more(
    told_by: list[tuple[list[tuple[State, Instant]], int | None]],
) -> None:
    """Second by second: up or degraded if either, else down, else unknown."""
    witnesses = [
        witnessed(told, None if until is None else Instant(until))
        for told, until in told_by
    ]
    both = together(witnesses)
    for second in range(130):
        seen = {_at(witness, second) for witness in witnesses}
        now = _at(both, second)
        if State.UP in seen or State.DEGRADED in seen:
            assert now in (State.UP, State.DEGRADED)
            assert now in seen
        elif State.DOWN in seen:
            assert now is State.DOWN
        else:
            assert now is State.UNKNOWN


def _at(points: list[tuple[State, Instant]], second: int) -> State:
    whole = (Instant(second), Instant(second + 1))
    return next((state for state, _ in spans(points, whole)), State.UNKNOWN)
