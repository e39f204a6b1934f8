"""The pages of statements: which there are, what each says, and its revisions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from urllib.parse import quote

from scudo_agent.contract.calendar import Calendar
from scudo_agent.contract.hours import local_day
from scudo_agent.desk.pages import Badge, When
from scudo_agent.desk.statement_notice import month_name
from scudo_agent.desk.store.statement_dues import SETTLE_US
from scudo_agent.desk.store.statement_views import (
    PeriodLine,
    Revision,
    SiteStatements,
)
from scudo_agent.instant import Instant, format_instant, parse_instant
from scudo_agent.locale import Translator
from scudo_agent.locale.formats import clean
from scudo_agent.statement.words import Words
from scudo_agent.text import TN, T, Text

_MAILS = {
    "sent": T("mailed"),
    "pending": T("the mail has not left yet"),
    "failed": T("the mail was refused for good"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRow:
    """One service in a period: availability and what was lost or not seen."""

    name: str
    share: str
    lost: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionRow:
    """One revision with its links; `gap` says that not everything had been told."""

    label: str
    page: str
    data: str
    made: When
    by: str
    mail: str
    gap: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodRow:
    """A month or a contract year of a site."""

    name: str
    services: tuple[ServiceRow, ...]
    verdict: Badge
    revisions: tuple[RevisionRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRow:
    """A site of the list, with its newest statement and what runs now."""

    customer: str
    site: str
    contract: str
    href: str
    newest: PeriodRow | None
    so_far: tuple[tuple[str, str], ...]


def list_content(
    found: Sequence[SiteStatements], translator: Translator, now: Instant
) -> dict[str, Any]:
    """Contents of the list of all sites."""
    stated = sum(bool(one.lines) for one in found)
    sentence = counted(len(found), stated)
    rows = [_Book(one, translator, now).site() for one in found]
    return {
        "title": translator.render(T("Statements")),
        "sentence": translator.render(sentence),
        "sites": rows,
    }


def counted(sites: int, stated: int) -> Text:
    """How many sites have a contract, and how many of them were stated."""
    if not stated:
        return TN(
            "One site has a contract, and no statement yet.",
            "{n} sites have a contract, none of them a statement yet.",
            n=sites,
        )
    if stated == sites:
        return TN(
            "One site has a contract, and statements.",
            "{n} sites have a contract, and all of them statements.",
            n=sites,
        )
    return TN(
        "{sites} sites have a contract, one of them statements.",
        "{sites} sites have a contract, {n} of them statements.",
        n=stated,
        sites=sites,
    )


def site_content(
    found: SiteStatements, translator: Translator, now: Instant, *, page: int
) -> dict[str, Any]:
    """Contents of one site's page."""
    book = _Book(found, translator, now)
    return {
        "title": translator.render(
            T("Statements: {site}", site=clean(found.who.site_id))
        ),
        "site": book.site(),
        "periods": [book.row(line) for line in found.lines],
        "page": page,
        "more": found.more,
    }


class _Book:
    """Puts a site's statements into words for one reader."""

    def __init__(
        self, found: SiteStatements, translator: Translator, now: Instant
    ) -> None:
        self._found, self._translator, self._now = found, translator, now
        self._words = Words(translator.language, found.contract.timezone)
        who = found.who
        self._href = f"/statements/{quote(who.tenant_id)}/{quote(who.site_id)}"

    def site(self) -> SiteRow:
        found = self._found
        return SiteRow(
            customer=clean(found.customer),
            site=clean(found.who.site_id),
            contract=clean(found.contract.title),
            href=self._href,
            newest=self.row(found.lines[0]) if found.lines else None,
            so_far=self._so_far(),
        )

    def row(self, line: PeriodLine) -> PeriodRow:
        titles = {one.id: one.title for one in self._found.services}
        return PeriodRow(
            name=self._name(line.period),
            services=tuple(
                self._service(one, titles.get(str(one["service"]), {}))
                for one in line.figures
            ),
            verdict=self._verdict(line),
            revisions=tuple(self._revision(line, one) for one in line.revisions),
        )

    def _so_far(self) -> tuple[tuple[str, str], ...]:
        """What runs now: the month and the contract year, up to this moment."""
        contract = self._found.contract
        calendar = Calendar(contract)
        day = local_day(calendar.zone, self._now)
        if day < contract.year_start:
            return ()
        year = day.year - (day < calendar.contract_days(day.year)[0])
        return tuple(
            (self._name(period), f"{self._href}/{period}")
            for period in (f"{day:%Y-%m}", f"{year:04d}")
        )

    def _name(self, period: str) -> str:
        if "-" in period:
            return month_name(period, self._translator.language)
        first, end = Calendar(self._found.contract).contract_days(int(period))
        text = T(
            "contract year {year}",
            year=period if first.year == end.year - 1 and first.month == first.day == 1
            else f"{first.year}/{end.year % 100:02d}",
        )  # fmt: skip
        return self._translator.render(text)

    def _service(
        self, figures: Mapping[str, Any], title: Mapping[str, str]
    ) -> ServiceRow:
        part = figures.get("month") or figures
        share, seconds = part["availability"], part["seconds"]
        lost = self._length(seconds["down_counted"])
        text = T("{lost} counted as down", lost=lost)
        if seconds["unknown"]:
            text = T(
                "{lost} counted as down; {unseen} not measured",
                lost=lost,
                unseen=self._length(seconds["unknown"]),
            )
        return ServiceRow(
            name=self._translator.title(dict(title), str(figures["service"])),
            share=self._words.percent(None if share is None else Fraction(share)),
            lost=self._translator.render(text),
        )

    def _length(self, seconds: Any) -> str:
        return self._words.length(Fraction(seconds) * 1_000_000)

    def _verdict(self, line: PeriodLine) -> Badge:
        """How the year stands, as the newest revision says."""
        met = [one["met"] for one in line.figures]
        year = "-" not in line.period
        if False in met:
            word = T("not kept") if year else T("not kept so far")
            return self._badge("✕", word, "bad")
        if not met or None in met:
            return self._badge("?", T("nothing to judge"), "quiet")
        word = T("kept") if year else T("kept so far")
        return self._badge("●", word, "good")

    def _badge(self, shape: str, word: Text, tone: str) -> Badge:
        return Badge(shape=shape, word=self._translator.render(word), tone=tone)

    def _revision(self, line: PeriodLine, one: Revision) -> RevisionRow:
        say, zone = self._translator.render, self._found.contract.timezone
        href = f"{self._href}/{line.period}"
        return RevisionRow(
            label=say(T("revision {n}", n=one.number)),
            page=f"{href}?revision={one.number}",
            data=f"{href}.json?revision={one.number}",
            made=When(
                machine=format_instant(one.made),
                exact=self._translator.instant(one.made, zone),
                short=self._words.short(Instant(one.made - one.made % 60_000_000)),
            ),
            by="" if one.actor == "desk" else f"{clean(one.actor)}: {clean(one.why)}",
            mail=say(_MAILS[one.mail]) if one.mail in _MAILS else "",
            gap=self._gap(line, one),
        )

    def _gap(self, line: PeriodLine, one: Revision) -> str:
        """That the agents had not told everything when it was made."""
        if one.whole is None or one.whole >= parse_instant(line.end) + SETTLE_US:
            return ""
        told = {"instant": one.whole}
        text = T("made from what was told up to {told}", told=told)
        return self._translator.render(text, zone=self._found.contract.timezone)
