"""Any order of writes, acknowledgements, rewinds and restarts keeps the numbers.

The oracle is a plain list of what was committed, in Python.
"""

import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from scudo_agent.errors import StoreError
from scudo_agent.instant import SECOND, Instant
from scudo_agent.judge.batch import CheckMemory, IncidentMemory
from scudo_agent.model import Kind, State
from scudo_agent.store.agent_store import AgentStore
from scudo_agent.store.values import IncidentState, Write
from support.storing import T0, StoppedClock, incident_id, memory, opened, stage

KINDS = [Kind.OPEN, Kind.JOIN, Kind.RAISE, Kind.NOTE, Kind.RECOVER, Kind.REOPEN]
OPENING = (Kind.OPEN, Kind.REOPEN)

told = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from(KINDS)), min_size=1, max_size=4
)
checks = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(list(State))), max_size=3
)
actions = st.lists(
    st.one_of(
        st.tuples(st.just("write"), told, checks),
        st.tuples(st.just("fail"), told),
        st.tuples(st.just("acknowledge"), st.integers(0, 30)),
        st.tuples(st.just("rewind"), st.integers(0, 30)),
        st.tuples(st.just("restart")),
    ),
    max_size=12,
)


@dataclass
class Model:
    """What must be in the store."""

    events: list[tuple[int, Kind]] = field(default_factory=list)
    acked: int = 0
    checks: dict[str, CheckMemory] = field(default_factory=dict)
    incidents: dict[int, IncidentMemory] = field(default_factory=dict)

    def revs(self) -> list[int]:
        """Each event's place among those of its incident."""
        seen: dict[int, int] = {}
        out = []
        for number, _ in self.events:
            seen[number] = seen.get(number, 0) + 1
            out.append(seen[number])
        return out

    def state(self, number: int) -> IncidentState:
        """The last stage that changed whether it is open, and who knows of it."""
        phase = Kind.OPEN
        waits = False
        for seq, (owner, kind) in enumerate(self.events, start=1):
            if owner == number and kind in (*OPENING, Kind.RECOVER):
                phase = kind
                waits = waits or seq > self.acked
        if phase in OPENING:
            return IncidentState.OPEN_LOCAL if waits else IncidentState.OPEN_ACKED
        if waits:
            return IncidentState.RECOVERED_LOCAL
        return IncidentState.RECOVERED_ACKED


def write_of(model: Model, told: list[tuple[int, Kind]], step: int) -> Write:
    """A write as the pipeline would make it, and the same in the model.

    The first stage of an incident is its opening, whatever was drawn.
    """
    at = Instant(T0 + step * SECOND)
    stages = []
    for number, drawn in told:
        known = model.incidents.get(number)
        kind = Kind.OPEN if known is None else drawn
        recovered = None if known is None or kind in OPENING else known.recovered
        if kind is Kind.RECOVER:
            recovered = at
        model.incidents[number] = memory(number, recovered=recovered)
        model.events.append((number, kind))
        stages.append(stage(number, kind))
    numbers = dict.fromkeys(number for number, _ in told)
    return Write(
        incidents=tuple(model.incidents[number] for number in numbers),
        stages=tuple(stages),
    )


def check(store: AgentStore, model: Model) -> None:
    """The store against the model."""
    rows = store.pending(limit=1000)
    revs = model.revs()
    want = [
        (seq, incident_id(number), revs[seq - 1], kind)
        for seq, (number, kind) in enumerate(model.events, start=1)
        if seq > model.acked
    ]
    assert [(row.seq, row.incident_id, row.rev, row.kind) for row in rows] == want
    assert store.head() == (len(model.events), model.acked)
    for row in rows:
        body = json.loads(row.body)
        assert (body["seq"], body["rev"]) == (row.seq, row.rev)
    found = {one.incident_id: one for one in store.reader.incidents()}
    assert set(found) == {incident_id(number) for number in model.incidents}
    for number in model.incidents:
        one = found[incident_id(number)]
        assert one.rev == sum(owner == number for owner, _ in model.events)
        assert one.state is model.state(number)
    loaded = store.load()
    assert {one.check: one for one in loaded.checks} == model.checks
    # Here nothing is older than the time in which an incident may re-open.
    assert {one.incident: one for one in loaded.incidents} == {
        incident_id(number): one for number, one in model.incidents.items()
    }


@settings(max_examples=40, deadline=None)
@given(actions=actions)
def test_numbers_stay_contiguous_and_nothing_is_lost(
    actions: list[tuple[object, ...]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        model = Model()
        store = opened(Path(folder), StoppedClock())
        try:
            for step, action in enumerate(actions):
                store = act(store, model, action, (step, Path(folder)))
                check(store, model)
        finally:
            store.close()


def act(
    store: AgentStore, model: Model, action: tuple[object, ...], at: tuple[int, Path]
) -> AgentStore:
    """Do one action on the store and on the model; return the store in use."""
    step, folder = at
    match action:
        case ("write", list(told), list(states)):
            write = write_of(model, told, step)
            when = Instant(T0 + step * SECOND)
            for name, state in states:
                model.checks[name] = CheckMemory(
                    check=name, state=state, since=when, decided=when, definition="d"
                )
            touched = tuple(model.checks[name] for name in dict(states))
            numbered = store.commit(
                Write(incidents=write.incidents, stages=write.stages, checks=touched)
            ).result()
            assert [one.seq for one in numbered] == list(
                range(len(model.events) - len(told) + 1, len(model.events) + 1)
            )
        case ("fail", list(told)):
            fails(store, told)
        case ("acknowledge", int(seq)):
            model.acked = max(model.acked, min(seq, len(model.events)))
            store.acknowledge("I", min(seq, len(model.events)), {}).result()
        case ("rewind", int(seq)):
            model.acked = min(model.acked, seq)
            store.rewind("I", seq).result()
        case _:
            store.close()
            return opened(folder, StoppedClock())
    return store


def fails(store: AgentStore, told: list[tuple[int, Kind]]) -> None:
    """A write whose last stage belongs to no incident must leave nothing."""
    stages = (*(stage(number, kind) for number, kind in told), stage(99))
    write = Write(incidents=tuple(memory(number) for number, _ in told), stages=stages)
    try:
        store.commit(write).result()
    except StoreError:
        return
    raise AssertionError("a stage of an unknown incident was stored")
