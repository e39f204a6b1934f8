"""The agent's store: everything that must outlive the process, in one file.

Nothing is decided before `commit` has told so: one transaction holds changes of
state, incidents and the outbox rows about them (`reliability.md` 1.2).
"""

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, delete, insert
from sqlalchemy.exc import DatabaseError

from scudo_agent.clock import Clock, Timeline
from scudo_agent.dbfile.mark import mark_closed, mark_closing, mark_open
from scudo_agent.dbfile.reserve import Reserve
from scudo_agent.errors import DamagedError, StoreError, SuspectError
from scudo_agent.instant import HOUR, Instant, format_instant
from scudo_agent.judge.site import ServiceRule
from scudo_agent.store import (
    aging,
    copies,
    damage,
    engine,
    hours,
    leave,
    ledger,
    outbox,
    retention,
    schema,
    waiting,
)
from scudo_agent.store.apply import STREAM, apply
from scudo_agent.store.lock import FolderLock
from scudo_agent.store.migrations import migrate
from scudo_agent.store.read import FILE, StoreReader, known
from scudo_agent.store.values import (
    Intervention,
    LedgerRow,
    Memory,
    OutboxRow,
    Write,
)
from scudo_agent.store.writer import Writer
from scudo_agent.wire import Stage
from scudo_agent.wire_site import WindowsTaken

T = TypeVar("T")
LOCK = "agent.lock"

_log = logging.getLogger(__name__)

RESERVE = "agent.reserve"
"""Name of the file that keeps space for the last events."""


