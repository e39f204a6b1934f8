"""What the store alone can tell: `status` and `uptime` without an agent."""

from typing import Any

from scudo_agent.config.site import Service, Site
from scudo_agent.instant import Instant, format_instant, seconds
from scudo_agent.judge.service import check_timeline, service_timeline
from scudo_agent.model import State
from scudo_agent.stages import Points, lengths
from scudo_agent.store.read import StoreReader
from scudo_agent.store.values import Liveness

Document = dict[str, Any]


def stored_document(site: Site, reader: StoreReader, *, now: Instant) -> Document:
    """The status document of a stopped agent: as it was when it last lived."""
    status = reader.status()
    live = status.liveness
    last = _last_lived(live)
    moment = last if last is not None else now
    timelines = _timelines(site, reader, moment, moment)
    return {
        "format": 1,
        "site": site.id,
        "customer": site.customer.name,
        "zone": site.timezone,
        "live": False,
        "at": format_instant(moment),
        "read_at": format_instant(now),
        "stopped": "cleanly" if live is not None and live.clean else "not cleanly",
        "isolated_since": _text(status.isolation.since if status.isolation else None),
        "services": [
            _service(service, timelines, moment) for service in site.services.values()
        ],
        "checks": [
            _check(path, timelines[path], moment, status.seen.get(path), site)
            for path in site.checks
        ],
        "incidents": [
            {
                "incident": one.incident_id,
                "subject": one.subject,
                "since": format_instant(one.since),
                "severity": one.severity,
                "ticket": one.ticket_ref,
            }
            for one in status.incidents
        ],
        "desk": {"waiting": status.outbox.head_seq - status.outbox.acked_seq},
        "links": {},
        "events": [],
    }


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


def _service(
    service: Service, timelines: dict[str, Points], moment: Instant
) -> Document:
    points = service_timeline([timelines[c] for c in service.checks], service.need)
    state, since = _at(points, moment)
    return {
        "service": service.id,
        "title": dict(service.title),
        "state": str(state),
        "since": _text(since),
        "contracted": service.contracted,
        "need": service.need_words,
        "checks": list(service.checks),
    }


def _check(
    path: str, points: Points, moment: Instant, seen: Any, site: Site
) -> Document:
    state, since = _at(points, moment)
    return {
        "check": path,
        "kind": site.checks[path].kind,
        "state": str(state),
        "since": _text(since),
        "failing": seen.failing if seen else 0,
        "confirm": site.checks[path].confirm,
        "last": _text(seen.at) if seen else None,
        "result": str(seen.result) if seen else None,
        "seen": seen.seen.to_json() if seen else None,
        "warned": seen.warned if seen else None,
        "last_good": _text(seen.last_good) if seen else None,
    }


def _text(at: Instant | None) -> str | None:
    return None if at is None else format_instant(at)


def raw_uptime(
    site: Site, reader: StoreReader, since: Instant, until: Instant
) -> list[Document]:
    """Seconds of each state of each service in `[since, until)`, and coverage.

    Raw: no window excludes anything yet, and time without a known state is
    `unknown` (`domain.md` 3). `coverage` is the share that is not unknown.
    """
    timelines = _timelines(site, reader, since, until)
    return [
        _account(service, timelines, since, until) for service in site.services.values()
    ]


def _account(
    service: Service, timelines: dict[str, Points], since: Instant, until: Instant
) -> Document:
    points = service_timeline([timelines[c] for c in service.checks], service.need)
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
