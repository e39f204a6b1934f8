"""What stages do to incidents and tickets, without a database."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scudo_agent.desk.lifecycle import (
    Condition,
    Incident,
    StageError,
    Status,
    Ticket,
    advance,
    born,
    follow,
    joint,
    message_id,
    tells,
    ticket_ref,
    worst,
)
from scudo_agent.instant import Instant, parse_instant
from scudo_agent.model import Kind
from support.desking import INCIDENT, T0, stage


def opened(
    severity: int | None = 2, rule: str | None = "S3"
) -> tuple[Incident, Ticket]:
    incident = advance(None, stage(severity=severity, rule=rule))
    return incident, born(incident)


def test_an_incident_begins_with_its_opening() -> None:
    incident, ticket = opened()
    assert incident.since == T0
    assert (ticket.severity, ticket.status) == (2, Status.NEW)
    for bad in (stage(1, 1, "note"), stage(1, 2, "recover")):
        with pytest.raises(StageError):
            advance(None, bad)
    with pytest.raises(StageError):
        advance(incident, stage(2, 2, "open"))
    with pytest.raises(StageError):
        advance(incident, stage(2, 3, "note"))


def test_a_raise_raises_and_its_rule_is_the_tickets() -> None:
    incident, ticket = opened()
    raised = stage(2, 2, "raise", severity=1, rule="S1")
    after = follow(ticket, raised, advance(incident, raised))
    assert (after.severity, after.rule) == (1, "S1")
    assert tells(Kind.RAISE, ticket, after)


def test_a_raise_behind_a_join_of_the_same_instant_is_still_news() -> None:
    incident, ticket = opened()
    join = stage(2, 2, "join", severity=1, rule="S1")
    incident = advance(incident, join)
    ticket = follow(ticket, join, incident)
    assert (ticket.severity, ticket.rule) == (2, "S3")
    raised = stage(3, 3, "raise", severity=1, rule="S1")
    after = follow(ticket, raised, advance(incident, raised))
    assert (after.severity, after.rule) == (1, "S1")
    assert tells(Kind.RAISE, ticket, after)


def test_the_severity_never_falls_and_keeps_its_rule() -> None:
    incident, ticket = opened(1, "S1")
    milder = stage(2, 2, "raise", severity=3, rule="S4")
    after = follow(ticket, milder, advance(incident, milder))
    assert (after.severity, after.rule) == (1, "S1")


def test_a_recovery_is_dated_by_its_outage() -> None:
    incident, ticket = opened()
    over = stage(2, 2, "recover")
    incident = advance(incident, over)
    after = follow(ticket, over, incident)
    assert over.outage is not None
    assert incident.ended == parse_instant(over.outage.until)
    assert (after.condition, after.recovered) == (Condition.RECOVERED, incident.ended)
    assert after.status is Status.NEW


def test_a_reopening_is_bad_again_and_counted() -> None:
    incident, ticket = opened()
    for one in (stage(2, 2, "recover"), stage(3, 3, "reopen")):
        incident = advance(incident, one)
        ticket = follow(ticket, one, incident)
    assert (ticket.condition, ticket.recovered) == (Condition.BAD, None)
    assert (ticket.status, ticket.reopen_count) == (Status.REOPENED, 1)
    assert (incident.ended, incident.reopen_count) == (None, 1)


def test_a_check_that_was_taken_out_is_not_measured_and_not_recovered() -> None:
    incident, ticket = opened()
    retired = stage(2, 2, "retire")
    incident = advance(incident, retired)
    assert incident.condition is Condition.NOT_MEASURED
    assert follow(ticket, retired, incident).condition is Condition.NOT_MEASURED


def test_a_new_root_renames_the_ticket() -> None:
    incident, ticket = opened()
    root = stage(
        2,
        2,
        "root",
        subject_key="check:switch/ping",
        subject={"id": "switch/ping", "title": {"en": "Switch"}},
    )
    incident = advance(incident, root)
    assert incident.subject_key == "check:switch/ping"
    assert follow(ticket, root, incident).title == {"en": "Switch"}


def test_a_shared_ticket_is_bad_while_one_incident_is() -> None:
    incident, ticket = opened()
    over = stage(2, 2, "recover")
    incident = advance(incident, over)
    after = follow(ticket, over, incident, [Condition.BAD])
    assert after.condition is Condition.BAD
    assert not tells(Kind.RECOVER, ticket, after)
    assert not tells(Kind.REOPEN, ticket, after)
    assert not tells(Kind.JOIN, ticket, after)
    assert joint([]) is Condition.RECOVERED


@given(st.lists(st.sampled_from([1, 2, 3, None]), max_size=12))
def test_whatever_comes_the_severity_is_the_worst_so_far(
    severities: list[int | None],
) -> None:
    incident, ticket = opened(3, "S4")
    for rev, severity in enumerate(severities, start=2):
        one = stage(rev, rev, "raise", severity=severity, rule=None)
        incident = advance(incident, one)
        ticket = follow(ticket, one, incident)
    assert ticket.severity == worst(3, *severities) == incident.severity


@given(st.uuids().map(str), st.integers(0, 50))
def test_a_number_is_short_and_cannot_be_misread(incident: str, collision: int) -> None:
    ref = ticket_ref(incident, collision)
    assert re.fullmatch(r"SC-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", ref)
    assert ref == ticket_ref(incident, collision)
    assert ref != ticket_ref(incident, collision + 1)


def test_the_number_of_an_incident_never_changes() -> None:
    # Mails with it are in people's mailboxes: this value is fixed for good.
    assert ticket_ref(INCIDENT) == "SC-E9MA-EVA3"


def test_a_message_id_is_that_of_its_stage() -> None:
    assert (
        message_id(INCIDENT, "open", 1, "desk.example")
        == f"<{INCIDENT}.open.1@desk.example>"
    )


def test_times_are_those_of_the_stage() -> None:
    incident, _ = opened()
    assert incident == replace(incident, opened=Instant(T0 + 10_000_000))


HANDS = {Status.TRIAGED, Status.DIAGNOSING, Status.IN_PROGRESS}
"""Somebody has it in hand."""


@pytest.mark.parametrize("status", Status)
def test_a_relapse_re_opens_what_nobody_has_in_hand(status: Status) -> None:
    incident, ticket = opened()
    over = stage(2, 2, "recover")
    incident = advance(incident, over)
    ticket = follow(replace(ticket, status=status), over, incident)
    assert ticket.status is status
    again = stage(3, 3, "reopen")
    after = follow(ticket, again, advance(incident, again))
    assert after.status is (status if status in HANDS else Status.REOPENED)
    assert after.reopen_count == 1


@pytest.mark.parametrize("status", Status)
def test_a_raise_re_opens_what_was_settled_and_nothing_else(status: Status) -> None:
    incident, ticket = opened()
    raised = stage(2, 2, "raise", severity=1, rule="S1")
    after = follow(replace(ticket, status=status), raised, advance(incident, raised))
    settled = status in {Status.RESOLVED, Status.CLOSED}
    assert after.status is (Status.REOPENED if settled else status)


def test_what_is_no_worse_leaves_settled_tickets_settled() -> None:
    incident, ticket = opened()
    join = stage(2, 2, "join")
    for status in (Status.RESOLVED, Status.CLOSED):
        after = follow(replace(ticket, status=status), join, advance(incident, join))
        assert after.status is status