class AgentStore:
    """One agent's store, open for writing; at most one process has it.

    `timeline` makes the instants that are stored: anchored when the store was
    opened, never before the last instant in it. Use this one and no other.
    """

    def __init__(
        self, writer: Writer, reader: StoreReader, *, lock: FolderLock, clock: Clock
    ) -> None:
        self._writer = writer
        self._lock = lock
        self.reader = reader
        self._path = lock.path.with_name(FILE)
        self._closed = False
        status = reader.status()
        self.store_id = status.store_id
        self.site = status.site
        self.losses = reader.read(damage.losses)
        self.sqlite_version = engine.sqlite_version()
        self.timeline = Timeline(clock, not_before=reader.load().last_instant)

    @classmethod
    def open(
        cls, folder: Path, *, site: str, clock: Clock, inline: bool = False
    ) -> "AgentStore":
        """Open or create the store of `site` in `folder`.

        `StoreError` when another agent has it, when it belongs to another site or
        program or is too new, or when SQLite does not keep it safely. A damaged one is
        set aside and made anew (`damage.rebuild`).
        `inline` writes without a thread, for simulations.
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as exc:
            raise StoreError(f"{folder}: cannot make it: {exc.strerror}") from None
        path = folder / FILE
        lock = FolderLock(folder / LOCK)
        try:
            connection = _sound(path, site=site, now=clock.wall())
            try:
                _prepare(connection, path, site=site, now=clock.wall())
                mark_open(path)
                reader = StoreReader.open(folder)
            except BaseException:
                connection.close()
                raise
        except BaseException:
            lock.release()
            raise
        writer = Writer(connection, path, inline=inline)
        store = cls(writer, reader, lock=lock, clock=clock)
        _log.info("store %s of site %s, SQLite %s", path, site, store.sqlite_version)
        return store

    def close(self) -> None:
        """Finish what was submitted, and let the next agent in."""
        self.reader.close()
        if not self._closed:
            mark_closing(self._path)
            self._writer.close()
            mark_closed(self._path)
            self._lock.release()
            if self._writer.reserve is not None:
                self._writer.reserve.remove()
        self._closed = True

    def keep_reserve(self) -> None:
        """Keep space for the last events from now on (`dbfile.reserve`)."""
        self._writer.reserve = Reserve(self._path.with_name(RESERVE))

    @property
    def reserve_used(self) -> bool:
        """Whether the disk was full, and the reserve has been let go of."""
        reserve = self._writer.reserve
        return reserve is not None and reserve.released

    def on_suspect(self, tell: Callable[[SuspectError], None]) -> None:
        """Call `tell`, in the writing thread, once a sync failed."""
        self._writer.on_suspect = tell

    def commit(self, write: Write) -> "Future[tuple[Stage, ...]]":
        """Store `write` as a whole; its stages with their numbers, after the COMMIT.

        A failed COMMIT is a `StoreError` in the future: nothing of the write is
        stored, and the same write may be tried again.
        """
        at = self.timeline.now()
        return self._writer.submit(lambda db: apply(db, write, at=at))

    async def acommit(self, write: Write) -> tuple[Stage, ...]:
        """`commit`, awaited."""
        return await wait(self.commit(write))

    def load(self, reopen_us: int = 4 * HOUR) -> Memory:
        """What a restart needs to go on."""
        return self.reader.load(reopen_us)

    def forget(self, checks: Iterable[str]) -> "Future[None]":
        """Drop the state of checks that were removed from the site file.

        Their changes stay: the account of the past needs them.
        """
        names = list(checks)

        def work(db: Connection) -> None:
            for table in (schema.check_state, schema.check_seen):
                db.execute(delete(table).where(table.c.check.in_(names)))

        return self._writer.submit(work)

    def pending(self, stream: str = STREAM, limit: int = 200) -> list[OutboxRow]:
        """What the desk has not acknowledged, in order, quarantined rows too."""
        return self.reader.pending(stream, limit)

    def rows(self, stream: str, limit: int) -> Sequence[LedgerRow]:
        """`pending` of any stream."""
        return self.reader.read(lambda db: outbox.rows_of(db, stream, limit))

    def head(self, stream: str = STREAM) -> tuple[int, int]:
        """The last number written, and the last one acknowledged."""
        return self.reader.read(lambda db: outbox.head(db, stream))

    def outbox_age_us(self, now: Instant) -> int:
        """Age of the oldest event that waits for the desk; 0 when none does."""
        oldest = self.reader.outbox().oldest
        return 0 if oldest is None else max(0, now - oldest)

    def epoch(self) -> int | None:
        """The epoch that the desk granted; None before the first hello."""
        return self.reader.read(outbox.epoch_of)

    def grant(self, epoch: int, stream: str = STREAM) -> "Future[bool]":
        """Number on in `epoch`; true if the stream had to be numbered anew."""
        return self._writer.submit(lambda db: outbox.grant(db, stream, epoch))

    def freeze(self, epoch: int) -> "Future[None]":
        """Deliver nothing more in `epoch`, until another one is granted."""
        return self._writer.submit(lambda db: outbox.freeze(db, epoch))

    def frozen(self) -> int | None:
        """The epoch in which nothing more is delivered; None: there is none."""
        return self.reader.read(outbox.frozen)

    async def renew(self) -> str:
        """Become another store to the desk, which grants it an epoch of its own.

        That is for a store that was put back from a backup. Returns the new
        `store_id`.
        """
        fresh = str(uuid.uuid4())
        await wait(self._writer.submit(lambda db: outbox.renew(db, fresh)))
        self.store_id = fresh
        return fresh

    async def release(self, seqs: Sequence[int], told: Sequence[int] = ()) -> None:
        """Send events again that the desk refused and that were set aside.

        `told` are numbers of the ledger's.
        """
        work = self._writer.submit(lambda db: waiting.release(db, seqs, told))
        fresh = await wait(work)
        self.store_id = fresh or self.store_id

    def acknowledge(
        self, stream: str, ack_seq: int, tickets: Mapping[int, str]
    ) -> "Future[None]":
        """All up to `ack_seq` is durable at the desk; its tickets by `seq`."""
        at = self.timeline.now()
        return self._writer.submit(
            lambda db: outbox.acknowledge(db, stream, ack_seq, tickets=tickets, at=at)
        )

    def rewind(self, stream: str, seq: int) -> "Future[None]":
        """The desk has only what is up to `seq`: send the rest again."""
        return self._writer.submit(lambda db: outbox.rewind(db, stream, seq))

    def quarantine(self, stream: str, seq: int, reason: str) -> "Future[None]":
        """Set one event aside that the desk refuses for good."""
        at = self.timeline.now()
        return self._writer.submit(
            lambda db: outbox.quarantine(db, stream, seq, reason=reason, at=at)
        )

    def note_attempt(
        self, stream: str, span: tuple[int, int], error: str
    ) -> "Future[None]":
        """Count a failed attempt for the rows of `span`, both ends included."""
        return self._writer.submit(
            lambda db: outbox.note_attempt(db, stream, *span, error=error)
        )

    def follow(self, services: Iterable[ServiceRule]) -> "Future[None]":
        """These are the services whose states the ledger tells, from now on."""
        at, wanted = self.timeline.now(), tuple(services)
        return self._writer.submit(lambda db: ledger.follow(db, wanted, at=at))

    def keep_windows(self, windows: WindowsTaken) -> "Future[None]":
        """Replace the copy of the desk's windows, as a whole."""
        at = self.timeline.now()
        return self._writer.submit(lambda db: leave.keep_windows(db, windows, at=at))

    def intervene(self, order: Intervention) -> "Future[None]":
        """Keep a mute or a pause."""
        return self._writer.submit(lambda db: leave.begin(db, order))

    def end_intervention(self, id_: str, at: Instant, actor: str) -> "Future[None]":
        """A person ended a mute or a pause before its time."""
        return self._writer.submit(lambda db: leave.end(db, id_, at=at, actor=actor))

    def keep_contract(self, text: str) -> "Future[None]":
        """Keep what a remote desk said of the contract, over restarts too."""
        return self._writer.submit(lambda db: copies.keep(db, copies.CONTRACT, text))

    def keep_hours(self, measures: Mapping[str, str]) -> "Future[None]":
        """Drop the hours of all other checks and measures."""
        return self._writer.submit(lambda db: hours.keep(db, measures))

    def house_keep(
        self, reopen_us: int = 4 * HOUR, *, since: Instant | None = None
    ) -> "Future[tuple[int, int]]":
        """Seal what cannot re-open, drop what was acknowledged 35 days ago, hours of
        eight weeks ago, and what is told of time before `since`.

        Returns how many incidents were sealed and how many rows dropped.
        """
        now = self.timeline.now()

        def work(db: Connection) -> tuple[int, int]:
            sealed = aging.seal(db, Instant(now - reopen_us))
            hours.trim(db, now)
            dropped = aging.prune(db, STREAM, now)
            if since is not None:
                dropped += retention.drop_before(db, since, at=now)
            return sealed, dropped

        return self._writer.submit(work)


