"""How often a customer is written to when much happens at once, or again and again.

The limits are those of `domain.md` 5 (an unstable ticket) and of `reliability.md`
(storms); pure: instants in, instants out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scudo_agent.instant import DAY, HOUR, MINUTE, Instant

STORM_OPENINGS = 3
STORM_SPAN_US = MINUTE
"""So many openings for one customer within so long are a storm."""

STORM_TAIL_US = 10 * MINUTE
"""What opens so soon after a storm's last opening still belongs to it."""

STORM_MAILS = 3
STORM_MAILS_US = 10 * MINUTE
"""A customer in a storm gets at most so many mails in any such span."""

STORM_HUSH_US = 20 * MINUTE
"""So long after its last opening a storm still limits the customer's mails."""

GATHER_US = MINUTE
"""A storm's first mail waits so long, to name what it is about."""

STORM_NEWS_US = HOUR
"""A storm that goes on says so often at most how many are over."""

OWN_TICKET_US = 15 * MINUTE
"""Severity 1 that is bad for so long goes on in a ticket of its own."""

RELAPSES = 3
RELAPSES_US = DAY
"""From so many re-openings in this span on a ticket is unstable."""

SUMMARY_US = 8 * HOUR
"""An unstable ticket's summaries are so far apart."""

CALM_US = 4 * HOUR
"""Without a stage for so long a ticket is stable again."""

TICKET_MAILS = 6
TICKET_MAILS_US = DAY
"""One ticket is never told of more often than so."""

OWN_MAILS = 3
"""More tickets than these that leave a storm at once share one mail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steadiness:
    """How a ticket behaves: its last re-openings, and since when it is unstable.

    `unstable` is the instant of the last stage while it is unstable, else None.
    """

    relapses: tuple[Instant, ...] = ()
    unstable: Instant | None = None


def crowded(opened: Instant, others: Iterable[Instant]) -> bool:
    """Whether an opening is one of three within 60 s, whatever their order is.

    Reports of two sites may reach the desk in another order than they happened.
    """
    near = [one for one in others if abs(one - opened) < STORM_SPAN_US]
    dates = sorted([*near, opened])
    most = STORM_OPENINGS - 1
    return any(
        last - first < STORM_SPAN_US
        for first, last in zip(dates, dates[most:], strict=False)
    )


def slot(now: Instant, mails: Sequence[Instant], *, most: int, span_us: int) -> Instant:
    """The first instant from `now` on at which one more mail makes no more than `most`.

    `mails` are the dates of those that left or are to leave; counted is any span
    `[t, t + span_us)`.
    """
    recent = sorted((one for one in mails if one > now - span_us), reverse=True)
    if len(recent) < most:
        return now
    return max(now, Instant(recent[most - 1] + span_us))


def steadied(before: Steadiness, at: Instant, *, relapse: bool) -> Steadiness:
    """A ticket's behaviour after a stage at `at`; `relapse`: it was re-opened by it.

    The third re-opening within 24 h makes it unstable, and it stays so while no 4 h
    pass without a stage.
    """
    relapses = before.relapses
    if relapse:
        relapses = (*relapses, at)[-RELAPSES:]
    restless = before.unstable is not None and at - before.unstable < CALM_US
    crowd = len(relapses) == RELAPSES and relapses[-1] - relapses[0] < RELAPSES_US
    if restless or (relapse and crowd):
        return Steadiness(relapses=relapses, unstable=max(at, before.unstable or at))
    return Steadiness(relapses=relapses)


def summary_due(began: Instant, last: Instant) -> Instant:
    """When an unstable ticket's summary leaves: each 8 h, or after 4 h of calm.

    `began` is when the first stage was put into it, `last` the last one.
    """
    return Instant(min(began + SUMMARY_US, last + CALM_US))
