"""Recorded events through the judge, without I/O (`judging.md`, sections 4, 5)."""

import json
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from scudo_agent.errors import ConfigError, Fault, InputError
from scudo_agent.incident import Rule
from scudo_agent.instant import Instant, format_instant, parse_instant
from scudo_agent.judge.adoption import Foundling
from scudo_agent.judge.batch import Batch, Change, IncidentStage, Withdrawal
from scudo_agent.judge.engine import (
    Adopted,
    AgentStart,
    AgentStop,
    Event,
    HoldsSet,
    Judge,
    PausesSet,
    ReopenSet,
)
from scudo_agent.judge.holds import Hold
from scudo_agent.judge.service import Timeline, check_timeline, service_timeline
from scudo_agent.judge.site import JudgeSite
from scudo_agent.model import Kind, Observation, Result, State

_CHECK_KEYS = {"t", "check", "result"}
_AGENT_KEYS = {"t", "agent"}
_HOLD_KEYS = {"id", "start", "end", "services", "checks"}
_FOUND_KEYS = {
    "incident", "subject", "since", "opened", "severity", "rule", "members",
}  # fmt: skip
_LIVE_KEYS = ("holds", "paused", "reopen_us", "adopted")
_RESULTS = ", ".join(Result)


def replay(site: JudgeSite, events: Sequence[Event], until: Instant | None) -> Any:
    """Judge events again; return the object that `replay --json` prints.

    Time runs on to `until` (None: the last event), what is due then included. An
    `until` before the last event raises `InputError`.
    """
    last = events[-1].at if events else None
    if until is not None and last is not None and until < last:
        raise InputError(
            f"{format_instant(until)} is before the last event, "
            f"which is at {format_instant(last)}"
        )
    number = iter(range(1, 1 << 62))
    judge = Judge(site, new_id=lambda _at: str(next(number)))
    record = _Record(site)
    record.take(judge.feed(events))
    if until is not None and (last is None or until > last):
        record.take(judge.advance(until))
    starts = (event.at for event in events if isinstance(event, AgentStart))
    return record.report(next(starts, None))


def read_events(lines: Iterable[str], checks: Container[str], file: str) -> list[Event]:
    """Events of a JSON-lines file; all its faults at once, each with its line."""
    faults: list[Fault] = []
    events: list[Event] = []
    last: Instant | None = None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            event = _event(line, checks)
            if last is not None and event.at < last:
                raise InputError(
                    f"time goes back from {format_instant(last)} "
                    f"to {format_instant(event.at)}"
                )
        except InputError as exc:
            faults.append(Fault(file=file, line=number, column=1, what=str(exc)))
            continue
        last = event.at
        events.append(event)
    if faults:
        raise ConfigError(faults)
    return events


def _event(line: str, checks: Container[str]) -> Event:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise InputError(f"this is no JSON: {exc}") from None
    if not isinstance(data, dict):
        raise InputError('an event is an object such as {"t": …, "agent": "start"}')
    # What only a live agent's record has: windows, mutes, pauses, a desk's contract.
    live = next((key for key in _LIVE_KEYS if key in data), None)
    keys = {"t", live} if live else _AGENT_KEYS if "agent" in data else _CHECK_KEYS
    _only(keys, data)
    if not isinstance(data["t"], str):
        raise InputError("'t' is not a text such as \"2026-03-01T10:00:00Z\"")
    at = parse_instant(data["t"])
    if "agent" in data:
        return _agent(at, data["agent"])
    if live is not None:
        return _live(at, live, data[live], checks)
    if not isinstance(data["check"], str) or data["check"] not in checks:
        raise InputError(f"'{data['check']}' is no check of the site")
    if data["result"] not in list(Result):
        raise InputError(f"'{data['result']}' is no result: use one of {_RESULTS}")
    return Observation(check=data["check"], at=at, result=Result(data["result"]))


def _live(
    at: Instant, key: str, value: object, checks: Container[str]
) -> HoldsSet | PausesSet | ReopenSet | Adopted:
    if key == "holds":
        return HoldsSet(at, tuple(_hold(one, checks) for one in _list(value)))
    if key == "paused":
        return PausesSet(at, frozenset(_paths(value, checks)))
    if key == "adopted":
        return Adopted(at, tuple(_foundling(one) for one in _list(value)))
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InputError("'reopen_us' is not a whole number of microseconds")
    return ReopenSet(at, value)


def _only(keys: set[str], data: dict[str, Any]) -> None:
    for key in sorted(keys - data.keys()):
        raise InputError(f"'{key}' is missing")
    for key in sorted(data.keys() - keys):
        raise InputError(f"'{key}' is no key of an event")


def _hold(data: object, checks: Container[str]) -> Hold:
    if not isinstance(data, dict):
        raise InputError("a hold is an object such as the record of a run has")
    _only(_HOLD_KEYS, data)
    if not all(isinstance(data[key], str) for key in ("id", "start", "end")):
        raise InputError("'id', 'start' and 'end' of a hold are texts")
    start, end = parse_instant(data["start"]), parse_instant(data["end"])
    if end < start:
        raise InputError(f"a hold ends at {data['end']}, before its start")
    return Hold(
        id=data["id"],
        start=start,
        end=end,
        services=tuple(map(str, _list(data["services"]))),
        checks=tuple(_paths(data["checks"], checks)),
    )