async def wait(future: "Future[T]") -> T:
    """Await a write; one that is already done takes no turn of the loop."""
    if future.done():
        return future.result()
    return await asyncio.wrap_future(future)


def _sound(path: Path, *, site: str, now: Instant) -> Connection:
    """The store opened; a damaged one is made anew first."""
    try:
        return engine.open_writer(path, marked=True)
    except DamagedError as exc:
        why = str(exc).removeprefix(f"{path}: ")

    def prepare(connection: Connection) -> None:
        _prepare(connection, path, site=site, now=now)

    damage.rebuild(path, why, site=site, now=now, prepare=prepare)
    mark_closing(path)
    return engine.open_writer(path, marked=True)


def _prepare(connection: Connection, path: Path, *, site: str, now: Instant) -> None:
    """Bring the tables up to date and see that the store is this site's."""
    try:
        connection.exec_driver_sql(f"PRAGMA application_id = {engine.APPLICATION_ID}")
        connection.commit()
        migrate(connection)
        with connection.begin():
            meta = known(connection)
            if not meta:
                _found(connection, site, now)
    except DatabaseError as exc:
        raise engine.unusable(path, exc) from None
    if meta and meta["site"] != site:
        raise StoreError(
            f"{path}: is the store of site '{meta['site']}', and this is '{site}'; "
            "give each site a state folder of its own"
        )


def _found(connection: Connection, site: str, now: Instant) -> None:
    values = {
        "store_id": str(uuid.uuid4()),
        "site": site,
        "created": format_instant(now),
    }
    connection.execute(
        insert(schema.meta),
        [{"key": key, "value": value} for key, value in values.items()],
    )
    connection.execute(
        insert(schema.stream_head).values(stream=STREAM, head_seq=0, acked_seq=0)
    )
