"""Reading the agent's store, beside a running agent or without one."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DatabaseError

from scudo_agent.errors import StoreError
from scudo_agent.instant import HOUR, Instant
from scudo_agent.judge.batch import (
    Change,
    CheckMemory,
    IncidentMemory,
    Isolation,
    Withdrawal,
)
from scudo_agent.judge.forecast import Hour
from scudo_agent.model import Result, State
from scudo_agent.store import adopted, copies, hours, leave, outbox, schema
from scudo_agent.store.apply import STREAM
from scudo_agent.store.engine import open_reader, unusable
from scudo_agent.store.last import last_instant
from scudo_agent.store.migrations import STEPS
from scudo_agent.store.values import (
    IncidentRow,
    IncidentState,
    Intervention,
    Liveness,
    Memory,
    OutboxRow,
    OutboxStatus,
    RunEvent,
    RunKind,
    Seen,
    StoreStatus,
    WindowCopy,
)
from scudo_agent.text import Text
from scudo_agent.wire import OpenIncident

T = TypeVar("T")
FILE = "agent.db"
RUNS_REMEMBERED = 50

_EVER = Instant(0)

_OPEN = [state.value for state in IncidentState if state.open]


class StoreReader:
    """Read-only views, each of one moment; may be used from any thread."""

    def __init__(self, connection: Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._lock = Lock()

    @classmethod
    def open(cls, folder: Path) -> "StoreReader":
        """The store in a state folder; `StoreError` if it cannot be read."""
        path = folder / FILE
        connection = open_reader(path)
        version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
        connection.rollback()
        if version != len(STEPS):
            connection.close()
            raise StoreError(
                f"{path}: has schema {version}, this version reads {len(STEPS)}; "
                "starting the agent once brings it up to date"
            )
        return cls(connection, path)

    def close(self) -> None:
        """Let go of the file, once who is reading has read."""
        with self._lock:
            self._connection.close()

    def status(self) -> StoreStatus:
        """Everything that `status` shows."""

        def read(connection: Connection) -> StoreStatus:
            meta = known(connection)
            return StoreStatus(
                store_id=meta["store_id"],
                site=meta["site"],
                checks={memory.check: memory for memory in _checks(connection)},
                seen=_seen(connection),
                incidents=_incidents(connection, only_open=True),
                isolation=_isolation(connection),
                liveness=_liveness(connection),
                outbox=outbox.status(connection, STREAM),
            )

        return self.read(read)

    def contract(self) -> str | None:
        """What a remote desk last said of the contract; None: it never did."""
        return self.read(lambda db: copies.kept(db, copies.CONTRACT))

    def hours(self, measures: Mapping[str, str]) -> dict[str, list[Hour]]:
        """The hours of each check of `measures`, oldest first."""

        def read(db: Connection) -> dict[str, list[Hour]]:
            return {check: hours.read(db, check, of) for check, of in measures.items()}

        return self.read(read)

    def timelines(
        self, since: Instant, until: Instant
    ) -> dict[str, list[Change | Withdrawal]]:
        """Each check's changes up to `until`, from the one that holds at `since`.

        In the order in which they were decided; a withdrawal stands behind the
        last change that it undoes, dated at the first.
        """
        table = schema.check_change
        held = (
            select(table.c.check, func.max(table.c.since_us).label("since_us"))
            .where(table.c.since_us <= since, table.c.withdrawn_at_us.is_(None))
            .group_by(table.c.check)
            .subquery()
        )
        statement = (
            select(table)
            .outerjoin(held, held.c.check == table.c.check)
            .where(
                table.c.since_us < until,
                table.c.since_us >= func.coalesce(held.c.since_us, 0),
            )
            .order_by(table.c.id)
        )

        def read(connection: Connection) -> dict[str, list[Change | Withdrawal]]:
            by_check: dict[str, list[Any]] = {}
            for row in connection.execute(statement):
                by_check.setdefault(row.check, []).append(row)
            return {
                check: _with_withdrawals(_from(rows, since))
                for check, rows in by_check.items()
            }

        return self.read(read)

    def runs(self, since: Instant = _EVER) -> tuple[RunEvent, ...]:
        """Starts, stops and clock steps from `since` on, oldest first."""
        return self.read(lambda connection: _runs(connection, since))

    def incidents(self) -> tuple[IncidentRow, ...]:
        """Every incident there ever was, oldest first."""
        return self.read(lambda connection: _incidents(connection, only_open=False))

    def compare(self, found: Sequence[OpenIncident]) -> adopted.Compared:
        """The desk's open incidents against this store's."""
        return self.read(lambda connection: adopted.compare(connection, found))

    def liveness(self) -> Liveness | None:
        """When the agent lived last; None in a store that never ran."""
        return self.read(_liveness)

    def outbox(self) -> OutboxStatus:
        """How delivery stands."""
        return self.read(lambda connection: outbox.status(connection, STREAM))

    def windows(self) -> WindowCopy | None:
        """The copy of the desk's windows; None before the first one."""
        return self.read(leave.windows)

    def interventions(self, since: Instant = _EVER) -> tuple[Intervention, ...]:
        """Mutes and pauses that were in force at `since` or later."""
        return self.read(lambda connection: leave.interventions(connection, since))

    def pending(self, stream: str = STREAM, limit: int = 200) -> list[OutboxRow]:
        """What the desk has not acknowledged, in order."""
        return self.read(lambda connection: outbox.pending(connection, stream, limit))

    def load(self, reopen_us: int = 4 * HOUR) -> Memory:
        """What a restart needs; recovered incidents that may re-open included."""

        def read(connection: Connection) -> Memory:
            last = last_instant(connection)
            return Memory(
                checks=_checks(connection),
                incidents=_memories(connection, Instant(last - reopen_us)),
                seen=_seen(connection),
                isolation=_isolation(connection),
                runs=_runs(connection, _EVER)[-RUNS_REMEMBERED:],
                liveness=_liveness(connection),
                last_instant=last,
            )

        return self.read(read)

    def read(self, work: Callable[[Connection], T]) -> T:
        """Do `work` in one read transaction: it sees one moment."""
        with self._lock:
            if self._connection.closed:
                raise StoreError(f"{self._path}: is closed")
            try:
                with self._connection.begin():
                    return work(self._connection)
            except DatabaseError as exc:
                raise unusable(self._path, exc) from None


