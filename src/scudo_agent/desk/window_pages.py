"""The page of maintenance windows: what, when, announced, and what the clause gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scudo_agent.contract.model import Contract
from scudo_agent.contract.window_words import why
from scudo_agent.contract.windows import WindowRules
from scudo_agent.desk import window_words as words
from scudo_agent.desk.pages import Badge, When
from scudo_agent.desk.store.window_views import WindowLine
from scudo_agent.desk.windows import Phase, phase, standing, window_of
from scudo_agent.instant import Instant, format_instant
from scudo_agent.locale import Translator
from scudo_agent.locale.formats import clean
from scudo_agent.text import TN, T, Text, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRow:
    """One window of the list; `clause` is empty without a contract."""

    id: str
    series: str
    kind: str
    services: str
    reason: str
    customer: str
    site: str
    phase: Badge
    when: When
    announced: When
    moved: int
    mail: str
    clause: str
    corrections: tuple[str, ...]


def window_content(
    lines: Sequence[WindowLine], translator: Translator, now: Instant
) -> dict[str, Any]:
    """Contents of the page: open and planned ones first, then what is over."""
    book = _Book(translator, now)
    alive = [one for one in lines if book.phase(one) in (Phase.OPEN, Phase.PLANNED)]
    over = [one for one in lines if one not in alive]
    alive.sort(key=lambda one: standing(window_of(one.state)).start)
    over.sort(key=lambda one: -standing(window_of(one.state)).start)
    is_open = sum(book.phase(one) is Phase.OPEN for one in alive)
    return {
        "title": translator.render(T("Maintenance")),
        "sentence": translator.render(_sentence(is_open, len(alive))),
        "alive": [book.row(one) for one in alive],
        "over": [book.row(one) for one in over],
    }


def _sentence(is_open: int, alive: int) -> Text:
    if is_open:
        return TN(
            "One maintenance window is open now.",
            "{n} maintenance windows are open now.",
            n=is_open,
        )
    if alive:
        return TN(
            "No maintenance is going on. One window is planned.",
            "No maintenance is going on. {n} windows are planned.",
            n=alive,
        )
    return T("No maintenance is going on or planned.")


class _Book:
    """Puts windows into words for one reader at one instant."""

    def __init__(self, translator: Translator, now: Instant) -> None:
        self._translator, self._now = translator, now
        self._rules: dict[str, WindowRules] = {}

    def phase(self, line: WindowLine) -> Phase:
        return phase(window_of(line.state), self._now)

    def row(self, line: WindowLine) -> WindowRow:
        window, state = window_of(line.state), line.state
        last, zone = standing(window), line.zone
        speaks = self._translator
        span = words.span(last.start, last.end, zone, speaks)
        told = speaks.instant(last.announced, zone)
        day = words.date_of(last.announced, zone, speaks.language)
        return WindowRow(
            id=state.id,
            series=state.series or "",
            kind=speaks.render(words.KINDS[state.kind]),
            services=words.service_names(state, line.services, speaks),
            reason=clean(state.reason),
            customer=line.customer,
            site=line.site_id,
            phase=self._badge(self.phase(line)),
            when=When(
                machine=format_instant(last.start),
                exact=speaks.instant(last.start, zone),
                short=span,
            ),
            announced=When(
                machine=format_instant(last.announced),
                exact=told,
                short=f"{day}, {words.minute(last.announced, zone)}",
            ),
            moved=len(state.announcements) - 1,
            mail=self._mail(line.mail),
            clause=self._clause(line),
            corrections=tuple(
                f"{clean(one.change)} ({clean(one.by)}: {clean(one.reason)})"
                for one in state.corrections
            ),
        )

    def _clause(self, line: WindowLine) -> str:
        """How much is excluded as known now, and by which clause, or why not."""
        if line.contract is None:
            return ""
        window, rules = window_of(line.state), self._of(line.contract)
        found = rules.assess(window, at=self._now)
        parts = () if found is None else found.granted or found.refused
        if found is None or not parts:
            return ""
        part = parts[0]
        text = why(rules, window, part.announcement, at=self._now, refusal=part.refusal)
        reason: Value = {"text": text.to_json()}
        if not found.granted:
            said = T("Nothing is excluded: {why}.", why=reason)
        else:
            length = sum(part.span[1] - part.span[0] for part in found.granted)
            said = T("{length} excluded: {why}.", length={"duration": length},
                     why=reason)  # fmt: skip
        return self._translator.render(said, zone=line.zone)

    def _of(self, contract: Contract) -> WindowRules:
        if contract.id not in self._rules:
            self._rules[contract.id] = WindowRules(contract)
        return self._rules[contract.id]

    def _mail(self, state: str) -> str:
        if state == "failed":
            return self._translator.render(T("the notice was refused for good"))
        if state == "pending":
            return self._translator.render(T("the notice has not left yet"))
        return ""

    def _badge(self, where: Phase) -> Badge:
        shape, word, tone = words.PHASES[where]
        return Badge(shape=shape, word=self._translator.render(word), tone=tone)
