"""Another site file while the judge runs, over random sites and stories."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from scudo_agent.incident import AGENT
from scudo_agent.instant import Instant
from scudo_agent.judge.batch import Batch, Change
from scudo_agent.judge.engine import Judge
from scudo_agent.judge.service import check_timeline, service_timeline
from scudo_agent.judge.site import JudgeSite
from scudo_agent.model import Kind, State
from support.judging_events import Heard, Story, instants, judged, numbered, stories
from support.reloading import changed, still_asked, with_a_stranger

EXAMPLES = settings(max_examples=100, deadline=None)
SEEDS = st.integers(0, 1 << 32)


@EXAMPLES
@given(stories(), SEEDS)
def test_what_did_not_change_is_judged_as_if_nothing_had_been_reloaded(
    story: Story, seed: int
) -> None:
    site, events = story
    groups, rng = instants(events), random.Random(seed)
    moments = set(rng.sample(range(len(groups)), min(3, len(groups))))
    plain, other = (Judge(site, new_id=numbered()) for _ in range(2))
    strange = False

    for place, group in enumerate(groups):
        assert plain.feed(group) == other.feed(group)
        if place in moments:
            at = Instant(group[-1].at + 1)
            strange = not strange
            due = plain.advance(at)
            assert other.reload(with_a_stranger(site) if strange else site, at) == due
        for path in site.checks:
            assert plain.state(path) == other.state(path)
        for service in site.services:
            assert plain.service(service) == other.service(service)
        assert plain.open_incidents() == other.open_incidents()
        assert plain.isolated == other.isolated


@EXAMPLES
@given(stories(), SEEDS)
def test_after_any_change_of_the_file_the_book_is_in_order(
    story: Story, seed: int
) -> None:
    site, events = story
    groups, rng = instants(events), random.Random(seed)
    moments = set(rng.sample(range(len(groups)), min(4, len(groups))))
    judge, heard = Judge(site, new_id=numbered()), Heard()

    for place, group in enumerate(groups):
        if wanted := still_asked(site, group):
            heard.take(judge.feed(wanted))
        if place in moments:
            before, site = site, changed(site, rng)
            at = Instant(group[-1].at + 1)
            heard.take(judge.advance(at))
            batch = heard.take(judge.reload(site, at))
            _only_what_left(before, site, batch, judge)
        _in_order(site, judge, heard)


def _only_what_left(
    before: JudgeSite, site: JudgeSite, batch: Batch, judge: Judge
) -> None:
    """Nobody was asked anything at that instant: no check can have got worse."""
    gone = before.checks.keys() - site.checks.keys()
    assert not gone & {memory.check for memory in batch.checks}
    redefined = {
        path
        for path, rule in before.checks.items()
        if path in site.checks and site.checks[path].definition != rule.definition
    }
    for change in batch.changes:
        # The line itself may have gone: what it blinded, or it, is unknown too.
        assert not isinstance(change, Change) or change.state is State.UNKNOWN
    for path in redefined:
        assert judge.state(path).state is State.UNKNOWN
        assert not judge.state(path).run_failed


def _in_order(site: JudgeSite, judge: Judge, heard: Heard) -> None:
    members: dict[str, str] = {}
    for incident in judge.open_incidents():
        assert incident.members or incident.subject == AGENT
        assert set(incident.members) <= site.checks.keys()
        order = list(site.checks)
        assert list(incident.members) == sorted(incident.members, key=order.index)
        if incident.severity in (1, 2):
            members |= dict.fromkeys(incident.members, incident.incident)
    for path in site.checks:
        assert judge.state(path).incident == members.get(path)
    for service in site.services.values():
        timelines = [check_timeline(heard.entries.get(p, ())) for p in service.checks]
        last = service_timeline(timelines, service.need)
        now = last[-1][0] if last else State.UNKNOWN
        assert judge.service(service.id)[0] is now


@EXAMPLES
@given(stories(), SEEDS)
def test_a_reload_ends_what_a_restart_would_end(story: Story, seed: int) -> None:
    site, events = story
    judge, heard = judged(site, instants(events))
    new = changed(site, random.Random(seed))
    at = Instant(events[-1].at + 1)
    heard.take(judge.advance(at))

    other = Judge(new, new_id=numbered())
    again = other.restore(heard.checks.values(), heard.incidents.values(), at=at)
    batch = judge.reload(new, at)

    def ended(batch: Batch) -> set[tuple[str, Instant]]:
        ends = (one for one in batch.stages if one.kind is Kind.RETIRE)
        return {(one.incident, one.at) for one in ends}

    assert ended(batch) == ended(again)
    left = {one.incident: set(one.members) for one in judge.open_incidents()}
    if judge.isolated is not None or other.isolated is None:
        # A reload lets what waited for a check that is gone join at once.
        for one in other.open_incidents():
            assert set(one.members) <= left[one.incident]
