"""What people see of windows at the desk: each reader those of its scope."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, select

from scudo_agent.contract.model import Contract
from scudo_agent.desk.store.contracts import last_contracts
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.scope import AgentIdentity, Scope
from scudo_agent.desk.store.sites import site_rows
from scudo_agent.desk.store.tables import mail_outbox, site
from scudo_agent.desk.store.window_rows import known_services, states
from scudo_agent.desk.store.window_tables import window, window_announcement
from scudo_agent.desk.windows import standing, window_of
from scudo_agent.instant import DAY, Instant
from scudo_agent.wire import Named
from scudo_agent.wire_site import WindowState

SHOWN_US = 100 * DAY
"""Windows that ended longer ago are not on the page; the API has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowLine:
    """A window with whose it is; `mail` is what became of its last notice."""

    state: WindowState
    customer: str
    site_id: str
    zone: str
    contract: Contract | None
    services: tuple[Named, ...]
    mail: str


def window_lines(
    database: Database, scope: Scope, now: Instant
) -> tuple[WindowLine, ...]:
    """The windows of the scope's sites that are planned, open, or over not long ago."""
    with database.read(scope) as db:
        contracts = last_contracts(db)
        mails = _mails(db)
        lines: list[WindowLine] = []
        for row in db.execute(_sites(scope)):
            who = AgentIdentity(
                tenant_id=row.tenant_id, site_id=row.site_id, agent_id=""
            )
            contract = contracts.get(row.contract_id or "")
            services = tuple(known_services(db, who))
            lines += [
                WindowLine(
                    state=state,
                    customer=row.name,
                    site_id=row.site_id,
                    zone=row.timezone,
                    contract=None if contract is None else contract[1],
                    services=services,
                    mail=mails.get(state.id, ""),
                )
                for state in states(db, who)
                if standing(window_of(state)).end > now - SHOWN_US
            ]
    return tuple(lines)


def _sites(scope: Scope) -> Select[Any]:
    having = select(window.c.tenant_id).where(
        window.c.tenant_id == site.c.tenant_id, window.c.site_id == site.c.site_id
    )
    return site_rows(scope, having.exists())


def _mails(db: Connection) -> dict[str, str]:
    """What became of each window's last notice of a time."""
    query = (
        select(window_announcement.c.window_id, mail_outbox.c.state)
        .join(
            mail_outbox,
            (mail_outbox.c.tenant_id == window_announcement.c.tenant_id)
            & (mail_outbox.c.mail_id == window_announcement.c.mail_id),
        )
        .order_by(window_announcement.c.window_id, window_announcement.c.number)
    )
    return {row.window_id: row.state for row in db.execute(query)}
