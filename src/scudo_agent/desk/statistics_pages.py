"""The page of times: how fast tickets were taken on and resolved, month by month."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date
from starlette.responses import Response

from scudo_agent.desk.notice import severity_label
from scudo_agent.desk.offload import offload
from scudo_agent.desk.pages import Page, When
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.scope import Scope
from scudo_agent.desk.times import Line, Took, by_month, by_severity, line
from scudo_agent.desk.visit import Doors, Visit
from scudo_agent.instant import DAY, HOUR, MINUTE, SECOND, Instant
from scudo_agent.locale import Translator
from scudo_agent.locale.formats import babel_locale, clean, local
from scudo_agent.text import T, Text

MONTHS = 12
_BACK_US = 400 * DAY
_SLOWEST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A month or a severity: counts, and the two lengths in words."""

    name: str
    received: int
    intervention: str
    intervention_most: str
    resolution: str
    resolution_most: str
    resolved: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pillar:
    """A month's median in a chart: `x`, `y`, `width` and `height` of a field of 100."""

    x: str
    y: str
    width: str
    height: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Medians of the months; `top` is what the field's height stands for."""

    title: str
    top: str
    pillars: tuple[Pillar, ...]
    names: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow:
    """One of the tickets that took longest."""

    ref: str
    received: When
    length: str


def statistics_content(
    customer: str,
    tickets: Sequence[Took],
    page: Page,
    translator: Translator,
    zone: str,
    now: Instant,
) -> dict[str, Any]:
    """Contents of the page, of the tickets of the last twelve months."""
    book = _Book(page, translator, zone)
    months = by_month(tickets, book.day, book.day(now), many=MONTHS)
    within = [one for one in tickets if book.day(one.received) >= next(iter(months))]
    return {
        "title": translator.render(T("Times")),
        "customer": clean(customer),
        "sentence": book.sentence(line(within)),
        "empty": not within,
        "charts": book.charts(months),
        "months": [book.row(book.month(one), found) for one, found in months.items()],
        "severities": [
            book.row(book.severity(one), found)
            for one, found in by_severity(within).items()
        ],
        "slowest": book.slowest(within),
    }


class _Book:
    """Puts lengths into words for one reader."""

    def __init__(self, page: Page, translator: Translator, zone: str) -> None:
        self._page, self._translator = page, translator
        self._zone = ZoneInfo(zone)
        self._locale = babel_locale(translator.language)

    def day(self, at: Instant) -> date:
        return local(at, self._zone.key).date()

    def month(self, day: date) -> str:
        return str(format_date(day, "LLLL y", locale=self._locale))

    def severity(self, severity: int | None) -> str:
        if severity is None:
            return self._say(T("no code"))
        return severity_label(severity, self._translator)

    def sentence(self, all_: Line) -> str:
        if all_.intervention.half is None:
            return self._say(
                T("Of the tickets of the last twelve months none was taken on yet.")
            )
        values = {"taken": self._length(all_.intervention.half)}
        if all_.resolution.half is None:
            return self._say(T("Half of the tickets were taken on within {taken}.",
                               **values))  # fmt: skip
        return self._say(
            T(
                "Half of the tickets were taken on within {taken} and resolved "
                "within {resolved}.",
                resolved=self._length(all_.resolution.half),
                **values,
            )
        )

    def row(self, name: str, found: Line) -> Row:
        return Row(
            name=name,
            received=found.received,
            intervention=self._length(found.intervention.half),
            intervention_most=self._length(found.intervention.most),
            resolution=self._length(found.resolution.half),
            resolution_most=self._length(found.resolution.most),
            resolved=found.resolution.tickets,
        )

    def charts(self, months: Mapping[date, Line]) -> list[Chart]:
        drawn = (
            (
                T("Until somebody took it on, median"),
                {month: one.intervention.half for month, one in months.items()},
            ),
            (
                T("Until it was resolved, median"),
                {month: one.resolution.half for month, one in months.items()},
            ),
        )
        return [self._chart(title, values) for title, values in drawn]

    def _chart(self, title: Text, values: Mapping[date, int | None]) -> Chart:
        top = max((one for one in values.values() if one is not None), default=0)
        step = 100 / len(values)
        pillars, names = [], []
        for place, (month, value) in enumerate(values.items()):
            short = str(format_date(month, "LLL", locale=self._locale))
            names.append((f"{(place + 0.5) * step:.2f}", short))
            if value is None:
                continue
            # What took no time at all is still to be seen.
            height = max(100 * value / top, 1.5) if top else 1.5
            pillars.append(
                Pillar(
                    x=f"{(place + 0.15) * step:.2f}",
                    y=f"{100 - height:.2f}",
                    width=f"{0.7 * step:.2f}",
                    height=f"{height:.2f}",
                    said=f"{self.month(month)}: {self._length(value)}",
                )
            )
        return Chart(
            title=self._say(title),
            top=self._length(top) if top else "",
            pillars=tuple(pillars),
            names=tuple(names),
        )

    def slowest(self, tickets: Sequence[Took]) -> list[Slow]:
        done = [one for one in tickets if one.resolution is not None]
        done.sort(key=lambda one: -(one.resolution or 0))
        return [
            Slow(
                ref=one.ref,
                received=self._page.when(one.received, self._zone.key),
                length=self._length(one.resolution),
            )
            for one in done[:_SLOWEST]
        ]

    def _length(self, value: int | None) -> str:
        """Coarse: nobody compares seconds of days."""
        if value is None:
            return "–"
        grain = SECOND if value < HOUR else MINUTE if value < 2 * DAY else HOUR
        return self._translator.duration(value // grain * grain)

    def _say(self, text: Text) -> str:
        return self._translator.render(text)


class StatisticsPages:
    """Handler of the page of one customer."""

    def __init__(self, store: DeskStore) -> None:
        self._store = store

    async def page(self, visit: Visit, tenant_id: str, scope: Scope) -> Response:
        """The page; 404 for a customer that is not there."""
        store, now = self._store, self._store.now()
        row = await offload(store.directory.customer, scope, tenant_id)
        if row is None:
            return visit.missing()
        sites = await offload(store.directory.sites, scope, tenant_id)
        zone = sites[0].timezone if sites else _ZONE
        tickets = await offload(store.times.of, scope, Instant(now - _BACK_US))
        speaks, page = visit.reader.speaks, visit.page
        content = await offload(
            statistics_content, row.name, tickets, page, speaks, zone, now
        )
        return visit.answer("statistics.html", content)


_ZONE = "Europe/Rome"
"""Where a customer's months begin and end before it has a site."""


def add_statistics(doors: Doors) -> None:
    """Add the page to the application."""
    doors.customers_page("statistics", StatisticsPages(doors.front.store).page)
