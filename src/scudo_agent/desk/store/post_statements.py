"""Statements of the mail outbox's writing side, for rows of one ticket at a time.

Made once: making a statement costs more than running it.
"""

from sqlalchemy import bindparam, func, insert, or_, select, update

from scudo_agent.desk.store.tables import mail_outbox, tenant

_of_tenant = mail_outbox.c.tenant_id == bindparam("tenant")
_of_ticket = (_of_tenant, mail_outbox.c.ticket_id == bindparam("ticket"))
_unleased = or_(
    mail_outbox.c.lease_until_us.is_(None),
    mail_outbox.c.lease_until_us <= bindparam("now"),
)
"""Nobody is sending it just now."""

PUT = insert(mail_outbox)
POSTPONE = (
    update(mail_outbox)
    .where(mail_outbox.c.mail_id == bindparam("mail"))
    .values(next_us=bindparam("due"))
)
# Looked for by its ticket: going through all mails by number takes the longer the
# more there are, and SQLite would, for the order (hence the `+`).
_place = mail_outbox.c.mail_id.op("+")(0)
GATHERING = (
    select(
        mail_outbox.c.mail_id,
        mail_outbox.c.message_id,
        mail_outbox.c.created_us,
        mail_outbox.c.next_us,
    )
    .where(
        *_of_ticket, mail_outbox.c.state == "pending", mail_outbox.c.digest, _unleased
    )
    .order_by(_place.desc())
    .limit(1)
)
LAST = (
    select(mail_outbox.c.message_id)
    .where(
        *_of_ticket,
        mail_outbox.c.state.in_(("pending", "sent")),
        # What a person wrote tells nothing of a stage.
        mail_outbox.c.incident_id.is_not(None),
    )
    .order_by(_place.desc())
    .limit(1)
)
FIRST_MAIL = (
    select(func.coalesce(mail_outbox.c.folded_into, mail_outbox.c.message_id))
    .where(*_of_ticket)
    .order_by(_place)
    .limit(1)
)
SAME = select(mail_outbox.c.mail_id).where(
    _of_tenant,
    mail_outbox.c.incident_id == bindparam("incident"),
    mail_outbox.c.kind == bindparam("kind"),
    mail_outbox.c.rev == bindparam("rev"),
)
READER = select(tenant.c.mail, tenant.c.language).where(
    tenant.c.tenant_id == bindparam("tenant")
)
FOLD = (
    update(mail_outbox)
    .where(
        _of_tenant,
        mail_outbox.c.incident_id == bindparam("incident"),
        mail_outbox.c.rev < bindparam("before"),
        mail_outbox.c.kind.in_(bindparam("kinds", expanding=True)),
        mail_outbox.c.state == "pending",
        ~mail_outbox.c.digest,
        _unleased,
    )
    .values(
        state="folded", fold_rule=bindparam("by_rule"), folded_into=bindparam("into")
    )
)
