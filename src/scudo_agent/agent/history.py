"""The history of a service, as the account counts it (`domain.md` 3).

One function for everything that accounts: `uptime`, the metrics, what is exported.
It is the final timeline of the ledger, withdrawals applied, and unknown from the
agent's last sign of life on.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from scudo_agent.config.site import Service, Site
from scudo_agent.instant import Instant, format_instant
from scudo_agent.judge.service import check_timeline, service_timeline
from scudo_agent.model import State
from scudo_agent.store.read import StoreReader

History = list[tuple[State, Instant]]
"""States and since when; before the first one it is unknown."""

EVER = Instant(0)


def service_history(
    site: Site,
    reader: StoreReader,
    service: Service,
    *,
    until: Instant,
    since: Instant = EVER,
) -> History:
    """The states of a service up to `until`, from the one that holds at `since`."""
    return histories(site, reader, [service], until=until, since=since)[service.id]


def histories(
    site: Site,
    reader: StoreReader,
    services: Iterable[Service],
    *,
    until: Instant,
    since: Instant = EVER,
) -> dict[str, History]:
    """As `service_history`, of several services, read at one moment."""
    live = reader.liveness()
    last = since if live is None else max(live.clean or live.at, since)
    # What happened at `until` is known then.
    changes = reader.timelines(since, Instant(until + 1))
    known = {
        path: known_until(check_timeline(changes.get(path, ())), last)
        for path in site.checks
    }
    return {
        one.id: [
            entry
            for entry in service_timeline([known[c] for c in one.checks], one.need)
            if entry[1] <= until
        ]
        for one in services
    }


def known_until(points: History, last: Instant) -> History:
    """Nothing is known beyond the last sign of life."""
    return [*(p for p in points if p[1] < last), (State.UNKNOWN, last)]


def lines(found: Mapping[str, History]) -> list[dict[str, Any]]:
    """What `contract uptime --history` reads (`domain.md` 9)."""
    return [
        {"t": format_instant(since), "service": service, "state": state.value}
        for service, history in found.items()
        for state, since in history
    ]
