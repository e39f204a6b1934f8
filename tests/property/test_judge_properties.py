"""What holds for every site and every order of events (`judging.md`)."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from scudo_agent.incident import AGENT
from scudo_agent.instant import HOUR, SECOND, Instant
from scudo_agent.judge.batch import Change, IncidentStage, Withdrawal
from scudo_agent.judge.engine import AgentStart, AgentStop, Event, Judge
from scudo_agent.judge.service import check_timeline, service_timeline
from scudo_agent.judge.waiting import ANCESTORS_US, LINE_LIMIT_US, LINE_US
from scudo_agent.model import Kind, Observation, Result, State
from scudo_agent.replay import replay
from support.judging_events import Heard, Story, instants, judged, numbered, stories

EXAMPLES = settings(max_examples=60, deadline=None)


@EXAMPLES
@given(stories())
def test_dates_go_forward_and_nothing_has_zero_length(story: Story) -> None:
    site, events = story
    judge, heard = judged(site, instants(events))

    for path in site.checks:
        since = decided = Instant(0)
        for entry in heard.entries.get(path, ()):
            assert entry.since <= entry.decided
            assert entry.decided >= decided
            decided = entry.decided
            if isinstance(entry, Change):
                assert entry.since >= since
            since = entry.since
        timeline = check_timeline(heard.entries.get(path, ()), events[0].at)
        assert timeline[-1][0] is judge.state(path).state
        for (one, start), (other, end) in pairwise(timeline):
            assert one is not other
            assert start < end


@EXAMPLES
@given(stories())
def test_services_now_are_what_their_timelines_say(story: Story) -> None:
    site, events = story
    judge, heard = judged(site, instants(events))

    for service in site.services.values():
        members = [
            check_timeline(heard.entries.get(path, ()), events[0].at)
            for path in service.checks
        ]
        timeline = service_timeline(members, service.need)
        state, since = judge.service(service.id)
        assert state is timeline[-1][0]
        if len(timeline) > 1:
            assert since == timeline[-1][1]


@EXAMPLES
@given(stories())
def test_one_open_incident_a_subject_and_severity_never_falls(story: Story) -> None:
    site, events = story
    _, heard = judged(site, instants(events))

    open_: dict[str, IncidentStage] = {}
    for stage in heard.stages:
        last = open_.get(stage.incident)
        if stage.kind in (Kind.OPEN, Kind.REOPEN):
            assert last is None
        else:
            assert last is not None
            if stage.severity is not None and last.severity is not None:
                assert stage.severity <= last.severity
        open_[stage.incident] = stage
        if stage.kind is Kind.RECOVER:
            assert stage.until is not None
            assert stage.until <= stage.at
            del open_[stage.incident]
        subjects = [one.subject for one in open_.values()]
        assert len(subjects) == len(set(subjects))
        assert (stage.severity is None) is (stage.subject == AGENT)
        assert stage.since <= stage.at


@EXAMPLES
@given(stories())
def test_every_bad_check_is_a_member_or_pending(story: Story) -> None:
    site, events = story
    judge = Judge(site, new_id=numbered())

    for group in instants(events):
        judge.feed(group)
        held = {member for one in judge.open_incidents() for member in one.members}
        for path in site.checks:
            view = judge.state(path)
            pending = view.pending is not None
            assert view.state.bad == (
                pending or (path in held and view.state is not State.UNKNOWN)
            )
            assert not (pending and path in held)


@EXAMPLES
@given(stories())
def test_what_waits_is_held_by_something(story: Story) -> None:
    """Who waits is looked at on occasion only; a plain look finds no one free."""
    site, events = story
    judge = Judge(site, new_id=numbered())
    scene = judge._scene

    for group in instants(events):
        judge.feed(group)
        now = group[-1].at
        for path, pending in scene.waiting.pending.items():
            waited = now - pending.since
            above = [scene.checks[up] for up in scene.topology.ancestors[path]]
            ancestors = waited < ANCESTORS_US and any(
                not up.state.bad
                and (up.answered is None or up.answered < pending.since)
                for up in above
            )
            limit = LINE_LIMIT_US if scene.vantage.undecided() else LINE_US
            line = (
                pending.check.line
                and bool(site.vantage)
                and waited < limit
                and not scene.vantage.another_answered(pending.check, pending.since)
            )
            assert ancestors or line
            assert line == pending.line


@EXAMPLES
@given(stories())
def test_all_at_once_and_one_by_one_say_the_same(story: Story) -> None:
    site, events = story
    _, one_by_one = judged(site, instants(events))
    _, at_once = judged(site, [events])

    assert at_once.stages == one_by_one.stages
    assert at_once.entries == one_by_one.entries
    assert at_once.incidents == one_by_one.incidents


@EXAMPLES
@given(stories(), st.lists(st.integers(0, 300), max_size=8))
def test_looking_in_between_changes_nothing(story: Story, gaps: list[int]) -> None:
    site, events = story
    groups = instants(events)
    plain, heard = judged(site, groups)
    judge, looked = Judge(site, new_id=numbered()), Heard()

    for number, group in enumerate(groups):
        looked.take(judge.feed(group))
        if number + 1 < len(groups) and gaps:
            between = group[-1].at + gaps[number % len(gaps)] * SECOND
            if between < groups[number + 1][0].at:
                looked.take(judge.advance(Instant(between)))
    for one in (plain, judge):
        one.advance(Instant(groups[-1][-1].at + HOUR))

    assert looked.stages == heard.stages
    assert looked.entries == heard.entries


@EXAMPLES
@given(stories())
def test_time_that_is_due_is_known(story: Story) -> None:
    """Stepping from one due instant to the next misses nothing."""
    site, events = story
    end = Instant(events[-1].at + HOUR)
    jumped, said = judged(site, [events])
    said.take(jumped.advance(end))
    judge, heard = Judge(site, new_id=numbered()), Heard()

    for group in instants(events):
        due = judge.next_due()
        while due is not None and due < group[0].at:
            heard.take(judge.advance(due))
            due = judge.next_due()
        heard.take(judge.feed(group))
    due = judge.next_due()
    while due is not None and due <= end:
        heard.take(judge.advance(due))
        due = judge.next_due()

    assert (heard.stages, heard.entries) == (said.stages, said.entries)


@EXAMPLES
@given(stories())
def test_all_incidents_recover_when_all_is_well(story: Story) -> None:
    site, events = story
    judge, heard = judged(site, instants(events))

    at = Instant(events[-1].at + SECOND)
    heard.take(judge.feed([AgentStop(at)]))
    at = Instant(at + SECOND)
    heard.take(judge.feed([AgentStart(at)]))
    for _ in range(3):
        for path in site.checks:
            at = Instant(at + SECOND)
            good = Observation(check=path, at=at, result=Result.GOOD)
            heard.take(judge.feed([good]))

    assert judge.open_incidents() == ()
    assert all(judge.state(path).state is State.UP for path in site.checks)
    last = {stage.incident: stage for stage in heard.stages}
    assert all(stage.kind is Kind.RECOVER for stage in last.values())


@EXAMPLES
@given(stories(), st.data())
def test_a_restart_goes_on_where_it_was(story: Story, data: st.DataObject) -> None:
    """Memory, a new judge, stop and start: as if it had been one judge."""
    site, events = story
    groups = instants(events)
    cut = data.draw(st.integers(1, len(groups)))
    judge, heard = judged(site, groups[:cut])
    stop = Instant(groups[cut - 1][-1].at + data.draw(st.integers(0, 70)) * SECOND)
    heard.take(judge.advance(stop))
    again = Judge(site, new_id=numbered())

    told = again.restore(heard.checks.values(), heard.incidents.values())
    start = Instant(stop + data.draw(st.integers(0, 600)) * SECOND)
    later = start + SECOND - groups[cut][0].at if cut < len(groups) else 0
    rest: list[list[Event]] = [[AgentStop(stop)], [AgentStart(start)]]
    rest += [[_moved(one, later) for one in group] for group in groups[cut:]]

    assert told.changes == ()
    assert told.stages == ()
    for group in rest:
        one, other = judge.feed(group), again.feed(group)
        assert other.changes == one.changes
        assert other.stages == one.stages
        assert other.isolation == one.isolation
    assert again.open_incidents() == judge.open_incidents()


@EXAMPLES
@given(stories())
def test_isolation_blames_no_check_of_others(story: Story) -> None:
    site, events = story
    judge = Judge(site, new_id=numbered())
    others = [
        path
        for path, rule in site.checks.items()
        if not rule.local and path not in site.vantage
    ]

    for group in instants(events):
        batch = judge.feed(group)
        if judge.isolated is not None:
            states = {judge.state(path).state for path in others}
            assert states <= {State.UNKNOWN}
        for place, entry in enumerate(batch.changes):
            if isinstance(entry, Withdrawal):
                after = batch.changes[place + 1]
                assert isinstance(after, Change)
                assert (after.check, after.state) == (entry.check, State.UNKNOWN)
                assert after.since == entry.since


@EXAMPLES
@given(stories(), st.integers(0, 600))
def test_a_replay_says_what_the_judge_said(story: Story, more: int) -> None:
    site, events = story
    until = Instant(events[-1].at + more * SECOND)
    judge, heard = judged(site, instants(events))
    heard.take(judge.advance(until))

    report = replay(site, events, until)

    assert len(report["incidents"]) == len({one.incident for one in heard.stages})
    told = [event for one in report["incidents"] for event in one["events"]]
    assert len(told) == len(heard.stages)


def _moved(event: Event, later: int) -> Event:
    at = Instant(event.at + later)
    if isinstance(event, Observation):
        return Observation(check=event.check, at=at, result=event.result)
    return replace(event, at=at)
