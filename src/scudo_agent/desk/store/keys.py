"""Agents' keys: whose one is, and how an agent puts another in its place (threat 7).

A new key is announced with the old one and holds from its first use on; the old one
then goes on for `OVERLAP_US`. Until then both hold, so that an agent that dies in
between, wherever that is, speaks with the key that it finds. Only hashes are here.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from scudo_agent.desk.store.agent_tables import agent_key
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.desk.store.tables import agent, security_event
from scudo_agent.instant import DAY, Instant

RENEW_US = 7 * DAY
"""An agent is asked to renew a key that is older (`reliability.md` 3, threat 7)."""

OVERLAP_US = DAY
"""So long a key holds on after the one that replaced it was first used."""

UNHEARD_US = 30 * DAY
"""A key that its agent once renewed is void when nobody has used it for so long."""

_REMEMBERED_US = 365 * DAY
_NEXT, _OLD = "next", "old"

# Asked at every request; making a statement costs more than running it.
_CURRENT = select(agent.c.tenant_id, agent.c.site_id, agent.c.agent_id).where(
    agent.c.key_sha256 == bindparam("fingerprint"), agent.c.revoked_us.is_(None)
)
_OTHER = (
    select(agent_key, agent.c.site_id)
    .join(agent, agent.c.agent_id == agent_key.c.agent_id)
    .where(
        agent_key.c.key_sha256 == bindparam("fingerprint"), agent.c.revoked_us.is_(None)
    )
)


class NotRenewedError(Exception):
    """The key that asks is not the agent's present one, or the new one is known."""


class AgentKeys:
    """Tells agents by their keys, and lets them renew these."""

    def __init__(self, database: Database, now: Callable[[], Instant]) -> None:
        self._database = database
        self._now = now

    def whose(self, key_sha256: str) -> AgentIdentity | None:
        """The agent whose credential this is, unless it was revoked or replaced."""
        with self._database.read() as db:
            row = db.execute(_CURRENT, {"fingerprint": key_sha256}).first()
            if row is not None:
                return _identity(row)
            other = db.execute(_OTHER, {"fingerprint": key_sha256}).first()
        if other is None:
            return None
        now = self._now()
        if other.state == _NEXT:
            with self._database.write() as db:
                _take_over(db, key_sha256, now)
        elif other.until_us <= now:
            self._report(other, now)
            return None
        return _identity(other)

    def renew(self, who: AgentIdentity, *, present: str, fresh: str) -> None:
        """Let `fresh` be the agent's key from its first use on (both are hashes).

        The same again changes nothing. `NotRenewedError` when `present` was replaced
        itself: its holder is not the one who replaced it.
        """
        now = self._now()
        with self._database.write() as db:
            mine = db.execute(
                select(agent.c.key_sha256).where(agent.c.agent_id == who.agent_id)
            ).scalar_one()
            if mine != present or fresh == present or _known(db, who, fresh):
                raise NotRenewedError
            _drop(db, who.agent_id, _NEXT)
            row = {
                "tenant_id": who.tenant_id,
                "agent_id": who.agent_id,
                "key_sha256": fresh,
                "state": _NEXT,
                "made_us": now,
            }
            db.execute(insert(agent_key).values(row))

    def void_unheard(self) -> int:
        """Take keys away that renew themselves and were not used for `UNHEARD_US`."""
        now = self._now()
        with self._database.write() as db:
            rows = db.execute(
                select(agent.c.tenant_id, agent.c.agent_id, agent.c.hello_us).where(
                    agent.c.key_renewed,
                    agent.c.revoked_us.is_(None),
                    agent.c.hello_us <= now - UNHEARD_US,
                )
            ).all()
            for row in rows:
                mine = agent.c.agent_id == row.agent_id
                db.execute(update(agent).where(mine).values(revoked_us=now))
                _note(db, row, "key_unheard", now, {"heard_us": row.hello_us})
        return len(rows)

    def _report(self, row: Any, now: Instant) -> None:
        """Somebody has a key that was replaced: a thief, or a machine put back."""
        if row.told_us is not None:
            return
        with self._database.write() as db:
            mine = agent_key.c.key_sha256 == row.key_sha256
            db.execute(update(agent_key).where(mine).values(told_us=now))
            data = {"key_sha256": row.key_sha256, "until_us": row.until_us}
            _note(db, row, "void_key_used", now, data)


def due(key_us: int | None, now: Instant) -> bool:
    """Whether an agent whose key is from `key_us` is asked to renew it."""
    return key_us is not None and now - key_us >= RENEW_US


def forget_keys(db: Connection, agent_id: str) -> None:
    """People gave the agent a key: no other one holds any more."""
    db.execute(delete(agent_key).where(agent_key.c.agent_id == agent_id))


def _take_over(db: Connection, key_sha256: str, now: Instant) -> None:
    """The next key was used: it is the present one now, unless it is already."""
    row = db.execute(
        select(agent_key, agent.c.key_sha256.label("before"), agent.c.key_us)
        .join(agent, agent.c.agent_id == agent_key.c.agent_id)
        .where(agent_key.c.key_sha256 == key_sha256, agent_key.c.state == _NEXT)
    ).first()
    if row is None:
        return
    _drop(db, row.agent_id, _NEXT)
    mine = agent.c.agent_id == row.agent_id
    fresh = {"key_sha256": key_sha256, "key_us": row.made_us, "key_renewed": True}
    db.execute(update(agent).where(mine).values(fresh))
    old = {
        "tenant_id": row.tenant_id,
        "agent_id": row.agent_id,
        "key_sha256": row.before,
        "state": _OLD,
        "made_us": row.key_us or now,
        "until_us": now + OVERLAP_US,
    }
    db.execute(insert(agent_key).values(old))
    db.execute(
        delete(agent_key).where(
            agent_key.c.agent_id == row.agent_id,
            agent_key.c.until_us < now - _REMEMBERED_US,
        )
    )
    _note(db, row, "key_renewed", now, {"key_sha256": key_sha256})


def _known(db: Connection, who: AgentIdentity, fresh: str) -> bool:
    """Whether somebody has or had this key, other than as this agent's next one."""
    other = db.execute(
        select(agent_key.c.agent_id).where(
            agent_key.c.key_sha256 == fresh,
            (agent_key.c.state != _NEXT) | (agent_key.c.agent_id != who.agent_id),
        )
    ).first()
    held = db.execute(select(agent.c.agent_id).where(agent.c.key_sha256 == fresh))
    return other is not None or held.first() is not None


def _drop(db: Connection, agent_id: str, state: str) -> None:
    db.execute(
        delete(agent_key).where(
            agent_key.c.agent_id == agent_id, agent_key.c.state == state
        )
    )


def _note(
    db: Connection, row: Any, kind: str, now: Instant, data: dict[str, object]
) -> None:
    event = {
        "tenant_id": row.tenant_id,
        "kind": kind,
        "actor": f"agent:{row.agent_id}",
        "at_us": now,
        "data": data,
    }
    db.execute(insert(security_event).values(event))


def _identity(row: Any) -> AgentIdentity:
    return AgentIdentity(
        tenant_id=row.tenant_id, site_id=row.site_id, agent_id=row.agent_id
    )
