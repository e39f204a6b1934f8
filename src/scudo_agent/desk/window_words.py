"""What is said of a maintenance window to people: kinds, services, spans, phases."""

from collections.abc import Sequence

from babel.dates import format_date

from scudo_agent.desk.windows import EVERY, Phase
from scudo_agent.instant import Instant
from scudo_agent.locale import Translator
from scudo_agent.locale.formats import babel_locale, local
from scudo_agent.text import T, Text
from scudo_agent.wire import Named
from scudo_agent.wire_site import WindowState

KINDS: dict[str, Text] = {
    "ordinary": T("Ordinary maintenance"),
    "extraordinary": T("Extraordinary maintenance"),
    "upgrade": T("Upgrade"),
    "occasional": T("Occasional interruptions"),
}
"""The four kinds of windows (`domain.md` 4)."""

PHASES: dict[Phase, tuple[str, Text, str]] = {
    Phase.PLANNED: ("m", T("planned"), "severity-3"),
    Phase.OPEN: ("m", T("open now"), "limited"),
    Phase.OVER: ("–", T("over"), "quiet"),
    Phase.CANCELLED: ("✕", T("cancelled"), "quiet"),
}
"""Shape, word and tone of where a window stands."""

_NAMED = 3


def service_names(
    state: WindowState, services: Sequence[Named], translator: Translator
) -> str:
    """`Gestionale e Posta`; a few by name when there are many."""
    if EVERY in state.services:
        return translator.render(T("all services"))
    titles = {one.id: one.title for one in services}
    names = [translator.title(titles.get(one, {}), one) for one in state.services]
    more = len(names) - _NAMED
    if more > 0:
        rest = translator.plural("one more", "{n} more", n=more)
        names = [*names[:_NAMED], rest]
    return translator.listing(names)


def clock(at: Instant, zone: str) -> str:
    """`22:00`, with seconds only where there are some."""
    where = local(at, zone)
    return f"{where:%H:%M:%S}" if where.second else f"{where:%H:%M}"


def minute(at: Instant, zone: str) -> str:
    """`22:00`, whatever the second."""
    return f"{local(at, zone):%H:%M}"


def date_of(at: Instant, zone: str, language: str) -> str:
    """`3 ago 2026`: short, for a mail's subject."""
    locale = babel_locale(language)
    return str(format_date(local(at, zone), "medium", locale=locale))


def span(start: Instant, end: Instant, zone: str, translator: Translator) -> str:
    """`lunedì 3 agosto 2026, 22:00 – 02:00`, the second day only if it is far."""
    day = translator.day(start, zone)
    begun, ended = local(start, zone).date(), local(end, zone).date()
    until = clock(end, zone)
    if (ended - begun).days > 1 or (ended != begun and until > clock(start, zone)):
        until = f"{translator.day(end, zone)}, {until}"
    return f"{day}, {clock(start, zone)} – {until}"
