"""Finding tickets by words: kept beside them, looked for in ranges.

Words are written in the transaction of what they come from: whoever adds to a ticket
something that people read calls `index` with the texts. What was there before, is
read once (`Search.fill_due`). Where customers do not read, the words are `internal`
and find nothing for them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    func,
    intersect,
    or_,
    select,
)

from scudo_agent.desk.search_words import Sought, words
from scudo_agent.desk.store.attachment_tables import attachment
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.life_tables import ticket_word
from scudo_agent.desk.store.scope import Scope
from scudo_agent.desk.store.tables import tenant, ticket, ticket_event
from scudo_agent.instant import Instant
from scudo_agent.wire import Evidence, Named, Stage

WORDS_LIMIT = 1000
"""Words that are kept of one text, or of texts that come together."""

RARE = 1000
"""What fewer tickets have is looked up first, and the rest checked at those."""

_AT_ONCE = 200
"""Tickets that are read in one transaction: others wait for the writer meanwhile."""

_MEMBERS = 50
# As the drivers take it: a ticket has dozens of words, and the desk thousands of them.
_INSERT = "INSERT INTO ticket_word (word, tenant_id, ticket_id, internal) VALUES "
_INSERTS = {
    "sqlite": f"{_INSERT} (?, ?, ?, ?) ON CONFLICT DO NOTHING",
    "postgresql": f"{_INSERT} (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
}


def index(
    db: Connection,
    tenant_id: str,
    ticket_id: int,
    *texts: str | None,
    internal: bool = False,
) -> None:
    """Let a ticket be found by the words of these texts, from this commit on.

    `internal` texts (notes that customers do not read) are found by nobody else
    than the provider. Words that it has already change nothing.
    """
    found: dict[str, None] = {}
    for text in texts:
        if text:
            found |= dict.fromkeys(words(text))
    kept = list(found)[:WORDS_LIMIT]
    if kept:
        rows = [(word, tenant_id, ticket_id, internal) for word in kept]
        db.exec_driver_sql(_INSERTS[db.dialect.name], rows)


def index_born(db: Connection, tenant_id: str, ticket_id: int, ref: str) -> None:
    """The first words of a new ticket: its number, and whose it is."""
    query = select(tenant.c.name).where(tenant.c.tenant_id == tenant_id)
    site_id = select(ticket.c.site_id).where(ticket.c.ticket_id == ticket_id)
    index(
        db,
        tenant_id,
        ticket_id,
        ref,
        tenant_id,
        db.execute(query).scalar(),
        db.execute(site_id).scalar(),
    )


def index_stage(db: Connection, tenant_id: str, ticket_id: int, stage: Stage) -> None:
    """What an agent's stage names: subject, checks, addresses, what was seen."""
    index(db, tenant_id, ticket_id, *stage_texts(stage))


def index_said(
    db: Connection, tenant_id: str, ticket_id: int, data: Mapping[str, Any]
) -> None:
    """What a person said with an act, from the data of its entry of history.

    What is not marked for the customer, the customer does not find.
    """
    internal = bool(data.get("internal")) or not data.get("public")
    index(db, tenant_id, ticket_id, *_values(data.get("words")), internal=internal)


def stage_texts(stage: Stage) -> Iterator[str]:
    """The texts of a stage that somebody may look for."""
    for one in (stage.subject, *stage.affected[:_MEMBERS]):
        yield from _named(one)
    yield stage.subject_key
    for member in stage.members[:_MEMBERS]:
        yield from _seen(member)
    yield from _values(stage.note)


def _named(one: Named) -> Iterator[str]:
    yield one.id
    yield from one.title.values()


def _seen(member: Evidence) -> Iterator[str]:
    yield member.check
    yield member.endpoint
    yield from _values(member.seen)


def _values(said: Any) -> Iterator[str]:
    """The texts among the values of a sentence: names, models, serial numbers."""
    if isinstance(said, str):
        yield said
    elif isinstance(said, list):
        for one in said:
            yield from _values(one)
    elif isinstance(said, Mapping):
        inner = said.get("values", said if "id" not in said else {})
        if isinstance(inner, Mapping):
            for one in inner.values():
                yield from _values(one)


def matching(
    db: Connection, scope: Scope, query: tuple[Sought, ...]
) -> list[ColumnElement[bool]]:
    """What a ticket must fulfil to have all words of a query.

    The word that the fewest tickets have is looked up, and the others are checked at
    what that found. Of several that are all common, those that have them all are
    looked up: they may never stand together. A single common word, and those of one
    customer's scope, are checked as the queue is walked: that ends with the page.
    """
    if not query:
        return []
    rare: Sought | None = None
    conditions: list[ColumnElement[bool]] = []
    if scope.tenant_id is None:
        least = min(((one, _ids(db, scope, one)) for one in query), key=_many)
        if len(least[1]) <= RARE:
            rare = least[0]
            conditions.append(ticket.c.ticket_id.in_(set(least[1])))
        elif len(query) > 1:
            having = (_having(scope, one) for one in query)
            return [ticket.c.ticket_id.in_(intersect(*having))]
    conditions += [_here(scope, one) for one in query if one is not rare]
    return conditions


