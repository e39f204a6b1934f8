"""The overview of a customer: does what is paid for work, and if not, who is on it.

Sentences before figures (`web.md`): what is blocked and what is done about it, then
each service with its state, the year's availability and what is left of its budget.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from scudo_agent.contract.account import Account
from scudo_agent.contract.spans import Spans
from scudo_agent.desk.lifecycle import Condition, Status
from scudo_agent.desk.offload import offload
from scudo_agent.desk.pages import HEALTH, Badge, Page, When
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.overview import ServiceNow, SiteNow
from scudo_agent.desk.store.queue import Wish
from scudo_agent.desk.store.scope import Scope
from scudo_agent.desk.store.views import TicketLine
from scudo_agent.desk.store.window_views import WindowLine
from scudo_agent.desk.visit import Doors, Visit
from scudo_agent.desk.window_pages import window_content
from scudo_agent.instant import MINUTE, SECOND, Instant, local_stamp
from scudo_agent.locale import Translator
from scudo_agent.locale.formats import clean
from scudo_agent.model import State
from scudo_agent.statement.charts import Lane, lanes
from scudo_agent.statement.words import Words, rest, verdict
from scudo_agent.text import TN, T, Text

_UNDERNEATH = ("excluded", "unknown", "saved", "lost")
"""How the lanes of a year lie on each other: what was lost on top."""
_ALIVE = Wish(statuses=[one.value for one in Status if one is not Status.CLOSED])
_READ = 100
_WINDOWS = 3
_TICKETS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One service. Without an account (`share` empty) there is its state alone.

    `used` is the part of the budget that is used, in per cent, at most 100.
    """

    name: str
    site: str
    state: Badge
    since: When | None
    share: str = ""
    verdict: str = ""
    lanes: tuple[Lane, ...] = ()
    passed: str = "0"
    strip: str = ""
    used: str = "0"
    budget: str = ""
    outages: str = ""
    rest: str = ""
    breached: bool = False
    href: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The first sentence, what is done about it, and the ticket that it is done in."""

    tone: str
    shape: str
    sentence: str
    doing: str
    ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is shown of a customer; `tickets` are those not closed, as queued."""

    customer: str
    sites: Sequence[SiteNow]
    tickets: Sequence[TicketLine]
    windows: Sequence[WindowLine]


def overview_content(
    found: Found, page: Page, translator: Translator, now: Instant
) -> dict[str, Any]:
    """Contents of the page."""
    book = _Book(page, translator, now)
    sites, tickets = found.sites, found.tickets
    bad = [one for one in tickets if one.condition is Condition.BAD]
    many = len(sites) > 1
    return {
        "title": translator.render(T("Overview")),
        "customer": clean(found.customer),
        "contracts": [
            (book.contract(one, named=many), _contract_of(one))
            for one in sites
            if one.contract
        ],
        "head": book.headline(sites, bad),
        "cards": [book.card(site, one) for site in sites for one in site.services],
        "many": many,
        "tickets": page.queue(tuple(tickets[:_TICKETS])),
        "more": max(len(tickets) - _TICKETS, 0),
        "windows": window_content(found.windows, translator, now)["alive"][:_WINDOWS],
    }


