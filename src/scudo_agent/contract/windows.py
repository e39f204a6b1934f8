"""What a maintenance window is, and which part of it is excluded (`domain.md` 4).

The excluded part is (what the window is now) ∩ (the union over its announcements of
what each entitles to). What is not excluded is refused, with the reason; granted and
refused parts together are the window, each instant in one of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from scudo_agent.contract.calendar import Calendar
from scudo_agent.contract.model import (
    Announcement,
    Contract,
    OrdinaryRule,
    UpgradeRule,
    Window,
    WindowKind,
)
from scudo_agent.contract.spans import Pieces, intersected, subtracted
from scudo_agent.instant import DAY, Instant
from scudo_agent.intervals import Interval

_LONG_BEFORE = timedelta(days=366)


class Refusal(StrEnum):
    """Why a part of a window is not excluded."""

    NO_CLAUSE = "no_clause"
    CANCELLED = "cancelled"
    NO_PEAK_NOTICE = "no_peak_notice"
    PEAK_NOTICE_LATER = "peak_notice_later"
    BEYOND_UPGRADE = "beyond_upgrade"
    NOT_PERMITTED = "not_permitted"
    SHORT_NOTICE = "short_notice"
    BEFORE_TOLD = "before_told"


class Objection(StrEnum):
    """Why the desk would have refused an announcement."""

    ENDS_FIRST = "ends_first"
    OVER = "over"
    AFTER_CANCELLATION = "after_cancellation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a window that is excluded, or refused for a reason.

    `announcement` is the one that entitles to it (the first that does), or that
    comes nearest to it.
    """

    announcement: Announcement
    span: Interval
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """A window as it is known at an instant: `now` is what it then is."""

    window: Window
    now: Announcement
    granted: tuple[Part, ...]
    refused: tuple[Part, ...]


