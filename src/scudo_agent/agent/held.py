"""What a ticket says that a window or a mute put off (`domain.md` 4).

Since when it is down, what put the ticket off, and how much of that counts. What is
excluded follows from the contract and the copy of the windows, and a mute excludes
nothing.
"""

from collections.abc import Callable, Mapping

from scudo_agent import intervals
from scudo_agent.agent.interventions import PREFIX as MUTE
from scudo_agent.agent.interventions import Interventions
from scudo_agent.agent.windows import PREFIX as WINDOW
from scudo_agent.agent.windows import WindowKeeper, open_spans, upgrade_us
from scudo_agent.config.site import Site
from scudo_agent.contract.exclusion import Maintenance
from scudo_agent.contract.model import Contract
from scudo_agent.contract.spans import Spans, merge
from scudo_agent.contract.windows import WindowRules
from scudo_agent.instant import Instant
from scudo_agent.judge.batch import IncidentStage
from scudo_agent.model import State
from scudo_agent.stages import Points
from scudo_agent.text import T, Text, Value

_NAMED = 3
_REASON = 80
"""Characters of a reason in a note: what counts must stand beside it."""


class HeldNotes:
    """Writes the note of an opening that was put off."""

    def __init__(
        self,
        site: Callable[[], Site],
        windows: WindowKeeper,
        interventions: Interventions,
    ) -> None:
        self._site = site
        self._windows = windows
        self._interventions = interventions
        self._rules: WindowRules | None = None

    def note(self, stage: IncidentStage, timelines: Mapping[str, Points]) -> Text:
        """`timelines` are those of the contracted services that it takes along; with
        none of them nothing of it can count.

        They reach back beyond the stage's own date where a stop of the agent lies
        between: then the note says since when it is really down.
        """
        contract = self._site().contract
        return T(
            "{why} {counts}",
            why={"text": self._why(stage).to_json()},
            counts={"text": self._counts(stage, timelines, contract).to_json()},
        )

    def _why(self, stage: IncidentStage) -> Text:
        windows = [h.removeprefix(WINDOW) for h in stage.held if h.startswith(WINDOW)]
        if windows:
            return T(
                "The ticket waited for the end of the maintenance window {windows}.",
                windows=", ".join(windows[:_NAMED]),
            )
        found = (
            self._interventions.known(h.removeprefix(MUTE))
            for h in stage.held
            if h.startswith(MUTE)
        )
        reason = next((order.reason for order in found if order is not None), None)
        if reason is None:
            return T("The ticket was put off.")
        return T("Its tickets were muted until now: {reason}.", reason=_short(reason))

    def _counts(
        self,
        stage: IncidentStage,
        timelines: Mapping[str, Points],
        contract: Contract | None,
    ) -> Text:
        down = {name: _down(points, stage) for name, points in timelines.items()}
        if not any(spans.length() for spans in down.values()):
            return T("No contracted service is down: nothing of it counts.")
        first = min(spans.starts[0] for spans in down.values() if spans)
        span = Instant(min(first, stage.since)), Instant(stage.at + 1)
        left = {
            name: spans.without(
                self._excluded(name, span, at=stage.at, contract=contract)
            )
            for name, spans in down.items()
        }
        worst = max(down, key=lambda name: (left[name].length(), down[name].length()))
        said = self._said(down[worst], left[worst], contract)
        since = Instant(down[worst].starts[0])
        if since >= stage.since:
            return said
        spent = intervals.lengths(timelines[worst], (since, stage.at))
        blind = spent.get(State.UNKNOWN, 0)
        told: dict[str, Value] = {"said": {"text": said.to_json()}}
        told["since"] = {"instant": since}
        if not blind:
            return T("{said} It has been down since {since}.", **told)
        return T(
            "{said} It has been down since {since}; {blind} of that was not measured.",
            blind={"duration": blind},
            **told,
        )

    @staticmethod
    def _said(down: Spans, left: Spans, contract: Contract | None) -> Text:
        length = {"duration": down.length()}
        rest = {"duration": left.length()}
        if contract is None:
            return T(
                "Down for {length} so far, {rest} of it outside the window; what "
                "counts the contract says, which is not at hand here.",
                length=length,
                rest=rest,
            )
        return T(
            "Down for {length} so far; {rest} of it counts.", length=length, rest=rest
        )

    def _excluded(
        self,
        service: str,
        span: intervals.Interval,
        *,
        at: Instant,
        contract: Contract | None,
    ) -> Spans:
        windows = self._windows.windows.values()
        if contract is None:
            longest = upgrade_us(self._site())
            return merge(
                span
                for window in windows
                if window.covers(service)
                for span in open_spans(window, longest)
            )
        if self._rules is None or self._rules.contract is not contract:
            self._rules = WindowRules(contract)
        maintenance = Maintenance(self._rules, windows, year=span, at=at)
        return maintenance.of(service).total


def _short(reason: str) -> str:
    return reason if len(reason) <= _REASON else f"{reason[: _REASON - 1]}…"


def _down(points: Points, stage: IncidentStage) -> Spans:
    """The parts that are down of the outage that the stage tells of.

    An incident that re-opened has earlier ones: what was up since is over. What the
    agent's stop cut off belongs to it.
    """
    parts: list[intervals.Interval] = []
    for state, part in intervals.spans(points, (Instant(0), stage.at)):
        if state is State.UP:
            parts.clear()
        elif state is State.DOWN:
            parts.append(part)
    return merge(parts)
