"""The status document: what `/status`, the live table and `status` show."""

from collections.abc import Callable, Mapping
from typing import Any

from scudo_agent.agent.events import EventLog
from scudo_agent.agent.runtime import Runtime
from scudo_agent.config.site import Check, Service
from scudo_agent.contract.year import allowed_us, contract_year
from scudo_agent.errors import InputError
from scudo_agent.instant import Instant, format_instant
from scudo_agent.text import T

Document = dict[str, Any]
FORMAT = 1


class StatusView:
    """Writes the document from what is committed; reads nothing from disk."""

    def __init__(
        self,
        runtime: Runtime,
        events: EventLog,
        *,
        desk: Callable[[], Document],
        links: Callable[[], Document],
        tickets: Mapping[str, str],
    ) -> None:
        self._runtime = runtime
        self._events = events
        self._desk = desk
        self._links = links
        self._tickets = tickets

    def document(self) -> Document:
        """The whole of it; call it in the loop."""
        runtime, site = self._runtime, self._runtime.site
        isolated = runtime.judge.isolated
        return {
            "format": FORMAT,
            "site": site.id,
            "customer": site.customer.name,
            "zone": site.timezone,
            "live": True,
            "at": format_instant(runtime.timeline.now()),
            "started": _instant(runtime.started),
            "isolated_since": _instant(isolated),
            "clock": {
                "offset_us": runtime.timeline.offset_us(),
                "steps": dict(runtime.steps),
            },
            "not_measured_us": runtime.gap_us,
            "store_error": _said(runtime.pipeline.commit_error),
            "services": [self._service(s) for s in site.services.values()],
            "checks": [self._check(c) for c in site.checks.values()],
            "incidents": self._incidents(),
            "desk": self._desk(),
            "links": self._links(),
            "events": self._events.lines(),
        }

    def _service(self, service: Service) -> Document:
        state, since = self._runtime.judge.service(service.id)
        return {
            "service": service.id,
            "title": dict(service.title),
            "state": str(state),
            "since": _instant(since),
            "contracted": service.contracted,
            "need": service.need_words,
            "promise": self._promise(service),
            "checks": list(service.checks),
        }

    def _promise(self, service: Service) -> Document | None:
        """What was promised, for the screen: the share and the time it leaves."""
        terms = self._runtime.site.contract
        if terms is None or not service.contracted:
            return None
        try:
            year = contract_year(terms, self._runtime.timeline.now())
        except InputError:
            return T(
                "promised from {day} on", day=terms.year_start.isoformat()
            ).to_json()
        return T(
            "promised {target}: {allowed} a year",
            target={"ratio": float(terms.target / 100)},
            allowed={"duration": allowed_us(terms.target, year)},
        ).to_json()

    def _check(self, check: Check) -> Document:
        view = self._runtime.judge.state(check.path)
        seen = self._runtime.pipeline.seen.get(check.path)
        return {
            "check": check.path,
            "kind": check.kind,
            "state": str(view.state),
            "since": _instant(view.since),
            "failing": view.run_failed,
            "confirm": check.confirm,
            "last": _instant(seen.at) if seen else None,
            "result": str(seen.result) if seen else None,
            "seen": seen.seen.to_json() if seen else None,
            "warned": seen.warned if seen else None,
            "last_good": _instant(seen.last_good) if seen else None,
        }

    def _incidents(self) -> list[Document]:
        return [
            {
                "incident": one.incident,
                "subject": one.subject,
                "since": _instant(one.since),
                "severity": one.severity,
                "ticket": self._tickets.get(one.incident),
            }
            for one in self._runtime.judge.open_incidents()
        ]


def _instant(at: Instant | None) -> str | None:
    return None if at is None else format_instant(at)


def _said(error: Exception | None) -> str | None:
    return None if error is None else str(error)