def _many(found: tuple[Sought, list[int]]) -> int:
    return len(found[1])


def _ids(db: Connection, scope: Scope, one: Sought) -> list[int]:
    """The tickets that have a word, as far as `RARE`."""
    return list(db.execute(_having(scope, one).limit(RARE + 1)).scalars())


def _having(scope: Scope, one: Sought) -> Select[Any]:
    found = _ranges(one, ticket_word.c.word)
    return select(ticket_word.c.ticket_id).where(found, *_readable(scope))


def _here(scope: Scope, one: Sought) -> ColumnElement[bool]:
    """Whether the ticket at hand has a word.

    The words of one ticket are few: they are read by the ticket, and never by the
    word, which for an index is as good as no condition.
    """
    found = _ranges(one, func.coalesce(ticket_word.c.word, ""))
    query = select(ticket_word.c.ticket_id).where(
        ticket_word.c.tenant_id == ticket.c.tenant_id,
        ticket_word.c.ticket_id == ticket.c.ticket_id,
        found,
        *_readable(scope),
    )
    return query.correlate(ticket).exists()


def _ranges(one: Sought, word: ColumnElement[str]) -> ColumnElement[bool]:
    """What a kept word must fulfil to be one that is asked for."""
    return or_(*(and_(word >= low, word < high) for low, high in one.ranges))


def _readable(scope: Scope) -> list[ColumnElement[bool]]:
    """Words of what customers do not read find nothing for them."""
    return [] if scope.provider else [ticket_word.c.internal.is_(False)]


class Search:
    """Fills in the words of tickets that were there before words were kept."""

    def __init__(self, database: Database, now: Callable[[], Instant]) -> None:
        self._database = database
        self._now = now
        self._behind = 0

    def fill_due(self) -> tuple[int, Instant | None]:
        """Read the next tickets without words; how many, and when to go on.

        A ticket has at least its own number's: one without any was never read. It
        goes on where it stopped, also after a restart.
        """
        without = (
            select(ticket)
            .where(
                ticket.c.ticket_id > self._behind,
                ~select(ticket_word.c.word)
                .where(
                    ticket_word.c.tenant_id == ticket.c.tenant_id,
                    ticket_word.c.ticket_id == ticket.c.ticket_id,
                )
                .correlate(ticket)
                .exists(),
            )
            .order_by(ticket.c.ticket_id)
            .limit(_AT_ONCE)
        )
        newest = select(func.max(ticket.c.ticket_id))
        with self._database.read() as db:
            last = int(db.execute(newest).scalar() or 0)
            if last <= self._behind or db.execute(without).first() is None:
                self._behind = max(last, self._behind)
                return 0, None
        with self._database.write() as db:
            rows = db.execute(without).all()
            for row in rows:
                fill(db, row)
        more = len(rows) == _AT_ONCE
        self._behind = rows[-1].ticket_id if more else last
        return len(rows), self._now() if more else None


def fill(db: Connection, row: Any) -> None:
    """The words of a ticket, of all that is kept of it."""
    mine = (row.tenant_id, row.ticket_id)
    index_born(db, *mine, row.ref)
    index(
        db,
        *mine,
        *row.title.values(),
        row.category,
        *_values(row.requester),
        *_values(row.request),
    )
    entries = select(ticket_event.c.kind, ticket_event.c.actor, ticket_event.c.data)
    here = entries.where(
        ticket_event.c.tenant_id == row.tenant_id,
        ticket_event.c.ticket_id == row.ticket_id,
    ).order_by(ticket_event.c.event_id)
    for entry in db.execute(here).all():
        _fill_entry(db, mine, entry)
    names = select(attachment.c.name, attachment.c.public).where(
        attachment.c.tenant_id == row.tenant_id,
        attachment.c.ticket_id == row.ticket_id,
        attachment.c.name.is_not(None),
    )
    for public in (True, False):
        texts: Iterable[str] = [
            one.name for one in db.execute(names) if one.public is public
        ]
        index(db, *mine, *texts, internal=not public)


def _fill_entry(db: Connection, mine: tuple[str, int], entry: Any) -> None:
    data = entry.data if isinstance(entry.data, dict) else {}
    if "stage" in data:
        index_stage(db, *mine, Stage.model_validate(data["stage"]))
    elif entry.actor.startswith("person:"):
        index_said(db, *mine, data)
