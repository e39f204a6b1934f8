"""The status document: what `/status`, the live table and `status` show."""

from collections.abc import Callable, Mapping

from scudo_agent.agent.document import (
    FORMAT,
    Document,
    budget_of,
    check_document,
    incident_document,
    left_document,
    service_document,
    text_of,
)
from scudo_agent.agent.events import EventLog
from scudo_agent.agent.runtime import Runtime
from scudo_agent.config.site import Check, Service
from scudo_agent.instant import format_instant
from scudo_agent.telemetry.snapshot import SlaSnapshot

_LINES = 5
"""Faults of a refused site file that the document has; the log has all."""


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
        accounts: Callable[[], Mapping[str, SlaSnapshot]] = dict,
    ) -> None:
        self._runtime = runtime
        self._events = events
        self._desk = desk
        self._links = links
        self._tickets = tickets
        self._accounts = accounts

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
            "started": text_of(runtime.started),
            "isolated_since": text_of(isolated),
            "clock": {
                "offset_us": runtime.timeline.offset_us(),
                "steps": dict(runtime.steps),
            },
            "not_measured_us": runtime.gap_us,
            "store_error": _said(runtime.pipeline.commit_error),
            "store_reserve_used": runtime.store.reserve_used,
            "store_losses": [str(loss) for loss in runtime.store.losses],
            "site_file": self._site_file(),
            "services": [self._service(s) for s in site.services.values()],
            "checks": [self._check(c) for c in site.checks.values()],
            "incidents": self._incidents(),
            **self._left(),
            "desk": self._desk(),
            "links": self._links(),
            "events": self._events.lines(),
        }

    def _site_file(self) -> Document:
        """Which version is gone by, and why a newer one is not."""
        taken = self._runtime.file_taken
        return {
            "hash": self._runtime.site.config_hash,
            "taken": format_instant(taken.at),
            "refused": text_of(taken.refused_at),
            "why": list(taken.why[:_LINES]),
            "left_out": max(len(taken.why) - _LINES, 0),
        }

    def _service(self, service: Service) -> Document:
        state, since = self._runtime.judge.service(service.id)
        at = self._runtime.timeline.now()
        account = self._accounts().get(service.id)
        left = None if account is None else budget_of(self._runtime.site, account)
        return service_document(
            self._runtime.site, service, state, since=since, at=at, left=left
        )

    def _check(self, check: Check) -> Document:
        view = self._runtime.judge.state(check.path)
        seen = self._runtime.pipeline.seen.get(check.path)
        document = check_document(
            check,
            view.state,
            since=view.since,
            failing=view.run_failed,
            seen=seen,
            forecast=self._runtime.pipeline.forecast(check.path),
        )
        # Of windows and mutes: why there is no ticket.
        return {**document, "held": list(view.held)}

    def _left(self) -> Document:
        runtime = self._runtime
        at = runtime.timeline.now()
        orders = runtime.interventions.in_force(at)
        windows = runtime.windows
        return left_document(
            runtime.site,
            orders,
            windows.open(at),
            windows.copy,
            planned=windows.planned(at),
            effects=windows.effects,
        )

    def _incidents(self) -> list[Document]:
        return [
            incident_document(
                one.incident,
                one.subject,
                since=one.since,
                severity=one.severity,
                ticket=self._tickets.get(one.incident),
            )
            for one in self._runtime.judge.open_incidents()
        ]


def _said(error: Exception | None) -> str | None:
    return None if error is None else str(error)
