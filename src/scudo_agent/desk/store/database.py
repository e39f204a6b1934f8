"""What the rooms of the desk's store know of their database.

Two kinds stand behind it, and nobody but they know the dialect: a file of the desk's
own (`sqlite`), and a PostgreSQL server that several desks share (`postgresql`). Both
have one writer at a time: what a transaction has read, nobody changes before it ends.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy import Connection

from scudo_agent.desk.store.scope import Scope
from scudo_agent.errors import SuspectError


class Readable(ABC):
    """A database that can be read."""

    name: str
    """How messages call it; no password is in it."""

    @abstractmethod
    def read(self, scope: Scope | None = None) -> AbstractContextManager[Connection]:
        """A consistent view on what is committed; nothing can be written.

        With the scope of a reader who belongs to a customer PostgreSQL itself shows
        that customer's rows only; None is the desk's own work.
        """

    @abstractmethod
    def close(self) -> None:
        """Close all connections."""


class Database(Readable):
    """A desk's database.

    `suspect` is set once nobody knows what the disk holds: `on_suspect` is called then,
    in the thread that learned of it, and each later transaction fails.
    """

    alone: bool
    """Whether no other desk can have this database open."""

    def __init__(self) -> None:
        self.suspect: SuspectError | None = None
        self.on_suspect: Callable[[SuspectError], None] = lambda error: None

    @abstractmethod
    def write(self) -> AbstractContextManager[Connection]:
        """One transaction of the one writer: all of it or nothing."""

    @abstractmethod
    def owning(self) -> AbstractContextManager[Connection]:
        """As `write`, with the right to change tables: for migrations only."""

    @abstractmethod
    def plainly(self) -> AbstractContextManager[None]:
        """For who starts: what the database refuses is a `StoreError`, one line."""

    @abstractmethod
    def bytes(self) -> int:
        """How large it is."""

    def keep_reserve(self) -> None:
        """Keep space for the last events from now on, where that is ours to do."""

    @property
    def reserve_used(self) -> bool:
        """Whether the disk was full, and the reserve has been let go of."""
        return False

    @contextmanager
    def leading(self, duty: str) -> Iterator[bool]:
        """Whether this desk, and no other one meanwhile, does the named duty now."""
        yield bool(duty)
