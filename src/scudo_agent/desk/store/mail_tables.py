"""The tables of mail that comes in, and of the key that reply addresses are made with.

A mail belongs to the provider, whoever sent it and whatever it is about: so no reader
of a customer's ever sees one, and what a customer may read of it is on the ticket.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Table,
    UniqueConstraint,
)

from scudo_agent.desk.store.columns import SERIAL
from scudo_agent.desk.store.columns import metadata as metadata
from scudo_agent.desk.store.columns import tenant as _tenant
from scudo_agent.desk.store.columns import text as _text
from scudo_agent.desk.store.columns import us as _us
from scudo_agent.desk.store.columns import whole as _int

mail_in = Table(
    "mail_in",
    metadata,
    Column("mail_in_id", SERIAL, primary_key=True, autoincrement=True),
    _tenant(),
    _text("fingerprint"),
    _text("source"),
    _text("outcome"),
    _text("why"),
    _text("detail", null=True),
    _text("sender"),
    _text("sender_name"),
    _text("subject"),
    _text("message_id", null=True),
    _text("customer", null=True),
    Column("person_id", BigInteger, nullable=True),
    Column("ticket_id", BigInteger, nullable=True),
    _text("ref", null=True),
    _text("proposed", null=True),
    _us("received_us"),
    _us("stored_us"),
    _int("size"),
    Column("raw", LargeBinary, nullable=True),
    _int("version", default="1"),
    _us("decided_us", null=True),
    _text("decided_by", null=True),
    UniqueConstraint("fingerprint"),
    CheckConstraint(
        "outcome IN ('landed', 'opened', 'noted', 'quarantined', 'discarded')",
        name="outcome",
    ),
    ForeignKeyConstraint(["tenant_id"], ["tenant.tenant_id"]),
)
"""A mail that came in and what became of it; `raw` is null once it is kept no more.

`why` is the rule that decided; `ref` the ticket that it is on, `proposed` one that it
may belong to; `customer` whose the sender is. `decided_by`: who decided of one that
was set aside. `received_us` is when our mail server had it.
"""
Index("ix_mail_in_outcome", mail_in.c.outcome, mail_in.c.mail_in_id)
Index("ix_mail_in_sender", mail_in.c.sender, mail_in.c.stored_us)
Index("ix_mail_in_ticket", mail_in.c.ticket_id)

desk_secret = Table(
    "desk_secret",
    metadata,
    _tenant(),
    _text("name", key=True),
    _text("secret"),
    _us("made_us"),
    ForeignKeyConstraint(["tenant_id"], ["tenant.tenant_id"]),
)
"""A key that the desk made for itself, once: it goes along with every backup."""
