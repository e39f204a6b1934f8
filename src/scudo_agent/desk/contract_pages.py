"""The contract of a site in plain words: what was promised, when, and until when.

The same summary as `contract check` prints, as a page that can be printed and as a
text to keep ("contract summary to download", Altec SCUDO).
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from starlette.responses import Response

from scudo_agent.contract.summary import Feast, Summary, summary
from scudo_agent.desk.customer_pages import cover_span
from scudo_agent.desk.offload import offload
from scudo_agent.desk.rights import Right
from scudo_agent.desk.store.coverage import Covers
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.scope import AgentIdentity, Scope
from scudo_agent.desk.visit import Doors, Visit
from scudo_agent.errors import ConfigError
from scudo_agent.locale import Translator
from scudo_agent.locale.formats import clean
from scudo_agent.text import T


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A title and its rows of label and sentence."""

    title: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A site's contract as it holds today, and the days of all its contracts."""

    customer: str
    site_id: str
    explained: Summary
    covers: Covers


def contract_content(
    found: Found, translator: Translator, today: date
) -> dict[str, Any]:
    """Contents of the page."""
    contract = found.explained.contract
    return {
        "title": clean(contract.title),
        "customer": clean(found.customer),
        "site": clean(found.site_id),
        "days": [
            (
                clean(one.contract_id),
                translator.render(cover_span(one)),
                one.holds(today),
            )
            for one in found.covers.covers
        ],
        "parts": parts(found.explained, translator),
    }


def parts(explained: Summary, translator: Translator) -> tuple[Part, ...]:
    """The summary's sections in the reader's language, the holidays last."""
    say = translator.render
    sections = [
        Part(
            title=say(section.title),
            rows=tuple(
                ("" if label is None else say(label), say(text))
                for label, text in section.rows
            ),
        )
        for section in explained.sections
        if section.rows
    ]
    feasts = tuple(_feast(one, translator) for one in explained.feasts)
    title = T("Holidays and half-days of the coming twelve months")
    if feasts:
        sections.append(Part(title=say(title), rows=feasts))
    return tuple(sections)


def as_text(content: dict[str, Any], translator: Translator) -> str:
    """The page as a text of lines that any program opens."""
    head = [content["title"], f"{content['customer']} · {content['site']}", ""]
    head += [f"{name}: {days}" for name, days, _ in content["days"]]
    lines = [*head, ""]
    for part in content["parts"]:
        lines += [part.title, "-" * len(part.title)]
        lines += [
            f"{label + ': ' if label else '  '}{said}" for label, said in part.rows
        ]
        lines.append("")
    return "\n".join(lines)


def _feast(one: Feast, translator: Translator) -> tuple[str, str]:
    day = translator.render(T("{date}", date={"date": one.day.isoformat()}))
    words = [clean(one.name)] if one.name else []
    if one.half:
        words.append(translator.render(T("half-day")))
    if one.hours:
        words.append(one.hours)
    return day, ", ".join(words)


class ContractPages:
    """Handlers of one site's contract."""

    def __init__(self, store: DeskStore) -> None:
        self._store = store

    async def page(self, visit: Visit) -> Response:
        """The summary, for reading and printing."""
        content = await self._content(visit)
        if content is None:
            return visit.missing()
        return visit.answer("contract.html", content)

    async def text(self, visit: Visit) -> Response:
        """The same as a file."""
        content = await self._content(visit)
        if content is None:
            return visit.missing()
        name = f"{visit.part('tenant')}-{visit.part('site')}.txt"
        return Response(
            as_text(content, visit.reader.speaks),
            media_type="text/plain; charset=utf-8",
            headers={
                "Cache-Control": "no-store",
                "Content-Disposition": f'attachment; filename="{name}"',
            },
        )

    async def _content(self, visit: Visit) -> dict[str, Any] | None:
        scope = visit.person.scope
        where = visit.part("tenant"), visit.part("site")
        found = await offload(self._found, scope, *where)
        if found is None:
            return None
        today = found.covers.day(self._store.now())
        content = contract_content(found, visit.reader.speaks, today)
        content["href"] = f"/contracts/{where[0]}/{where[1]}"
        return content

    def _found(self, scope: Scope, tenant_id: str, site_id: str) -> Found | None:
        store = self._store
        if scope.tenant_id not in (None, tenant_id):
            return None
        customer = store.directory.customer(scope, tenant_id)
        sites = {one.site_id for one in store.directory.sites(scope, tenant_id)}
        who = AgentIdentity(tenant_id=tenant_id, site_id=site_id, agent_id="")
        if customer is None or site_id not in sites:
            return None
        version = store.contracts.of(who)
        try:
            contract = None if version is None else version.contract
        except ConfigError:  # the log says so where contracts are read
            contract = None
        if contract is None:
            return None
        return Found(
            customer=customer.name,
            site_id=site_id,
            explained=summary(contract, store.now()),
            covers=store.coverage.of(tenant_id, site_id),
        )


def add_contracts(doors: Doors) -> None:
    """Add the pages to the application."""
    pages, path = ContractPages(doors.front.store), "/contracts/{tenant}/{site}"
    doors.page(path, pages.page, sees=Right.COMPANY)
    doors.page(f"{path}/summary.txt", pages.text, sees=Right.COMPANY)
