"""Maintenance windows of a site: announced, moved, cancelled, corrected.

`announced` is the time of the transaction that puts the customer's notice into the
mail outbox: both rows are written in it with the same instant (`domain.md` 4).
"""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, insert, select

from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.post import Posting
from scudo_agent.desk.store.scope import AgentIdentity, Scope
from scudo_agent.desk.store.tables import tenant
from scudo_agent.desk.store.window_adding import Adding, Asked
from scudo_agent.desk.store.window_post import WindowMail, WindowPost
from scudo_agent.desk.store.window_rows import (
    ids_of,
    known_services,
    next_number,
    put_services,
    raise_revision,
    revision_of_windows,
    states,
    values,
    zone_of,
)
from scudo_agent.desk.store.window_tables import (
    window,
    window_announcement,
    window_cancellation,
    window_correction,
    window_request,
)
from scudo_agent.desk.store.window_views import WindowLine, window_lines
from scudo_agent.desk.window_requests import (
    CancelWindow,
    CorrectWindow,
    MoveWindow,
    NewWindow,
)
from scudo_agent.desk.windows import (
    Phase,
    TooLateError,
    check_move,
    check_open,
    check_peak,
    check_services,
    phase,
    window_of,
)
from scudo_agent.instant import Instant, parse_instant
from scudo_agent.wire import SiteService
from scudo_agent.wire_site import Windows, WindowState


class UnknownWindowError(Exception):
    """This site has no window and no series of that id."""


class ReusedKeyError(Exception):
    """The key of an earlier request came with another one."""


class WindowBook:
    """The windows of all sites; each method is one transaction."""

    def __init__(
        self, database: Database, now: Callable[[], Instant], posting: Posting
    ) -> None:
        self._database = database
        self._now = now
        self._posting = posting

    def of_site(self, who: AgentIdentity) -> Windows:
        """All windows of the agent's site, at their revision."""
        with self._database.read() as db:
            return Windows(
                revision=revision_of_windows(db, who), windows=states(db, who)
            )

    def lines(self, scope: Scope) -> tuple[WindowLine, ...]:
        """The windows of all sites that a reader may see."""
        return window_lines(self._database, scope, self._now())

    def revision(self, who: AgentIdentity) -> int:
        """The revision of the site's windows."""
        with self._database.read() as db:
            return revision_of_windows(db, who)

    def services(self, who: AgentIdentity) -> list[SiteService]:
        """The site's services with their titles."""
        with self._database.read() as db:
            return known_services(db, who)

    @property
    def host(self) -> str:
        """What stands behind the `@` of ids that go out into the world."""
        return self._posting.message_host

    def language(self, who: AgentIdentity) -> str:
        """The customer's language."""
        query = select(tenant.c.language).where(tenant.c.tenant_id == who.tenant_id)
        with self._database.read() as db:
            return str(db.execute(query).scalar_one())

    def put_services(self, who: AgentIdentity, services: Sequence[SiteService]) -> bool:
        """Keep the services of the site's file; false if nothing changed."""
        with self._database.write() as db:
            return put_services(db, who, services, self._now())

    def add(self, asked: Asked, new: NewWindow) -> list[WindowState]:
        """Announce a window or a series; `RefusedError` says what would be right."""
        who = asked.who
        with self._database.write() as db:
            if (known := _again(db, asked)) is not None:
                return known
            now = self._now()
            peak = None if new.peak_notice is None else parse_instant(new.peak_notice)
            check_services(new.services, [one.id for one in known_services(db, who)])
            check_peak(new.kind, peak, now, zone=zone_of(db, who))
            adding = Adding(db, asked, new, peak=peak, now=now, post=self._post(db))
            ids = adding.series() if new.series is not None else adding.one()
            return _done(db, asked, ids, now)

    def move(self, asked: Asked, name: str, move: MoveWindow) -> list[WindowState]:
        """Announce another span of a window; `RefusedError` when it is too late."""
        who = asked.who
        start, end = parse_instant(move.start), parse_instant(move.end)
        peak = None if move.peak_notice is None else parse_instant(move.peak_notice)
        with self._database.write() as db:
            if (known := _again(db, asked)) is not None:
                return known
            now = self._now()
            [state] = _found(db, who, name, series=False)
            zone = zone_of(db, who)
            check_move(window_of(state), start, end, now, zone=zone)
            check_peak(state.kind, peak, now, zone=zone)
            thread = _thread(db, who, name)
            mail_id = self._post(db).put(who, WindowMail.MOVED, thread, now)
            row = values(
                who,
                move.by,
                window_id=name,
                number=next_number(db, who, window_announcement, name),
                announced_us=now,
                start_us=start,
                end_us=end,
                peak_notice_us=peak,
                mail_id=mail_id,
            )
            db.execute(insert(window_announcement).values(row))
            return _done(db, asked, [name], now)

    def cancel(
        self, asked: Asked, name: str, cancel: CancelWindow
    ) -> list[WindowState]:
        """Call off a window, or all of a series that can be; one mail tells."""
        who = asked.who
        with self._database.write() as db:
            if (known := _again(db, asked)) is not None:
                return known
            now = self._now()
            ids = _cancellable(db, who, name, now)
            thread = _thread(db, who, ids[0])
            mail_id = self._post(db).put(who, WindowMail.CANCELLED, thread, now)
            rows = [
                values(
                    who,
                    cancel.by,
                    window_id=one,
                    cancelled_us=now,
                    reason=cancel.reason,
                    mail_id=mail_id,
                )
                for one in ids
            ]
            db.execute(insert(window_cancellation), rows)
            return _done(db, asked, ids, now)

    def correct(
        self, asked: Asked, name: str, correct: CorrectWindow
    ) -> list[WindowState]:
        """Note what was otherwise; it stands apart and changes no figure."""
        who = asked.who
        with self._database.write() as db:
            if (known := _again(db, asked)) is not None:
                return known
            now = self._now()
            _found(db, who, name, series=False)
            row = values(
                who,
                correct.by,
                window_id=name,
                number=next_number(db, who, window_correction, name),
                corrected_us=now,
                change=correct.change,
                reason=correct.reason,
            )
            db.execute(insert(window_correction).values(row))
            return _done(db, asked, [name], now)

    def _post(self, db: Connection) -> WindowPost:
        return WindowPost(db, self._posting.message_host)