def _foundling(data: object) -> Foundling:
    """One incident that a desk had open, as the record of a run has it."""
    if not isinstance(data, dict):
        raise InputError("an adopted incident is an object as the record has it")
    _only(_FOUND_KEYS, data)
    if not all(isinstance(data[key], str) for key in ("incident", "subject")):
        raise InputError("'incident' and 'subject' are texts")
    if data["severity"] not in (1, 2, 3, None):
        raise InputError(f"'{data['severity']}' is no severity")
    if data["rule"] not in (*Rule, None):
        raise InputError(f"'{data['rule']}' is no rule of severity")
    members = data["members"]
    if not isinstance(members, dict) or not all(
        state in list(State) for state in members.values()
    ):
        raise InputError("'members' gives the state of each check")
    return Foundling(
        incident=data["incident"],
        subject=data["subject"],
        since=parse_instant(str(data["since"])),
        opened=parse_instant(str(data["opened"])),
        severity=data["severity"],
        rule=data["rule"],
        members={str(path): State(state) for path, state in members.items()},
    )


def _paths(data: object, checks: Container[str]) -> list[str]:
    for path in _list(data):
        if not isinstance(path, str) or path not in checks:
            raise InputError(f"'{path}' is no check of the site")
    return [str(path) for path in _list(data)]


def _list(data: object) -> list[Any]:
    if not isinstance(data, list):
        raise InputError(f"'{data}' is not a list")
    return data


def _agent(at: Instant, word: object) -> Event:
    if word == "start":
        return AgentStart(at)
    if word == "stop":
        return AgentStop(at)
    raise InputError(f"the agent does not '{word}': use start or stop")


@dataclass(slots=True)
class _Story:
    """One incident as the report tells it."""

    last: IncidentStage
    worst: int | None = None
    members: set[str] = field(default_factory=set)
    recovered: Instant | None = None
    events: list[dict[str, str]] = field(default_factory=list)

    def add(self, stage: IncidentStage) -> None:
        self.last = stage
        if stage.severity is not None:
            self.worst = min(stage.severity, self.worst or stage.severity)
        self.members |= {member.check for member in stage.members}
        if stage.kind in (Kind.OPEN, Kind.REOPEN):
            self.recovered = None
        if stage.kind is Kind.RECOVER:
            self.recovered = stage.until
        self.events.append({"t": format_instant(stage.at), "kind": stage.kind.value})


class _Record:
    """Collects batches; makes the report of section 5."""

    def __init__(self, site: JudgeSite) -> None:
        self._site = site
        self._entries: dict[str, list[Change | Withdrawal]] = {}
        self._stories: dict[str, _Story] = {}
        self._isolated: list[dict[str, str | None]] = []

    def take(self, batch: Batch) -> None:
        for entry in batch.changes:
            self._entries.setdefault(entry.check, []).append(entry)
        for stage in batch.stages:
            self._stories.setdefault(stage.incident, _Story(stage)).add(stage)
        for turn in batch.isolation:
            if turn.until is None:
                self._isolated.append({"since": _text(turn.since), "until": None})
            else:
                self._isolated[-1]["until"] = _text(turn.until)

    def report(self, start: Instant | None) -> dict[str, Any]:
        order = {path: place for place, path in enumerate(self._site.checks)}
        return {
            "checks": [
                {"check": path, "changes": self._changes(path)}
                for path in self._site.checks
            ],
            "services": [
                {"service": id_, "timeline": self._timeline(id_, start)}
                for id_ in self._site.services
            ],
            "incidents": [
                {
                    "subject": story.last.subject,
                    "since": _text(story.last.since),
                    "severity": story.worst,
                    "members": sorted(story.members, key=order.__getitem__),
                    "recovered": None
                    if not story.recovered
                    else _text(story.recovered),
                    "events": story.events,
                }
                for story in self._stories.values()
            ],
            "isolated": self._isolated,
        }

    def _changes(self, path: str) -> list[dict[str, str]]:
        out: list[dict[str, str]] = []
        last = State.UNKNOWN
        for entry in self._entries.get(path, ()):
            # What was unknown when the agent became isolated does not change.
            if isinstance(entry, Change) and entry.state is not last:
                last = entry.state
                out.append(
                    {
                        "state": entry.state.value,
                        "since": _text(entry.since),
                        "decided": _text(entry.decided),
                    }
                )
        return out

    def _timeline(self, id_: str, start: Instant | None) -> list[dict[str, str]]:
        if start is None:
            return []
        service = self._site.services[id_]
        members: list[Timeline] = [
            check_timeline(self._entries.get(path, ()), start)
            for path in service.checks
        ]
        return [
            {"state": state.value, "since": _text(since)}
            for state, since in service_timeline(members, service.need)
        ]


def _text(at: Instant) -> str:
    return format_instant(at)
