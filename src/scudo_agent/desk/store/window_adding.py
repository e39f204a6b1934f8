"""Announcing a window or a series of them, within one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, insert

from scudo_agent.contract.hours import local_day
from scudo_agent.contract.recurring import Shift, occurrences, parse_rule
from scudo_agent.desk.store.scope import AgentIdentity
from scudo_agent.desk.store.window_post import WindowMail, WindowPost
from scudo_agent.desk.store.window_rows import free_id, values, zone_of
from scudo_agent.desk.store.window_tables import (
    window,
    window_announcement,
    window_series,
)
from scudo_agent.desk.window_requests import NewSeries, NewWindow
from scudo_agent.desk.windows import RefusedError, check_span
from scudo_agent.errors import InputError
from scudo_agent.instant import Instant, parse_instant
from scudo_agent.locale.formats import zone_info

Spans = Sequence[tuple[Instant, Instant]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who asks, under which key, and the SHA-256 of what: a repeat changes nothing."""

    who: AgentIdentity
    key: str
    sha256: str


class Adding:
    """One request for windows within its transaction."""

    def __init__(
        self,
        db: Connection,
        asked: Asked,
        new: NewWindow,
        *,
        peak: Instant | None,
        now: Instant,
        post: WindowPost,
    ) -> None:
        self._db, self._asked, self._new = db, asked, new
        self._peak, self._now, self._post = peak, now, post
        self._who = asked.who
        self._seed = f"{self._who.tenant_id}/{self._who.site_id}/{asked.key}"

    def one(self) -> list[str]:
        """A single window."""
        assert self._new.start is not None
        assert self._new.end is not None
        start, end = parse_instant(self._new.start), parse_instant(self._new.end)
        zone = zone_of(self._db, self._who)
        check_span(start, end, self._now, zone=zone)
        return [self._alone(start, end, 0, None)]

    def series(self) -> list[str]:
        """Every occurrence that has not begun, each a window of its own."""
        assert self._new.series is not None
        spans, zone, first = self._spans(self._new.series)
        series_id = free_id(self._db, "MS", self._seed)
        row = values(
            self._who,
            self._new.by,
            series_id=series_id,
            site_id=self._who.site_id,
            rule=str(parse_rule(self._new.series.rule)),
            first_day=first.isoformat(),
            last_day=self._new.series.last,
            zone=zone,
            created_us=self._now,
        )
        self._db.execute(insert(window_series).values(row))
        if self._new.series.announce == "each":
            return [
                self._alone(start, end, place, series_id)
                for place, (start, end) in enumerate(spans)
            ]
        mail_id = self._mail(series_id)
        ids = []
        for place, (start, end) in enumerate(spans):
            window_id = free_id(self._db, "MW", f"{self._seed}/{place}")
            self._insert(window_id, series_id, series_id)
            self._announce(window_id, start, end, mail_id)
            ids.append(window_id)
        return ids

    def _spans(self, asked: NewSeries) -> tuple[Spans, str, date]:
        zone = asked.zone or zone_of(self._db, self._who)
        today = local_day(zone_info(zone), self._now)
        try:
            first = today if asked.first is None else date.fromisoformat(asked.first)
            last = date.fromisoformat(asked.last)
        except ValueError as exc:
            raise RefusedError(f"a day is wrong: {exc}") from None
        try:
            found = occurrences(parse_rule(asked.rule), zone, first=first, last=last)
        except InputError as exc:
            raise RefusedError(str(exc)) from None
        spans = [
            (one.start, one.end)
            for one in found
            if one.shift is not Shift.GONE and one.start > self._now
        ]
        if not spans:
            raise RefusedError(
                f"the series has no occurrence that is yet to come ({last})"
            )
        for start, end in spans:
            check_span(start, end, self._now, zone=zone)
        return spans, zone, first

    def _alone(
        self, start: Instant, end: Instant, place: int, series_id: str | None
    ) -> str:
        """A window with a mail of its own."""
        window_id = free_id(self._db, "MW", f"{self._seed}/{place}")
        mail_id = self._mail(window_id)
        self._insert(window_id, series_id, window_id)
        self._announce(window_id, start, end, mail_id)
        return window_id

    def _mail(self, thread: str) -> int:
        return self._post.put(self._who, WindowMail.ANNOUNCED, thread, self._now)

    def _insert(self, window_id: str, series_id: str | None, thread: str) -> None:
        row = values(
            self._who,
            self._new.by,
            window_id=window_id,
            site_id=self._who.site_id,
            kind=self._new.kind,
            services=list(self._new.services),
            reason=self._new.reason,
            series_id=series_id,
            thread=thread,
            created_us=self._now,
        )
        self._db.execute(insert(window).values(row))

    def _announce(
        self, window_id: str, start: Instant, end: Instant, mail_id: int
    ) -> None:
        row = values(
            self._who,
            self._new.by,
            window_id=window_id,
            number=1,
            announced_us=self._now,
            start_us=start,
            end_us=end,
            peak_notice_us=self._peak,
            mail_id=mail_id,
        )
        self._db.execute(insert(window_announcement).values(row))
