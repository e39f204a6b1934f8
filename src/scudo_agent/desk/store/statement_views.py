"""What people see of statements at the desk: each reader those of its scope."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select

from scudo_agent.contract.exact import loads
from scudo_agent.contract.model import Contract
from scudo_agent.desk.store.contracts import last_contracts
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.ledger_tables import statement
from scudo_agent.desk.store.scope import AgentIdentity, Scope
from scudo_agent.desk.store.sites import site_rows
from scudo_agent.desk.store.tables import mail_outbox, site
from scudo_agent.desk.store.window_rows import known_services
from scudo_agent.instant import Instant
from scudo_agent.wire import Named

PAGE = 26
"""Periods of a site on one page: two years of months, and the years."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One revision; `mail` is what became of its mail, empty where there is none."""

    number: int
    made: Instant
    actor: str
    why: str
    mail: str
    whole: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodLine:
    """What was stated of a period: its revisions, the newest first.

    `end` is the instant up to which it states, `figures` are the newest revision's.
    """

    period: str
    end: str
    revisions: tuple[Revision, ...]
    figures: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteStatements:
    """A site with a contract, its newest statements first; `more`: there are older."""

    who: AgentIdentity
    customer: str
    contract: Contract
    services: tuple[Named, ...]
    lines: tuple[PeriodLine, ...]
    more: bool


class StatementViews:
    """Queries of one scope; nothing outside the scope is ever found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sites(self, scope: Scope) -> tuple[SiteStatements, ...]:
        """All sites with a contract, each with its newest statement."""
        with self._database.read(scope) as db:
            return tuple(_site(db, row, found, (0, 1)) for row, found in _of(db, scope))

    def site(
        self, scope: Scope, tenant_id: str, site_id: str, *, page: int = 1
    ) -> SiteStatements | None:
        """One site with a page of its statements; None if there is none."""
        mine = (site.c.tenant_id == tenant_id, site.c.site_id == site_id)
        with self._database.read(scope) as db:
            for row, found in _of(db, scope, *mine):
                return _site(db, row, found, ((page - 1) * PAGE, PAGE))
        return None


def _of(
    db: Connection, scope: Scope, *more: ColumnElement[bool]
) -> list[tuple[Row[Any], Contract]]:
    contracts = last_contracts(db)
    rows = db.execute(site_rows(scope, site.c.contract_id.in_(contracts), *more))
    return [(row, contracts[row.contract_id][1]) for row in rows]


def _site(
    db: Connection, row: Row[Any], contract: Contract, part: tuple[int, int]
) -> SiteStatements:
    who = AgentIdentity(tenant_id=row.tenant_id, site_id=row.site_id, agent_id="")
    skip, most = part
    mine = (statement.c.tenant_id == who.tenant_id, statement.c.site_id == who.site_id)
    periods = list(
        db.execute(
            select(statement.c.period)
            .where(*mine)
            .distinct()
            # A year stands after its last month.
            .order_by(statement.c.period.desc())
            .offset(skip)
            .limit(most + 1)
        ).scalars()
    )
    return SiteStatements(
        who=who,
        customer=row.name,
        contract=contract,
        services=tuple(known_services(db, who)),
        lines=tuple(_line(db, mine, one) for one in periods[:most]),
        more=len(periods) > most,
    )


def _line(db: Connection, mine: tuple[Any, ...], period: str) -> PeriodLine:
    query = (
        select(
            statement.c.revision,
            statement.c.made_us,
            statement.c.actor,
            statement.c.why,
            statement.c.whole_us,
            mail_outbox.c.state,
        )
        .outerjoin(mail_outbox, mail_outbox.c.mail_id == statement.c.mail_id)
        .where(*mine, statement.c.period == period)
        .order_by(statement.c.revision.desc())
    )
    rows = db.execute(query).all()
    body = select(statement.c.body).where(
        *mine, statement.c.period == period, statement.c.revision == rows[0].revision
    )
    stated = loads(db.execute(body).scalar_one())
    return PeriodLine(
        period=period,
        end=str(stated["inputs"]["at"]),
        revisions=tuple(
            Revision(
                number=row.revision,
                made=Instant(row.made_us),
                actor=row.actor,
                why=row.why or "",
                mail=row.state or "",
                whole=None if row.whole_us is None else Instant(row.whole_us),
            )
            for row in rows
        ),
        figures=tuple(stated["figures"]),
    )
