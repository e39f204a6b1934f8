"""Statements of account at the desk: from contract, ledger and windows.

A closed period is stated once. What is learnt later never changes it silently: a
correction is a revision of its own, which says what changed, who made it and why.
"""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import DBAPIError

from scudo_agent.config.history_file import history_of_data
from scudo_agent.config.statement_file import accounts_of, made
from scudo_agent.config.window_file import windows_of_data
from scudo_agent.contract.calendar import Calendar
from scudo_agent.contract.exact import dumps, loads
from scudo_agent.contract.hours import wall
from scudo_agent.contract.part import month_span, year_of_month
from scudo_agent.contract.statement import Inputs, correction
from scudo_agent.contract.year import KEPT_YEARS
from scudo_agent.desk.store.contracts import (
    ContractVersion,
    contract_of,
    last_version,
)
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.ledger import timelines, whole
from scudo_agent.desk.store.ledger_tables import statement
from scudo_agent.desk.store.post import Posting
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.desk.store.statement_dues import (
    SETTLE_US,
    Due,
    due_months,
    mailed_since,
)
from scudo_agent.desk.store.statement_post import post_statement
from scudo_agent.desk.store.tables import site
from scudo_agent.desk.store.window_rows import known_services, states
from scudo_agent.errors import ConfigError, InputError
from scudo_agent.instant import DAY, Instant, format_instant, local_stamp
from scudo_agent.intervals import Interval

PATIENCE_US = 3 * DAY
"""So long after a period's end an agent is waited for that has not told it all."""

AT_ONCE = 20
"""Statements that are made in one go: others want the database, too."""

_log = logging.getLogger(__name__)
_PERIOD = re.compile(r"\d{4}(-(0[1-9]|1[0-2]))?")


class DroppedError(InputError):
    """Of the period nothing is kept any more: a statement would be of what is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A statement; `revision` 0: of a period that is not closed, and not kept.

    `whole` is up to when the ledger was whole when it was made (None: nobody knows),
    `mailed` whether it goes out by mail.
    """

    period: str
    revision: int
    sha256: str
    body: bytes
    made: Instant
    actor: str
    why: str | None
    whole: Instant | None = None
    mailed: bool = False


