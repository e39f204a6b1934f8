"""Warnings and forecasts: limits that change no state (`domain.md` 2).

A warning is an incident of its own, subject `warn:target/check`, severity 3; a
forecast likewise, `forecast:target/check`. It opens after `confirm` observations
in a row beyond the limit (that foresee a crossing), recovers after `recover` within
it (that foresee none), each dated back to the first of them. It stays open while
its check is unknown. A replay has none: recorded results say nothing of limits.
"""

from scudo_agent.incident import Rule, forecast_subject, warn_subject
from scudo_agent.instant import Instant
from scudo_agent.judge.book import Book
from scudo_agent.judge.check import CheckState, Run
from scudo_agent.judge.holds import Holds
from scudo_agent.judge.incidents import Incident
from scudo_agent.model import Kind

_SUBJECTS = {Rule.S4: warn_subject, Rule.S5: forecast_subject}


class Warnings:
    """Runs beyond and within the limit, of the checks that have one.

    `rule` says which of the two they are: warnings (S4) or forecasts (S5).
    """

    def __init__(self, book: Book, holds: Holds, rule: Rule) -> None:
        self._book = book
        self._holds = holds
        self._rule = rule
        self._subject = _SUBJECTS[rule]
        self._runs: dict[str, tuple[Run, Run]] = {}

    def observe(self, check: CheckState, at: Instant, warned: bool) -> None:
        """One observation beyond the limit (`warned`), or one within it."""
        runs = self._runs.get(check.path)
        if runs is None:
            runs = self._runs[check.path] = Run(), Run()
        beyond, within = runs
        run, other = (beyond, within) if warned else (within, beyond)
        run.add(at, None)
        other.n = 0
        if warned and beyond.n >= check.rule.confirm:
            self._cross(check, beyond.first, at)
        elif not warned and within.n >= check.rule.recover:
            incident = self._book.open.get(self._subject(check.path))
            if incident is not None:
                incident.release(check, self._under(check))
                self._book.recover(incident, at, within.first)

    def clear(self, check: CheckState) -> None:
        """The check went stale or unknown: what was being counted is forgotten."""
        self._runs.pop(check.path, None)

    def clear_all(self) -> None:
        """The agent stops."""
        self._runs.clear()

    def restore(self, incident: Incident, check: CheckState) -> None:
        """Give a restored incident its check, if it is one of these.

        One that the file asks for no more gets none, and ends for that.
        """
        asked = check.rule.warns if self._rule is Rule.S4 else check.rule.forecasts
        if asked and incident.subject == self._subject(check.path):
            self.adopt(incident, check)

    def adopt(self, incident: Incident, check: CheckState) -> None:
        """Give a new, re-opened or restored warning its check."""
        incident.take(check, incident.opened, self._under(check))

    def _cross(self, check: CheckState, since: Instant, at: Instant) -> None:
        subject = self._subject(check.path)
        if subject in self._book.open:
            return
        if self._holds.holding(check.path, at):
            return
        incident = self._book.may_reopen(subject, since)
        if incident is None:
            incident = self._book.begin(subject, since, at)
        else:
            self._book.begin_again(incident, at)
        incident.severity, incident.rule = self._rule.severity, self._rule
        self.adopt(incident, check)
        if check.incident is not None:
            self._book.link(incident, check.incident)
            self._book.drafts.stage(Kind.NOTE, check.incident, at=at)
        self._book.link_notices(incident, check, at)

    def _under(self, check: CheckState) -> tuple[str, ...]:
        return self._book.topology.under.get(check.path, ())
