"""Which months' statements are to be made and mailed, since the contract says so.

Everything follows from rows: a desk that was stopped for three months makes the three
statements when it is back, and none a second time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, select

from scudo_agent.contract.hours import local_day
from scudo_agent.contract.model import Contract
from scudo_agent.contract.part import month_span
from scudo_agent.contract.year import kept_since
from scudo_agent.desk.store.contracts import (
    ContractVersion,
    contract_versions,
    last_contracts,
)
from scudo_agent.desk.store.ledger_tables import ledger, statement
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.desk.store.tables import site
from scudo_agent.errors import ConfigError
from scudo_agent.instant import HOUR, Instant
from scudo_agent.locale.formats import zone_info

SETTLE_US = HOUR
"""So long after a period's end what is dated back into it is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A month of a site that is over, and that nobody has stated yet."""

    who: AgentIdentity
    period: str


def due_months(db: Connection, now: Instant) -> list[Due]:
    """The months that are over and not stated, of all sites with monthly mails.

    A month counts if it ended after the desk knew the site and learnt that its
    statements are mailed, and if anything was told of it: nobody gets a statement of
    a time before, nor of a site that never had an agent.
    """
    monthly = {
        name: (contract, mailed_since(db, name))
        for name, (_, contract) in last_contracts(db).items()
        if contract.statement.monthly
    }
    if not monthly:
        return []
    stated = select(
        statement.c.tenant_id, statement.c.site_id, statement.c.period
    ).where(statement.c.revision == 1)
    made = {tuple(row) for row in db.execute(stated)}
    rows = db.execute(select(site).where(site.c.contract_id.in_(list(monthly)))).all()
    found = []
    for row in rows:
        contract, since = monthly[row.contract_id]
        who = AgentIdentity(tenant_id=row.tenant_id, site_id=row.site_id, agent_id="")
        begin = max(since, Instant(row.created_us), kept_since(contract, now))
        for period, end in _months(contract, begin, now):
            key = (who.tenant_id, who.site_id, period)
            if key not in made and _told(db, who, end):
                found.append(Due(who=who, period=period))
    return found


def mailed_since(db: Connection, contract_id: str) -> Instant:
    """Since when the desk knows that the contract's statements are mailed."""
    since = Instant(0)
    for version in contract_versions(db, contract_id):
        if not _monthly(version):
            break
        since = Instant(version.stored)
    return since


def _monthly(version: ContractVersion) -> bool:
    try:
        return version.contract.statement.monthly
    except ConfigError:
        return False  # the log has said so, where it counts


def _months(
    contract: Contract, begin: Instant, now: Instant
) -> Iterator[tuple[str, Instant]]:
    """Months that end after `begin` and are over by `SETTLE_US`, with their ends."""
    zone = zone_info(contract.timezone)
    day = max(local_day(zone, begin), contract.year_start)
    year, month = day.year, day.month
    while True:
        name = f"{date(year, month, 1):%Y-%m}"
        end = month_span(contract, name)[1]
        if end + SETTLE_US > now:
            return
        if end > begin:
            yield name, end
        year, month = year + month // 12, month % 12 + 1


def _told(db: Connection, who: AgentIdentity, end: Instant) -> bool:
    query = select(ledger.c.seq).where(
        ledger.c.tenant_id == who.tenant_id,
        ledger.c.site_id == who.site_id,
        ledger.c.service.is_not(None),
        ledger.c.since_us < end,
    )
    return db.execute(query.limit(1)).first() is not None
