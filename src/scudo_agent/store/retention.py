"""What the agent's store drops after eleven contract years, and what never.

The account must be able to say how things stood at the first instant that is kept: of
each check the change that held then stays, and of each service the entry. Nothing that
the desk has not acknowledged is dropped, however old it is.
"""

from sqlalchemy import Connection, delete, exists, func, select

from scudo_agent.instant import Instant
from scudo_agent.model import State
from scudo_agent.store import ledger, schema
from scudo_agent.store.values import IncidentState

_change = schema.check_change
_ledger = schema.ledger_outbox
_incident = schema.incident


def drop_before(connection: Connection, since: Instant, *, at: Instant) -> int:
    """Drop what is told of time before `since`; how many rows."""
    return (
        _changes(connection, since)
        + _told(connection, since, at)
        + _incidents(connection, since)
        + _life(connection, since)
    )


def _changes(connection: Connection, since: Instant) -> int:
    """Changes of a check before the one that held at `since`.

    A later one that began no later undoes them: they count for nothing that is kept.
    """
    standing = connection.execute(
        select(_change.c.check, func.max(_change.c.id))
        .where(_change.c.since_us <= since, _change.c.withdrawn_at_us.is_(None))
        .group_by(_change.c.check)
    ).all()
    return sum(
        connection.execute(
            delete(_change).where(_change.c.check == check, _change.c.id < last)
        ).rowcount
        for check, last in standing
    )


def _told(connection: Connection, since: Instant, at: Instant) -> int:
    """The first rows of the ledger, up to the first that still stands at `since`.

    Rows go from the beginning only: a chain with a hole looks altered. A service that
    has not changed since is told again as it stands, so that it holds up no other.
    """
    _tell_again(connection, since, at)
    standing = (
        select(func.max(_ledger.c.seq).label("seq"))
        .where(_ledger.c.since_us <= since)
        .group_by(_ledger.c.service)
    )
    fresh = (
        select(func.min(_ledger.c.seq).label("seq"))
        .group_by(_ledger.c.service)
        .having(func.min(_ledger.c.since_us) > since)
    )
    both = standing.union_all(fresh).subquery()
    first = connection.execute(select(func.min(both.c.seq))).scalar()
    head, acked = ledger.head_of(connection)
    if first is None:
        return 0
    last = min(int(first) - 1, acked, head - 1)
    return connection.execute(delete(_ledger).where(_ledger.c.seq <= last)).rowcount


def _tell_again(connection: Connection, since: Instant, at: Instant) -> None:
    newest = (
        select(func.max(_ledger.c.seq).label("seq"))
        .group_by(_ledger.c.service)
        .subquery()
    )
    rows = connection.execute(
        select(_ledger.c.service, _ledger.c.state)
        .join(newest, newest.c.seq == _ledger.c.seq)
        .where(_ledger.c.since_us < since, _ledger.c.created_us < since)
        .order_by(_ledger.c.seq)
    ).all()
    for service, state in rows:
        ledger.tell_again(connection, service, State(state), since=since, at=at)


def _incidents(connection: Connection, since: Instant) -> int:
    """Incidents that are over and acknowledged, with all their stages."""
    waits = exists().where(
        schema.outbox.c.incident_id == _incident.c.incident_id,
    )
    gone = delete(_incident).where(
        _incident.c.state == IncidentState.SEALED.value,
        _incident.c.recovered_us < since,
        ~waits,
    )
    return connection.execute(gone).rowcount


def _life(connection: Connection, since: Instant) -> int:
    """Starts and stops, and isolations that are over."""
    run, isolation = schema.agent_run, schema.isolation
    last = select(func.max(run.c.id)).scalar_subquery()
    gone = delete(run).where(run.c.at_us < since, run.c.id < last)
    apart = delete(isolation).where(isolation.c.until_us < since)
    return connection.execute(gone).rowcount + connection.execute(apart).rowcount
