"""What just happened, in lines: the live screen, `status --watch`, the log."""

from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from scudo_agent.config.site import Site
from scudo_agent.incident import Rule, split_subject
from scudo_agent.instant import SECOND, Instant
from scudo_agent.judge.batch import Change, IncidentStage
from scudo_agent.judge.engine import Judge
from scudo_agent.model import Kind, Observation, Result, State
from scudo_agent.pipeline import Committed
from scudo_agent.text import T, Text

_KEPT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of what happened; `detail` may be a `Text` in its JSON form."""

    n: int
    at: Instant
    name: str
    word: str
    detail: dict[str, Any] | None = None
    since: Instant | None = None


class EventLog:
    """The last lines, numbered, so that a watcher can ask for what is new."""

    def __init__(self, site: Site, judge: Judge) -> None:
        self._site = site
        self._judge = judge
        self._lines: deque[Line] = deque(maxlen=_KEPT)
        self._count = 0
        self._services: dict[str, State] = {}
        self.listeners: list[Callable[[Line], None]] = []

    def use(self, site: Site) -> None:
        """Go by another version of the site file."""
        self._site = site

    def lines(self) -> list[dict[str, Any]]:
        """The last lines, oldest first, as JSON data."""
        return [asdict(line) for line in self._lines]

    def add(
        self,
        at: Instant,
        name: str,
        word: str,
        *,
        detail: Text | None = None,
        since: Instant | None = None,
    ) -> None:
        """Append a line."""
        self._count += 1
        said = detail.to_json() if detail else None
        line = Line(
            n=self._count, at=at, name=name, word=word, detail=said, since=since
        )
        self._lines.append(line)
        for listener in self.listeners:
            listener(line)

    def committed(self, done: Committed) -> None:
        """Say what one commit changed."""
        changed = {c.check for c in done.batch.changes if isinstance(c, Change)}
        for seen in done.observations:
            if seen.check not in self._site.checks:
                continue  # gone with the site file in the very turn
            if seen.result is Result.FAILED and seen.check not in changed:
                self._failing(seen)
        last = {o.check: o for o in done.observations}
        for change in done.batch.changes:
            if isinstance(change, Change):
                self._changed(change, last.get(change.check))
        if done.batch.changes:
            self._services_changed(max(c.decided for c in done.batch.changes))
        for stage in done.batch.stages:
            self._staged(stage)

    def _failing(self, seen: Observation) -> None:
        view = self._judge.state(seen.check)
        check = self._site.checks[seen.check]
        if view.state is State.DOWN or not 0 < view.run_failed < check.confirm:
            return
        every = min(check.reprobe_us, check.interval_us)
        said = seen.outcome.seen.to_json() if seen.outcome else {}
        self.add(
            seen.at,
            seen.check,
            f"failing {view.run_failed} of {check.confirm}",
            detail=T(
                "{seen}; probing every {every}",
                seen={"text": said},
                every={"duration": every},
            ),
        )

    def _changed(self, change: Change, seen: Observation | None) -> None:
        if change.state is State.UNKNOWN:
            return
        late = _late(change.since, change.decided)
        said = seen.outcome.seen if seen and seen.outcome else None
        self.add(
            change.decided,
            change.check,
            change.state.upper() if change.state.bad else change.state,
            detail=said,
            since=change.since if late else None,
        )

    def _services_changed(self, at: Instant) -> None:
        for name in self._site.services:
            state, since = self._judge.service(name)
            before = self._services.get(name)
            self._services[name] = state
            if state in (before, State.UNKNOWN) or before is None:
                continue
            word = state.upper() if state.bad else str(state)
            late = since if _late(since, at) else None
            self.add(at, self._title(name), word, since=late)

    def _staged(self, stage: IncidentStage) -> None:
        if stage.kind not in {Kind.OPEN, Kind.RAISE, Kind.REOPEN}:
            return
        if stage.rule is None:
            self.add(stage.at, "agent", "isolated", since=stage.since)
            return
        said = T(
            "{rule} (rule {name})",
            rule={"text": Rule(stage.rule).reason.to_json()},
            name=stage.rule,
        )
        name = self._name(stage.subject)
        self.add(stage.at, name, f"severity {stage.severity}", detail=said)

    def _name(self, subject: str) -> str:
        """A subject as the table calls it."""
        kind, name = split_subject(subject)
        return self._title(name) if kind == "service" else name

    def _title(self, service: str) -> str:
        known = self._site.services.get(service)
        titles = known.title if known else {}
        return titles.get("en") or next(iter(titles.values()), service)


def _late(since: Instant | None, at: Instant) -> bool:
    return since is not None and at - since >= SECOND
