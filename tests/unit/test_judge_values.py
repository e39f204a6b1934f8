"""Spans of time, timelines, and the names of incidents."""

import re
from uuid import UUID

import pytest

from scudo_agent.incident import (
    Rule,
    check_subject,
    incident_id,
    service_subject,
    split_subject,
    warn_subject,
)
from scudo_agent.instant import Instant
from scudo_agent.intervals import enter, lengths, spans
from scudo_agent.judge.batch import Change, Withdrawal
from scudo_agent.judge.service import check_timeline, service_timeline
from scudo_agent.model import State
from scudo_agent.wire import Stage

UP, DOWN, UNKNOWN, DEGRADED = State.UP, State.DOWN, State.UNKNOWN, State.DEGRADED


def t(*entries: tuple[State, int]) -> list[tuple[State, Instant]]:
    """A timeline in whole microseconds."""
    return [(state, Instant(since)) for state, since in entries]


def change(state: State, since: int) -> Change:
    """A change of `sw/ping` that was decided when it happened."""
    at = Instant(since)
    return Change(check="sw/ping", state=state, since=at, decided=at)


def test_spans_are_half_open_and_cut_to_what_is_asked() -> None:
    timeline = t((UP, 10), (DOWN, 20), (UP, 30))

    assert list(spans(timeline, (Instant(15), Instant(30)))) == [
        (UP, (15, 20)),
        (DOWN, (20, 30)),
    ]
    assert lengths(timeline, (Instant(0), Instant(40))) == {UP: 20, DOWN: 10}
    assert lengths(timeline, (Instant(0), Instant(10))) == {}


def test_an_entry_undoes_what_began_then_or_later() -> None:
    timeline = t((UP, 10), (UNKNOWN, 20))
    enter(timeline, UP, Instant(20))
    assert timeline == t((UP, 10))
    enter(timeline, DOWN, Instant(10))
    assert timeline == t((DOWN, 10))


def test_a_withdrawn_change_has_not_been() -> None:
    entries: list[Change | Withdrawal] = [
        change(UP, 10),
        change(DOWN, 30),
        Withdrawal(check="sw/ping", since=Instant(25), decided=Instant(40)),
        change(UNKNOWN, 25),
    ]
    expected = t((UNKNOWN, 0), (UP, 10), (UNKNOWN, 25))

    assert check_timeline(entries, Instant(0)) == expected
    assert check_timeline(entries) == expected[1:]


@pytest.mark.parametrize(
    ("need", "states", "expected"),
    [
        (1, [UP, UNKNOWN], UP),
        (1, [DOWN, UNKNOWN], UNKNOWN),
        (1, [UP, DOWN], DEGRADED),
        (1, [DOWN, DOWN], DOWN),
        (2, [UP, DEGRADED], DEGRADED),
        (2, [UP, UNKNOWN], UNKNOWN),
        (2, [DOWN, UNKNOWN], DOWN),
        (2, [DOWN, UP, UP], DEGRADED),
        (2, [UNKNOWN, UP, DOWN], UNKNOWN),
    ],
)
def test_a_service_by_its_need(need: int, states: list[State], expected: State) -> None:
    members = [t((state, 10)) for state in states]

    assert service_timeline(members, need)[-1] == (expected, 10)


def test_a_service_follows_every_member() -> None:
    members = [t((UP, 10), (DOWN, 30)), t((UP, 20), (DOWN, 40), (UP, 50))]

    assert service_timeline(members, 1) == t(
        (UP, 10), (DEGRADED, 30), (DOWN, 40), (DEGRADED, 50)
    )


def test_an_id_is_a_uuid_of_version_7_in_order_of_time() -> None:
    at = Instant(1_772_359_200_123_456)
    first, later = incident_id(at, 0), incident_id(Instant(at + 1_000), 1 << 80)

    assert UUID(first).version == UUID(later).version == 7
    assert UUID(first).int >> 80 == at // 1_000
    assert first < later
    pattern = Stage.model_fields["incident_id"].metadata[0].pattern
    assert re.fullmatch(pattern, later)
    assert incident_id(at, (1 << 74) - 1)[14:] == "7fff-bfff-ffffffffffff"


def test_rules_say_their_severity_and_reason() -> None:
    assert [rule.severity for rule in Rule] == [1, 2, 2, 3, 3]
    assert len({rule.reason.id for rule in Rule}) == len(Rule)


def test_subjects_come_apart_as_they_were_put_together() -> None:
    assert split_subject(check_subject("sw/ping")) == ("check", "sw/ping")
    assert split_subject(service_subject("erp")) == ("service", "erp")
    assert split_subject(warn_subject("web/tls")) == ("warn", "web/tls")
    assert split_subject("agent") == ("agent", "")
