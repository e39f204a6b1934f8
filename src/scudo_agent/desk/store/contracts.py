"""Versions of contracts: what was promised, and since when the desk knows it.

A version is never edited: a contract file that changed is the next revision. The
last revision of the contract that a site names is the one that holds there. Files
are read again at each start: one that says what it said before does not take back
what a person wrote since then.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from scudo_agent.config.contract_body import Body, body_sha256
from scudo_agent.config.contract_file import contract_of_data
from scudo_agent.contract.model import Contract
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.desk.store.tables import PROVIDER_TENANT, contract_version, site
from scudo_agent.errors import ConfigError, InputError
from scudo_agent.instant import Instant

FOLDER = "desk"
"""The actor of versions that come from the desk's folder of contract files."""

SEEN_SIGNS = 16
"""So much of a version's hash says which one was seen."""

_log = logging.getLogger(__name__)
_mine = contract_version.c.tenant_id == PROVIDER_TENANT
_LAST = (
    select(contract_version)
    .where(_mine, contract_version.c.contract_id == bindparam("contract"))
    .order_by(contract_version.c.revision.desc())
    .limit(1)
)
# Asked with every hello; making a statement costs more than running it.
_OF_SITE = (
    select(site.c.contract_id, func.max(contract_version.c.revision))
    .outerjoin(
        contract_version, _mine & (contract_version.c.contract_id == site.c.contract_id)
    )
    .where(
        site.c.tenant_id == bindparam("tenant"), site.c.site_id == bindparam("of_site")
    )
    .group_by(site.c.contract_id)
)


_READ: dict[str, Contract] = {}
"""By hash, what was read before: a version never changes."""
_READ_LIMIT = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractVersion:
    """One stored version; `body` is the contract file's data."""

    contract_id: str
    revision: int
    sha256: str
    body: Body
    stored: Instant
    actor: str

    @property
    def seen_as(self) -> str:
        """What somebody says who has seen this version."""
        return self.sha256[:SEEN_SIGNS]

    @property
    def filed(self) -> bool:
        """Whether a file said so: one of the desk's folder, or an agent's."""
        return self.actor == FOLDER or self.actor.startswith("agent:")

    @property
    def contract(self) -> Contract:
        """What it says; `ConfigError` if this desk cannot read it."""
        known = _READ.get(self.sha256)
        if known is None:
            name = f"contract {self.contract_id}, revision {self.revision}"
            known = contract_of_data(self.body, name=name)
            if len(_READ) >= _READ_LIMIT:
                _READ.clear()
            _READ[self.sha256] = known
        return known

    @property
    def readable(self) -> Contract | None:
        """What it says; None if this desk cannot read it, and the log says so."""
        try:
            return self.contract
        except ConfigError as exc:
            _log.error("%s", exc)
            return None


class StaleContractError(InputError):
    """The contract is another one than was seen; `last` is what holds now, if any."""

    def __init__(self, last: ContractVersion | None) -> None:
        super().__init__("the contract is another one by now")
        self.last = last


class Contracts:
    """The desk's contracts, all of the provider's tenant."""

    def __init__(self, database: Database, now: Callable[[], Instant]) -> None:
        self._database = database
        self._now = now

    def put(self, body: Body, *, actor: str) -> int:
        """Store a contract, unless it is the last version already; its revision."""
        with self._database.write() as db:
            return put_version(db, body, actor=actor, now=self._now())

    def put_seen(self, body: Body, *, actor: str, seen: str | None) -> ContractVersion:
        """Store a contract for somebody who saw the last version; what holds now.

        `seen` is that version's `seen_as`, None where there was none yet.
        `StaleContractError` if another one holds by now; nothing is stored then.
        """
        contract_id = str(body["id"])
        with self._database.write() as db:
            last = last_version(db, contract_id)
            if (None if last is None else last.seen_as) != seen:
                raise StaleContractError(last)
            put_version(db, body, actor=actor, now=self._now())
            made = last_version(db, contract_id)
        assert made is not None  # it was put just now
        return made

    def put_filed(self, body: Body) -> bool:
        """Store what a file of the desk's folder says; False if it stands back."""
        with self._database.write() as db:
            return put_filed(db, body, actor=FOLDER, now=self._now())

    def known(self) -> tuple[str, ...]:
        """The ids of all contracts."""
        with self._database.read() as db:
            return known_ids(db)

    def missing(self) -> tuple[tuple[str, str], ...]:
        """Sites, as `customer/site`, and the contract that they name and nobody has."""
        query = (
            select(site.c.tenant_id, site.c.site_id, site.c.contract_id)
            .where(
                site.c.contract_id.is_not(None),
                site.c.contract_id.not_in(select(contract_version.c.contract_id)),
            )
            .order_by(site.c.tenant_id, site.c.site_id)
        )
        with self._database.read() as db:
            return tuple((f"{a}/{b}", name) for a, b, name in db.execute(query))

    def versions(self, contract_id: str) -> tuple[ContractVersion, ...]:
        """Every version of a contract, the first one first."""
        with self._database.read() as db:
            return tuple(contract_versions(db, contract_id))[::-1]

    def of(self, who: AgentIdentity) -> ContractVersion | None:
        """The version that holds at an agent's site; None when there is none."""
        with self._database.read() as db:
            contract_id, revision = contract_of(db, who)
            if contract_id is None or not revision:
                return None
            return last_version(db, contract_id)


