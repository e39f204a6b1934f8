"""Parts of the status document, the same live and from the store."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from scudo_agent.agent.interventions import checks_of
from scudo_agent.agent.windows import (
    Effects,
    OpenWindow,
    PlannedWindow,
    open_at,
    planned_at,
    upgrade_us,
)
from scudo_agent.config.site import Check, Service, Site
from scudo_agent.contract.model import Window
from scudo_agent.contract.year import allowed_us, contract_year
from scudo_agent.desk.windows import standing
from scudo_agent.errors import InputError
from scudo_agent.instant import SECOND, Instant, format_instant, seconds
from scudo_agent.judge.forecast import Forecast, words
from scudo_agent.model import State
from scudo_agent.store.read import StoreReader
from scudo_agent.store.values import Intervention, Seen, WindowCopy
from scudo_agent.telemetry.snapshot import SlaSnapshot
from scudo_agent.text import T, Text, Value

Document = dict[str, Any]
FORMAT = 1
"""Of the whole document: it changes when a key changes its meaning."""


def text_of(at: Instant | None) -> str | None:
    """RFC 3339, or None."""
    return None if at is None else format_instant(at)


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLeft:
    """What may be lost in the contract year and what was, in microseconds.

    `windows` is what the year's windows take of what could be lost without them, those
    to come included. All as of `at`.
    """

    at: Instant
    allowed: float
    used: int
    windows: float

    @property
    def remaining(self) -> float:
        """Negative once it is breached."""
        return self.allowed - self.used


def budget_of(site: Site, account: SlaSnapshot) -> BudgetLeft:
    """The budget of a running agent's account."""
    whole = account.allowed_us
    if site.contract is not None:
        year = contract_year(site.contract, account.year_start)
        whole = allowed_us(site.contract.uptime.target, year)
    return BudgetLeft(
        at=account.at,
        allowed=account.allowed_us,
        used=account.used_us,
        # Rounded down, the whole may be a microsecond less than what is allowed.
        windows=max(whole - account.allowed_us, 0),
    )


def service_document(
    site: Site,
    service: Service,
    state: State,
    *,
    since: Instant | None,
    at: Instant,
    left: BudgetLeft | None = None,
) -> Document:
    """One service, what was promised of it as of `at`, and what is left of that."""
    promise = promised(site, service, at, left)
    return {
        "service": service.id,
        "title": dict(service.title),
        "state": str(state),
        "since": text_of(since),
        "contracted": service.contracted,
        "need": service.need_words,
        "promise": promise.to_json() if promise else None,
        "budget": _budget(left),
        "checks": list(service.checks),
    }


def check_document(
    check: Check,
    state: State,
    *,
    since: Instant | None,
    failing: int,
    seen: Seen | None,
    forecast: Forecast | None = None,
) -> Document:
    """One check; `failing` failed observations in a row are being confirmed."""
    return {
        "check": check.path,
        "kind": check.kind,
        "state": str(state),
        "since": text_of(since),
        "failing": failing,
        "confirm": check.confirm,
        "last": text_of(seen.at) if seen else None,
        "result": str(seen.result) if seen else None,
        "seen": seen.seen.to_json() if seen else None,
        "warned": seen.warned if seen else None,
        "forecast": forecast_document(forecast) if forecast else None,
        "last_good": text_of(seen.last_good) if seen else None,
    }


def forecast_document(forecast: Forecast) -> Document:
    """When a value reaches its limit: likely, and between early and late."""
    crossing = forecast.crossing
    return {
        "early": format_instant(crossing.early),
        "likely": format_instant(crossing.likely),
        "late": text_of(crossing.late),
        "text": words(forecast).to_json(),
    }


def incident_document(
    incident: str,
    subject: str,
    *,
    since: Instant,
    severity: int | None,
    ticket: str | None,
) -> Document:
    """One open incident and its ticket's public number, when the desk has one."""
    return {
        "incident": incident,
        "subject": subject,
        "since": text_of(since),
        "severity": severity,
        "ticket": ticket,
    }


def intervention_document(site: Site, order: Intervention) -> Document:
    """A mute or a pause, and the checks that it is about."""
    return {
        "id": order.id,
        "kind": str(order.kind),
        "scope": str(order.scope),
        "name": order.name,
        "since": text_of(order.since),
        "until": text_of(order.end),
        "reason": order.reason,
        "actor": order.actor,
        "checks": list(checks_of(site, order.scope, order.name)),
    }


def left_document(
    site: Site,
    orders: Iterable[Intervention],
    windows: Iterable[OpenWindow],
    copy: WindowCopy | None,
    *,
    planned: Iterable[PlannedWindow],
    effects: Effects,
) -> Document:
    """What is left alone now, and what will be: for the table, `tickets`, `uptime`.

    `windows_copy` is None while the desk never told of any.
    """
    contract = site.contract
    found = [intervention_document(site, order) for order in orders]
    told = None
    if copy is not None:
        revision = copy.windows.revision
        told = {"revision": revision, "fetched": text_of(copy.fetched)}
    return {
        "mutes": [one for one in found if one["kind"] == "mute"],
        "pauses": [one for one in found if one["kind"] == "pause"],
        "windows": [
            {
                **_window(window, state.reason, effects.of(contract, window)),
                "until": text_of(until),
            }
            for window, state, until in windows
        ],
        "planned": [
            {
                **_window(window, state.reason, effects.of(contract, window)),
                "start": format_instant(standing(window).start),
                "end": format_instant(standing(window).end),
            }
            for window, state in planned
        ],
        "windows_copy": told,
    }


def _window(window: Window, reason: str, excluded_us: int | None) -> Document:
    return {
        "window": window.id,
        "kind": str(window.kind),
        "services": list(window.services),
        "reason": reason,
        "excluded": None if excluded_us is None else seconds(excluded_us),
    }


def stored_left(site: Site, reader: StoreReader, at: Instant) -> Document:
    """`left_document` from the store, as it is at an instant."""
    copy = reader.windows()
    orders = [order for order in reader.interventions(at) if order.at(at)]
    return left_document(
        site,
        orders,
        open_at(copy, at, upgrade_us(site)),
        copy,
        planned=planned_at(copy, at),
        effects=Effects(),
    )


def _budget(left: BudgetLeft | None) -> Document | None:
    if left is None:
        return None
    return {
        "at": format_instant(left.at),
        "allowed": left.allowed / SECOND,
        "used": left.used / SECOND,
        "remaining": left.remaining / SECOND,
        "windows": left.windows / SECOND,
    }


def promised(
    site: Site, service: Service, at: Instant, left: BudgetLeft | None = None
) -> Text | None:
    """What was promised, for the screen: the share, and what is left of the year's.

    Lengths are cut to the second towards zero: nothing left is overstated.
    """
    contract = site.contract
    if contract is None or not service.contracted:
        return None
    try:
        year = contract_year(contract, at)
    except InputError:
        return T("promised from {day} on", day=contract.year_start.isoformat())
    target: Value = {"ratio": float(contract.uptime.target / 100)}
    if left is not None:
        rest = int(left.remaining / SECOND) * SECOND
        if left.remaining < 0:
            return T(
                "promised {target}: used up, {over} more was down",
                target=target,
                over={"duration": -rest},
            )
        return T("promised {target}: {left} left", target=target,
                 left={"duration": rest})  # fmt: skip
    return T(
        "promised {target}: {allowed} a year",
        target=target,
        allowed={"duration": allowed_us(contract.uptime.target, year)},
    )
