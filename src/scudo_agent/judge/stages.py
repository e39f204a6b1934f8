"""Stages of incidents, filled in at the end of their instant."""

from collections.abc import Mapping

from scudo_agent.incident import Rule
from scudo_agent.instant import Instant
from scudo_agent.judge.batch import IncidentStage, Member
from scudo_agent.judge.book import Book
from scudo_agent.judge.check import CheckState
from scudo_agent.judge.drafts import Draft
from scudo_agent.judge.incidents import Incident
from scudo_agent.judge.service import ServiceTally
from scudo_agent.model import Kind, State


def fill_in(drafts: list[Draft], book: Book, at: Instant) -> list[IncidentStage]:
    """The stages of an instant as they stand at its end."""
    common: dict[str, tuple[tuple[Member, ...], tuple[str, ...]]] = {}
    out = []
    for draft in drafts:
        incident = draft.incident
        known = common.get(incident.id)
        if known is None:
            incident.rule = rule_of(incident, book.services)
            known = common[incident.id] = (
                _members(incident, at),
                _affected(incident, book),
            )
        out.append(_stage(draft, *known))
    return out


def rule_of(incident: Incident, services: Mapping[str, ServiceTally]) -> Rule | None:
    """What decides the severity that the incident has now."""
    if incident.severity is None:
        return None
    if incident.severity == 1:
        return Rule.S1
    if incident.severity != 2:
        return Rule.S5 if incident.kind == "forecast" else Rule.S4
    degraded = incident.rule is Rule.S2 or any(
        number and services[service].state is State.DEGRADED
        for service, number in incident.under.items()
    )
    return Rule.S2 if degraded else Rule.S3


def _stage(
    draft: Draft, members: tuple[Member, ...], affected: tuple[str, ...]
) -> IncidentStage:
    incident = draft.incident
    return IncidentStage(
        incident=incident.id,
        kind=draft.kind,
        at=draft.at,
        subject=incident.subject,
        since=incident.since,
        severity=incident.severity,
        rule=incident.rule,
        members=members,
        joined=draft.joined,
        until=draft.until,
        previous=incident.previous,
        linked=tuple(incident.linked),
        affected=affected,
        held=incident.held if draft.kind in (Kind.OPEN, Kind.REOPEN) else (),
    )


def _members(incident: Incident, at: Instant) -> tuple[Member, ...]:
    checks = incident.ordered or sorted(incident.were, key=lambda one: one.order)
    # In a storm they are many, stage after stage: each is made once a state.
    return tuple([check.shown or _show(check, at) for check in checks])


def _show(check: CheckState, at: Instant) -> Member:
    since = at if check.since is None else check.since
    check.shown = Member(check=check.path, state=check.state, since=since)
    return check.shown


def _affected(incident: Incident, book: Book) -> tuple[str, ...]:
    return tuple(
        id_
        for id_, service in book.services.items()
        if incident.under.get(id_) and service.state is not State.UP
    )
