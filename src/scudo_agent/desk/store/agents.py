"""Tenants, sites, agents and their epochs (`reliability.md` 1.1, 1.3)."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select, update

from scudo_agent.config.contract_body import Body
from scudo_agent.config.site import Site
from scudo_agent.desk.store.clones import note_run
from scudo_agent.desk.store.contracts import (
    contract_hash,
    contract_of,
    known_ids,
    last_version,
    put_filed,
)
from scudo_agent.desk.store.covering import enrolled
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.keys import due, forget_keys
from scudo_agent.desk.store.ledger import greeted
from scudo_agent.desk.store.open_incidents import count_open
from scudo_agent.desk.store.own_facts import note_damage, note_unstored
from scudo_agent.desk.store.post import Posting
from scudo_agent.desk.store.recovering import Recovery
from scudo_agent.desk.store.scope import FIRST, AgentIdentity, agent_of
from scudo_agent.desk.store.tables import (
    PROVIDER_TENANT,
    agent,
    agent_epoch,
    site,
    stream_cursor,
    tenant,
)
from scudo_agent.desk.store.window_rows import put_services, revision_of_windows
from scudo_agent.errors import InputError
from scudo_agent.instant import SECOND, Instant
from scudo_agent.wire import Hello, SiteService

STREAMS = ("I", "L")

# Said by every agent twice a minute; making a statement costs more than running it.
_EPOCH = select(agent_epoch.c.epoch).where(
    agent_epoch.c.agent_id == bindparam("who"),
    agent_epoch.c.store_id == bindparam("store"),
)
_HELLO = ("hello_us", "version", "config_hash", "boot_id", "oldest_unacked_age_us")
_LIVES = (
    update(agent)
    .where(agent.c.agent_id == bindparam("who"))
    .values({column: bindparam(f"new_{column}") for column in _HELLO})
)
_KEY_SINCE = select(agent.c.key_us).where(agent.c.agent_id == bindparam("who"))
_CURSORS = select(stream_cursor.c.stream, stream_cursor.c.last_seq).where(
    stream_cursor.c.agent_id == bindparam("who"),
    stream_cursor.c.epoch == bindparam("in_epoch"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """What the desk is told of a customer's site when its agent is enrolled.

    `contract` is the contract file's data when the agent has it (embedded desk);
    else `contract_id` names one that the desk has. `number` is which of the site's
    agents it is: 1, or 2 for the second one of a pair.
    """

    customer_id: str
    customer_name: str
    customer_mail: str
    language: str
    site_id: str
    timezone: str
    contract_id: str | None = None
    contract: Body | None = None
    services: tuple[SiteService, ...] = ()
    number: int = 1

    @classmethod
    def of(cls, site: Site, *, number: int = 1) -> "Enrolment":
        """From a validated site file."""
        return cls(
            number=number,
            customer_id=site.customer.id,
            customer_name=site.customer.name,
            customer_mail=site.customer.mail,
            language=site.customer.language,
            site_id=site.id,
            timezone=site.timezone,
            contract_id=site.contract_id,
            contract=site.contract_body,
            services=tuple(
                SiteService(id=one.id, title=dict(one.title), contracted=one.contracted)
                for one in site.services.values()
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """Answer to a hello: the epoch of this store and what the desk has of it.

    The contract is that of the agent's site; revision 0: the desk has none.
    `adoptable` incidents are open that another store of the agent told of.
    `recovers`: the desk lacks what it once had; `frozen`: there are two agents;
    `renew_key`: the agent's key, in use since `key_since`, is to be replaced.
    """

    epoch: int
    last_seq: dict[str, int]
    contract_id: str | None = None
    contract_revision: int = 0
    contract_sha256: str | None = None
    windows_revision: int = 0
    adoptable: int = 0
    recovers: bool = False
    frozen: bool = False
    renew_key: bool = False
    key_since: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentLine:
    """One agent as `desk agents` lists it."""

    agent: str
    heard: int | None
    key_since: int | None
    revoked: int | None
    frozen: int | None
    epoch: int
    version: str | None


class Agents:
    """Who may speak for which site."""

    def __init__(
        self, database: Database, now: Callable[[], Instant], posting: Posting
    ) -> None:
        self._database = database
        self._now = now
        self._posting = posting

    def enrol(self, enrolment: Enrolment, *, key_sha256: str) -> AgentIdentity:
        """Create or refresh customer, site and agent; the key replaces the old one.

        The contract file that an agent brings is stored, as the next version when
        it changed. `InputError` when the site names a contract that is nowhere.
        """
        now = self._now()
        with self._database.write() as db:
            who = enrol_site(db, enrolment, now)
            put_agent(db, who, key_sha256, now)
        return who

    def lines(self) -> list[AgentLine]:
        """All agents, by name."""
        with self._database.read() as db:
            rows = db.execute(select(agent).order_by(agent.c.agent_id)).all()
        return [
            AgentLine(
                agent=row.agent_id,
                heard=row.hello_us,
                key_since=row.key_us,
                revoked=row.revoked_us,
                frozen=row.cloned_us,
                epoch=row.epoch,
                version=row.version,
            )
            for row in rows
        ]

    def revoke(self, agent_id: str) -> bool:
        """Take the credential away; false if there is no such agent."""
        change = (
            update(agent)
            .where(agent.c.agent_id == agent_id)
            .values(revoked_us=self._now())
        )
        with self._database.write() as db:
            return db.execute(change).rowcount == 1

    def hello(self, who: AgentIdentity, hello: Hello) -> Granted:
        """Note that the agent lives; give its store the epoch that is its own.

        A store that this agent never had (new, or made anew) gets the next
        epoch, in which nothing has arrived yet.
        """
        now = self._now()
        with self._database.write() as db:
            epoch = _epoch_of(db, who, hello.store_id, now)
            lives = {
                "who": who.agent_id,
                "new_hello_us": now,
                "new_version": hello.version,
                "new_config_hash": hello.config_hash,
                "new_boot_id": hello.boot_id,
                "new_oldest_unacked_age_us": round(hello.oldest_unacked_age_s * SECOND),
            }
            db.execute(_LIVES, lives)
            rows = db.execute(_CURSORS, {"who": who.agent_id, "in_epoch": epoch})
            last = dict.fromkeys(STREAMS, 0) | {r.stream: r.last_seq for r in rows}
            posting = self._posting
            again = Recovery(db, who, now=now, posting=posting)
            recovers = again.greet(hello, epoch, last["I"])
            frozen = note_run(db, who, hello, now=now, posting=posting)
            greeted(db, who, hello, epoch, now=now, posting=posting)
            note_damage(db, who, hello.damaged, now=now, posting=posting)
            note_unstored(db, who, hello.unstored, now=now, posting=posting)
            contract_id, revision = contract_of(db, who)
            sha256 = contract_hash(db, contract_id, revision)
            windows_revision = revision_of_windows(db, who)
            # Until the agent says this epoch itself it may have kept nothing.
            adoptable = 0 if hello.epoch == epoch else count_open(db, who)
            key_us = db.execute(_KEY_SINCE, {"who": who.agent_id}).scalar()
        return Granted(
            epoch=epoch,
            last_seq=last,
            contract_id=contract_id if revision else None,
            contract_revision=revision,
            contract_sha256=sha256,
            windows_revision=windows_revision,
            adoptable=adoptable,
            recovers=recovers,
            frozen=frozen,
            renew_key=due(key_us, now),
            key_since=None if key_us is None else Instant(key_us),
        )


def enrol_site(db: Connection, enrolment: Enrolment, now: Instant) -> AgentIdentity:
    """Create or refresh customer and site, with what the agent brings of them.

    `InputError` for a second agent where there never was a first one.
    """
    who = agent_of(enrolment.customer_id, enrolment.site_id, enrolment.number)
    if enrolment.number != FIRST:
        _has_first(db, enrolment)
    _put_tenant(db, enrolment, now)
    if enrolment.contract is not None:
        put_filed(db, enrolment.contract, actor=who.actor, now=now)
    named = enrolment.contract_id
    done = enrolled(db, who.tenant_id, who.site_id, named, actor=who.actor)
    _put_site(db, enrolment, now)
    done(now)
    put_services(db, who, enrolment.services, now)
    return who


def _has_first(db: Connection, enrolment: Enrolment) -> None:
    first = agent_of(enrolment.customer_id, enrolment.site_id, FIRST).agent_id
    mine = select(agent.c.agent_id).where(agent.c.agent_id == first)
    if db.execute(mine).first() is None:
        raise InputError(
            f"site {enrolment.site_id} has no agent yet: enrol its first one without "
            "--second"
        )


def put_agent(
    db: Connection, who: AgentIdentity, key_sha256: str, now: Instant
) -> None:
    """Give the agent this key; one that it had is void."""
    mine = agent.c.agent_id == who.agent_id
    known = db.execute(select(agent.c.key_sha256).where(mine)).first()
    if known is None:
        row = {
            "tenant_id": who.tenant_id,
            "site_id": who.site_id,
            "agent_id": who.agent_id,
            "key_sha256": key_sha256,
            "key_us": now,
            "created_us": now,
        }
        db.execute(insert(agent).values(row))
        return
    values: dict[str, object] = {"key_sha256": key_sha256, "revoked_us": None}
    if known.key_sha256 != key_sha256:
        values |= {"key_us": now, "key_renewed": False}
        forget_keys(db, who.agent_id)
    db.execute(update(agent).where(mine).values(values))


def put_provider(db: Connection, *, name: str, mail: str, now: Instant) -> None:
    """The provider's own tenant, to which its people belong."""
    known = db.execute(
        select(tenant.c.tenant_id).where(tenant.c.tenant_id == PROVIDER_TENANT)
    ).first()
    values = {"name": name, "mail": mail, "updated_us": now}
    if known:
        mine = tenant.c.tenant_id == PROVIDER_TENANT
        db.execute(update(tenant).where(mine).values(values))
        return
    row = {"tenant_id": PROVIDER_TENANT, "language": "it", "created_us": now}
    db.execute(insert(tenant).values(row | values))


