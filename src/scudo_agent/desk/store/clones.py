"""Two agents with one identity, as after a copied machine (`reliability.md` 1.1).

Every process of an agent names itself with a random id. A new one takes the place
of the one before: that is a restart. One whose place was taken and that goes on
speaking is a second agent. A hello that was only late, or came twice, does not
count: its process says nothing new.
"""

from collections.abc import Callable

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from scudo_agent.desk.own_words import CLONED
from scudo_agent.desk.store.agent_tables import agent_run
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.own import OwnIncidents
from scudo_agent.desk.store.post import Posting
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.desk.store.tables import agent, agent_epoch, security_event
from scudo_agent.errors import InputError
from scudo_agent.instant import Instant
from scudo_agent.wire import Hello

STRIKES = 2
"""So many new hellos of a process whose place was taken are no accident."""

_KEPT = 20

# Made once: making a statement costs more than running it.
_CLONED = select(agent.c.cloned_us).where(agent.c.agent_id == bindparam("who"))
_RUNS = (
    select(agent_run)
    .where(agent_run.c.agent_id == bindparam("who"))
    .order_by(agent_run.c.first_us.desc(), agent_run.c.run_id)
)
_SPOKE = update(agent_run).where(
    agent_run.c.agent_id == bindparam("who"), agent_run.c.run_id == bindparam("run")
)


def cloned(db: Connection, agent_id: str) -> bool:
    """Whether nothing is taken from this agent, since there are two of it."""
    return db.execute(_CLONED, {"who": agent_id}).scalar() is not None


def note_run(
    db: Connection, who: AgentIdentity, hello: Hello, *, now: Instant, posting: Posting
) -> bool:
    """Note which process speaks; whether there are two of this agent."""
    if hello.run_id and not cloned(db, who.agent_id) and _strikes(db, who, hello, now):
        mine = agent.c.agent_id == who.agent_id
        db.execute(update(agent).where(mine).values(cloned_us=now))
        row = {
            "tenant_id": who.tenant_id,
            "kind": "agent_cloned",
            "actor": who.actor,
            "at_us": now,
            "data": {"run": hello.run_id, "boot": hello.boot_id},
        }
        db.execute(insert(security_event).values(row))
        where = (who.tenant_id, who.site_id)
        OwnIncidents(db, where, now=now, posting=posting).open(CLONED, now)
    return cloned(db, who.agent_id)


def _strikes(db: Connection, who: AgentIdentity, hello: Hello, now: Instant) -> bool:
    """Whether a process went on speaking after another took its place."""
    rows = db.execute(_RUNS, {"who": who.agent_id}).all()
    own = next((row for row in rows if row.run_id == hello.run_id), None)
    if own is None:
        _begin(db, who, hello, Instant(max(now, rows[0].first_us + 1 if rows else 0)))
        old = [row.run_id for row in rows[_KEPT:]]
        if old:
            mine = agent_run.c.agent_id == who.agent_id
            db.execute(delete(agent_run).where(mine, agent_run.c.run_id.in_(old)))
        return False
    if hello.mono_us <= own.mono_us:
        return False
    strikes = own.strikes + (own is not rows[0])
    spoke = {"mono_us": hello.mono_us, "strikes": strikes}
    db.execute(_SPOKE, {"who": who.agent_id, "run": hello.run_id, **spoke})
    return bool(strikes >= STRIKES)


def _begin(db: Connection, who: AgentIdentity, hello: Hello, at: Instant) -> None:
    row = {
        "tenant_id": who.tenant_id,
        "agent_id": who.agent_id,
        "run_id": hello.run_id,
        "first_us": at,
        "mono_us": hello.mono_us,
    }
    db.execute(insert(agent_run).values(row))


class Clones:
    """Lets one of two agents in again."""

    def __init__(
        self, database: Database, now: Callable[[], Instant], posting: Posting
    ) -> None:
        self._database = database
        self._now = now
        self._posting = posting

    def unfreeze(self, agent_id: str) -> None:
        """Whoever speaks next goes on, in an epoch of its own.

        Both have told of different things under the same numbers: no epoch that was
        granted so far is continued. `InputError` when nothing is frozen.
        """
        now = self._now()
        mine = agent.c.agent_id == agent_id
        with self._database.write() as db:
            row = db.execute(select(agent).where(mine)).first()
            if row is None:
                raise InputError(f"'{agent_id}' is no agent of this desk")
            if row.cloned_us is None:
                raise InputError(f"'{agent_id}' is not frozen: there is one of it")
            db.execute(update(agent).where(mine).values(cloned_us=None))
            db.execute(delete(agent_run).where(agent_run.c.agent_id == agent_id))
            void = func.concat(agent_epoch.c.store_id, "#", agent_epoch.c.epoch)
            db.execute(
                update(agent_epoch)
                .where(
                    agent_epoch.c.agent_id == agent_id,
                    agent_epoch.c.store_id.not_like("%#%"),
                )
                .values(store_id=void)
            )
            where = (row.tenant_id, row.site_id)
            own = OwnIncidents(db, where, now=now, posting=self._posting)
            own.recover(CLONED, now)
