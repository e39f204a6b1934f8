"""Stream L: the ledger of services, as the desk is told it (`reliability.md` 1.1).

Each row says "from `since` on `state`; what began then or later is undone"
(`intervals.enter`), and carries the hash of the row before it. What is told is the
difference between the timeline that was told and the one that now follows from the
checks' changes, so that dating back and withdrawals need no words of their own.
Rows stay as long as the changes they come from (`retention`): a new desk is told all.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, insert, select, update

from scudo_agent.instant import Instant, format_instant
from scudo_agent.intervals import enter
from scudo_agent.judge.batch import Change, Withdrawal
from scudo_agent.judge.service import Timeline, service_timeline
from scudo_agent.judge.site import ServiceRule
from scudo_agent.model import State
from scudo_agent.store import schema
from scudo_agent.store.values import LedgerRow, LedgerStatus
from scudo_agent.wire import GENESIS, LedgerEvent, canonical

_log = logging.getLogger(__name__)

STREAM = "L"
"""The stream of the ledger, beside that of the incidents."""

_ledger = schema.ledger_outbox
_rules = schema.ledger_service
_heads = schema.stream_head
_change = schema.check_change

# Made once: making a statement costs more than running it.
_HEAD = select(_heads.c.head_seq, _heads.c.acked_seq).where(_heads.c.stream == STREAM)
_HASH = select(_ledger.c.sha256).where(_ledger.c.seq == bindparam("of"))
_RULES = select(_rules).order_by(_rules.c.service)
_BEFORE = (
    select(func.max(_change.c.since_us))
    .where(
        _change.c.check == bindparam("of"),
        _change.c.since_us < bindparam("from_us"),
        _change.c.withdrawn_at_us.is_(None),
    )
    .scalar_subquery()
)
_CHANGES = (
    select(_change.c.state, _change.c.since_us)
    .where(
        _change.c.check == bindparam("of"),
        _change.c.since_us >= func.coalesce(_BEFORE, 0),
        _change.c.withdrawn_at_us.is_(None),
    )
    .order_by(_change.c.id)
)
_TOLD_BEFORE = (
    select(func.max(_ledger.c.since_us))
    .where(
        _ledger.c.service == bindparam("of"),
        _ledger.c.since_us < bindparam("from_us"),
        _ledger.c.undone_seq.is_(None),
    )
    .scalar_subquery()
)
_TOLD = (
    select(_ledger.c.state, _ledger.c.since_us)
    .where(
        _ledger.c.service == bindparam("of"),
        _ledger.c.since_us >= func.coalesce(_TOLD_BEFORE, 0),
        _ledger.c.undone_seq.is_(None),
    )
    .order_by(_ledger.c.seq)
)
_UNDO = (
    update(_ledger)
    .where(
        _ledger.c.service == bindparam("of"),
        _ledger.c.since_us >= bindparam("from_us"),
        _ledger.c.undone_seq.is_(None),
    )
    .values(undone_seq=bindparam("by_seq"))
)
_INSERT = insert(_ledger)
_MOVE_HEAD = (
    update(_heads).where(_heads.c.stream == STREAM).values(head_seq=bindparam("head"))
)
_WAITING = (
    _ledger.c.seq
    > select(_heads.c.acked_seq).where(_heads.c.stream == STREAM).scalar_subquery()
)
_PENDING = (
    select(_ledger).where(_WAITING).order_by(_ledger.c.seq).limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A row that is yet to be numbered."""

    service: str
    state: State
    since: Instant


def record(
    connection: Connection, changes: Sequence[Change | Withdrawal], *, at: Instant
) -> None:
    """Tell what these changes, stored before, make of the services."""
    first: dict[str, Instant] = {}
    for change in changes:
        known = first.get(change.check)
        first[change.check] = (
            change.since if known is None else min(known, change.since)
        )
    if not first:
        return
    entries: list[_Entry] = []
    for rule in rules(connection):
        dates = [first[check] for check in rule.checks if check in first]
        if dates:
            entries += _difference(connection, rule, min(dates))
    _write(connection, entries, at)


