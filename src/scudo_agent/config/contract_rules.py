"""What cannot all be true in a contract file: contradictions, with their places."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

from scudo_agent.config.contract_fields import DAYS, day_numbers
from scudo_agent.config.contract_shape import (
    BILLING_KEYS,
    ContractFile,
    ExtraFile,
    WeeklyFile,
    WhenFile,
)
from scudo_agent.config.document import Document, Loc
from scudo_agent.config.suggest import or_choices
from scudo_agent.contract.model import Span
from scudo_agent.errors import Fault


def rule_faults(
    doc: Document, file: ContractFile, *, bad: frozenset[str], unread: Sequence[Loc]
) -> list[Fault]:
    """All contradictions of what could be read.

    `unread` are the places that could not, `bad` the sections that they are in.
    """
    rules = _Rules(doc, file, bad, unread)
    rules.hours()
    rules.clocks()
    rules.billing()
    rules.requests()
    rules.others()
    return rules.faults


class _Rules:
    def __init__(
        self,
        doc: Document,
        file: ContractFile,
        bad: frozenset[str],
        unread: Sequence[Loc],
    ) -> None:
        self.faults: list[Fault] = []
        self._doc = doc
        self._file = file
        self._bad = bad
        self._unread = unread

    def hours(self) -> None:
        """Spans in order and apart, no day twice, half-days with hours."""
        hours = self._file.service_hours
        top: Loc = ("service_hours",)
        self._weekly(hours.weekly, (*top, "weekly"))
        half = hours.half_days
        self._spans(half.hours, (*top, "half_days", "hours"))
        dates = [rule.text for rule in half.dates]
        self._twice(dates, (*top, "half_days", "dates"))
        if half.dates and not half.hours:
            what = 'half-days need hours, such as hours: ["09:00-13:00"]'
            self._fault((*top, "half_days"), what, key=True)
        for index, extra in enumerate(hours.extra):
            loc: Loc = (*top, "extra", index)
            self._weekly(extra.weekly, (*loc, "weekly"))
            if not any(extra.weekly.values()):
                what = 'extra hours need hours, such as {sat: ["09:00-13:00"]}'
                self._fault((*loc, "weekly"), what, key=True)
            self._when(extra.when, (*loc, "when"))

    def clocks(self) -> None:
        """Each with a name of its own, and hours in which it can run."""
        clocks = self._file.clocks
        for index, clock in enumerate(clocks):
            same = [each for each in clocks[:index] if each.name == clock.name]
            if not all(_apart(each.when, clock.when) for each in same):
                what = f"'{clock.name}' is a clock of the same tickets already"
                self._fault(("clocks", index, "name"), f"{what}; names tell them apart")
        hours = self._file.service_hours
        weekly = any(hours.weekly.values())
        for index, clock in enumerate(clocks):
            loc: Loc = ("clocks", index)
            self._when(clock.when, (*loc, "when"))
            if "service_hours" in self._bad or weekly:
                continue
            if not any(_serves(extra, clock.when) for extra in hours.extra):
                what = (
                    f"clock '{clock.name}' has no hours to run in; "
                    "'service_hours' gives none for its tickets"
                )
                self._fault(loc, what)

    def billing(self) -> None:
        """Only keys of its kind, and categories that are listed."""
        if "billing" in self._bad:
            return
        billing = self._file.billing
        known = BILLING_KEYS[billing.kind]
        for key in sorted(set(BILLING_KEYS["card"] | BILLING_KEYS["hourly"]) - known):
            if self._doc.has(("billing", key)):
                kinds = [kind for kind, keys in BILLING_KEYS.items() if key in keys]
                what = f"'{key}' belongs to billing of kind {' or '.join(kinds)}"
                self._fault(("billing", key), f"{what}, not {billing.kind}", key=True)
        if billing.kind == "hourly" and billing.rate is None:
            what = "hourly billing has no 'rate', which it needs, such as \"80.00\""
            self._fault(("billing",), what)
        if billing.kind == "card":
            for index, name in enumerate(billing.free):
                self._category(name, ("billing", "free", index))
            self._twice(billing.free, ("billing", "free"))
        if billing.kind == "hourly":
            for name in billing.included:
                self._category(name, ("billing", "included", name), key=True)

    def requests(self) -> None:
        """No id twice, no list with one word twice."""
        requests = self._file.requests
        for index, what in _second([each.id for each in requests.categories]):
            self._fault(("requests", "categories", index, "id"), what)
        for key in ("channels", "clocks_for", "required", "interventions", "closing"):
            self._twice(getattr(requests, key), ("requests", key))

    def others(self) -> None:
        """Warranty, supply and cover."""
        for key in ("supply", "covers"):
            self._twice(getattr(self._file, key), (key,))
        term = self._file.term
        if term is not None and self._file.id in term.converts_to:
            index = term.converts_to.index(self._file.id)
            what = "a contract cannot become itself; name another contract's id"
            self._fault(("term", "converts_to", index), what)
        warranty = self._file.warranty
        if warranty is None:
            return
        if warranty.extended is not None and warranty.extended < warranty.months:
            what = (
                f"the extension ends after {warranty.extended} months, "
                f"before the warranty's own {warranty.months}"
            )
            self._fault(("warranty", "extended"), what)
        for index, word in enumerate(warranty.not_covered):
            if word in warranty.covers:
                what = f"'{word}' is covered and not covered; it can be only one"
                self._fault(("warranty", "not_covered", index), what)

    def _weekly(self, weekly: WeeklyFile, loc: Loc) -> None:
        taken: dict[int, str] = {}
        for key, spans in weekly.items():
            for day in day_numbers(key):
                if day in taken:
                    where = f"in '{taken[day]}'" if taken[day] != key else "in this key"
                    what = f"'{DAYS[day]}' stands {where} already; once is right"
                    self._fault((*loc, key), what, key=True)
                    break
                taken[day] = key
            self._spans(spans, (*loc, key))

    def _spans(self, spans: Sequence[Span], loc: Loc) -> None:
        for index, (one, two) in enumerate(pairwise(spans)):
            if two[0] < one[1]:
                overlap = two[1] > one[0]
                how = "overlaps" if overlap else "stands after"
                what = (
                    f"{_shown(two)} {how} {_shown(one)}; "
                    "hours are in order and do not overlap"
                )
                self._fault((*loc, index + 1), what)

    def _when(self, when: WhenFile, loc: Loc) -> None:
        for index, name in enumerate(when.category or ()):
            self._category(name, (*loc, "category", index))
        for key in ("severity", "category", "origin"):
            self._twice(getattr(when, key) or (), (*loc, key))
        kind = self._file.billing.kind
        if when.card and kind != "card" and "billing" not in self._bad:
            what = f"'card' asks for a card, and billing is of kind {kind}"
            self._fault((*loc, "card"), what, key=True)

    def _category(self, name: str, loc: Loc, *, key: bool = False) -> None:
        """A category that is named, where the contract lists its own."""
        known = [category.id for category in self._file.requests.categories]
        if known and name not in known:
            hint = or_choices(name, known, there="there are")
            what = f"'{name}' is none of the contract's categories{hint}"
            self._fault(loc, what, key=key)

    def _twice(self, words: Iterable[object], loc: Loc) -> None:
        for index, what in _second(list(words)):
            self._fault((*loc, index), what)

    def _fault(self, loc: Loc, what: str, *, key: bool = False) -> None:
        if any(one[: len(loc)] == loc for one in self._unread):
            return  # it could not be read: what it lacks may stand there
        self.faults.append(self._doc.fault(loc, what, key=key))


def _second(words: Sequence[object]) -> list[tuple[int, str]]:
    """Index and sentence of each word that stood before."""
    seen: Counter[object] = Counter()
    found = []
    for index, word in enumerate(words):
        if seen[word]:
            found.append((index, f"'{word}' stands here a second time"))
        seen[word] += 1
    return found


def _apart(one: WhenFile, other: WhenFile) -> bool:
    """Whether no ticket fits both."""
    pairs: Sequence[tuple[Sequence[object] | None, Sequence[object] | None]] = (
        (one.severity, other.severity),
        (one.category, other.category),
        (one.origin, other.origin),
    )
    return any(a and b and not set(a) & set(b) for a, b in pairs)


def _serves(extra: ExtraFile, when: WhenFile) -> bool:
    """Whether every ticket that `when` means has the extra hours."""
    if not any(extra.weekly.values()):
        return False
    if extra.when.card and not when.card:
        return False
    pairs: Sequence[tuple[Sequence[object] | None, Sequence[object] | None]] = (
        (extra.when.severity, when.severity),
        (extra.when.category, when.category),
        (extra.when.origin, when.origin),
    )
    return all(
        has is None or (asked is not None and set(asked) <= set(has))
        for has, asked in pairs
    )


def _shown(span: Span) -> str:
    ends = (f"{minute // 60:02d}:{minute % 60:02d}" for minute in span)
    return "-".join(ends)
