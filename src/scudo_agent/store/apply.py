"""One `Write` as rows: what the transaction holds."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Table, select, update
from sqlalchemy.dialects.sqlite import insert

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
from scudo_agent.store import schema
from scudo_agent.store.values import IncidentState, Liveness, RunEvent, Seen, Write
from scudo_agent.wire import PendingStage, Stage, canonical

STREAM = "I"
"""The stream of incidents; the ledger's `L` comes beside it."""

PHASES = {
    Kind.OPEN: IncidentState.OPEN_LOCAL,
    Kind.REOPEN: IncidentState.OPEN_LOCAL,
    Kind.RECOVER: IncidentState.RECOVERED_LOCAL,
    Kind.RETIRE: IncidentState.RECOVERED_LOCAL,
}
"""Stages that change whether an incident is open."""


def apply(connection: Connection, write: Write, *, at: Instant) -> tuple[Stage, ...]:
    """Store a write as of `at`; return its stages with their numbers."""
    _changes(connection, write.changes)
    _upsert(connection, schema.check_state, map(_check_row, write.checks))
    _seen(connection, write.seen)
    _incidents(connection, write.incidents)
    stages = _stages(connection, write.stages, at)
    _upsert(connection, schema.isolation, map(_isolation_row, write.isolation))
    for run in write.runs:
        connection.execute(insert(schema.agent_run).values(_run_row(run)))
    if write.liveness is not None:
        row = _liveness_row(write.liveness)
        _upsert(connection, schema.liveness, [row])
    return stages


def to_json(value: object) -> str:
    """JSON as the store keeps it; a lone surrogate becomes `?`."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace").decode("utf-8")


def _upsert(
    connection: Connection,
    table: Table,
    rows: Iterable[Mapping[str, Any]],
    *,
    keep: frozenset[str] = frozenset(),
) -> None:
    """Insert rows; where the key exists, replace all columns but those in `keep`."""
    many = list(rows)
    if not many:
        return
    statement = insert(table)
    changed = {
        column.name: statement.excluded[column.name]
        for column in table.columns
        if not column.primary_key and column.name not in keep
    }
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=list(table.primary_key.columns), set_=changed
        ),
        many,
    )


def _changes(connection: Connection, changes: Iterable[Change | Withdrawal]) -> None:
    table = schema.check_change
    for change in changes:
        if isinstance(change, Change):
            connection.execute(
                insert(table).values(
                    {
                        "check": change.check,
                        "state": change.state.value,
                        "since_us": change.since,
                        "decided_us": change.decided,
                    }
                )
            )
            continue
        connection.execute(
            update(table)
            .where(
                table.c.check == change.check,
                table.c.since_us >= change.since,
                table.c.withdrawn_at_us.is_(None),
            )
            .values(withdrawn_at_us=change.decided)
        )


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
    heads = schema.stream_head
    head = connection.execute(
        select(heads.c.head_seq).where(heads.c.stream == STREAM)
    ).scalar_one()
    numbered = []
    for seq, pending in enumerate(stages, start=head + 1):
        stage = Stage(
            seq=seq, rev=_next_rev(connection, pending), **dict(iter(pending))
        )
        body = canonical(stage)
        connection.execute(
            insert(schema.outbox).values(
                stream=STREAM,
                seq=seq,
                incident_id=stage.incident_id,
                rev=stage.rev,
                kind=stage.kind.value,
                body=body,
                sha256=hashlib.sha256(body).hexdigest(),
                created_us=at,
                attempts=0,
            )
        )
        numbered.append(stage)
    connection.execute(
        update(heads)
        .where(heads.c.stream == STREAM)
        .values(head_seq=head + len(numbered))
    )
    return tuple(numbered)


def _next_rev(connection: Connection, stage: PendingStage) -> int:
    """Note the stage in its incident; return the number that it gets."""
    table = schema.incident
    values: dict[Any, Any] = {
        "rev": table.c.rev + 1,
        "rule": stage.rule,
        "audience": stage.audience,
        "previous": stage.previous,
    }
    if stage.kind in PHASES:
        values["state"] = PHASES[stage.kind].value
    if stage.kind is Kind.REOPEN:
        values["reopen_count"] = table.c.reopen_count + 1
    rev = connection.execute(
        update(table)
        .where(table.c.incident_id == stage.incident_id)
        .values(values)
        .returning(table.c.rev)
    ).scalar_one_or_none()
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
