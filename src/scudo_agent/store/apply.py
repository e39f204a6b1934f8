"""One `Write` as rows: what the transaction holds."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import groupby
from typing import Any

from sqlalchemy import (
    Connection,
    Table,
    Text,
    bindparam,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import Insert, insert

from scudo_agent.errors import StoreError
from scudo_agent.instant import Instant
from scudo_agent.judge.batch import (
    Change,
    CheckMemory,
    IncidentMemory,
    Isolation,
    Withdrawal,
)
from scudo_agent.model import Kind, Result
from scudo_agent.store import adopted, hours, ledger, schema
from scudo_agent.store.values import IncidentState, Liveness, RunEvent, Seen, Write
from scudo_agent.wire import PendingStage, Stage, canonical

STREAM = "I"
"""The stream of incidents; the ledger's is beside it (`store.ledger`)."""

PHASES = {
    Kind.OPEN: IncidentState.OPEN_LOCAL,
    Kind.REOPEN: IncidentState.OPEN_LOCAL,
    Kind.RECOVER: IncidentState.RECOVERED_LOCAL,
    Kind.RETIRE: IncidentState.RECOVERED_LOCAL,
}
"""Stages that change whether an incident is open."""

_INSERT_CHANGE = insert(schema.check_change)
_INSERT_RUN = insert(schema.agent_run)
_INSERT_EVENT = insert(schema.outbox)
_WITHDRAW = (
    update(schema.check_change)
    .where(
        schema.check_change.c.check == bindparam("of"),
        schema.check_change.c.since_us >= bindparam("from_us"),
        schema.check_change.c.withdrawn_at_us.is_(None),
    )
    .values(withdrawn_at_us=bindparam("at_us"))
)
_HEAD = select(schema.stream_head.c.head_seq).where(
    schema.stream_head.c.stream == STREAM
)
_MOVE_HEAD = (
    update(schema.stream_head)
    .where(schema.stream_head.c.stream == STREAM)
    .values(head_seq=bindparam("head"))
)
_COUNT_REV = (
    update(schema.incident)
    .where(schema.incident.c.incident_id == bindparam("of"))
    .values(
        rev=schema.incident.c.rev + 1,
        rule=bindparam("rule"),
        audience=bindparam("audience"),
        previous=bindparam("previous"),
        state=func.coalesce(bindparam("phase", type_=Text), schema.incident.c.state),
        reopen_count=schema.incident.c.reopen_count + bindparam("reopens"),
    )
    .returning(schema.incident.c.rev)
)


def apply(connection: Connection, write: Write, *, at: Instant) -> tuple[Stage, ...]:
    """Store a write as of `at`; return its stages with their numbers."""
    forget(connection, write.gone)
    adopted.take_over(connection, write.adopted)
    adopted.catch_up(connection, write.behind)
    _changes(connection, write.changes)
    ledger.record(connection, write.changes, at=at)
    _upsert(connection, schema.check_state, map(_check_row, write.checks))
    _seen(connection, write.seen)
    _incidents(connection, write.incidents)
    stages = _stages(connection, write.stages, at)
    _upsert(connection, schema.isolation, map(_isolation_row, write.isolation))
    if write.runs:
        connection.execute(_INSERT_RUN, [_run_row(run) for run in write.runs])
    hours.write(connection, write.hours)
    if write.liveness is not None:
        row = _liveness_row(write.liveness)
        _upsert(connection, schema.liveness, [row])
    return stages


def forget(connection: Connection, checks: Iterable[str]) -> None:
    """Drop the state of checks that were removed from the site file.

    Their changes stay: the account of the past needs them.
    """
    names = list(checks)
    if names:
        for table in (schema.check_state, schema.check_seen):
            connection.execute(delete(table).where(table.c.check.in_(names)))