def known(connection: Connection) -> dict[str, str]:
    """What the store knows of itself (table `meta`); empty in a new file."""
    return {row.key: row.value for row in connection.execute(select(schema.meta))}


def _checks(connection: Connection) -> tuple[CheckMemory, ...]:
    return tuple(
        CheckMemory(
            check=row.check,
            state=State(row.state),
            since=Instant(row.since_us),
            decided=Instant(row.decided_us),
            before=None if row.before is None else State(row.before),
            definition=row.definition,
            data=json.loads(row.data),
        )
        for row in connection.execute(
            select(schema.check_state).order_by(schema.check_state.c.check)
        )
    )


def _seen(connection: Connection) -> Mapping[str, Seen]:
    return {
        row.check: Seen(
            at=Instant(row.at_us),
            result=Result(row.result),
            seen=Text.from_json(json.loads(row.seen)),
            expected=None
            if row.expected is None
            else Text.from_json(json.loads(row.expected)),
            duration_us=row.duration_us,
            failing=row.failing,
            warned=None if row.warned is None else bool(row.warned),
            last_good=_instant(row.last_good_us),
        )
        for row in connection.execute(select(schema.check_seen))
    }


def _memories(
    connection: Connection, recovered_from: Instant
) -> tuple[IncidentMemory, ...]:
    table = schema.incident
    statement = (
        select(table)
        .where(table.c.state.in_(_OPEN) | (table.c.recovered_us >= recovered_from))
        .order_by(table.c.opened_us, table.c.incident_id)
    )
    return tuple(
        IncidentMemory(
            incident=row.incident_id,
            subject=row.subject_key,
            since=Instant(row.since_us),
            opened=Instant(row.opened_us),
            severity=row.severity,
            recovered=_instant(row.recovered_us),
            data=json.loads(row.data),
        )
        for row in connection.execute(statement)
    )


def _incidents(connection: Connection, *, only_open: bool) -> tuple[IncidentRow, ...]:
    table = schema.incident
    statement = select(table).order_by(table.c.opened_us, table.c.incident_id)
    if only_open:
        statement = statement.where(table.c.state.in_(_OPEN))
    return tuple(
        IncidentRow(
            incident_id=row.incident_id,
            subject=row.subject_key,
            audience=row.audience,
            since=Instant(row.since_us),
            opened=Instant(row.opened_us),
            severity=row.severity,
            rule=row.rule,
            state=IncidentState(row.state),
            rev=row.rev,
            recovered=_instant(row.recovered_us),
            reopen_count=row.reopen_count,
            previous=row.previous,
            ticket_ref=row.ticket_ref,
        )
        for row in connection.execute(statement)
    )


def _isolation(connection: Connection) -> Isolation | None:
    table = schema.isolation
    row = connection.execute(
        select(table)
        .where(table.c.until_us.is_(None))
        .order_by(table.c.since_us.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else Isolation(since=Instant(row.since_us), until=None)


def _runs(connection: Connection, since: Instant) -> tuple[RunEvent, ...]:
    table = schema.agent_run
    statement = select(table).where(table.c.at_us >= since).order_by(table.c.id)
    return tuple(
        RunEvent(
            kind=RunKind(row.kind),
            at=Instant(row.at_us),
            detail=json.loads(row.detail),
        )
        for row in connection.execute(statement)
    )


def _liveness(connection: Connection) -> Liveness | None:
    row = connection.execute(select(schema.liveness)).one_or_none()
    if row is None:
        return None
    return Liveness(
        at=Instant(row.at_us),
        wall=Instant(row.wall_us),
        mono_us=row.mono_us,
        boot_id=row.boot_id,
        offset_us=row.offset_us,
        pid=row.pid,
        clean=_instant(row.clean_us),
    )


def _from(rows: list[Any], since: Instant) -> list[Any]:
    """Drop the rows before the effective one that holds at `since`."""
    start = 0
    for place, row in enumerate(rows):
        if row.withdrawn_at_us is None and row.since_us <= since:
            start = place
    return rows[start:]


def _with_withdrawals(rows: list[Any]) -> list[Change | Withdrawal]:
    last_of = {row.withdrawn_at_us: place for place, row in enumerate(rows)}
    first_of: dict[int, Instant] = {}
    out: list[Change | Withdrawal] = []
    for place, row in enumerate(rows):
        since = Instant(row.since_us)
        out.append(
            Change(
                check=row.check,
                state=State(row.state),
                since=since,
                decided=Instant(row.decided_us),
            )
        )
        at = row.withdrawn_at_us
        if at is None:
            continue
        first_of[at] = min(first_of.get(at, since), since)
        if last_of[at] == place:
            out.append(
                Withdrawal(check=row.check, since=first_of[at], decided=Instant(at))
            )
    return out


def _instant(value: int | None) -> Instant | None:
    return None if value is None else Instant(value)
