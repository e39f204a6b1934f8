"""What may be announced of a maintenance window, and when not (`domain.md` 4).

Pure rules of the desk. Each refusal says what would be right. When a window was
announced is not asked here: it is the time of the transaction that puts the
customer's notice into the mail outbox.
"""

from collections.abc import Collection
from enum import StrEnum

from scudo_agent.contract.model import Announcement, Window, WindowKind
from scudo_agent.errors import InputError
from scudo_agent.instant import DAY, Instant, local_stamp, parse_instant
from scudo_agent.wire_site import WindowState

HORIZON_US = 732 * DAY
"""A window ends within two years: what lies further ahead is a slip of the pen."""

EVERY = "*"
"""Stands for all services."""


class RefusedError(InputError):
    """The desk does not take it as it is; `str` says what would be right."""


class TooLateError(RefusedError):
    """The window is over or cancelled: nothing is announced of it any more."""


class Phase(StrEnum):
    """Where a window stands at an instant."""

    PLANNED = "planned"
    OPEN = "open"
    OVER = "over"
    CANCELLED = "cancelled"


def window_of(state: WindowState) -> Window:
    """The window that a desk's answer describes."""
    peak, cancelled = (
        None if text is None else parse_instant(text)
        for text in (state.peak_notice, state.cancelled)
    )
    return Window(
        id=state.id,
        kind=WindowKind(state.kind),
        services=tuple(state.services),
        announcements=tuple(
            Announcement(
                announced=parse_instant(one.announced),
                start=parse_instant(one.start),
                end=parse_instant(one.end),
            )
            for one in state.announcements
        ),
        cancelled=cancelled,
        peak_notice=peak,
    )


def standing(window: Window) -> Announcement:
    """What the window is: its last announcement (of equal ones the last in place)."""
    return sorted(window.announcements, key=lambda one: one.announced)[-1]


def phase(window: Window, now: Instant) -> Phase:
    """Where the window stands at `now`."""
    last = standing(window)
    if window.cancelled is not None and window.cancelled <= now:
        return Phase.CANCELLED
    if now < last.start:
        return Phase.PLANNED
    return Phase.OPEN if now < last.end else Phase.OVER


def check_span(start: Instant, end: Instant, now: Instant, *, zone: str) -> None:
    """A first announcement: of a span that is not yet over."""
    _ordered(start, end, zone)
    if now >= end:
        raise RefusedError(
            f"the window ended at {_said(end, zone)}: a customer is told before "
            "the end, and what is past is no longer announced"
        )
    if end > now + HORIZON_US:
        raise RefusedError(
            f"the window ends at {_said(end, zone)}: at most two years ahead, "
            f"until {_said(Instant(now + HORIZON_US), zone)}"
        )


def check_move(
    window: Window, start: Instant, end: Instant, now: Instant, *, zone: str
) -> None:
    """A further announcement: before the end of the window as it now stands."""
    check_open(window, now, zone=zone)
    _ordered(start, end, zone)
    if end > now + HORIZON_US:
        raise RefusedError("a window ends at most two years ahead")


def check_open(window: Window, now: Instant, *, zone: str) -> None:
    """Nothing is announced of what is cancelled or over (a cancellation neither)."""
    if window.cancelled is not None:
        raise TooLateError(
            f"{window.id} was cancelled at {_said(window.cancelled, zone)}: "
            "announce a new window"
        )
    end = standing(window).end
    if now >= end:
        raise TooLateError(
            f"{window.id} ended at {_said(end, zone)}: write a correction, which "
            "is shown apart, or announce a new window"
        )


def check_services(services: Collection[str], known: Collection[str]) -> None:
    """Services that the site has, each once; `*` stands alone for all."""
    if EVERY in services:
        if len(services) > 1:
            raise RefusedError("'*' stands for all services: name it alone")
        return
    twice = sorted({one for one in services if list(services).count(one) > 1})
    if twice:
        raise RefusedError(f"named twice: {', '.join(twice)}")
    unknown = [one for one in services if one not in known]
    if not unknown:
        return
    if not known:
        raise RefusedError(
            "the desk knows no services of this site yet: start its agent once, "
            "or announce the window for '*'"
        )
    raise RefusedError(
        f"unknown services: {', '.join(unknown)}; this site has {', '.join(known)}"
    )


def check_peak(kind: str, peak: Instant | None, now: Instant, *, zone: str) -> None:
    """A peak notice belongs to an upgrade, and was given before it is written."""
    if peak is None:
        return
    if kind != WindowKind.UPGRADE:
        raise RefusedError(f"a peak notice belongs to an upgrade, and this is {kind}")
    if peak > now:
        raise RefusedError(
            f"the peak notice is of {_said(peak, zone)}, which is yet to come: "
            "say when the customer told"
        )


def _ordered(start: Instant, end: Instant, zone: str) -> None:
    if end <= start:
        raise RefusedError(
            f"the window ends at {_said(end, zone)}, which is not after its start "
            f"at {_said(start, zone)}"
        )


def _said(at: Instant, zone: str) -> str:
    """An instant in a refusal: people read it, so whole seconds of the site's time."""
    return local_stamp(at, zone)