def to_json(value: object) -> str:
    """JSON as the store keeps it; a lone surrogate becomes `?`."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace").decode("utf-8")


@cache
def _upsert_of(table: Table, keep: frozenset[str]) -> Insert:
    """The statement, made once: making it costs more than doing it."""
    statement = insert(table)
    changed = {
        column.name: statement.excluded[column.name]
        for column in table.columns
        if not column.primary_key and column.name not in keep
    }
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key.columns), set_=changed
    )


def _upsert(
    connection: Connection,
    table: Table,
    rows: Iterable[Mapping[str, Any]],
    *,
    keep: frozenset[str] = frozenset(),
) -> None:
    """Insert rows; where the key exists, replace all columns but those in `keep`."""
    many = list(rows)
    if many:
        connection.execute(_upsert_of(table, keep), many)


def _changes(connection: Connection, changes: Iterable[Change | Withdrawal]) -> None:
    """In order: a withdrawal undoes what stands before it, not what follows."""
    for withdraws, run in groupby(changes, lambda one: isinstance(one, Withdrawal)):
        statement = _WITHDRAW if withdraws else _INSERT_CHANGE
        connection.execute(statement, [_change_row(one) for one in run])


def _change_row(change: Change | Withdrawal) -> dict[str, Any]:
    if isinstance(change, Withdrawal):
        return {"of": change.check, "from_us": change.since, "at_us": change.decided}
    return {
        "check": change.check,
        "state": change.state.value,
        "since_us": change.since,
        "decided_us": change.decided,
    }


def _check_row(memory: CheckMemory) -> dict[str, Any]:
    return {
        "check": memory.check,
        "state": memory.state.value,
        "since_us": memory.since,
        "decided_us": memory.decided,
        "before": memory.before and memory.before.value,
        "definition": memory.definition,
        "data": to_json(memory.data),
    }


def _seen(connection: Connection, seen: Mapping[str, Seen]) -> None:
    rows = [_seen_row(check, last) for check, last in seen.items()]
    good = [row for row in rows if row["last_good_us"] is not None]
    rest = [row for row in rows if row["last_good_us"] is None]
    _upsert(connection, schema.check_seen, good)
    _upsert(connection, schema.check_seen, rest, keep=frozenset({"last_good_us"}))


def _seen_row(check: str, last: Seen) -> dict[str, Any]:
    good = last.at if last.result is Result.GOOD else last.last_good
    return {
        "check": check,
        "at_us": last.at,
        "result": last.result.value,
        "seen": to_json(last.seen.to_json()),
        "expected": None if last.expected is None else to_json(last.expected.to_json()),
        "duration_us": last.duration_us,
        "failing": last.failing,
        "warned": None if last.warned is None else int(last.warned),
        "last_good_us": good,
    }


def _incidents(connection: Connection, incidents: Iterable[IncidentMemory]) -> None:
    rows = [
        {
            "incident_id": memory.incident,
            "subject_key": memory.subject,
            "audience": "customer",
            "since_us": memory.since,
            "opened_us": memory.opened,
            "severity": memory.severity,
            "rule": None,
            "state": IncidentState.OPEN_LOCAL.value,
            "rev": 0,
            "recovered_us": memory.recovered,
            "reopen_count": 0,
            "previous": None,
            "ticket_ref": None,
            "data": to_json(memory.data),
        }
        for memory in incidents
    ]
    # What the stages say stays as they said it.
    said = {"audience", "rule", "state", "rev", "reopen_count", "previous"}
    _upsert(connection, schema.incident, rows, keep=frozenset(said | {"ticket_ref"}))


def _stages(
    connection: Connection, stages: tuple[PendingStage, ...], at: Instant
) -> tuple[Stage, ...]:
    if not stages:
        return ()
    head = connection.execute(_HEAD).scalar_one()
    numbered = []
    rows = []
    for seq, pending in enumerate(stages, start=head + 1):
        rev = _next_rev(connection, pending)
        # Looked at when it was made: of 10,000 at once a second look is dear.
        stage = Stage.model_construct(**dict(iter(pending)), seq=seq, rev=rev)
        numbered.append(stage)
        rows.append(_event_row(stage, at))
    connection.execute(_INSERT_EVENT, rows)
    connection.execute(_MOVE_HEAD, {"head": head + len(numbered)})
    return tuple(numbered)


def _event_row(stage: Stage, at: Instant) -> dict[str, Any]:
    body = canonical(stage)
    return {
        "stream": STREAM,
        "seq": stage.seq,
        "incident_id": stage.incident_id,
        "rev": stage.rev,
        "kind": stage.kind.value,
        "body": body,
        "sha256": hashlib.sha256(body).hexdigest(),
        "created_us": at,
        "attempts": 0,
    }


def _next_rev(connection: Connection, stage: PendingStage) -> int:
    """Note the stage in its incident; return the number that it gets."""
    phase = PHASES.get(stage.kind)
    said = {
        "of": stage.incident_id,
        "rule": stage.rule,
        "audience": stage.audience,
        "previous": stage.previous,
        "phase": phase and phase.value,
        "reopens": int(stage.kind is Kind.REOPEN),
    }
    rev = connection.execute(_COUNT_REV, said).scalar_one_or_none()
    if rev is None:
        raise StoreError(
            f"a stage '{stage.kind}' of incident {stage.incident_id}, "
            "which the store does not know"
        )
    return int(rev)


def _isolation_row(isolation: Isolation) -> dict[str, Any]:
    return {"since_us": isolation.since, "until_us": isolation.until}


def _run_row(run: RunEvent) -> dict[str, Any]:
    return {
        "kind": run.kind.value,
        "at_us": run.at,
        "detail": to_json(dict(run.detail)),
    }


def _liveness_row(liveness: Liveness) -> dict[str, Any]:
    return {
        "id": 1,
        "at_us": liveness.at,
        "wall_us": liveness.wall,
        "mono_us": liveness.mono_us,
        "boot_id": liveness.boot_id,
        "offset_us": liveness.offset_us,
        "pid": liveness.pid,
        "clean_us": liveness.clean,
    }
