"""Invitations: how an agent gets its key without anybody carrying one (threat 6).

A token works once, for an hour, for one site; only its hash is stored. The agent
makes its key itself and shows the hash of it: the key never travels.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from scudo_agent.desk.store.agent_tables import invitation
from scudo_agent.desk.store.agents import Enrolment, enrol_site, put_agent
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.scope import FIRST, AgentIdentity, agent_of
from scudo_agent.desk.store.tables import agent, security_event, site, tenant
from scudo_agent.errors import InputError
from scudo_agent.instant import HOUR, Instant

LIFE_US = HOUR


class NotInvitedError(Exception):
    """The token is unknown, used or too old; which one nobody is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """What an agent that joined learns of itself."""

    who: AgentIdentity
    customer: str
    mail: str
    language: str
    timezone: str
    contract_id: str | None


class Invitations:
    """Gives invitations out and takes them in."""

    def __init__(self, database: Database, now: Callable[[], Instant]) -> None:
        self._database = database
        self._now = now

    def invite(
        self, enrolment: Enrolment, token_sha256: str, *, replaces: bool, actor: str
    ) -> AgentIdentity:
        """Let an agent of the site join within the hour.

        Customer and site are created or refreshed. `InputError` when the site has
        an agent and `replaces` does not say that its key is to be void.
        """
        now = self._now()
        with self._database.write() as db:
            who = enrol_site(db, enrolment, now)
            if not replaces and _has_agent(db, who.agent_id):
                raise InputError(_taken(who, enrolment.number))
            row = {
                "tenant_id": who.tenant_id,
                "token_sha256": token_sha256,
                "site_id": who.site_id,
                "actor": actor,
                "replaces": replaces,
                "number": enrolment.number,
                "created_us": now,
                "expires_us": now + LIFE_US,
            }
            db.execute(insert(invitation).values(row))
        return who

    def join(self, token_sha256: str, key_sha256: str) -> Joined:
        """Take an invitation in: from now on this key is the site's agent's.

        The same request again is answered the same: its reply may have been lost.
        """
        now = self._now()
        with self._database.write() as db:
            mine = invitation.c.token_sha256 == token_sha256
            row = db.execute(select(invitation).where(mine)).first()
            again = row is not None and row.used_by == key_sha256
            if row is not None and (again or row.used_us is None):
                who = agent_of(row.tenant_id, row.site_id, row.number)
                fresh = now < row.expires_us
                free = again or row.replaces or not _has_agent(db, who.agent_id)
                if fresh and free:
                    if not again:
                        used = {"used_us": now, "used_by": key_sha256}
                        db.execute(update(invitation).where(mine).values(used))
                        _take_place(db, who, key_sha256, now)
                    return _joined(db, who)
        self._alarm(token_sha256)
        raise NotInvitedError

    def _alarm(self, token_sha256: str) -> None:
        row = {
            "tenant_id": "@provider",
            "kind": "join_refused",
            "actor": "unknown",
            "at_us": self._now(),
            "data": {"token_sha256": token_sha256},
        }
        with self._database.write() as db:
            db.execute(insert(security_event).values(row))


def _taken(who: AgentIdentity, number: int) -> str:
    if number == FIRST:
        return (
            f"site {who.site_id} has an agent with a valid key: invite with --replace "
            "to give its place to a new machine, with --second to have another beside "
            "it, or revoke it first"
        )
    return (
        f"site {who.site_id} has a second agent with a valid key: invite with "
        "--second --replace to give its place to a new machine, or revoke it first"
    )


def _has_agent(db: Connection, agent_id: str) -> bool:
    query = select(agent.c.agent_id).where(
        agent.c.agent_id == agent_id, agent.c.revoked_us.is_(None)
    )
    return db.execute(query).first() is not None


def _take_place(
    db: Connection, who: AgentIdentity, key_sha256: str, now: Instant
) -> None:
    put_agent(db, who, key_sha256, now)
    row = {
        "tenant_id": who.tenant_id,
        "kind": "agent_joined",
        "actor": who.actor,
        "at_us": now,
        "data": {"key_sha256": key_sha256},
    }
    db.execute(insert(security_event).values(row))


def _joined(db: Connection, who: AgentIdentity) -> Joined:
    row = db.execute(
        select(
            tenant.c.name,
            tenant.c.mail,
            tenant.c.language,
            site.c.timezone,
            site.c.contract_id,
        )
        .join(site, site.c.tenant_id == tenant.c.tenant_id)
        .where(site.c.tenant_id == who.tenant_id, site.c.site_id == who.site_id)
    ).one()
    return Joined(
        who=who,
        customer=row.name,
        mail=row.mail or "",
        language=row.language,
        timezone=row.timezone,
        contract_id=row.contract_id,
    )
