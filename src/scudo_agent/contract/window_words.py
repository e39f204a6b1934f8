"""The rules of windows in words: why a part is excluded or not, and what is amiss."""

from collections.abc import Iterable

from scudo_agent.contract.model import (
    Announcement,
    OrdinaryRule,
    UpgradeRule,
    Window,
    WindowKind,
)
from scudo_agent.contract.windows import (
    Objection,
    Refusal,
    WindowRules,
    known,
    objections,
)
from scudo_agent.instant import Instant
from scudo_agent.text import TN, T, Text, Value


def why(
    rules: WindowRules,
    window: Window,
    announcement: Announcement,
    *,
    at: Instant,
    refusal: Refusal | None = None,
) -> Text:
    """Why a part of a window is excluded (no refusal), or is not."""
    if refusal is not None:
        return _why_not(rules, window, announcement, refusal)
    match window.kind:
        case WindowKind.ORDINARY:
            return T(
                "announced {days} ahead, {needed} needed",
                days=_calendar_days(rules.notice_days(announcement)),
                needed=_notice_days(rules),
            )
        case WindowKind.EXTRAORDINARY:
            return T("any notice will do, from the moment the customer was told")
        case WindowKind.OCCASIONAL:
            return T("declared, and in the hours in which interruptions are permitted")
        case WindowKind.UPGRADE:
            return _why_upgrade(rules, window, at)


def _why_upgrade(rules: WindowRules, window: Window, at: Instant) -> Text:
    clause = rules.contract.uptime.exclusions.upgrade or UpgradeRule()
    length: Value = {"duration": clause.max_us}
    late = rules.late_notice(window, at=at)
    if late is None:
        return T(
            "the first {length} of an upgrade, after a peak notice",
            length=length,
        )
    return T(
        "the first {length} of an upgrade; the peak notice was late: {days} in "
        "between, {needed} needed",
        length=length,
        days=_working_days(late),
        needed=clause.peak_notice_working_days,
    )


def _why_not(
    rules: WindowRules, window: Window, one: Announcement, refusal: Refusal
) -> Text:
    match refusal:
        case Refusal.SHORT_NOTICE:
            return _short_notice(rules, one)
        case Refusal.BEFORE_TOLD:
            return T(
                "before the customer was told, {announced}",
                announced={"instant": one.announced},
            )
        case Refusal.NOT_PERMITTED:
            return T("outside the hours in which interruptions are permitted")
        case Refusal.CANCELLED:
            return T(
                "the window was cancelled, {cancelled}",
                cancelled={"instant": window.cancelled or 0},
            )
        case Refusal.NO_PEAK_NOTICE:
            return T("an upgrade of which no peak notice was given")
        case Refusal.PEAK_NOTICE_LATER:
            return T(
                "an upgrade whose peak notice came only after its start, {told}",
                told={"instant": window.peak_notice or 0},
            )
        case Refusal.BEYOND_UPGRADE:
            clause = rules.contract.uptime.exclusions.upgrade or UpgradeRule()
            return T(
                "beyond the first {length} of an upgrade",
                length={"duration": clause.max_us},
            )
        case Refusal.NO_CLAUSE:
            return T("the contract excludes nothing for windows of this kind")


def _short_notice(rules: WindowRules, one: Announcement) -> Text:
    days, needed = rules.notice_days(one), _notice_days(rules)
    if days < 0:
        return T("announced on a later day than its start, {needed} days ahead needed",
                 needed=needed)  # fmt: skip
    return T(
        "announced {days} ahead, {needed} needed",
        days=_calendar_days(days),
        needed=needed,
    )


def warnings(
    windows: Iterable[Window], rules: WindowRules, *, at: Instant
) -> list[Text]:
    """What the desk would have refused, and upgrades whose notice is amiss.

    By the rules all of this is computed; each warning names the window.
    """
    out: list[Text] = []
    for window in windows:
        out += [
            _objection(why, window.id, {"instant": one.announced})
            for why, one in objections(window, at=at)
        ]
        out += _upgrade_warnings(window, rules, at)
    return out


def _upgrade_warnings(window: Window, rules: WindowRules, at: Instant) -> list[Text]:
    clause, told = rules.contract.uptime.exclusions.upgrade, known(window, at)
    if window.kind is not WindowKind.UPGRADE or clause is None or not told:
        return []
    cancelled = window.cancelled
    if cancelled is not None and cancelled <= min(at, told[-1].start):
        return []
    peak = window.peak_notice
    if peak is None or peak > at:
        return [T("window {window}: no peak notice, so that nothing is excluded",
                  window=window.id)]  # fmt: skip
    if peak > told[-1].start:
        return [
            T(
                "window {window}: the peak notice came after the start, {told}, so "
                "that nothing is excluded",
                window=window.id,
                told={"instant": peak},
            )
        ]
    days = rules.late_notice(window, at=at)
    if days is None:
        return []
    return [
        T(
            "window {window}: the peak notice was late: {days} in between, {needed} "
            "needed; the hour is excluded all the same",
            window=window.id,
            days=_working_days(days),
            needed=clause.peak_notice_working_days,
        )
    ]


def _objection(why: Objection, window: str, announced: Value) -> Text:
    match why:
        case Objection.ENDS_FIRST:
            return T(
                "window {window}: what was announced {announced} does not end after "
                "its start",
                window=window,
                announced=announced,
            )
        case Objection.OVER:
            return T(
                "window {window}: what was announced {announced} came when it was over",
                window=window,
                announced=announced,
            )
        case Objection.AFTER_CANCELLATION:
            return T(
                "window {window}: what was announced {announced} came after the "
                "cancellation",
                window=window,
                announced=announced,
            )


def _notice_days(rules: WindowRules) -> int:
    clause = rules.contract.uptime.exclusions.ordinary or OrdinaryRule()
    return clause.notice_days


def _calendar_days(days: int) -> Value:
    said = TN("{n} calendar day", "{n} calendar days", n=days)
    return {"text": said.to_json()}


def _working_days(days: int) -> Value:
    said = TN("{n} working day", "{n} working days", n=days)
    return {"text": said.to_json()}
