"""Why the account says what it says: windows, announcements, clauses, outages.

Each excluded and each refused second is traced to a window, an announcement and a
key of the contract file, and the outages are ranked by what they cost. The parts add
up: `down` of what is excluded to `down_excluded`, `counted` of the outages to
`down_counted`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from scudo_agent.contract.account import Account
from scudo_agent.contract.model import Announcement, Window
from scudo_agent.contract.spans import Spans, merge
from scudo_agent.contract.window_words import why
from scudo_agent.contract.windows import Refusal, WindowRules
from scudo_agent.instant import Instant
from scudo_agent.intervals import Interval
from scudo_agent.model import State
from scudo_agent.text import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one announcement of a window is credited with, or refused, and why.

    `elapsed` is the part before `at`, `down` what of it was down, `coming` the part
    after it. A refused second that another window excludes is not in here.
    """

    window: Window
    announcement: Announcement
    refusal: Refusal | None
    spans: Spans
    elapsed: int
    down: int
    coming: int
    why: Text

    @property
    def clause(self) -> str:
        """The key of the contract file that decides."""
        return f"uptime.exclusions.{self.window.kind}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """An unbroken time of being down, and how much of it counts."""

    span: Interval
    counted: int
    windows: tuple[str, ...]

    @property
    def length(self) -> int:
        """Microseconds from start to end."""
        return self.span[1] - self.span[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Shares in order of time, outages by what they cost, the dearest first."""

    excluded: tuple[Share, ...]
    refused: tuple[Share, ...]
    outages: tuple[Outage, ...]


def explain(account: Account, rules: WindowRules) -> Explanation:
    """Trace the account of one service to windows and outages."""
    credits = [
        (one.window, one.announcement, None, one.span)
        for one in account.exclusion.credits
    ]
    refusals = [
        (one.window, part.announcement, part.refusal, part.span)
        for one in account.exclusion.assessments
        for part in one.refused
    ]
    return Explanation(
        excluded=tuple(_shares(credits, account, rules)),
        refused=tuple(_shares(refusals, account, rules)),
        outages=tuple(sorted(_outages(account), key=_cost)),
    )


def _shares(
    parts: Sequence[tuple[Window, Announcement, Refusal | None, Interval]],
    account: Account,
    rules: WindowRules,
) -> Iterable[Share]:
    """The parts of each announcement and reason as one."""
    grouped: dict[
        tuple[str, int, Instant, Refusal | None],
        tuple[Window, Announcement, list[Interval]],
    ] = {}
    for window, one, refusal, span in parts:
        place = window.announcements.index(one)
        key = window.id, place, one.announced, refusal
        grouped.setdefault(key, (window, one, []))[2].append(span)
    down = account.states[State.DOWN]
    for (_, _, _, refusal), (window, one, found) in grouped.items():
        spans = merge(found)
        if refusal is not None:
            spans = spans.without(account.exclusion.total)
        if not spans:
            continue
        elapsed = spans.within(account.period)
        yield Share(
            window=window,
            announcement=one,
            refusal=refusal,
            spans=spans,
            elapsed=elapsed.length(),
            down=elapsed.overlap(down),
            coming=spans.length() - elapsed.length(),
            why=why(rules, window, one, at=account.at, refusal=refusal),
        )


def _outages(account: Account) -> Iterable[Outage]:
    exclusion = account.exclusion
    credited = exclusion.credits
    place = 0
    for span in account.states[State.DOWN]:
        one = Spans((span[0],), (span[1],))
        lost = one.overlap(exclusion.total)
        while place < len(credited) and credited[place].span[1] <= span[0]:
            place += 1
        names: list[str] = []
        for credit in islice(credited, place, None) if lost else ():
            if credit.span[0] >= span[1]:
                break
            if credit.window.id not in names:
                names.append(credit.window.id)
        yield Outage(span=span, counted=span[1] - span[0] - lost, windows=tuple(names))


def _cost(outage: Outage) -> tuple[int, int]:
    return -outage.counted, outage.span[0]
