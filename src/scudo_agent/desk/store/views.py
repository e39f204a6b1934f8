"""What pages, API and command line show of tickets: the desk's read model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Select, func, literal_column, select

from scudo_agent.desk.lifecycle import HEADINGS, Condition, Status
from scudo_agent.desk.store.attachments import Attachment, listed
from scudo_agent.desk.store.database import Readable
from scudo_agent.desk.store.entries import (
    Entry,
    PendingMail,
    entries_of,
    names_in,
    stage_in,
    unsent_of,
)
from scudo_agent.desk.store.leaving import MOVED_HERE
from scudo_agent.desk.store.people_tables import person
from scudo_agent.desk.store.queue import NO_WISH, Wish, page_of_ids
from scudo_agent.desk.store.scope import Scope, within
from scudo_agent.desk.store.storm_views import StormPage, storm_page
from scudo_agent.desk.store.tables import (
    incident,
    site,
    tenant,
    ticket,
    ticket_event,
)
from scudo_agent.instant import Instant
from scudo_agent.wire import Stage

LIST_LIMIT = 500
_TELLING = (*(kind.value for kind in HEADINGS), MOVED_HERE)


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketLine:
    """One ticket as a list shows it; `zone` is its site's.

    `stage` is the last one that opened, raised, re-opened or explained it; `redundant`
    is since when a redundant system stands in.
    """

    ref: str
    ticket_id: int
    tenant_id: str
    customer: str
    site_id: str
    zone: str
    contract: str | None
    title: dict[str, str]
    subject: str
    origin: str
    audience: str
    status: Status
    condition: Condition
    severity: int | None
    rule: str | None
    since: Instant
    received: Instant
    recovered: Instant | None
    closed: Instant | None
    reopen_count: int
    reported_late: bool
    stage: Stage | None
    storm: bool = False
    unstable: bool = False
    closed_by: str | None = None
    version: int = 1
    urgency: int | None = None
    category: str | None = None
    provisional: bool = False
    channel: str | None = None
    assignee_id: int | None = None
    assignee: str | None = None
    requester_id: int | None = None
    requester: dict[str, str] | None = None
    request: dict[str, Any] | None = None
    estimate: Instant | None = None
    mode: str | None = None
    mode_detail: str | None = None
    due: Instant | None = None
    redundant: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketView:
    """One ticket with its history, oldest entry first.

    Of a very long one `left_out` entries in the middle are missing here. `storm` has
    a page of the incidents of a storm ticket. `names` are those of the people whom
    the entries name, by their number.
    """

    line: TicketLine
    entries: tuple[Entry, ...]
    previous: str | None
    linked: tuple[str, ...]
    mails: tuple[PendingMail, ...]
    attachments: tuple[Attachment, ...] = ()
    left_out: int = 0
    storm: StormPage | None = None
    names: Mapping[int, str] = field(default_factory=dict)

    @property
    def opening(self) -> Stage | None:
        """The stage that opened the ticket."""
        return next((e.stage for e in self.entries if e.stage is not None), None)

    @property
    def latest(self) -> Stage | None:
        """The last stage that an agent reported."""
        stages = [e.stage for e in self.entries if e.stage is not None]
        return stages[-1] if stages else None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePage:
    """A page of the queue; `following` is where the next begins, if there is one."""

    lines: tuple[TicketLine, ...]
    following: str | None


class Views:
    """Queries of one scope; nothing outside the scope is ever found."""

    def __init__(self, database: Readable) -> None:
        self._database = database

    def tickets(
        self, scope: Scope, *, limit: int = LIST_LIMIT
    ) -> tuple[TicketLine, ...]:
        """The queue (`domain.md` 5), from its begin, as far as `limit` goes."""
        return self.queue(scope, limit=limit).lines[:limit]

    def queue(
        self,
        scope: Scope,
        wish: Wish = NO_WISH,
        *,
        after: str | None = None,
        limit: int = LIST_LIMIT,
    ) -> QueuePage:
        """A page of the queue: what is wished for, from where the last page ended.

        By severity, then urgency, then the clock due first, then receipt; closed
        tickets stand behind, the latest first.
        """
        with self._database.read(scope) as db:
            ids, following = page_of_ids(
                db, scope, wish, after=after, limit=min(max(limit, 2), LIST_LIMIT)
            )
            query = ticket_lines(scope).where(ticket.c.ticket_id.in_(ids))
            lines = {row.ticket_id: line_of(row) for row in db.execute(query)}
        return QueuePage(
            lines=tuple(lines[one] for one in ids if one in lines), following=following
        )

    def ticket(
        self, scope: Scope, ref: str, *, page: int = 1, mails_only: bool = False
    ) -> TicketView | None:
        """One ticket, or None: not there and not allowed look the same.

        `page` is that of a storm ticket's incidents. With `mails_only` the history
        has nothing but what became of its mails, and there is no such page.
        """
        with self._database.read(scope) as db:
            row = db.execute(ticket_lines(scope).where(ticket.c.ref == ref)).first()
            if row is None:
                return None
            line = line_of(row)
            of = (line.tenant_id, line.ticket_id)
            entries, left_out = entries_of(
                db, of, mails_only=mails_only, internal=scope.provider
            )
            stages = [e.stage for e in entries if e.stage is not None]
            linked = {i for stage in stages for i in stage.linked}
            previous = {stage.previous for stage in stages if stage.previous}
            before = _refs(db, line.tenant_id, previous)
            return TicketView(
                line=line,
                entries=entries,
                previous=before[0] if before else None,
                linked=_refs(db, line.tenant_id, linked),
                # Why a mail has not left is for its sender, and for who watches that.
                mails=unsent_of(db, of) if _watches(scope) else (),
                names=names_in(db, entries),
                attachments=listed(db, scope, line.tenant_id, line.ticket_id),
                left_out=left_out,
                storm=storm_page(db, line.tenant_id, line.ticket_id, page=page)
                if line.storm and not mails_only
                else None,
            )

    def counts(self, scope: Scope) -> dict[Status, int]:
        """How many tickets that are not closed stand where."""
        query = (
            select(ticket.c.status, func.count())
            .where(ticket.c.status != literal_column("'closed'"), *within(scope))
            .group_by(ticket.c.status)
        )
        with self._database.read(scope) as db:
            return {Status(name): int(many) for name, many in db.execute(query)}

    def zone(self, scope: Scope, ref: str) -> str | None:
        """The time zone of a ticket's site; None when there is no such ticket."""
        query = (
            select(site.c.timezone)
            .join(
                ticket,
                (site.c.tenant_id == ticket.c.tenant_id)
                & (site.c.site_id == ticket.c.site_id),
            )
            .where(ticket.c.ref == ref, *within(scope))
        )
        with self._database.read(scope) as db:
            return db.execute(query).scalar()