def put_version(db: Connection, body: Body, *, actor: str, now: Instant) -> int:
    """Within a transaction: store a contract as its next version, if it is new."""
    contract_id, sha256 = str(body["id"]), body_sha256(body)
    last = last_version(db, contract_id)
    if last is not None and last.sha256 == sha256:
        return last.revision
    revision = 1 if last is None else last.revision + 1
    row = {
        "tenant_id": PROVIDER_TENANT,
        "contract_id": contract_id,
        "revision": revision,
        "sha256": sha256,
        "body": dict(body),
        "stored_us": now,
        "actor": actor,
    }
    db.execute(insert(contract_version).values(row))
    named = update(site).where(site.c.contract_id == contract_id)
    db.execute(named.values(contract_title=str(body["title"])))
    return revision


def put_filed(db: Connection, body: Body, *, actor: str, now: Instant) -> bool:
    """Within a transaction: store what a file says; False if it stands back.

    It does when a person wrote a version since the file last said something new: a
    start is no reason to take that back. A file that was changed is news again.
    """
    newer = written_since(db, body)
    if newer is None:
        put_version(db, body, actor=actor, now=now)
        return True
    _log.warning(
        "contract '%s': version %d by %s holds, not the file, which says what it said "
        "before; write the version into the file, or change the file",
        newer.contract_id,
        newer.revision,
        newer.actor,
    )
    return False


def written_since(db: Connection, body: Body) -> ContractVersion | None:
    """The version that a person wrote since a file said this; None if none did."""
    sha256, newest = body_sha256(body), None
    for version in contract_versions(db, str(body["id"])):
        newest = newest or version
        if newest.filed or newest.sha256 == sha256:
            return None
        if version.filed:
            return newest if version.sha256 == sha256 else None
    return None


def last_version(db: Connection, contract_id: str) -> ContractVersion | None:
    """The version of a contract that holds."""
    row = db.execute(_LAST, {"contract": contract_id}).mappings().first()
    return None if row is None else _version(row)


def contract_versions(db: Connection, contract_id: str) -> Iterator[ContractVersion]:
    """Every version of a contract, the newest first."""
    query = (
        select(contract_version)
        .where(_mine, contract_version.c.contract_id == contract_id)
        .order_by(contract_version.c.revision.desc())
    )
    for row in db.execute(query).mappings():
        yield _version(row)


def contract_of(db: Connection, who: AgentIdentity) -> tuple[str | None, int]:
    """Id and revision of the contract of an agent's site; 0: it is not stored."""
    mine = {"tenant": who.tenant_id, "of_site": who.site_id}
    contract_id, revision = db.execute(_OF_SITE, mine).one()
    return contract_id, int(revision or 0)


def contract_hash(db: Connection, contract_id: str | None, revision: int) -> str | None:
    """Of the version's text; None when it is not stored."""
    which = {"id": contract_id, "at_revision": revision}
    return db.execute(_HASH, which).scalar()


_HASH = select(contract_version.c.sha256).where(
    _mine,
    contract_version.c.contract_id == bindparam("id"),
    contract_version.c.revision == bindparam("at_revision"),
)


def known_ids(db: Connection) -> tuple[str, ...]:
    """The ids of all contracts."""
    query = (
        select(contract_version.c.contract_id)
        .where(_mine)
        .distinct()
        .order_by(contract_version.c.contract_id)
    )
    return tuple(db.execute(query).scalars())


def last_contracts(db: Connection) -> dict[str, tuple[int, Contract]]:
    """Revision and content of every contract's last version.

    One that this desk cannot read is left out, and the log says so.
    """
    newest = (
        select(
            contract_version.c.contract_id,
            func.max(contract_version.c.revision).label("revision"),
        )
        .where(_mine)
        .group_by(contract_version.c.contract_id)
        .subquery()
    )
    query = select(contract_version).join(
        newest,
        _mine
        & (contract_version.c.contract_id == newest.c.contract_id)
        & (contract_version.c.revision == newest.c.revision),
    )
    found: dict[str, tuple[int, Contract]] = {}
    for row in db.execute(query).mappings():
        version = _version(row)
        if (contract := version.readable) is not None:
            found[version.contract_id] = (version.revision, contract)
    return found


def _version(row: Mapping[Any, Any]) -> ContractVersion:
    return ContractVersion(
        contract_id=row["contract_id"],
        revision=row["revision"],
        sha256=row["sha256"],
        body=row["body"],
        stored=row["stored_us"],
        actor=row["actor"],
    )
