"""Files at tickets: the screenshots that agents send as evidence.

A screenshot belongs to the stage that opened or re-opened an incident, and there
is one at most: the same picture sent again changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select

from scudo_agent.desk.marks import mark
from scudo_agent.desk.store.attachment_tables import attachment
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.scope import AgentIdentity, Scope, within
from scudo_agent.desk.store.tables import (
    incident,
    security_event,
    ticket,
    ticket_event,
)
from scudo_agent.instant import Instant
from scudo_agent.model import Kind
from scudo_agent.picture import MEDIA_TYPE, look
from scudo_agent.wire import Stage

SCREENSHOT = "screenshot"
SHOWN_COLUMNS = tuple(c for c in attachment.c if c.name != "content")
"""All of a file but its bytes."""

_PICTURED = (Kind.OPEN.value, Kind.REOPEN.value)


class NoStageError(Exception):
    """This agent's site has no such stage, or it has not arrived yet."""


class BadAttachmentError(Exception):
    """It can never be taken as it is; `str` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A screenshot as an agent sends it; `check` is the member that it shows."""

    incident_id: str
    rev: int
    check: str
    taken: Instant
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """What is known of a file at a ticket; `source` is what it was taken of."""

    attachment_id: int
    kind: str
    media_type: str
    source: str | None
    size: int
    width: int | None
    height: int | None
    sha256: str
    taken: Instant
    stored: Instant
    actor: str
    name: str | None = None
    public: bool = True

    @property
    def mark(self) -> str:
        """What it is called in addresses, among the files of its ticket."""
        told = (self.source, self.name, self.public, self.actor)
        return mark(self.kind, self.sha256, self.stored, *told)


class Attachments:
    """Taking files in and handing them out."""

    def __init__(self, database: Database, now: Callable[[], Instant]) -> None:
        self._database = database
        self._now = now

    def put(self, who: AgentIdentity, picture: Picture) -> str:
        """Keep a screenshot at its stage's ticket; return the ticket's number.

        `NoPictureError` if it is no picture, `NoStageError` if there is nothing
        that it could belong to, `BadAttachmentError` if it can never be taken.
        """
        size = look(picture.content)
        digest = sha256(picture.content).hexdigest()
        with self._database.write() as db:
            stage = _stage(db, who, picture)
            kept = _kept(db, who, picture)
            if kept is not None and kept != digest:
                db.execute(_alarm(who, picture, self._now()))
            elif kept is None:
                row = {
                    "tenant_id": who.tenant_id,
                    "ticket_id": stage.ticket_id,
                    "incident_id": picture.incident_id,
                    "rev": picture.rev,
                    "kind": SCREENSHOT,
                    "media_type": MEDIA_TYPE,
                    "source": _source(stage.data, picture.check),
                    "size": len(picture.content),
                    "width": size.width,
                    "height": size.height,
                    "sha256": digest,
                    "content": picture.content,
                    "taken_us": picture.taken,
                    "stored_us": self._now(),
                    "actor": who.actor,
                }
                db.execute(insert(attachment).values(row))
        if kept is not None and kept != digest:
            raise BadAttachmentError("another picture of this stage is kept already")
        return str(stage.ref)

    def content(
        self, scope: Scope, ref: str, name: str
    ) -> tuple[Attachment, bytes] | None:
        """The file of a ticket with the mark `name`; None: not there, or not allowed.

        Both look the same.
        """
        query = (
            select(*SHOWN_COLUMNS)
            .join(
                ticket,
                (ticket.c.tenant_id == attachment.c.tenant_id)
                & (ticket.c.ticket_id == attachment.c.ticket_id),
            )
            .where(
                ticket.c.ref == ref,
                *within(scope),
                *readable(scope),
            )
        )
        with self._database.read(scope) as db:
            files = map(attachment_of, db.execute(query))
            found = next((one for one in files if one.mark == name), None)
            if found is None:
                return None
            this = attachment.c.attachment_id == found.attachment_id
            content = select(attachment.c.content).where(this)
            return found, bytes(db.execute(content).scalar_one())


def readable(scope: Scope) -> list[ColumnElement[bool]]:
    """What a file must fulfil to be seen: customers have those that are public."""
    return [] if scope.provider else [attachment.c.public]


def listed(
    db: Connection, scope: Scope, tenant_id: str, ticket_id: int
) -> tuple[Attachment, ...]:
    """What is kept at a ticket, in the order in which it came."""
    query = (
        select(*SHOWN_COLUMNS)
        .where(
            attachment.c.tenant_id == tenant_id,
            attachment.c.ticket_id == ticket_id,
            *readable(scope),
        )
        .order_by(attachment.c.attachment_id)
    )
    return tuple(attachment_of(row) for row in db.execute(query))


def _stage(db: Connection, who: AgentIdentity, picture: Picture) -> Any:
    """The stage's entry in its ticket's history."""
    row = db.execute(
        select(ticket_event.c.ticket_id, ticket_event.c.data, ticket.c.ref)
        .join(
            incident,
            (incident.c.tenant_id == ticket_event.c.tenant_id)
            & (incident.c.incident_id == ticket_event.c.incident_id),
        )
        .join(
            ticket,
            (ticket.c.tenant_id == ticket_event.c.tenant_id)
            & (ticket.c.ticket_id == ticket_event.c.ticket_id),
        )
        .where(
            ticket_event.c.tenant_id == who.tenant_id,
            ticket_event.c.incident_id == picture.incident_id,
            ticket_event.c.rev == picture.rev,
            ticket_event.c.kind.in_(_PICTURED),
            incident.c.site_id == who.site_id,
        )
    ).first()
    if row is None:
        raise NoStageError
    return row


def _kept(db: Connection, who: AgentIdentity, picture: Picture) -> str | None:
    """The SHA-256 of the picture that this stage has."""
    return db.execute(
        select(attachment.c.sha256).where(
            attachment.c.tenant_id == who.tenant_id,
            attachment.c.incident_id == picture.incident_id,
            attachment.c.rev == picture.rev,
            attachment.c.kind == SCREENSHOT,
        )
    ).scalar()


def _source(data: dict[str, Any], check: str) -> str:
    """The endpoint of the member, as the stage itself told it."""
    for member in Stage.model_validate(data["stage"]).members:
        if member.check == check:
            return member.endpoint
    raise BadAttachmentError("the stage has no such check")


def _alarm(who: AgentIdentity, picture: Picture, now: Instant) -> Any:
    row = {
        "tenant_id": who.tenant_id,
        "kind": "attachment_changed",
        "actor": who.actor,
        "at_us": now,
        "data": {"incident_id": picture.incident_id, "rev": picture.rev},
    }
    return insert(security_event).values(row)


def attachment_of(row: Row[Any]) -> Attachment:
    """The file of a row, whose bytes are elsewhere."""
    return Attachment(
        attachment_id=row.attachment_id,
        kind=row.kind,
        media_type=row.media_type,
        source=row.source,
        size=row.size,
        width=row.width,
        height=row.height,
        sha256=row.sha256,
        taken=row.taken_us,
        stored=row.stored_us,
        actor=row.actor,
        name=row.name,
        public=row.public,
    )