def _watches(scope: Scope) -> bool:
    """Whether this reader sees that mails have not left: the provider, or an agent."""
    return scope.provider or scope.site_id is not None


def ticket_lines(scope: Scope) -> Select[Any]:
    """All that a line shows, of what the scope may see."""
    told = ticket_event.alias()
    telling = (
        select(func.max(told.c.event_id))
        .where(
            told.c.tenant_id == ticket.c.tenant_id,
            told.c.ticket_id == ticket.c.ticket_id,
            told.c.kind.in_(_TELLING),
        )
        .scalar_subquery()
    )
    last = ticket_event.alias()
    query = (
        select(
            ticket,
            tenant.c.name.label("customer"),
            site.c.timezone,
            site.c.contract_title,
            incident.c.subject_key,
            person.c.name.label("assignee"),
            last.c.data.label("telling"),
        )
        .join(tenant, tenant.c.tenant_id == ticket.c.tenant_id)
        .join(
            site,
            (site.c.tenant_id == ticket.c.tenant_id)
            & (site.c.site_id == ticket.c.site_id),
        )
        .outerjoin(
            incident,
            (incident.c.tenant_id == ticket.c.tenant_id)
            & (incident.c.incident_id == ticket.c.incident_id),
        )
        .outerjoin(last, last.c.event_id == telling)
        .outerjoin(person, person.c.person_id == ticket.c.assignee_id)
    )
    return query.where(*within(scope))


def line_of(row: Any) -> TicketLine:
    """The line of a row of `ticket_lines`."""
    return TicketLine(
        ref=row.ref,
        ticket_id=row.ticket_id,
        tenant_id=row.tenant_id,
        customer=row.customer,
        site_id=row.site_id,
        zone=row.timezone,
        contract=row.contract_title,
        title=row.title,
        subject=row.subject_key or "",
        origin=row.origin,
        audience=row.audience,
        status=Status(row.status),
        condition=Condition(row.condition),
        severity=row.severity,
        rule=row.rule,
        since=row.since_us,
        received=row.received_us,
        recovered=row.recovered_us,
        closed=row.closed_us,
        reopen_count=row.reopen_count,
        reported_late=row.reported_late,
        stage=stage_in(row.telling),
        storm=row.storm_us is not None,
        unstable=row.unstable_us is not None,
        closed_by=row.closed_by,
        version=row.version,
        urgency=row.urgency,
        category=row.category,
        provisional=row.provisional,
        channel=row.channel,
        assignee_id=row.assignee_id,
        assignee=row.assignee,
        requester_id=row.requester_id,
        requester=row.requester,
        request=row.request,
        estimate=row.estimate_us,
        mode=row.mode,
        mode_detail=row.mode_detail,
        due=row.due_us,
        redundant=row.redundant_us,
    )


def _refs(db: Connection, tenant_id: str, incidents: set[str]) -> tuple[str, ...]:
    """Public numbers of the tickets of these incidents of the tenant."""
    if not incidents:
        return ()
    rows: Sequence[str] = (
        db.execute(
            select(ticket.c.ref)
            .join(incident, incident.c.ticket_id == ticket.c.ticket_id)
            .where(
                incident.c.tenant_id == tenant_id,
                ticket.c.tenant_id == tenant_id,
                incident.c.incident_id.in_(sorted(incidents)),
            )
            .distinct()
            .order_by(ticket.c.ref)
        )
        .scalars()
        .all()
    )
    return tuple(rows)