def _found(
    db: Connection, who: AgentIdentity, name: str, *, series: bool
) -> list[WindowState]:
    ids = ids_of(db, who, name)
    if not ids or (not series and ids != [name]):
        raise UnknownWindowError(name)
    return states(db, who, ids=ids)


def _cancellable(
    db: Connection, who: AgentIdentity, name: str, now: Instant
) -> list[str]:
    """The windows that a cancellation of `name` calls off."""
    found = [window_of(state) for state in _found(db, who, name, series=True)]
    if found[0].id == name:
        check_open(found[0], now, zone=zone_of(db, who))
        return [name]
    alive = (Phase.PLANNED, Phase.OPEN)
    ids = [one.id for one in found if phase(one, now) in alive]
    if not ids:
        raise TooLateError(f"{name}: all of its windows are over or cancelled")
    return ids


def _thread(db: Connection, who: AgentIdentity, window_id: str) -> str:
    query = select(window.c.thread).where(
        window.c.tenant_id == who.tenant_id, window.c.window_id == window_id
    )
    return str(db.execute(query).scalar_one())


def _again(db: Connection, asked: Asked) -> list[WindowState] | None:
    """The windows of an earlier request with this key; None if there was none."""
    row = db.execute(
        select(window_request.c.sha256, window_request.c.windows).where(
            window_request.c.tenant_id == asked.who.tenant_id,
            window_request.c.site_id == asked.who.site_id,
            window_request.c.request_key == asked.key,
        )
    ).first()
    if row is None:
        return None
    if row.sha256 != asked.sha256:
        raise ReusedKeyError(asked.key)
    return states(db, asked.who, ids=row.windows)


def _done(
    db: Connection, asked: Asked, ids: Sequence[str], now: Instant
) -> list[WindowState]:
    """Remember the request, and tell the agents that something changed."""
    row = {
        "tenant_id": asked.who.tenant_id,
        "site_id": asked.who.site_id,
        "request_key": asked.key,
        "sha256": asked.sha256,
        "windows": list(ids),
        "stored_us": now,
    }
    db.execute(insert(window_request).values(row))
    raise_revision(db, asked.who, now)
    return states(db, asked.who, ids=ids)
