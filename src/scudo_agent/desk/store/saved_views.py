"""What a person looks for again and again, under names of his own."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from scudo_agent.desk.marks import mark
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.people_tables import saved_view
from scudo_agent.desk.store.scope import Person
from scudo_agent.errors import ScudoError
from scudo_agent.instant import Instant

VIEWS_LIMIT = 30
NAME_SIGNS = 60
QUERY_SIGNS = 2000


class ViewError(ScudoError):
    """It cannot be kept: `full` (30 are enough) or `taken` (the name is in use)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedView:
    """A view: `query` is what stands in the list's address behind the `?`."""

    view_id: int
    name: str
    query: str
    preferred: bool

    @property
    def mark(self) -> str:
        """What it is called in addresses, among the views of its person."""
        return _mark(self.name)


class SavedViews:
    """The views of one person each; nobody else's are ever found."""

    def __init__(self, database: Database, now: Callable[[], Instant]) -> None:
        self._database = database
        self._now = now

    def of(self, person: Person) -> tuple[SavedView, ...]:
        """By name; none of who came by a login link."""
        if person.person_id is None:
            return ()
        query = select(saved_view).where(*_mine(person)).order_by(saved_view.c.name)
        with self._database.read(person.scope) as db:
            return tuple(
                SavedView(
                    view_id=row.view_id,
                    name=row.name,
                    query=row.query,
                    preferred=row.preferred,
                )
                for row in db.execute(query)
            )

    def save(self, person: Person, name: str, query: str) -> None:
        """Keep a view; one of that name is replaced. `ViewError('full')`."""
        mine = _mine(person)
        with self._database.write() as db:
            same = (*mine, saved_view.c.name == name)
            done = db.execute(update(saved_view).where(*same).values(query=query))
            if done.rowcount:
                return
            count = select(func.count()).select_from(saved_view).where(*mine)
            if db.execute(count).scalar_one() >= VIEWS_LIMIT:
                raise ViewError("full")
            row = {
                "tenant_id": person.tenant_id,
                "person_id": person.person_id,
                "name": name,
                "query": query,
                "created_us": self._now(),
            }
            db.execute(insert(saved_view).values(row))

    def rename(self, person: Person, view: str, name: str) -> bool:
        """Give one another name; false if there is none. `ViewError('taken')`.

        `view` is its mark, here and below.
        """
        try:
            with self._database.write() as db:
                this = _this(db, person, view)
                if this is None:
                    return False
                db.execute(update(saved_view).where(this).values(name=name))
        except IntegrityError:
            raise ViewError("taken") from None
        return True

    def delete(self, person: Person, view: str) -> bool:
        """Forget it; false if there is none."""
        with self._database.write() as db:
            this = _this(db, person, view)
            if this is None:
                return False
            db.execute(delete(saved_view).where(this))
        return True

    def prefer(self, person: Person, view: str, *, on: bool) -> bool:
        """Let the list begin with it, or with everything again; false if none."""
        with self._database.write() as db:
            this = _this(db, person, view)
            if this is None:
                return False
            mine = update(saved_view).where(*_mine(person))
            db.execute(mine.values(preferred=False))
            db.execute(update(saved_view).where(this).values(preferred=on))
        return True


def _mark(name: str) -> str:
    return mark("view", name)


def _this(db: Connection, person: Person, view: str) -> ColumnElement[bool] | None:
    """The row of this person's with that mark: a name is there once."""
    query = select(saved_view.c.view_id, saved_view.c.name).where(*_mine(person))
    for row in db.execute(query):
        if _mark(row.name) == view:
            this: ColumnElement[bool] = saved_view.c.view_id == row.view_id
            return this
    return None


def _mine(person: Person) -> tuple[ColumnElement[bool], ...]:
    return (
        saved_view.c.tenant_id == person.tenant_id,
        saved_view.c.person_id == person.person_id,
    )