class WindowRules:
    """The exclusions of one contract, applied to windows."""

    def __init__(self, contract: Contract, calendar: Calendar | None = None) -> None:
        self.contract = contract
        self.calendar = calendar or Calendar(contract)
        exclusions = contract.uptime.exclusions
        self._clauses = {
            WindowKind.ORDINARY: exclusions.ordinary,
            WindowKind.EXTRAORDINARY: exclusions.extraordinary,
            WindowKind.UPGRADE: exclusions.upgrade,
            WindowKind.OCCASIONAL: exclusions.occasional,
        }

    def assess(
        self, window: Window, *, at: Instant, within: Interval | None = None
    ) -> Assessment | None:
        """What is excluded of a window as known at `at`, and what is not.

        None when nothing was announced yet. Only what lies in `within` is looked
        at: a contract year, or the window itself.
        """
        told = known(window, at)
        if not told:
            return None
        now = told[-1]
        start, end = now.start, now.end
        if within is not None:
            start, end = max(start, within[0]), min(end, within[1])
        if len(told) == 1 and window.cancelled is None and start < end:
            plain = self._plain(window, now, at, (start, end))
            if plain is not None:
                return plain
        rest: Pieces = [(start, end)] if start < end else []
        refused: list[Part] = []
        for limit, why in self._limits(window, now, at, (start, end)):
            kept = intersected(rest, limit)
            refused += [
                Part(announcement=now, span=span, refusal=why)
                for span in subtracted(rest, kept)
            ]
            rest = kept
        granted, left = self._grant(window.kind, told, rest)
        if left:
            refused += self._remains(window.kind, told, left)
        granted.sort(key=_start)
        refused.sort(key=_start)
        return Assessment(
            window=window, now=now, granted=tuple(granted), refused=tuple(refused)
        )

    def _plain(
        self, window: Window, now: Announcement, at: Instant, span: Interval
    ) -> Assessment | None:
        """The same for nearly every window: announced once, and not cancelled.

        Its span is cut at two instants at most, and no set is needed for that. None
        where the general way is to be gone.
        """
        clause, (start, end), refused = self._clauses[window.kind], span, []
        if isinstance(clause, OrdinaryRule):
            if not self._enough(clause, now):
                why = Refusal.SHORT_NOTICE
                part = Part(announcement=now, span=span, refusal=why)
                return Assessment(window=window, now=now, granted=(), refused=(part,))
            part = Part(announcement=now, span=span)
            return Assessment(window=window, now=now, granted=(part,), refused=())
        if clause is None or window.kind is WindowKind.OCCASIONAL:
            return None
        if isinstance(clause, UpgradeRule):
            hour = Instant(now.start + clause.max_us)
            if _peak_refusal(window, now, at) is not None or hour <= start:
                return None
            if hour < end:
                why = Refusal.BEYOND_UPGRADE
                refused = [Part(announcement=now, span=(hour, end), refusal=why)]
                end = hour
        if (told := now.announced) > start:
            untold = start, min(told, end)
            why = Refusal.BEFORE_TOLD
            refused.insert(0, Part(announcement=now, span=untold, refusal=why))
            start = untold[1]
        granted = [Part(announcement=now, span=(start, end))] if start < end else []
        return Assessment(
            window=window, now=now, granted=tuple(granted), refused=tuple(refused)
        )

    def _enough(self, clause: OrdinaryRule, one: Announcement) -> bool:
        """Whether the notice suffices, by dates."""
        # However a zone's clocks are set between them, by less than a day.
        if one.start - one.announced >= (clause.notice_days + 1) * DAY:
            return True
        return self.notice_days(one) >= clause.notice_days

    def notice_days(self, announcement: Announcement) -> int:
        """Calendar days from the day it was announced to the day of its start."""
        day = self.calendar.local_day
        return (day(announcement.start) - day(announcement.announced)).days

    def peak_notice_days(self, window: Window, now: Announcement) -> int | None:
        """Working days strictly between the peak notice's day and the window's day.

        Of a notice more than a year ahead only the last year is counted.
        """
        if window.peak_notice is None:
            return None
        start = self.calendar.local_day(now.start)
        told = self.calendar.local_day(window.peak_notice)
        told = max(told, start - _LONG_BEFORE)
        return self.calendar.working_days_between(told, start)

    def late_notice(self, window: Window, *, at: Instant) -> int | None:
        """Working days of a peak notice that came late; None if it did not (or never).

        Late is shown as late; the hour is excluded all the same.
        """
        clause = self._clauses[window.kind]
        told = known(window, at)
        if not isinstance(clause, UpgradeRule) or not told:
            return None
        if _peak_refusal(window, told[-1], at) is not None:
            return None
        days = self.peak_notice_days(window, told[-1])
        late = days is not None and days < clause.peak_notice_working_days
        return days if late else None

    def _limits(
        self, window: Window, now: Announcement, at: Instant, span: Interval
    ) -> Iterable[tuple[Pieces, Refusal]]:
        """What bounds a window whatever was announced, one after the other."""
        start, end = span
        if window.cancelled is not None and window.cancelled <= at:
            yield [(start, min(end, window.cancelled))], Refusal.CANCELLED
        clause = self._clauses[window.kind]
        if clause is None:
            yield [], Refusal.NO_CLAUSE
        elif isinstance(clause, UpgradeRule):
            if (why := _peak_refusal(window, now, at)) is not None:
                yield [], why
            hour = now.start, Instant(now.start + clause.max_us)
            yield [hour], Refusal.BEYOND_UPGRADE
        elif window.kind is WindowKind.OCCASIONAL:
            permitted = self.calendar.permitted_spans(start, end)
            yield permitted, Refusal.NOT_PERMITTED

    def _grant(
        self, kind: WindowKind, told: Sequence[Announcement], rest: Pieces
    ) -> tuple[list[Part], Pieces]:
        """Each part to the first announcement that entitles to it; and what is left."""
        granted: list[Part] = []
        for one in told:
            if not rest:
                break
            claim = intersected(rest, self._claim(kind, one))
            granted += [Part(announcement=one, span=span) for span in claim]
            rest = subtracted(rest, claim)
        return granted, rest

    def _claim(self, kind: WindowKind, one: Announcement) -> Pieces:
        clause = self._clauses[kind]
        if isinstance(clause, OrdinaryRule):
            return [(one.start, one.end)] if self._enough(clause, one) else []
        return [(max(one.start, one.announced), one.end)]

    def _remains(
        self, kind: WindowKind, told: Sequence[Announcement], rest: Pieces
    ) -> list[Part]:
        """What nothing entitles to, by the announcement that comes nearest to it."""
        why, nearest = Refusal.BEFORE_TOLD, told
        if kind is WindowKind.ORDINARY:
            why = Refusal.SHORT_NOTICE
            nearest = sorted(told, key=self.notice_days, reverse=True)
        out: list[Part] = []
        for one in nearest:
            claim = intersected(rest, [(one.start, one.end)])
            out += [Part(announcement=one, span=s, refusal=why) for s in claim]
            rest = subtracted(rest, claim)
        return out


def known(window: Window, at: Instant) -> list[Announcement]:
    """The announcements made up to and including `at`, in their order."""
    told = [one for one in window.announcements if one.announced <= at]
    if len(told) > 1:
        told.sort(key=lambda one: one.announced)
    return told


def objections(window: Window, *, at: Instant) -> list[tuple[Objection, Announcement]]:
    """Announcements that the desk would have refused, each with the first reason."""
    found: list[tuple[Objection, Announcement]] = []
    stands: Announcement | None = None
    cancelled = window.cancelled
    for one in known(window, at):
        # The first announcement makes the window: it is over if its own end is.
        end = one.end if stands is None else stands.end
        if one.end <= one.start:
            found.append((Objection.ENDS_FIRST, one))
        elif cancelled is not None and one.announced > cancelled:
            found.append((Objection.AFTER_CANCELLATION, one))
        elif one.announced >= end:
            found.append((Objection.OVER, one))
        stands = one
    return found


def _peak_refusal(window: Window, now: Announcement, at: Instant) -> Refusal | None:
    """Why an upgrade excludes nothing; a notice after `at` is not known yet."""
    if window.peak_notice is None or window.peak_notice > at:
        return Refusal.NO_PEAK_NOTICE
    return Refusal.PEAK_NOTICE_LATER if window.peak_notice > now.start else None


def _start(part: Part) -> Instant:
    return part.span[0]
