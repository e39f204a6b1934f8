"""What the store alone can tell: `status` and `uptime` without an agent."""

from collections.abc import Mapping, Sequence

from scudo_agent.agent.accounts import Accounts
from scudo_agent.agent.contracts import with_kept
from scudo_agent.agent.document import (
    FORMAT,
    Document,
    budget_of,
    check_document,
    incident_document,
    service_document,
    stored_left,
    text_of,
)
from scudo_agent.agent.forecasts import restored_forecaster
from scudo_agent.agent.history import histories
from scudo_agent.config.site import Service, Site
from scudo_agent.desk.windows import window_of
from scudo_agent.instant import Instant, format_instant, seconds
from scudo_agent.judge.service import check_timeline, service_timeline
from scudo_agent.model import State
from scudo_agent.stages import Points, lengths
from scudo_agent.store import ledger
from scudo_agent.store.read import StoreReader
from scudo_agent.store.values import Liveness
from scudo_agent.telemetry.snapshot import SlaSnapshot


def stored_document(site: Site, reader: StoreReader, *, now: Instant) -> Document:
    """The status document of a stopped agent: as it was when it last lived."""
    site = with_kept(site, reader)
    status, told = reader.status(), reader.read(ledger.status)
    live = status.liveness
    clean = live is not None and live.clean is not None
    last = _last_lived(live)
    moment = last if last is not None else now
    # What held until the stop: the stop itself makes everything unknown.
    timelines = _timelines(site, reader, Instant(moment - 1), moment)
    services, checks = [], []
    accounts = _accounts(site, reader, moment)
    for service in site.services.values():
        members = [timelines[check] for check in service.checks]
        state, since = _at(service_timeline(members, service.need), moment)
        account = accounts.get(service.id)
        left = None if account is None else budget_of(site, account)
        services.append(
            service_document(site, service, state, since=since, at=moment, left=left)
        )
    forecaster = restored_forecaster(site, reader)
    for path, check in site.checks.items():
        state, since = _at(timelines[path], moment)
        # After a kill only what changed is known of the runs before it.
        seen = status.seen.get(path) if clean else None
        failing = seen.failing if seen else 0
        checks.append(
            check_document(
                check,
                state,
                since=since,
                failing=failing,
                seen=seen,
                forecast=forecaster.forecast(path, moment),
            )
        )
    return {
        "format": FORMAT,
        "site": site.id,
        "customer": site.customer.name,
        "zone": site.timezone,
        "live": False,
        "at": format_instant(moment),
        "read_at": format_instant(now),
        "stopped": "cleanly" if clean else "not cleanly",
        "isolated_since": text_of(status.isolation.since if status.isolation else None),
        "services": services,
        "checks": checks,
        "incidents": [
            incident_document(
                one.incident_id,
                one.subject,
                since=one.since,
                severity=one.severity,
                ticket=one.ticket_ref,
            )
            for one in status.incidents
        ],
        **stored_left(site, reader, now),
        "desk": {
            "waiting": status.outbox.head_seq - status.outbox.acked_seq,
            "waiting_ledger": told.head_seq - told.acked_seq,
        },
        "links": {},
        "events": [],
    }


def _accounts(
    site: Site, reader: StoreReader, moment: Instant
) -> Mapping[str, SlaSnapshot]:
    """The accounts as the running agent had them last."""
    copy = reader.windows()
    states = () if copy is None else copy.windows.windows
    windows = {state.id: window_of(state) for state in states}
    found = Accounts(reader, site=lambda: site, windows=lambda: windows)
    return found.look(moment)


def _last_lived(live: Liveness | None) -> Instant | None:
    return None if live is None else live.clean or live.at


def _timelines(
    site: Site, reader: StoreReader, since: Instant, until: Instant
) -> dict[str, Points]:
    changes = reader.timelines(since, Instant(until + 1))
    return {path: check_timeline(changes.get(path, ())) for path in site.checks}


def _at(points: Points, moment: Instant) -> tuple[State, Instant | None]:
    """The state that held just before `moment` (a stop makes all unknown at it)."""
    state, since = State.UNKNOWN, None
    for then, start in points:
        if start >= moment:
            break
        state, since = then, start
    return state, since


def raw_uptime(
    site: Site, reader: StoreReader, since: Instant, until: Instant
) -> list[Document]:
    """Seconds of each state of each service in `[since, until)`, and coverage.

    Raw: no window excludes anything, and time without a known state is
    `unknown` (`domain.md` 3), all time after the agent's last sign of life
    included. `coverage` is the share that is not unknown.
    """
    services = list(site.services.values())
    found = histories(site, reader, services, until=until, since=since)
    return [_account(one, found[one.id], since, until) for one in services]


def _account(
    service: Service, points: Points, since: Instant, until: Instant
) -> Document:
    spent = lengths(points, since, until)
    elapsed = until - since
    known = elapsed - spent[State.UNKNOWN]
    return {
        "service": service.id,
        "title": dict(service.title),
        "contracted": service.contracted,
        "since": format_instant(since),
        "until": format_instant(until),
        "seconds": {
            "elapsed": seconds(elapsed),
            **{str(state): seconds(spent[state]) for state in State},
        },
        "coverage": known / elapsed if elapsed else 1.0,
    }


def with_left(
    documents: Sequence[Document], site: Site, reader: StoreReader, at: Instant
) -> list[Document]:
    """Accounts with the mutes, pauses and windows that touch each service at `at`,
    and the windows that are planned."""
    left = stored_left(site, reader, at)
    out = []
    for document in documents:
        name = document["service"]
        checks = set(site.services[name].checks)
        out.append(
            {
                **document,
                "mutes": [m for m in left["mutes"] if checks & {*m["checks"]}],
                "pauses": [p for p in left["pauses"] if checks & {*p["checks"]}],
                **{
                    key: [w for w in left[key] if {name, "*"} & {*w["services"]}]
                    for key in ("windows", "planned")
                },
            }
        )
    return out
