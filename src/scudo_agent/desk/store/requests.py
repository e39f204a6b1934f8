"""Requests of people: tickets that no agent measures (`domain.md` 5, 8).

A request is received when a call began, a mail reached the server, a form was sent;
its clocks count from then on. The receipt leaves at once, with the category's
provisional code, and asks for what the contract wants to know and is missing.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select

from scudo_agent.contract.clocks import starts
from scudo_agent.contract.hours import TicketFacts
from scudo_agent.contract.model import Contract, RequestRules
from scudo_agent.desk.commitments import commitments
from scudo_agent.desk.life_values import Mail
from scudo_agent.desk.lifecycle import Condition, Status, ticket_ref
from scudo_agent.desk.rights import Right
from scudo_agent.desk.store.act_post import put_mail
from scudo_agent.desk.store.clocking import clocked
from scudo_agent.desk.store.coverage import Covers, covers_of, version_at
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.files import (
    REFUSED,
    TICKET_LIMIT,
    FileError,
    Kept,
    check_file,
    keep,
)
from scudo_agent.desk.store.post import Posting
from scudo_agent.desk.store.scope import Person
from scudo_agent.desk.store.search import fill
from scudo_agent.desk.store.tables import (
    PROVIDER_TENANT,
    site,
    tenant,
    ticket,
    ticket_event,
)
from scudo_agent.errors import ScudoError
from scudo_agent.incident import incident_id
from scudo_agent.instant import DAY, Instant
from scudo_agent.text import T, Text

REQUESTED = "requested"
"""Kind of the entry that begins a request's history."""

DESCRIPTION_LIMIT, FIELD_LIMIT, TITLE_LIMIT = 10_000, 500, 90
"""Signs of what is told, of a field beside it, and of the title made of it."""

REQUEST_FILES = 3
"""Files that come with a request; more are attached to its ticket."""

OLDEST_US = 31 * DAY
"""So long ago a request was received at most."""

CHANNELS: Mapping[str, str] = {
    "phone": "Telefono",
    "voicemail": "Telefono",
    "weekend_number": "Telefono",
    "whatsapp": "WhatsApp",
    "software": "Software",
    "mail": "Mail",
    "portal": "Portale",
    "other": "Altro",
}
"""By which way a request comes, and the origin that the ticket has of it."""