class Statements:
    """The statements of all sites; each method is one transaction."""

    def __init__(
        self, database: Database, now: Callable[[], Instant], posting: Posting
    ) -> None:
        self._database = database
        self._now = now
        self._host = posting.message_host
        self._refused: set[Due] = set()

    def of_site(self, who: AgentIdentity) -> list[Stated]:
        """All that was stated of a site, the newest first."""
        query = (
            select(statement)
            .where(*_mine(who))
            .order_by(statement.c.period.desc(), statement.c.revision.desc())
        )
        with self._database.read() as db:
            return [_stated(row) for row in db.execute(query)]

    def get(
        self, who: AgentIdentity, period: str, *, revision: int | None = None
    ) -> Stated:
        """The statement of a month (`2026-11`) or a contract year (`2026`).

        Of a closed period it is made now if it is whole and was not made before.
        `InputError` where there is none, `DroppedError` where there was one.
        """
        now = self._now()
        with self._database.write() as db:
            found = _stored(db, who, period, revision)
            if found is not None:
                return found
            if revision is not None:
                raise InputError(f"there is no revision {revision} of {period}")
            case = _Case(db, who, period)
            case.kept()
            ready = case.ready(now)
            at = case.end if ready else min(now, case.end)
            new = case.state(at, revision=int(ready), now=now)
            case.begun()
            return self._keep(db, case, new) if ready else new

    def correct(
        self, who: AgentIdentity, period: str, *, by: str, reason: str
    ) -> Stated:
        """State a closed period anew from what is known now.

        The last revision comes back where nothing else follows from it.
        """
        now = self._now()
        with self._database.write() as db:
            before = _stored(db, who, period, None)
            if before is None:
                raise InputError(f"{period} was not stated yet: nothing to correct")
            case = _Case(db, who, period)
            case.kept()
            new = case.state(
                case.end, revision=before.revision + 1, now=now, before=before, by=by,
                reason=reason,
            )  # fmt: skip
            old, fresh = loads(before.body), loads(new.body)
            if old["inputs_sha256"] == fresh["inputs_sha256"]:
                return before
            return self._keep(db, case, new)

    def mail_due(self) -> tuple[int, Instant | None]:
        """State the months that are over where the contract has them mailed.

        Each is made when it can be made for good (`_Case.ready`): revision and mail
        are one transaction. Returns how many were made, and when to go on.
        """
        now = self._now()
        with self._database.read() as db:
            found = due_months(db, now)
        done = 0
        for one in found:
            if done == AT_ONCE:
                return done, now
            try:
                if self._ready(one, now):
                    done += self.get(one.who, one.period).revision > 0
            except DBAPIError:
                raise  # the database's own trouble is not this site's
            except Exception as exc:  # noqa: BLE001 - the other sites are stated
                self._refuse(one, exc)
        return done, None

    def _refuse(self, one: Due, exc: Exception) -> None:
        """Log it once: what no rule foresees with where it came from."""
        if one not in self._refused:
            where = f"{one.who.tenant_id}/{one.who.site_id}"
            trace = None if isinstance(exc, InputError) else exc
            said = "%s: no statement of %s: %s"
            _log.error(said, where, one.period, exc, exc_info=trace)
        self._refused.add(one)

    def _ready(self, one: Due, now: Instant) -> bool:
        """Whether it is worth the writer's time."""
        with self._database.read() as db:
            return _Case(db, one.who, one.period).ready(now)

    def _keep(self, db: Connection, case: "_Case", new: Stated) -> Stated:
        """Store a revision, and the mail that brings it where the contract says so."""
        mail_id = None
        if case.mailed(new.revision):
            of = (new.period, new.revision, new.sha256)
            mail_id = post_statement(db, case.who, of=of, host=self._host, now=new.made)
        row = {
            "tenant_id": case.who.tenant_id,
            "site_id": case.who.site_id,
            "period": new.period,
            "revision": new.revision,
            "sha256": new.sha256,
            "body": new.body,
            "made_us": new.made,
            "actor": new.actor,
            "why": new.why,
            "whole_us": new.whole,
            "mail_id": mail_id,
        }
        db.execute(insert(statement).values(row))
        return replace(new, mailed=mail_id is not None)