def _epoch_of(db: Connection, who: AgentIdentity, store_id: str, now: Instant) -> int:
    known = db.execute(_EPOCH, {"who": who.agent_id, "store": store_id}).scalar()
    if known is not None:
        return int(known)
    mine = agent.c.agent_id == who.agent_id
    epoch = int(db.execute(select(agent.c.epoch).where(mine)).scalar_one()) + 1
    db.execute(update(agent).where(mine).values(epoch=epoch))
    row = {
        "tenant_id": who.tenant_id,
        "agent_id": who.agent_id,
        "epoch": epoch,
        "store_id": store_id,
        "granted_us": now,
    }
    db.execute(insert(agent_epoch).values(row))
    return epoch


def _put_tenant(db: Connection, enrolment: Enrolment, now: Instant) -> None:
    mine = tenant.c.tenant_id == enrolment.customer_id
    values = {
        "name": enrolment.customer_name,
        "mail": enrolment.customer_mail,
        "language": enrolment.language,
        "updated_us": now,
    }
    if db.execute(select(tenant.c.tenant_id).where(mine)).first():
        db.execute(update(tenant).where(mine).values(values))
        return
    row = {"tenant_id": enrolment.customer_id, "created_us": now}
    db.execute(insert(tenant).values(row | values))


def _has_contract(db: Connection, enrolment: Enrolment) -> None:
    """`InputError` if a site names a contract that the desk does not have."""
    wanted = enrolment.contract_id
    if wanted is None or last_version(db, wanted) is not None:
        return
    known = ", ".join(known_ids(db)) or "none"
    raise InputError(
        f"contract: this desk has no contract '{wanted}' for site "
        f"{enrolment.site_id}; it has {known} ('contracts' in the desk's settings "
        "names the folder of its contract files)"
    )


def _put_site(db: Connection, enrolment: Enrolment, now: Instant) -> None:
    mine = (site.c.tenant_id == enrolment.customer_id) & (
        site.c.site_id == enrolment.site_id
    )
    _has_contract(db, enrolment)
    values = {
        "timezone": enrolment.timezone,
        "named_contract_id": enrolment.contract_id,
        "updated_us": now,
    }
    if db.execute(select(site.c.site_id).where(mine)).first():
        db.execute(update(site).where(mine).values(values))
        return
    row = {
        "tenant_id": enrolment.customer_id,
        "site_id": enrolment.site_id,
        "created_us": now,
    }
    db.execute(insert(site).values(row | values))
