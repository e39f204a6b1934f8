"""A desk to which mail comes, for tests: a customer, a ticket, and what is sent."""

from dataclasses import replace
from typing import Any

from sqlalchemy import select

from scudo_agent.desk.rights import Role
from scudo_agent.desk.store.mail_in import Landed, MailIn
from scudo_agent.desk.store.mail_tables import mail_in
from scudo_agent.desk.store.reply_address import ReplyAddresses
from scudo_agent.desk.store.scope import Scope
from scudo_agent.desk.store.tables import ticket_event
from scudo_agent.instant import HOUR, SECOND
from support.desking import Bench, stage
from support.mail_shapes import OWN
from support.people import new_person

CUSTOMER = "ufficio@acme.example"
"""A referent of the customer `acme`, whose own address is `it@acme.example`."""


class Door:
    """Where mails come in at a desk with the reply address `OWN`."""

    def __init__(self, b: Bench, own: str = OWN) -> None:
        self.b = b
        store = b.desk.store
        posting = replace(store.mail_in._posting, reply_address=own)
        filing = store.mail_in._filing
        self.mail_in = MailIn(store.database, store.now, posting, filing)
        self.addresses = ReplyAddresses(store.database, store.now, own)

    def land(self, raw: bytes, **given: Any) -> Landed:
        """One mail comes in."""
        return self.mail_in.land(raw, source="pipe", **given)

    def reply_to(self, ref: str, recipient: str = "it@acme.example") -> str:
        """Where a reader of the ticket's mails answers."""
        made = self.addresses.make(ref, recipient)
        assert made is not None
        return made

    def entries(self, ref: str) -> list[Any]:
        """The ticket's history, with what only the provider sees."""
        view = self.b.desk.store.views.ticket(Scope.of_staff(), ref)
        assert view is not None
        return list(view.entries)

    def row(self, landed: Landed) -> Any:
        """The mail's row."""
        with self.b.desk.store.database.read() as db:
            mine = mail_in.c.mail_in_id == landed.number
            return db.execute(select(mail_in).where(mine)).one()

    def count(self) -> tuple[int, int]:
        """How many mails came in, and how many entries all histories have."""
        with self.b.desk.store.database.read() as db:
            mails = len(db.execute(select(mail_in.c.mail_in_id)).all())
            return mails, len(db.execute(select(ticket_event.c.event_id)).all())

    def later(self, hours: float = 2) -> None:
        """Nothing of what came counts as of this hour any more."""
        self.b.clock.forward(hours * HOUR / SECOND)


async def door(b: Bench) -> tuple[Door, str]:
    """A desk with customer `acme`, its people, and a ticket by its agent: the number.

    Its opening went to `it@acme.example`.
    """
    speaker = await b.agent()
    people = b.desk.store.people
    people.add(
        new_person(Role.REFERENT, mail=CUSTOMER, name="Ufficio Acme"), actor="test"
    )
    reply = await speaker.send(stage())
    assert reply.status_code == 200
    (line,) = await speaker.tickets()
    await b.desk.send_mails()
    return Door(b), str(line["ref"])
