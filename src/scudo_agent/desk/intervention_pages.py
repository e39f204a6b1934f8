"""Mutes and pauses on the desk's pages: what, until when, who and why."""

from collections.abc import Iterable
from dataclasses import dataclass

from scudo_agent.desk.pages import Badge, Page, When
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.interventions import InterventionLine
from scudo_agent.desk.store.scope import Scope
from scudo_agent.desk.store.views import TicketView
from scudo_agent.locale import Translator
from scudo_agent.locale.formats import clean
from scudo_agent.text import T

_BADGES = {
    "mute": ("◌", T("muted"), "limited"),
    "pause": ("‖", T("paused"), "limited"),
}
_MEANS = {
    "mute": T("no new tickets; measured and counted as ever"),
    "pause": T("not probed: what happens is not known"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class InterventionRow:
    """One mute or pause in the reader's words."""

    badge: Badge
    means: str
    what: str
    customer: str
    site: str
    since: When
    until: When
    actor: str
    reason: str


def left_alone(
    store: DeskStore,
    scope: Scope,
    translator: Translator,
    view: TicketView | None,
    *,
    zone: str | None = None,
) -> list[InterventionRow]:
    """What is muted or paused now; of a ticket, what of that it is about.

    Times are told by the clock of `zone`, else by each site's.
    """
    lines = store.interventions.lines(scope)
    found = lines if view is None else covering(lines, view)
    return intervention_rows(
        found, Page(translator, store.now(), zone=zone), translator
    )


def intervention_rows(
    lines: Iterable[InterventionLine], page: Page, translator: Translator
) -> list[InterventionRow]:
    """The rows, in the order of the lines."""
    rows = []
    for line in lines:
        shape, word, tone = _BADGES[line.kind]
        rows.append(
            InterventionRow(
                badge=Badge(shape=shape, word=translator.render(word), tone=tone),
                means=translator.render(_MEANS[line.kind]),
                what=translator.title(line.title, line.name),
                customer=line.customer,
                site=line.site_id,
                since=page.when(line.since, line.zone),
                until=page.when(line.until, line.zone),
                actor=clean(line.actor),
                reason=clean(line.reason),
            )
        )
    return rows


def covering(
    lines: Iterable[InterventionLine], view: TicketView
) -> list[InterventionLine]:
    """Those that are about what a ticket is about."""
    line, latest = view.line, view.latest
    stages = [one for one in (latest, line.stage, view.opening) if one is not None]
    services = [one.id for stage in stages for one in stage.affected]
    checks = [one.check for stage in stages for one in stage.members]
    mine = (line.tenant_id, line.site_id)
    return [
        one
        for one in lines
        if (one.tenant_id, one.site_id) == mine
        and one.covers(line.subject, services, checks)
    ]
