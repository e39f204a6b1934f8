"""Windows as an iCalendar file (RFC 5545), for a mail or a calendar program."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from scudo_agent.desk.window_words import KINDS, service_names
from scudo_agent.desk.windows import standing, window_of
from scudo_agent.instant import Instant, to_datetime
from scudo_agent.locale import Translator
from scudo_agent.locale.formats import clean
from scudo_agent.wire import Named
from scudo_agent.wire_site import WindowState


def calendar(
    windows: Iterable[WindowState],
    services: Sequence[Named],
    translator: Translator,
    *,
    host: str,
) -> bytes:
    """All windows, cancelled ones too; the same windows give the same bytes.

    A UID belongs to its window for good. SEQUENCE counts what was announced after
    the first time and the cancellation, so that a calendar program moves what it has.
    """
    # Loaded when a calendar is wanted, not in the life of every desk.
    from icalendar import Calendar

    book = Calendar()
    book.add("prodid", "-//scudo-agent//desk//EN")
    book.add("version", "2.0")
    book.add("method", "PUBLISH")
    for state in windows:
        book.add_component(_event(state, services, translator, host))
    return bytes(book.to_ical())


def _event(
    state: WindowState, services: Sequence[Named], translator: Translator, host: str
) -> Any:
    from icalendar import Event

    window = window_of(state)
    last = standing(window)
    cancelled = window.cancelled
    kind = translator.render(KINDS[state.kind])
    event = Event()
    event.add("uid", f"{state.id}@{host}")
    event.add("dtstamp", _whole(cancelled or last.announced))
    event.add("dtstart", _whole(last.start))
    event.add("dtend", _whole(last.end))
    event.add("sequence", len(window.announcements) - (cancelled is None))
    event.add("status", "CONFIRMED" if cancelled is None else "CANCELLED")
    event.add("summary", f"{kind}: {service_names(state, services, translator)}")
    event.add("description", f"{state.id}: {clean(state.reason)}")
    event.add("categories", [state.kind])
    event.add("transp", "TRANSPARENT")
    return event


def _whole(at: Instant) -> datetime:
    """iCalendar knows whole seconds."""
    return to_datetime(at).replace(microsecond=0)