def follow(
    connection: Connection, wanted: Iterable[ServiceRule], *, at: Instant
) -> None:
    """These are the services from `at` on.

    One that was never told is told with all its checks' history; one that is made
    of other checks is so from `at` on; one that is gone is unknown from then on.
    A ledger that somebody else wrote in is said in the log: the desk's copy counts.
    """
    if (fault := broken(connection)) is not None:
        _log.error("the ledger was altered by another hand: %s", fault)
    had = {rule.id: rule for rule in rules(connection)}
    have = {rule.id: rule for rule in wanted}
    entries: list[_Entry] = []
    for name in sorted(had.keys() - have.keys()):
        connection.execute(_rules.delete().where(_rules.c.service == name))
        if _state_at(_told(connection, name, at), at) is not State.UNKNOWN:
            entries.append(_Entry(name, State.UNKNOWN, at))
    for name, rule in have.items():
        old = had.get(name)
        if old is not None and (old.need, old.checks) == (rule.need, rule.checks):
            continue
        connection.execute(_rules.delete().where(_rules.c.service == name))
        row = {"service": name, "need": rule.need}
        checks = json.dumps(rule.checks)
        connection.execute(insert(_rules).values(row | {"checks": checks}))
        fresh = not _told(connection, name, at)
        entries += _difference(connection, rule, Instant(0) if fresh else at)
    _write(connection, entries, at)


def rules(connection: Connection) -> list[ServiceRule]:
    """The services that are followed."""
    return [
        ServiceRule(id=row.service, checks=tuple(json.loads(row.checks)), need=row.need)
        for row in connection.execute(_RULES)
    ]


def tell_again(
    connection: Connection, service: str, state: State, *, since: Instant, at: Instant
) -> None:
    """Say anew how a service stands: the row that said so is to be dropped."""
    _write(connection, [_Entry(service, state, since)], at)


def timeline(connection: Connection, service: str) -> Timeline:
    """All that was told of a service, undone entries left out."""
    return _told(connection, service, Instant(0))


def _difference(
    connection: Connection, rule: ServiceRule, since: Instant
) -> list[_Entry]:
    """What must be told so that, from `since` on, what was told is what is."""
    members = [_member(connection, check, since) for check in rule.checks]
    now = service_timeline(members, rule.need)
    told = _told(connection, rule.id, since)
    moments = sorted({at for _, at in (*now, *told) if at > since} | {since})
    for at in moments:
        if _state_at(now, at) != _state_at(told, at):
            later = [_Entry(rule.id, state, then) for state, then in now if then > at]
            return [_Entry(rule.id, _state_at(now, at), at), *later]
    return []


def _state_at(points: Timeline, at: Instant) -> State:
    state = State.UNKNOWN
    for then, since in points:
        if since > at:
            break
        state = then
    return state


def _member(connection: Connection, check: str, since: Instant) -> Timeline:
    return _folded(connection.execute(_CHANGES, {"of": check, "from_us": since}))


def _told(connection: Connection, service: str, since: Instant) -> Timeline:
    return _folded(connection.execute(_TOLD, {"of": service, "from_us": since}))


def _folded(rows: Iterable[tuple[str, int]]) -> Timeline:
    out: Timeline = []
    for state, since in rows:
        enter(out, State(state), Instant(since))
    return out


def _write(connection: Connection, entries: Sequence[_Entry], at: Instant) -> None:
    """Number and chain the entries; each undoes what it must."""
    if not entries:
        return
    head, _ = head_of(connection)
    prev = hash_of(connection, head)
    rows = []
    for seq, entry in enumerate(entries, start=head + 1):
        undone = {"of": entry.service, "from_us": entry.since, "by_seq": seq}
        connection.execute(_UNDO, undone)
        body = canonical(
            LedgerEvent(
                seq=seq,
                prev=prev,
                service=entry.service,
                state=entry.state,
                since=format_instant(entry.since),
                decided=format_instant(at),
            )
        )
        prev = hashlib.sha256(body).hexdigest()
        rows.append(
            {
                "seq": seq,
                "service": entry.service,
                "state": entry.state.value,
                "since_us": entry.since,
                "decided_us": at,
                "body": body,
                "sha256": prev,
                "created_us": at,
                "attempts": 0,
            }
        )
    connection.execute(_INSERT, rows)
    connection.execute(_MOVE_HEAD, {"head": head + len(rows)})


