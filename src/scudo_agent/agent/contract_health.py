"""What `desk doctor` says of contracts: sites without one, files that do not hold."""

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, select

from scudo_agent.agent.finding import Finding, fine
from scudo_agent.desk.contract_folder import read_contracts
from scudo_agent.desk.store.contracts import written_since
from scudo_agent.desk.store.tables import contract_version, site
from scudo_agent.errors import ConfigError

_NAMED = 5


def contract_findings(db: Connection, folder: Path | None) -> Iterator[Finding]:
    """Of the sites' contracts, and of the folder of contract files, if any."""
    yield from _without(db)
    if folder is not None:
        yield from _files(db, folder)


def _files(db: Connection, folder: Path) -> Iterator[Finding]:
    """Files with faults, and those that stand back behind what a person wrote."""
    try:
        filed = read_contracts(folder)
    except ConfigError as exc:
        yield Finding(
            about="contract",
            level="fault",
            seen=" ".join(str(exc.faults[0]).split()),
            remedy="the desk does not start with it; contract check FILE says more",
        )
        return
    for one in filed:
        newer = written_since(db, one.body)
        if newer is not None:
            yield Finding(
                about="contract",
                level="warning",
                seen=f"'{newer.contract_id}': version {newer.revision} by "
                f"{newer.actor} holds, not its file in {folder}",
                remedy="write that version into the file, or change the file",
            )


def _without(db: Connection) -> Iterator[Finding]:
    """Sites without a contract, or with one that the desk does not have."""
    known = select(contract_version.c.contract_id)
    rows = db.execute(
        select(site.c.tenant_id, site.c.site_id, site.c.contract_id)
        .where(site.c.contract_id.is_(None) | site.c.contract_id.not_in(known))
        .order_by(site.c.tenant_id, site.c.site_id)
    ).all()
    if not rows:
        yield fine("contract", "every site has one")
        return
    names = ", ".join(
        f"{row.tenant_id}/{row.site_id}"
        + (f" names '{row.contract_id}'" if row.contract_id else "")
        for row in rows[:_NAMED]
    )
    more = f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
    yield Finding(
        about="contract",
        level="warning",
        seen=f"none holds for {names}{more}",
        remedy="their tickets have no clocks; put the file into 'contracts'",
    )
