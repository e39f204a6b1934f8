"""The last instant that a store knows of: its time never runs backwards."""

from sqlalchemy import Connection, func, select

from scudo_agent.instant import Instant
from scudo_agent.store import schema


def last_instant(connection: Connection) -> Instant:
    """The latest stored instant; dates lie never after what decided them."""
    change, run, incident = schema.check_change, schema.agent_run, schema.incident
    columns = (
        schema.liveness.c.at_us,
        schema.liveness.c.clean_us,
        schema.check_state.c.decided_us,
        schema.check_seen.c.at_us,
        change.c.decided_us,
        change.c.withdrawn_at_us,
        run.c.at_us,
        schema.isolation.c.since_us,
        schema.isolation.c.until_us,
        incident.c.opened_us,
        incident.c.recovered_us,
        schema.outbox.c.created_us,
        schema.outbox.c.acked_us,
        schema.outbox.c.quarantined_us,
        schema.ledger_outbox.c.created_us,
        schema.ledger_outbox.c.acked_us,
        schema.ledger_outbox.c.quarantined_us,
        schema.window_copy.c.fetched_us,
        schema.intervention.c.since_us,
        schema.intervention.c.ended_us,
    )
    found = (
        connection.execute(select(func.max(column))).scalar_one() for column in columns
    )
    return Instant(max((at for at in found if at is not None), default=0))
