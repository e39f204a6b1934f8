"""`history.jsonl`: one state change a line, any order, several services.

`domain.md` 9. Two lines for one service at one instant with different states
contradict each other; identical ones are one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scudo_agent.config.json_lines import Line, data_lines, read_lines
from scudo_agent.config.suggest import or_choices
from scudo_agent.contract.account import Timeline
from scudo_agent.errors import Fault
from scudo_agent.instant import Instant
from scudo_agent.model import State

_KEYS = ("t", "service", "state")
_STATES = tuple(state.value for state in State)


@dataclass(frozen=True, slots=True)
class History:
    """State changes by service, in order of time, and the data they were read from.

    `body` is that data without what stands twice, in order of time and service.
    """

    services: Mapping[str, Timeline]
    body: list[dict[str, Any]]


def read_history(path: Path) -> tuple[History, list[Fault]]:
    """The history in a file and all that is wrong with it."""
    return _history(*read_lines(path))


def history_of_data(items: Any, *, name: str) -> tuple[History, list[Fault]]:
    """The history in a statement's inputs and all that is wrong with it."""
    return _history(*data_lines(items, name=name, what="history"))


def _history(
    lines: Iterable[tuple[Line, dict[str, Any]]], faults: list[Fault]
) -> tuple[History, list[Fault]]:
    seen: dict[tuple[Instant, str], tuple[State, Line, dict[str, Any]]] = {}
    for line, data in lines:
        if (change := _change(line, data)) is not None:
            at, service, state = change
            first, said, _ = seen.setdefault((at, service), (state, line, data))
            if first is not state:
                line.fault(
                    "state",
                    f"'{service}' is '{state}' at {data['t']}, and {_place(said)} says "
                    f"'{first}'; at one instant it has one state",
                )
        faults += line.faults
    services: dict[str, list[tuple[State, Instant]]] = {}
    body = []
    for (at, service), (state, _, data) in sorted(
        seen.items(), key=lambda item: item[0]
    ):
        services.setdefault(service, []).append((state, at))
        body.append(data)
    return History(services, body), faults


def _change(line: Line, data: dict[str, Any]) -> tuple[Instant, str, State] | None:
    line.keys(data, needed=_KEYS)
    at, service = line.instant(data, "t"), line.text_at(data, "service")
    if service == "*":
        line.fault("service", "'*' is no service: a line says the state of one")
    state = data.get("state")
    if "state" in data and state not in _STATES:
        near = or_choices(str(state), _STATES, there="there are")
        line.fault("state", f"'{state}' is no state{near}")
    if line.faults or at is None or service is None:
        return None
    return at, service, State(str(state))


def _place(line: Line) -> str:
    return f"line {line.number}" if line.number else line.where
