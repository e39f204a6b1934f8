"""The desk's own incidents: about agents and itself, for the provider alone.

They go the way of every stage (1.4): incident, ticket, history and mail in one
transaction, and a relapse within four hours re-opens the same ticket.
"""

import secrets
from typing import Any

from sqlalchemy import Connection, Row, select

from scudo_agent.desk.lifecycle import Condition
from scudo_agent.desk.store.apply import Applier
from scudo_agent.desk.store.post import Posting
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.desk.store.tables import incident
from scudo_agent.incident import incident_id
from scudo_agent.instant import HOUR, Instant, format_instant
from scudo_agent.model import Kind
from scudo_agent.text import Text
from scudo_agent.wire import Named, Outage, Stage

RELAPSE_US = 4 * HOUR
_BITS = 74


class _Desk(AgentIdentity):
    """The desk itself, speaking of a site."""

    @property
    def actor(self) -> str:
        """How history names it."""
        return "desk"


class OwnIncidents:
    """The desk's incidents about one site, within the transaction `db`.

    `name`: what they are about, if it is not the site.
    """

    def __init__(
        self,
        db: Connection,
        where: tuple[str, str],
        *,
        now: Instant,
        posting: Posting,
        name: str | None = None,
    ) -> None:
        tenant_id, site_id = where
        self._name = site_id if name is None else name
        self._db = db
        self._now = now
        self._who = _Desk(tenant_id=tenant_id, site_id=site_id, agent_id="desk")
        self._applier = Applier(db, self._who, now=now, posting=posting)

    def standing(self, about: str) -> Row[Any] | None:
        """The incident about it that is open."""
        last = self._last(about)
        return last if last is not None and last.condition == _BAD else None

    def open(self, about: str, since: Instant, *, note: Text | None = None) -> str:
        """Open it, or open it again; the incident's id. Open already: nothing."""
        last = self._last(about)
        if last is not None and last.condition == _BAD:
            return str(last.incident_id)
        again = last is not None and self._now - (last.ended_us or 0) < RELAPSE_US
        identity = (
            last.incident_id
            if last is not None and again
            else incident_id(self._now, secrets.randbits(_BITS))
        )
        self._tell(
            Kind.REOPEN if again else Kind.OPEN,
            identity,
            about=about,
            rev=last.rev + 1 if last is not None and again else 1,
            since=since,
            note=note,
        )
        return str(identity)

    def add(self, about: str, note: Text) -> None:
        """A further word on the incident that is open; nobody gets a mail of it."""
        last = self.standing(about)
        if last is not None:
            self._tell(
                Kind.NOTE,
                last.incident_id,
                about=about,
                rev=last.rev + 1,
                since=Instant(last.since_us),
                note=note,
            )

    def recover(
        self,
        about: str,
        until: Instant,
        *,
        note: Text | None = None,
        gathers: str | None = None,
    ) -> bool:
        """End it, dated `until`; false if it was not open.

        `gathers` is the rule by which its mail stands for what still waits.
        """
        last = self.standing(about)
        if last is None:
            return False
        since, end = last.since_us, max(until, last.since_us)
        outage = Outage(
            since=format_instant(Instant(since)),
            until=format_instant(Instant(end)),
            down_us=0,
            degraded_us=0,
            unknown_us=end - since,
        )
        told = self._tell(
            Kind.RECOVER,
            last.incident_id,
            about=about,
            rev=last.rev + 1,
            since=Instant(since),
            note=note,
            outage=outage,
        )
        if gathers is not None:
            self._applier.gather(told, gathers)
        return True

    def _last(self, about: str) -> Row[Any] | None:
        return self._db.execute(
            select(incident)
            .where(
                incident.c.tenant_id == self._who.tenant_id,
                incident.c.site_id == self._who.site_id,
                incident.c.subject_key == self._subject(about),
                incident.c.audience == "provider",
            )
            .order_by(incident.c.opened_us.desc(), incident.c.incident_id.desc())
            .limit(1)
        ).first()

    def _subject(self, about: str) -> str:
        return f"{about}:{self._name}"

    def _tell(
        self,
        kind: Kind,
        identity: str,
        *,
        about: str,
        rev: int,
        since: Instant,
        note: Text | None = None,
        outage: Outage | None = None,
    ) -> Stage:
        stage = Stage(
            seq=1,
            rev=rev,
            incident_id=identity,
            kind=kind,
            at=format_instant(self._now),
            subject_key=self._subject(about),
            subject=Named(id=self._subject(about)),
            since=format_instant(since),
            severity=None,
            rule=None,
            audience="provider",
            note=None if note is None else note.to_json(),
            outage=outage,
        )
        self._applier.take(stage)
        return stage


_BAD = Condition.BAD.value