class _Book:
    """Puts how things stand into words for one reader at one instant."""

    def __init__(self, page: Page, translator: Translator, now: Instant) -> None:
        self._page, self._translator, self._now = page, translator, now

    def contract(self, site: SiteNow, *, named: bool) -> str:
        assert site.contract is not None
        day = self._words(site).day(site.contract.year_start)
        title = clean(site.contract.title)
        if named:
            text = T("{site}: {contract} from {day}", site=clean(site.site_id),
                     contract=title, day=day)  # fmt: skip
        else:
            text = T("contract {contract} from {day}", contract=title, day=day)
        return self._say(text)

    def headline(self, sites: Sequence[SiteNow], bad: Sequence[TicketLine]) -> Headline:
        """What is worst now; among equals what lasts longest."""
        found = [
            (one, site)
            for state in (State.DOWN, State.DEGRADED)
            for site in sites
            for one in site.services
            if one.service.contracted and one.state is state
        ]
        if not found:
            return self._calm(sites, bad)
        worst, site = min(
            (one for one in found if one[0].state is found[0][0].state),
            key=lambda one: one[0].since or 0,
        )
        same = sum(one.state is worst.state for one, _ in found)
        blocked = worst.state is State.DOWN
        line = _ticket_of(worst, site, bad)
        return Headline(
            tone="alarm" if blocked else "limited",
            shape="✕" if blocked else "◐",
            sentence=self._say(self._stands(worst, same - 1)),
            doing=self._doing(line) if line is not None else "",
            ref="" if line is None else line.ref,
        )

    def _stands(self, worst: ServiceNow, others: int) -> Text:
        """`Gestionale has been down for 14 min, and one more service is down.`"""
        length = self._length(self._now - (worst.since or self._now))
        name = self._name(worst)
        values = {"name": name, "length": length}
        if worst.state is State.DOWN:
            if not others:
                return T("{name} has been down for {length}.", **values)
            return TN(
                "{name} has been down for {length}, and one more service is down.",
                "{name} has been down for {length}, and {n} more services are down.",
                n=others,
                **values,
            )
        if not others:
            return T("{name} works with limits since {length}.", **values)
        return TN(
            "{name} works with limits since {length}, and one more service does.",
            "{name} works with limits since {length}, and {n} more services do.",
            n=others,
            **values,
        )

    def _doing(self, line: TicketLine) -> str:
        """What is done about it, and until when."""
        if line.status in (Status.NEW, Status.REOPENED):
            said = T("We noticed it ourselves and have opened a ticket.")
        elif line.status is Status.WAITING_CUSTOMER:
            said = T("We are waiting for your answer.")
        else:
            said = T("We are working on it.")
        parts = [self._say(said)]
        if line.estimate is not None and line.estimate > self._now:
            there = self._page.when(line.estimate, line.zone).short
            parts.append(self._say(T("Expected back by {time}.", time=there)))
        return " ".join(parts)

    def _calm(self, sites: Sequence[SiteNow], bad: Sequence[TicketLine]) -> Headline:
        services = [
            one for site in sites for one in site.services if one.service.contracted
        ]
        unseen = sum(one.state is State.UNKNOWN for one in services)
        if not services:
            said = T("None of your services is measured yet.")
        elif unseen == len(services):
            said = T("How your services are is not measured just now.")
        elif unseen:
            said = TN(
                "What is measured works. One service is not measured just now.",
                "What is measured works. {n} services are not measured just now.",
                n=unseen,
            )
        else:
            said = T("All your services work.")
        if services and not unseen:
            tone, shape = "calm", "●"
        else:
            tone, shape = "unseen-now", "?"
        doing = ""
        if bad:
            doing = self._say(
                TN("One ticket is going on.", "{n} tickets are going on.", n=len(bad))
            )
        return Headline(
            tone=tone, shape=shape, sentence=self._say(said), doing=doing, ref=""
        )

    def card(self, site: SiteNow, one: ServiceNow) -> Card:
        shape, word, tone = HEALTH[one.state]
        name = self._name(one)
        state = Badge(shape=shape, word=self._say(word), tone=tone)
        since = None if one.since is None else self._page.when(one.since, site.zone)
        if one.account is None:
            return Card(name=name, site=clean(site.site_id), state=state, since=since)
        account, words = one.account, self._words(site)
        lost = account.states[State.DOWN].without(account.exclusion.total)
        return Card(
            name=name,
            site=clean(site.site_id),
            state=state,
            since=since,
            share=words.percent(account.availability),
            verdict=self._say(verdict(account, words)),
            lanes=_layers(account),
            passed=_part(account.elapsed, account.year[1] - account.year[0]),
            strip=self._strip(account, lost, words),
            used=_part(account.budget.used, account.budget.allowed),
            budget=self._say(
                T(
                    "{used} of {allowed} used",
                    used=words.length(account.budget.used),
                    allowed=words.length(account.budget.allowed),
                )
            ),
            outages=self._say(_outages(len(lost))),
            rest=self._rest(account, words),
            breached=account.breached,
            href=_why(site, account),
        )

    def _rest(self, account: Account, words: Words) -> str:
        left = rest(account.budget.remaining, words)
        if account.breached:
            return left
        return self._say(T("{left} left this year", left=left))

    def _strip(self, account: Account, lost: Spans, words: Words) -> str:
        """What the strip of the year shows, for who does not see it."""
        return self._say(
            T(
                "The contract year from {start}: {down} down, {excluded} excluded, "
                "{unknown} not measured",
                start=words.date(account.year[0]),
                down=words.length(lost.length()),
                excluded=words.length(account.excluded()),
                unknown=words.length(account.lasted(State.UNKNOWN)),
            )
        )

    def _name(self, one: ServiceNow) -> str:
        return self._translator.title(one.service.title, one.service.id)

    def _words(self, site: SiteNow) -> Words:
        zone = site.zone if site.contract is None else site.contract.timezone
        return Words(self._translator.language, zone)

    def _length(self, value: int) -> str:
        grain = MINUTE if value >= MINUTE else SECOND
        return self._translator.duration(max(value, 0) // grain * grain)

    def _say(self, text: Text) -> str:
        return self._translator.render(text)


def _ticket_of(
    worst: ServiceNow, site: SiteNow, bad: Sequence[TicketLine]
) -> TicketLine | None:
    """The ticket about a service: its own, else the site's worst that affects it."""
    here = [one for one in bad if one.site_id == site.site_id]
    service = worst.service.id
    own = [one for one in here if one.subject == service]
    affecting = [
        one
        for one in here
        if one.stage is not None and service in {two.id for two in one.stage.affected}
    ]
    return next(iter([*own, *affecting]), None)


def _layers(account: Account) -> tuple[Lane, ...]:
    found = {one.kind: one for one in lanes(account, Spans((), ()))}
    return tuple(found[kind] for kind in _UNDERNEATH if kind in found)


def _outages(many: int) -> Text:
    if not many:
        return T("no outage counted")
    return TN("one outage counted", "{n} outages counted", n=many)


def _part(one: int | Fraction, whole: int | Fraction) -> str:
    """In per cent, from 0 to 100; where there is no whole, all of it if any."""
    if not whole:
        return "100" if one else "0"
    share = float(100 * Fraction(one) / Fraction(whole))
    return f"{min(max(share, 0.0), 100.0):.2f}"


def _contract_of(site: SiteNow) -> str:
    """The page of the contract itself."""
    return f"/contracts/{quote(site.tenant_id)}/{quote(site.site_id)}"


def _why(site: SiteNow, account: Account) -> str:
    """The statement of the year so far: why each figure is what it is."""
    zone = account.contract.timezone
    year = local_stamp(account.year[0], zone)[:4]
    return f"/statements/{quote(site.tenant_id)}/{quote(site.site_id)}/{year}"


class OverviewPages:
    """Handler of the page of one customer."""

    def __init__(self, store: DeskStore) -> None:
        self._store = store

    async def page(self, visit: Visit, tenant_id: str, scope: Scope) -> Response:
        """The page; 404 for a customer that is not there."""
        found = await offload(self._found, tenant_id, scope)
        if found is None:
            return visit.missing()
        speaks, now = visit.reader.speaks, self._store.now()
        content = await offload(overview_content, found, visit.page, speaks, now)
        whose = f"/customers/{quote(tenant_id)}" if visit.person.staff else ""
        content["times"] = f"{whose}/statistics"
        return visit.answer("overview.html", content)

    def _found(self, tenant_id: str, scope: Scope) -> Found | None:
        store = self._store
        customer = store.directory.customer(scope, tenant_id)
        if customer is None:
            return None
        return Found(
            customer=customer.name,
            sites=store.overviews.sites(scope),
            tickets=store.views.queue(scope, _ALIVE, limit=_READ).lines,
            windows=store.windows.lines(scope),
        )


def add_overview(doors: Doors) -> None:
    """Add the page to the application."""
    doors.customers_page("overview", OverviewPages(doors.front.store).page)