class RequestError(ScudoError):
    """A request that cannot be opened: what is wrong, by field."""

    def __init__(self, faults: Mapping[str, Text]) -> None:
        super().__init__(", ".join(one.id for one in faults.values()))
        self.faults = dict(faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it was told; `received` is when, `detected` since when it is so.

    `severity` is a proposal of who takes it down; without one the category's holds.
    `requester` has `name`, `mail` and `phone` of who asks and has no account.
    `conformity` and `backup` are true where somebody confirmed them; `files` come with
    the request, for its customer to see.
    """

    tenant_id: str
    site_id: str
    channel: str
    received: Instant
    description: str
    category: str | None = None
    severity: int | None = None
    url: str | None = None
    detected: Instant | None = None
    requester_id: int | None = None
    requester: Mapping[str, str] | None = None
    software_version: str | None = None
    conformity: bool = False
    backup: bool = False
    files: tuple[Kept, ...] = ()
    mail: "ByMail | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ByMail:
    """What a request that came by mail has beside its words.

    `title` is the mail's subject, `message_id` what its receipt answers, `pictured`
    whether a picture came along; `told` is kept in the entry of history.
    """

    title: str
    message_id: str | None
    pictured: bool
    told: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A site that a request can be about."""

    tenant_id: str
    customer: str
    site_id: str
    zone: str


class Requests:
    """Opens requests."""

    def __init__(
        self, database: Database, now: Callable[[], Instant], posting: Posting
    ) -> None:
        self._database = database
        self._now = now
        self._posting = posting

    def places(self, who: Person) -> tuple[Place, ...]:
        """The sites that this person may report about, by customer."""
        query = (
            select(tenant.c.tenant_id, tenant.c.name, site.c.site_id, site.c.timezone)
            .join(site, site.c.tenant_id == tenant.c.tenant_id)
            .where(tenant.c.tenant_id != PROVIDER_TENANT)
            .order_by(tenant.c.name, site.c.site_id)
        )
        if not who.staff:
            query = query.where(tenant.c.tenant_id == who.tenant_id)
        with self._database.read() as db:
            return tuple(
                Place(
                    tenant_id=row.tenant_id,
                    customer=row.name,
                    site_id=row.site_id,
                    zone=row.timezone,
                )
                for row in db.execute(query)
            )

    def rules(self, place: Place) -> RequestRules | None:
        """What the contract that holds now says of requests; None: none holds."""
        with self._database.read() as db:
            covers = covers_of(db, place.tenant_id, place.site_id)
            contract = _contract(db, covers, self._now())
        return None if contract is None else contract.requests

    def open(self, who: Person, asked: Asked) -> str | None:
        """Open a request; its ticket's number. None: this person sees no such site.

        `RequestError` with all that is wrong. Ticket, history, receipt and the words
        to find it by are one transaction.
        """
        with self._database.write() as db:
            return self.open_in(db, who, asked)

    def open_in(self, db: Connection, who: Person, asked: Asked) -> str | None:
        """As `open`, within the transaction `db`; nothing is written if it raises."""
        if not may_ask(who, asked.tenant_id):
            return None
        now = self._now()
        mine = (site.c.tenant_id == asked.tenant_id) & (site.c.site_id == asked.site_id)
        if db.execute(select(site.c.site_id).where(mine)).first() is None:
            return None
        covers = covers_of(db, asked.tenant_id, asked.site_id)
        contract = _contract(db, covers, asked.received)
        if faults := dict(_faults(asked, contract, now)):
            raise RequestError(faults)
        return self._put(db, who, asked, (covers, contract), now)

    def _put(
        self,
        db: Connection,
        who: Person,
        asked: Asked,
        held: tuple[Covers, Contract | None],
        now: Instant,
    ) -> str:
        covers, contract = held
        over = covers.ended(asked.received)
        category = contract and contract.requests.category(asked.category or "")
        severity = asked.severity or (category.severity if category else None)
        row = _row(asked, severity, now) | {
            "ref": _free_ref(db, now),
            "audience": "customer" if over is None else "provider",
        }
        made = db.execute(insert(ticket).values(row).returning(ticket.c.ticket_id))
        ticket_id = int(made.scalar_one())
        facts = TicketFacts(
            severity=severity, category=asked.category, origin=row["origin"]
        )
        data: dict[str, Any] = {
            "category": asked.category,
            "channel": asked.channel,
            "origin": row["origin"],
            "missing": list(_missing(asked, contract)),
            "commitments": [
                one.to_json() for one in _committed(covers, contract, asked, facts)
            ],
        }
        if asked.mail is not None:
            data |= asked.mail.told
        entry = {
            "tenant_id": asked.tenant_id,
            "ticket_id": ticket_id,
            "kind": REQUESTED,
            "at_us": asked.received,
            "stored_us": now,
            "actor": who.actor,
            "severity": severity,
            "data": data,
        }
        query = insert(ticket_event).values(entry).returning(ticket_event.c.event_id)
        event_id = int(db.execute(query).scalar_one())
        stored = db.execute(select(ticket).where(ticket.c.ticket_id == ticket_id)).one()
        fill(db, stored)
        for file in asked.files:
            keep(db, who, stored, file, now)
        clocked(db, ticket_id, now=now)
        put_mail(
            db,
            stored,
            (Mail.RECEIPT, event_id, now),
            posting=self._posting,
            answers=None if asked.mail is None else asked.mail.message_id,
        )
        return str(row["ref"])


def may_ask(who: Person, tenant_id: str) -> bool:
    """Whether this person may open a request of that customer."""
    if who.staff:
        return who.may(Right.WORK)
    return who.may(Right.REQUEST) and who.tenant_id == tenant_id


def _contract(db: Connection, covers: Covers, at: Instant) -> Contract | None:
    held = covers.at(at)
    version = None if held is None else version_at(db, held.contract_id, at)
    return None if version is None else version.readable


def _faults(
    asked: Asked, contract: Contract | None, now: Instant
) -> Iterator[tuple[str, Text]]:
    """All that is wrong, by the field that it is about."""
    if not asked.description:
        yield "description", T("Say what it is about.")
    if len(asked.description) > DESCRIPTION_LIMIT:
        yield "description", T("That is too long: {n} signs at most.", n=10_000)
    if asked.channel not in CHANNELS:
        yield "channel", T("Say how the request came in.")
    if not now - OLDEST_US <= asked.received <= now:
        yield "received", T("It was received within the last 31 days, and not later.")
    if asked.detected is not None and asked.detected > now:
        yield "detected", T("That lies in the future.")
    if asked.url and not asked.url.startswith(("http://", "https://")):
        yield "url", T("An address begins with http:// or https://.")
    if asked.severity not in (None, 1, 2, 3):
        yield "severity", T("The severity is 1, 2 or 3.")
    known = [one.id for one in contract.requests.categories] if contract else []
    if asked.category and asked.category not in known:
        yield "category", T("The contract has no such category.")
    yield from _faults_of_who(asked)
    yield from _faults_of_files(asked)


def _faults_of_files(asked: Asked) -> Iterator[tuple[str, Text]]:
    """A new ticket has room for all of them, as far as the form takes them."""
    try:
        for file in asked.files:
            check_file(file)
    except FileError as exc:
        yield "file", REFUSED[str(exc)]
    if sum(len(file.content) for file in asked.files) > TICKET_LIMIT:
        yield "file", REFUSED["full"]
    if len(asked.files) > REQUEST_FILES:
        yield "file", T("A request takes {n} files at most.", n=REQUEST_FILES)


def _faults_of_who(asked: Asked) -> Iterator[tuple[str, Text]]:
    mail = (asked.requester or {}).get("mail", "")
    if mail and ("@" not in mail or any(sign.isspace() for sign in mail)):
        yield "mail", T("That is no mail address.")
    version = asked.software_version or ""
    told = (asked.url or "", version, *(asked.requester or {}).values())
    if any(len(one) > FIELD_LIMIT for one in told):
        yield "who", T("That is too long: {n} signs at most.", n=FIELD_LIMIT)


def _missing(asked: Asked, contract: Contract | None) -> Iterator[str]:
    """Which of the contract's required elements were not told."""
    told = {
        "description": True,
        "detected_at": asked.detected is not None,
        "url": bool(asked.url),
        "screenshot": _pictured(asked),
        "software_version": bool(asked.software_version),
        "conformity": asked.conformity,
        "backup": asked.backup,
    }
    if contract is not None:
        yield from (one for one in contract.requests.required if not told[one])


def _pictured(asked: Asked) -> bool:
    if asked.mail is not None and asked.mail.pictured:
        return True
    return any(one.media_type.startswith("image/") for one in asked.files)


def _committed(
    covers: Covers, contract: Contract | None, asked: Asked, facts: TicketFacts
) -> Iterator[Text]:
    """What is promised, or why nothing is."""
    over = covers.ended(asked.received)
    if over is not None and over.until is not None:
        until = {"date": over.until.isoformat()}
        yield T("none: the contract ended on {date}", date=until)
    elif contract is not None and not starts(contract, facts):
        ways = ", ".join(sorted(contract.requests.clocks_for - {"AltecMonitor"}))
        yield T(
            "none for a request by this way; the contract's times hold for: {ways}",
            ways=ways,
        )
    elif contract is not None:
        yield from commitments(contract, asked.received, facts)


def _row(asked: Asked, severity: int | None, now: Instant) -> dict[str, Any]:
    told: dict[str, Any] = {
        "description": asked.description,
        "url": asked.url,
        "software_version": asked.software_version,
        "conformity": asked.conformity,
        "backup": asked.backup,
    }
    request = {name: value for name, value in told.items() if value} | (
        {} if asked.detected is None else {"detected_us": asked.detected}
    )
    first = asked.description.split("\n", 1)[0]
    if asked.mail is not None and asked.mail.title:
        first = asked.mail.title
    if len(first) > TITLE_LIMIT:
        first = first[: TITLE_LIMIT - 1].rstrip() + "…"
    return {
        "tenant_id": asked.tenant_id,
        "site_id": asked.site_id,
        "origin": CHANNELS[asked.channel],
        "channel": asked.channel,
        "title": {"it": first},
        "status": Status.NEW.value,
        "condition": Condition.REPORTED.value,
        "severity": severity,
        "provisional": severity is not None,
        "category": asked.category,
        "since_us": asked.detected or asked.received,
        "received_us": asked.received,
        "stored_us": now,
        "requester_id": asked.requester_id,
        "requester": dict(asked.requester) if asked.requester else None,
        "request": request,
    }


def _free_ref(db: Connection, now: Instant) -> str:
    """A public number that no ticket has."""
    identity, collision = incident_id(now, secrets.randbits(74)), 0
    while True:
        ref = ticket_ref(f"request:{identity}", collision)
        taken = select(ticket.c.ticket_id).where(ticket.c.ref == ref)
        if db.execute(taken).first() is None:
            return ref
        collision += 1
