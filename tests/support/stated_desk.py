"""A desk of which an agent told a year, written straight into its ledger."""

from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from scudo_agent.contract.hours import local_day, wall
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.ledger_tables import ledger, ledger_mark
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.instant import HOUR, Instant

WHO = AgentIdentity(
    tenant_id="acme", site_id="acme-milano", agent_id="acme/acme-milano/1"
)
_ROME = ZoneInfo("Europe/Rome")


def months_before(now: Instant, count: int) -> list[str]:
    """The last months that are over, the newest first."""
    day = local_day(_ROME, now)
    number = day.year * 12 + day.month - 1
    return [
        f"{n // 12}-{n % 12 + 1:02d}" for n in range(number - 1, number - 1 - count, -1)
    ]


def tell(store: DeskStore, service: str, months: list[str], *, hours: int) -> None:
    """The service was up since the first of `months`, and down `hours` in each."""
    rows: list[tuple[str, Instant]] = []
    for month in sorted(months):
        year, number = map(int, month.split("-"))
        start = wall(_ROME, date(year, number, 10), 600)
        if not rows:
            rows.append(("up", wall(_ROME, date(year, number, 1), 0)))
        rows += [("down", start), ("up", Instant(start + hours * HOUR))]
    now = store.now()
    whose = {
        "tenant_id": WHO.tenant_id,
        "site_id": WHO.site_id,
        "agent_id": WHO.agent_id,
        "epoch": _epoch(service),
    }
    with store.database.write() as db:
        for seq, (state, since) in enumerate(rows, start=1):
            entry = {
                "seq": seq,
                "service": service,
                "state": state,
                "since_us": since,
                "decided_us": since,
                "sha256": "0" * 64,
                "stored_us": since,
            }
            db.execute(insert(ledger).values(whose | entry))
        mark = {"head_seq": len(rows), "said_us": now, "whole_us": now}
        db.execute(insert(ledger_mark).values(whose | mark))


def _epoch(service: str) -> int:
    """Each service by a witness of its own, so that the numbers do not meet."""
    return sum(service.encode()) % 1000 + 1
