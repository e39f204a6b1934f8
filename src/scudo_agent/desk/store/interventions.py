"""The mutes and pauses of agents, as each told them last (`domain.md` 4)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select

from scudo_agent.desk.store.agent_tables import intervention
from scudo_agent.desk.store.clones import cloned
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.scope import AgentIdentity, Scope
from scudo_agent.desk.store.tables import site, tenant
from scudo_agent.desk.store.window_tables import site_service
from scudo_agent.instant import Instant, format_instant, parse_instant
from scudo_agent.wire_site import Intervention

_MINE = (
    select(intervention)
    .where(intervention.c.agent_id == bindparam("who"))
    .order_by(intervention.c.since_us, intervention.c.intervention_id)
)
_FORGET = delete(intervention).where(intervention.c.agent_id == bindparam("who"))
_KEEP = insert(intervention)


@dataclass(frozen=True, slots=True, kw_only=True)
class InterventionLine:
    """A mute or a pause that is in force, and whose it is.

    `title` is the service's by language; of targets and checks there is none.
    """

    tenant_id: str
    customer: str
    site_id: str
    zone: str
    kind: str
    scope: str
    name: str
    title: dict[str, str]
    since: Instant
    until: Instant
    reason: str
    actor: str

    def covers(
        self, subject: str, services: Sequence[str], checks: Sequence[str]
    ) -> bool:
        """Whether it is about an incident: its subject, services and checks."""
        kind, _, name = subject.partition(":")
        if self.scope == "service":
            known = {one.removeprefix("service:") for one in services}
            return self.name in known or (kind, name) == ("service", self.name)
        paths = [*checks, *([] if kind == "service" else [name])]
        if self.scope == "target":
            return any(path.startswith(f"{self.name}/") for path in paths)
        return self.name in paths


class InterventionBook:
    """What is muted or paused at the sites; each method is one transaction."""

    def __init__(self, database: Database, now: Callable[[], Instant]) -> None:
        self._database = database
        self._now = now

    def put(self, who: AgentIdentity, told: Sequence[Intervention]) -> bool:
        """Keep what an agent has in force, instead of what it told before.

        False, and nothing is kept, while there are two of this agent.
        """
        mine = {"who": who.agent_id}
        with self._database.read() as db:
            if cloned(db, who.agent_id):
                return False
            if _known(db, mine) == list(told):
                return True
        with self._database.write() as db:
            now = self._now()
            db.execute(_FORGET, mine)
            if told:
                db.execute(_KEEP, [_row(who, one, now) for one in told])
        return True

    def lines(self, scope: Scope) -> tuple[InterventionLine, ...]:
        """Those in force at the sites that a reader may see, by customer and site.

        One that ended while its agent was away ends here by itself.
        """
        now, table = self._now(), intervention.c
        query = (
            select(
                intervention, tenant.c.name.label("customer"), site.c.timezone,
                site_service.c.title,
            )
            .join(tenant, tenant.c.tenant_id == table.tenant_id)
            .join(
                site,
                (site.c.tenant_id == table.tenant_id)
                & (site.c.site_id == table.site_id),
            )
            .outerjoin(
                site_service,
                (site_service.c.tenant_id == table.tenant_id)
                & (site_service.c.site_id == table.site_id)
                & (site_service.c.service_id == table.name)
                & (table.scope == "service"),
            )
            .where(table.until_us > now)
            .order_by(tenant.c.name, table.site_id, table.since_us, table.name)
        )  # fmt: skip
        if scope.tenant_id is not None:
            query = query.where(table.tenant_id == scope.tenant_id)
        if scope.site_id is not None:
            query = query.where(table.site_id == scope.site_id)
        with self._database.read(scope) as db:
            rows = db.execute(query).all()
        return tuple(
            InterventionLine(
                tenant_id=row.tenant_id,
                customer=row.customer,
                site_id=row.site_id,
                zone=row.timezone,
                kind=row.kind,
                scope=row.scope,
                name=row.name,
                title=dict(row.title or {}),
                since=Instant(row.since_us),
                until=Instant(row.until_us),
                reason=row.reason,
                actor=row.actor,
            )
            for row in rows
        )


def _known(db: Connection, mine: dict[str, str]) -> list[Intervention]:
    return [
        Intervention(
            id=row.intervention_id,
            kind=row.kind,
            scope=row.scope,
            name=row.name,
            since=format_instant(row.since_us),
            until=format_instant(row.until_us),
            reason=row.reason,
            actor=row.actor,
        )
        for row in db.execute(_MINE, mine)
    ]


def _row(who: AgentIdentity, one: Intervention, now: Instant) -> dict[str, object]:
    return {
        "tenant_id": who.tenant_id,
        "agent_id": who.agent_id,
        "intervention_id": one.id,
        "site_id": who.site_id,
        "kind": one.kind,
        "scope": one.scope,
        "name": one.name,
        "since_us": parse_instant(one.since),
        "until_us": parse_instant(one.until),
        "reason": one.reason,
        "actor": one.actor,
        "told_us": now,
    }