def head_of(connection: Connection) -> tuple[int, int]:
    """The last number written and the last one acknowledged."""
    row = connection.execute(_HEAD).one()
    return row.head_seq, row.acked_seq


def hash_of(connection: Connection, seq: int) -> str:
    """The hash of row `seq`, on which the next one builds.

    Where that row is gone the next one builds on nothing: measuring goes on, and the
    desk, which has the row, refuses it aloud.
    """
    found = connection.execute(_HASH, {"of": seq}).scalar_one_or_none()
    return GENESIS if found is None else str(found)


def pending(connection: Connection, limit: int) -> list[LedgerRow]:
    """Rows that the desk has not acknowledged, in order, the first `limit`."""
    return [
        LedgerRow(
            stream=STREAM,
            seq=row.seq,
            epoch=row.epoch,
            body=row.body,
            sha256=row.sha256,
            created=Instant(row.created_us),
            acked=None if row.acked_us is None else Instant(row.acked_us),
            attempts=row.attempts,
            last_error=row.last_error,
            quarantined=None
            if row.quarantined_us is None
            else Instant(row.quarantined_us),
        )
        for row in connection.execute(_PENDING, {"most": limit})
    ]


def status(connection: Connection) -> LedgerStatus:
    """How the delivery of the ledger stands, and its anchors."""
    head, acked = head_of(connection)
    oldest = connection.execute(select(func.min(_ledger.c.created_us)).where(_WAITING))
    found = oldest.scalar_one_or_none()
    aside = select(func.count()).where(_ledger.c.quarantined_us.is_not(None))
    hashes = {
        seq: connection.execute(_HASH, {"of": seq}).scalar_one_or_none() or ""
        for seq in {head, acked}
        if seq
    }
    return LedgerStatus(
        head_seq=head,
        acked_seq=acked,
        oldest=None if found is None else Instant(found),
        quarantined=connection.execute(aside).scalar_one(),
        hashes=hashes,
    )


def renumber(connection: Connection) -> None:
    """Tell everything again to a desk that knows nothing of it, from 1 on."""
    rows = connection.execute(
        select(_ledger.c.seq, _ledger.c.body).order_by(_ledger.c.seq)
    ).all()
    if rows and rows[0].seq != 1:
        _rechain(connection, [(row.seq, row.body) for row in rows])
    connection.execute(
        update(_heads)
        .where(_heads.c.stream == STREAM)
        .values(acked_seq=0, head_seq=len(rows))
    )


def _rechain(connection: Connection, rows: Sequence[tuple[int, bytes]]) -> None:
    """After eleven years the first rows are gone: those that stay count from 1."""
    prev = GENESIS
    for seq, (old, body) in enumerate(rows, start=1):
        fresh = canonical({**json.loads(body), "seq": seq, "prev": prev})
        prev = hashlib.sha256(fresh).hexdigest()
        connection.execute(
            update(_ledger)
            .where(_ledger.c.seq == old)
            .values(seq=seq, body=fresh, sha256=prev)
        )


def broken(connection: Connection) -> str | None:
    """Where the chain does not hold; None: every row is the one that was written."""
    prev, last = None, 0
    rows = connection.execute(
        select(_ledger.c.seq, _ledger.c.body, _ledger.c.sha256).order_by(_ledger.c.seq)
    )
    for row in rows:
        if last and row.seq != last + 1:
            return f"row {last + 1} is gone"
        if hashlib.sha256(row.body).hexdigest() != row.sha256:
            return f"row {row.seq} is not what was written"
        if prev is not None and _says(row.body).get("prev") != prev:
            return f"row {row.seq} does not follow row {last}"
        prev, last = row.sha256, row.seq
    head, _ = head_of(connection)
    return None if last == head else f"the last row is {last}, and {head} were written"


def _says(body: bytes) -> Mapping[str, object]:
    data = json.loads(body)
    return data if isinstance(data, dict) else {}
