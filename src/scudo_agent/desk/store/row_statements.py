"""The statements behind `rows`, each made once.

Making a statement costs more than running it, and a storm runs thousands.
"""

from sqlalchemy import bindparam, delete, func, insert, select, update

from scudo_agent.desk.lifecycle import Condition
from scudo_agent.desk.store.tables import held_stage, incident, ticket, ticket_event

COUNTS = func.coalesce(incident.c.aside_us, 0) == 0
"""What is set aside says nothing of how its ticket is (`desk.store.pairs`)."""

_of_tenant = incident.c.tenant_id == bindparam("tenant")
_this = (_of_tenant, incident.c.incident_id == bindparam("id"))
_others = (
    _of_tenant,
    incident.c.ticket_id == bindparam("ticket"),
    incident.c.incident_id != bindparam("besides"),
)
_of_subject = (
    _of_tenant,
    incident.c.site_id == bindparam("at_site"),
    incident.c.subject_key == bindparam("subject"),
)

INCIDENT = select(incident).where(*_this)
INCIDENTS = select(incident).where(
    _of_tenant, incident.c.incident_id.in_(bindparam("ids", expanding=True))
)
NEW_INCIDENT = insert(incident)
PUT_INCIDENT = update(incident).where(*_this)
HOLDER = select(incident.c.ticket_id).where(
    *_of_subject,
    incident.c.subject_open,
    incident.c.incident_id != bindparam("besides"),
)
HEIR = (
    select(incident.c.incident_id)
    .where(*_of_subject, incident.c.condition == Condition.BAD.value, COUNTS)
    .order_by(incident.c.opened_us, incident.c.incident_id)
    .limit(1)
)
IS_SO = (
    select(incident.c.incident_id)
    .where(*_others, incident.c.condition == bindparam("so"), COUNTS)
    .limit(1)
)
SILENT = select(incident.c.incident_id, incident.c.subject_key).where(
    *_others,
    incident.c.condition == Condition.BAD.value,
    incident.c.aside_us > 0,
)
"""What was set aside, since the other agent saw the end."""
ENDED = select(func.max(incident.c.ended_us)).where(*_others)
WORST = select(func.min(incident.c.severity)).where(*_others)

_held = (
    held_stage.c.tenant_id == bindparam("tenant"),
    held_stage.c.incident_id == bindparam("id"),
    held_stage.c.rev == bindparam("number"),
)
_of_agent = held_stage.c.agent_id == bindparam("agent")
HELD = select(held_stage.c.rev).where(*_held)
ANY_HELD = (
    select(held_stage.c.rev)
    .where(held_stage.c.tenant_id == bindparam("tenant"), _of_agent)
    .limit(1)
)
HOLD = insert(held_stage)
OWN_HELD = select(held_stage.c.stage).where(*_held, _of_agent)
RELEASE = delete(held_stage).where(*_held, _of_agent)

_ticket = ticket.c.ticket_id == bindparam("ticket")
TICKET = select(ticket).where(_ticket)
REF = select(ticket.c.ref).where(_ticket)
TAKEN = select(ticket.c.ticket_id).where(ticket.c.ref == bindparam("number"))
NEW_TICKET = insert(ticket).returning(ticket.c.ticket_id)
PUT_TICKET = update(ticket).where(_ticket)
NOTE = insert(ticket_event).returning(ticket_event.c.event_id)