class _Case:
    """What a period of a site is stated from."""

    def __init__(self, db: Connection, who: AgentIdentity, period: str) -> None:
        if not _PERIOD.fullmatch(period):
            raise InputError(f"'{period}' is neither a month (2026-11) nor a year")
        self._db, self.who, self._period = db, who, period
        self._version = _contract(db, who)
        self._calendar = Calendar(self._version.contract)
        self.start, self.end = self._span()

    def _span(self) -> Interval:
        contract = self._version.contract
        if "-" in self._period:
            return month_span(contract, self._period)
        try:
            days = self._calendar.contract_days(int(self._period))
            first, last = (wall(self._calendar.zone, day, 0) for day in days)
        except OverflowError:
            raise InputError(f"{self._period} is beyond the calendar") from None
        return first, last

    def kept(self) -> None:
        """`DroppedError` if the ledger of a part of it was dropped."""
        mine = (
            site.c.tenant_id == self.who.tenant_id,
            site.c.site_id == self.who.site_id,
        )
        dropped = self._db.execute(select(site.c.dropped_us).where(*mine)).scalar()
        if self.start < (dropped or 0):
            raise DroppedError(
                f"{self._period} is not kept any more: of uptime the desk keeps "
                f"{KEPT_YEARS} contract years before the running one"
            )

    def begun(self) -> None:
        """`InputError` if the period was over before there was anything here."""
        mine = (
            site.c.tenant_id == self.who.tenant_id,
            site.c.site_id == self.who.site_id,
        )
        known = self._db.execute(select(site.c.created_us).where(*mine)).scalar_one()
        if self.end > known:
            return
        # What an agent that is older than this desk told of comes first.
        told = timelines(self._db, self.who.tenant_id, self.who.site_id)
        since = min([known, *(points[0][1] for points in told.values() if points)])
        if self.end <= since:
            at = local_stamp(Instant(since), self._version.contract.timezone)
            raise InputError(
                f"{self._period} was over before anything was measured here: the site "
                f"is known since {at}"
            )

    def ready(self, now: Instant) -> bool:
        """Whether it can be stated for good: over, and told whole or given up."""
        if now >= self.end + PATIENCE_US:
            return True
        known = self._whole()
        return known is not None and known >= self.end + SETTLE_US

    def mailed(self, revision: int) -> bool:
        """Whether this revision goes out by mail.

        Months from when the desk learnt that they are mailed on, and corrections.
        """
        if "-" not in self._period or not self._version.contract.statement.monthly:
            return False
        since = mailed_since(self._db, self._version.contract_id)
        return bool(self._services()) and (revision > 1 or self.end > since)

    def _whole(self) -> Instant | None:
        return whole(self._db, self.who.tenant_id, self.who.site_id)

    def state(
        self,
        at: Instant,
        *,
        revision: int,
        now: Instant,
        before: Stated | None = None,
        by: str = "",
        reason: str = "",
    ) -> Stated:
        """The statement as known at `at`."""
        if at < self.start:
            raise InputError(f"{self._period} has not begun")
        said, version = format_instant(at), self._version
        history, faults = history_of_data(self._history(at), name="the ledger")
        told = [
            one.model_dump(mode="json", exclude={"corrections"})
            for one in states(self._db, self.who)
        ]
        windows, more = windows_of_data(told, name="the desk's windows")
        if faults or more:
            raise ConfigError([*faults, *more])
        month = self._period if "-" in self._period else None
        year = self._year(at)
        services = self._services()
        accounts = accounts_of(
            version.contract, history, windows, request=(said, year), services=services
        )
        inputs = Inputs(
            contract=version.body,
            history=history.body,
            windows=windows.body,
            at=said,
            year=year,
            services=services,
            month=month,
        )
        body = made(inputs, accounts, revision=max(revision, 1))
        if before is not None:
            old, changed = loads(before.body), body["figures"]
            corrects = correction(
                old, changed, by=by, reason=reason, at=format_instant(now)
            )
            body = made(inputs, accounts, revision=revision, corrects=corrects)
        return Stated(
            period=self._period,
            revision=revision,
            sha256=str(body["sha256"]),
            body=(dumps(body) + "\n").encode(),
            made=now,
            actor=by or "desk",
            why=reason or None,
            whole=self._whole(),
        )

    def _services(self) -> list[str]:
        known = known_services(self._db, self.who)
        return [one.id for one in known if one.contracted]

    def _year(self, at: Instant) -> int:
        if "-" not in self._period:
            return int(self._period)
        return year_of_month(self._calendar, self._period, at)

    def _history(self, at: Instant) -> list[dict[str, Any]]:
        wanted = self._services()
        found = timelines(self._db, self.who.tenant_id, self.who.site_id)
        return [
            {"t": format_instant(since), "service": service, "state": state.value}
            for service, points in sorted(found.items())
            if service in wanted
            for state, since in points
            if since <= at
        ]


def _contract(db: Connection, who: AgentIdentity) -> ContractVersion:
    contract_id, revision = contract_of(db, who)
    version = last_version(db, contract_id) if contract_id and revision else None
    if version is None:
        raise InputError(f"{who.site_id} has no contract: there is nothing to state")
    return version


def _stored(
    db: Connection, who: AgentIdentity, period: str, revision: int | None
) -> Stated | None:
    query = select(statement).where(*_mine(who), statement.c.period == period)
    if revision is not None:
        query = query.where(statement.c.revision == revision)
    row = db.execute(query.order_by(statement.c.revision.desc()).limit(1)).first()
    return None if row is None else _stated(row)


def _mine(who: AgentIdentity) -> tuple[Any, ...]:
    return (
        statement.c.tenant_id == who.tenant_id,
        statement.c.site_id == who.site_id,
    )


def _stated(row: Any) -> Stated:
    return Stated(
        period=row.period,
        revision=row.revision,
        sha256=row.sha256,
        body=row.body,
        made=Instant(row.made_us),
        actor=row.actor,
        why=row.why,
        whole=None if row.whole_us is None else Instant(row.whole_us),
        mailed=row.mail_id is not None,
    )
