"""How a customer's services stand: their state now and the year's account so far.

Computed from the ledger as statements are, and kept for a few seconds: a customer's
people look at it more often than anything at it changes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from sqlalchemy import Connection

from scudo_agent.contract.account import Account, AccountYear, Timeline
from scudo_agent.contract.model import Contract
from scudo_agent.desk.store.contracts import last_contracts
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.ledger import timelines, whole
from scudo_agent.desk.store.scope import AgentIdentity, Scope
from scudo_agent.desk.store.sites import site_rows
from scudo_agent.desk.store.window_rows import (
    known_services,
    revision_of_windows,
    states,
)
from scudo_agent.desk.windows import window_of
from scudo_agent.errors import InputError
from scudo_agent.instant import MINUTE, SECOND, Instant
from scudo_agent.model import State
from scudo_agent.wire import SiteService

SILENT_US = 2 * MINUTE
"""Nothing heard for longer: what a service was is not what it is."""

_KEPT_US = 15 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceNow:
    """A service: its state, since when (None: nothing was ever told), its account.

    `account` is None where the contract does not name it or has not begun.
    """

    service: SiteService
    state: State
    since: Instant | None
    account: Account | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteNow:
    """A site as known at `at`: the last instant told of, or now when it is silent."""

    tenant_id: str
    site_id: str
    customer: str
    zone: str
    contract: Contract | None
    at: Instant
    services: tuple[ServiceNow, ...]


class Overviews:
    """Sites of one scope as they stand; nothing outside the scope is ever found."""

    def __init__(self, database: Database, now: Callable[[], Instant]) -> None:
        self._database, self._now = database, now
        self._kept: dict[tuple[str, str], tuple[Instant, object, SiteNow]] = {}
        self._lock = Lock()

    def sites(self, scope: Scope) -> tuple[SiteNow, ...]:
        """All sites of the scope, by customer and name."""
        now = self._now()
        with self._database.read(scope) as db:
            contracts = last_contracts(db)
            found = []
            for row in db.execute(site_rows(scope)):
                contract = contracts.get(row.contract_id or "", (0, None))[1]
                who = AgentIdentity(
                    tenant_id=row.tenant_id, site_id=row.site_id, agent_id=""
                )
                case = _Case(db, who, row.name, row.timezone, contract)
                found.append(self._fresh(case, now))
        return tuple(found)

    def _fresh(self, case: "_Case", now: Instant) -> SiteNow:
        """What was found a moment ago, unless windows or contract changed since."""
        key = case.who.tenant_id, case.who.site_id
        stamp = (revision_of_windows(case.db, case.who), case.contract)
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None and kept[1] == stamp and now - kept[0] < _KEPT_US:
            return kept[2]
        fresh = case.site(now)
        with self._lock:
            self._kept[key] = now, stamp, fresh
        return fresh


@dataclass(frozen=True, slots=True)
class _Case:
    """One site inside a transaction."""

    db: Connection
    who: AgentIdentity
    customer: str
    zone: str
    contract: Contract | None

    def site(self, now: Instant) -> SiteNow:
        tenant_id, site_id = self.who.tenant_id, self.who.site_id
        told = whole(self.db, tenant_id, site_id)
        at = told if told is not None and now - told <= SILENT_US else now
        lines = timelines(self.db, tenant_id, site_id)
        year = self._year(at)
        return SiteNow(
            tenant_id=tenant_id,
            site_id=site_id,
            customer=self.customer,
            zone=self.zone,
            contract=self.contract,
            at=at,
            services=tuple(
                _service(one, lines.get(one.id, []), at, year)
                for one in known_services(self.db, self.who)
            ),
        )

    def _year(self, at: Instant) -> AccountYear | None:
        """The contract year that runs; None without a contract, or before it began."""
        if self.contract is None:
            return None
        windows = [window_of(one) for one in states(self.db, self.who)]
        try:
            return AccountYear(self.contract, windows, at=at)
        except InputError:
            return None


def _service(
    service: SiteService, line: Timeline, at: Instant, year: AccountYear | None
) -> ServiceNow:
    # Up to `at` itself everything was told: what lies behind it is not yet heard.
    past = [(state, since) for state, since in line if since < at]
    state, since = past[-1] if past else (State.UNKNOWN, None)
    account = None
    if year is not None and service.contracted:
        account = year.account(service.id, past)
    return ServiceNow(service=service, state=state, since=since, account=account)
