"""One thread that writes, and puts all that is waiting into one commit.

A commit at `synchronous=FULL` costs one wait for the disk, whatever it carries.
Without a thread (`inline`, for simulations) each piece of work is done at once.
"""

import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeVar

from sqlalchemy import Connection, Transaction
from sqlalchemy.exc import DatabaseError, OperationalError

from scudo_agent.dbfile.reserve import Reserve
from scudo_agent.dbfile.sqlite import disk_full, sync_failed
from scudo_agent.errors import StoreError, SuspectError

T = TypeVar("T")
_Work = tuple[Callable[[Connection], Any], "Future[Any]"]

GROUP_LIMIT = 256
"""Pieces of work in one commit, at most."""

_log = logging.getLogger(__name__)


class Writer:
    """Runs functions inside transactions of the one writing connection.

    After a sync that failed it takes no more work (`suspect` says why): `on_suspect`
    is called once, in the writing thread. When the disk is full, `reserve` is let go
    of, and the commit done again.
    """

    def __init__(self, connection: Connection, path: Path, *, inline: bool) -> None:
        self._connection = connection
        self._path = path
        self.suspect: SuspectError | None = None
        self.on_suspect: Callable[[SuspectError], None] = lambda error: None
        self.reserve: Reserve | None = None
        self._queue: SimpleQueue[_Work | None] = SimpleQueue()
        self._closed = False
        self._fault: str | None = None
        # Orders `submit` against `close`: nothing enters after the end mark.
        self._gate = Lock()
        self._thread: Thread | None = None
        if not inline:
            self._thread = Thread(target=self._serve, name="store", daemon=True)
            self._thread.start()

    def submit(self, work: Callable[[Connection], T]) -> "Future[T]":
        """Do `work` in a transaction; the future is done after the COMMIT.

        Whatever `work` raises undoes it alone and is the future's exception; what
        the database raises comes as the cause of a `StoreError`. When the COMMIT
        itself fails, nothing of the group is stored and each of its futures has a
        `StoreError`; later work may succeed.
        """
        future: Future[T] = Future()
        with self._gate:
            if self._closed:
                future.set_exception(StoreError(f"{self._path}: is closed"))
                return future
            if self._thread is not None:
                self._queue.put((work, future))
                return future
        self._commit([(work, future)])
        return future

    def close(self) -> None:
        """Finish what is waiting, then close the connection."""
        with self._gate:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        if self._thread is not None:
            self._thread.join()
        self._connection.close()

    def _serve(self) -> None:
        while (first := self._queue.get()) is not None:
            group, last = [first], False
            with contextlib.suppress(Empty):
                while len(group) < GROUP_LIMIT and not last:
                    item = self._queue.get_nowait()
                    if item is None:
                        last = True
                    else:
                        group.append(item)
            self._commit(group)
            if last:
                return

    def _commit(self, group: list[_Work]) -> None:
        running = [item for item in group if item[1].set_running_or_notify_cancel()]
        if self.suspect is not None:
            for _, future in running:
                future.set_exception(self.suspect)
            return
        error = self._attempt(running)
        if error is not None and self._make_room(error):
            error = self._attempt([one for one in running if not one[1].done()])
        if error is not None:
            refusal = self._error(error)
            for _, future in running:
                if not future.done():
                    future.set_exception(refusal)
        elif self.reserve is not None:
            self.reserve.restore()

    def _make_room(self, exc: DatabaseError) -> bool:
        if self.reserve is None or not disk_full(exc.orig, self._path):
            return False
        return self.reserve.release()

    def _attempt(self, running: list[_Work]) -> DatabaseError | None:
        """One transaction; what the database says if nothing of it is stored."""
        done: list[tuple[Future[Any], Any]] = []
        try:
            with self._connection.begin() as whole:
                for work, future in running:
                    # One alone needs no savepoint: undoing it undoes everything.
                    alone = len(running) == 1
                    part = whole if alone else self._connection.begin_nested()
                    self._do(work, future, done, part=part)
                    if part is not whole and part.is_active:
                        part.commit()
        except DatabaseError as exc:
            return exc
        if done and self._fault is not None:
            self._fault = None
            _log.warning("%s takes commits again", self._path)
        for future, value in done:
            future.set_result(value)
        return None

    def _error(self, exc: DatabaseError) -> StoreError:
        """What the futures of a group are told whose COMMIT failed."""
        if sync_failed(exc.orig, self._path):
            self.suspect = SuspectError(f"{self._path}: a sync failed: {exc.orig}")
            _log.critical("%s; nothing more is written to it", self.suspect)
            self.on_suspect(self.suspect)
            return self.suspect
        self._refused(str(exc.orig))
        return StoreError(f"{self._path}: not stored: {exc.orig}")

    def _refused(self, fault: str) -> None:
        """Log a fault when it begins: a full disk would have its log grow, too."""
        if fault != self._fault:
            self._fault = fault
            _log.error(
                "%s refuses commits, they are tried again: %s", self._path, fault
            )

    def _do(
        self,
        work: Callable[[Connection], Any],
        future: "Future[Any]",
        done: list[tuple["Future[Any]", Any]],
        *,
        part: Transaction,
    ) -> None:
        """Do one piece of work; what it raises undoes `part`."""
        try:
            value = work(self._connection)
        except OperationalError:
            # The disk or the file: SQLite may have undone the whole transaction.
            raise
        except DatabaseError as exc:
            # What was to be written does not fit: the others of the group do.
            part.rollback()
            self._refused(str(exc.orig))
            refusal = StoreError(f"{self._path}: not stored: {exc.orig}")
            refusal.__cause__ = exc
            future.set_exception(refusal)
        except Exception as exc:  # noqa: BLE001 - the future's owner gets it, whatever it is
            part.rollback()
            future.set_exception(exc)
        else:
            done.append((future, value))
