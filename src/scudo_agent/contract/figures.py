"""The account as JSON (`domain.md` 9): seconds, ratios, budget, and why."""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from scudo_agent.contract.account import Account, classes
from scudo_agent.contract.exact import ratio, seconds
from scudo_agent.contract.exclusion import KINDS
from scudo_agent.contract.explain import Explanation, Outage, Share
from scudo_agent.contract.part import Part, month_part
from scudo_agent.instant import Instant, to_datetime
from scudo_agent.intervals import Interval
from scudo_agent.model import State
from scudo_agent.text import Text


def figures(account: Account, at: str, *, month: str | None = None) -> dict[str, Any]:
    """What `contract uptime --json` prints of a service; `at` as it was given.

    With a `month` (`2026-11`) its figures stand beside the year's.
    """
    zone = account.contract.timezone
    raw = {state.value: seconds(account.lasted(state)) for state in State}
    excluded = {kind.value: seconds(account.excluded(kind)) for kind in KINDS}
    budget = account.budget
    out = {
        "service": account.service,
        "year": dict(
            zip(("start", "end"), local_span(account.year, zone), strict=True)
        ),
        "at": at,
        "seconds": {
            "elapsed": seconds(account.elapsed),
            **raw,
            "counted": seconds(account.counted),
            "excluded": {**excluded, "total": seconds(account.excluded())},
            "down_excluded": seconds(account.down_excluded),
            "down_counted": seconds(account.down_counted),
        },
        "availability": ratio(account.availability),
        "worst_case": ratio(account.worst_case),
        "best_case": ratio(account.best_case),
        "coverage": ratio(account.coverage),
        "target": ratio(account.target),
        "budget": {
            "allowed": seconds(budget.allowed),
            "used": seconds(budget.used),
            "remaining": seconds(budget.remaining),
            "burn_rate": ratio(budget.burn_rate),
        },
        "met": account.met,
        "breached": account.breached,
    }
    if month is not None:
        span, found = month_part(account, month)
        start, end = local_span(span, zone)
        out["month"] = {
            "month": month,
            "start": start,
            "end": end,
            **part_figures(found),
        }
    return out


def part_figures(found: Part) -> dict[str, Any]:
    """A part of the time elapsed: a month, or the service hours."""
    excluded = {kind.value: seconds(found.excluded[kind]) for kind in KINDS}
    total = sum(found.excluded.values())
    return {
        "seconds": {
            "elapsed": seconds(found.elapsed),
            **{state.value: seconds(found.states[state]) for state in State},
            "counted": seconds(found.counted),
            "excluded": {**excluded, "total": seconds(total)},
            "down_excluded": seconds(found.down_excluded),
            "down_counted": seconds(found.down_counted),
        },
        "availability": ratio(found.availability),
        "worst_case": ratio(found.worst_case),
        "best_case": ratio(found.best_case),
        "coverage": ratio(found.coverage),
    }


def class_seconds(account: Account) -> dict[str, Any]:
    """Seconds of the contract year by class; they add up to it."""
    return {name: seconds(us) for name, us in classes(account).items()}


def explanation(
    found: Explanation, account: Account, say: Callable[[Text], str]
) -> dict[str, Any]:
    """What `--explain --json` adds; `say` puts a reason into the reader's language."""
    zone = account.contract.timezone
    return {
        "excluded": [_share(one, zone, say) for one in found.excluded],
        "refused": [_share(one, zone, say) for one in found.refused],
        "outages": [_outage(one, zone) for one in found.outages],
    }


def local(at: Instant, zone: str) -> str:
    """RFC 3339 with the offset of a time zone."""
    return to_datetime(at).astimezone(ZoneInfo(zone)).isoformat()


def local_span(span: Interval, zone: str) -> list[str]:
    """Start and end of an interval in a time zone."""
    return [local(at, zone) for at in span]


def _share(one: Share, zone: str, say: Callable[[Text], str]) -> dict[str, Any]:
    out: dict[str, Any] = {
        "window": one.window.id,
        "kind": one.window.kind.value,
        "announced": local(one.announcement.announced, zone),
        "clause": one.clause,
        "spans": [local_span(span, zone) for span in one.spans],
        "seconds": seconds(one.elapsed),
        "down": seconds(one.down),
        "coming": seconds(one.coming),
        "why": say(one.why),
    }
    if one.refusal is not None:
        out["refusal"] = one.refusal.value
    return out


def _outage(one: Outage, zone: str) -> dict[str, Any]:
    start, end = local_span(one.span, zone)
    return {
        "start": start,
        "end": end,
        "seconds": seconds(one.length),
        "counted": seconds(one.counted),
        "excluded": seconds(one.length - one.counted),
        "windows": list(one.windows),
    }
