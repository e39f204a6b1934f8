"""What was promised of a ticket, in words for its page and as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scudo_agent.contract.clocks import starts
from scudo_agent.contract.hours import TicketFacts
from scudo_agent.desk.clocks import Mark, Promise
from scudo_agent.desk.commitments import DEEDS, lasts
from scudo_agent.desk.pages import Badge, Page, When
from scudo_agent.desk.store.clocking import Clocks, Promised
from scudo_agent.desk.store.scope import Scope
from scudo_agent.desk.store.views import TicketLine
from scudo_agent.desk.ticket_json import line_json
from scudo_agent.errors import ConfigError
from scudo_agent.instant import HOUR, MINUTE, format_instant
from scudo_agent.locale import Translator
from scudo_agent.text import T, Text

_BADGES = {
    Mark.RUNNING: ("◔", T("running"), "limited"),
    Mark.PAUSED: ("‖", T("standing still: it waits for the customer"), "quiet"),
    Mark.MET: ("●", T("kept"), "good"),
    Mark.MISSED: ("✕", T("missed"), "bad"),
    Mark.STOPPED: ("–", T("no longer counted"), "quiet"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseRow:
    """One clock on a page: what, how long it was given, how it stands."""

    deed: str
    span: str
    badge: Badge
    due: When | None
    left: str


def promise_rows(
    promised: Promised, page: Page, speaks: Translator, zone: str
) -> list[PromiseRow]:
    """The clocks of a ticket, in the contract's order."""
    rows = []
    for one in promised.clocks:
        shape, word, tone = _BADGES[one.mark]
        rows.append(
            PromiseRow(
                deed=speaks.render(DEEDS[one.until]),
                span=speaks.render(lasts(one.unit, one.within)),
                badge=Badge(shape=shape, word=speaks.render(word), tone=tone),
                due=None if one.due is None else page.when(one.due, zone),
                left=_left(one, speaks),
            )
        )
    return rows


def nothing_promised(promised: Promised, origin: str, speaks: Translator) -> str:
    """Why a ticket has no clocks; empty where it has."""
    if promised.clocks:
        return ""
    return speaks.render(_why(promised, origin))


def _why(promised: Promised, origin: str) -> Text:
    over, version = promised.ended, promised.contract
    if over is not None and over.until is not None:
        until = {"date": over.until.isoformat()}
        return T("The contract ended on {date}: no clock runs.", date=until)
    if version is None:
        return T("The site has no contract here: no clock runs.")
    try:
        serves = starts(version.contract, TicketFacts(origin=origin))
    except ConfigError:  # the log says so where contracts are read
        serves = True
    if not serves:
        return T(
            "No clock runs: the contract has none for what comes in as {origin}.",
            origin=origin,
        )
    return T("The contract has no clock for such a ticket.")


def _left(one: Promise, speaks: Translator) -> str:
    """Working time that is left, or that it took; to the minute."""
    if one.mark is Mark.STOPPED:
        return ""
    if one.mark is Mark.MET:
        used = {"duration": _coarse(one.used_us)}
        return speaks.render(T("after {length} of working time", length=used))
    if one.left_us < 0:
        late = {"duration": _coarse(-one.left_us)}
        return speaks.render(T("{length} of working time late", length=late))
    left = {"duration": _coarse(one.left_us)}
    return speaks.render(T("{length} of working time left", length=left))


def _coarse(length_us: int) -> int:
    grain = MINUTE if length_us < 100 * HOUR else HOUR
    return length_us // grain * grain


def promised_lines(
    clocks: Clocks, scope: Scope, lines: Sequence[TicketLine]
) -> list[dict[str, Any]]:
    """Tickets of a list, each with what was promised of it."""
    found = clocks.of_lines(scope, [line.ref for line in lines])
    return [
        line_json(line) | {"promised": promised_json(found.get(line.ref, Promised()))}
        for line in lines
    ]


def promised_json(promised: Promised) -> dict[str, Any]:
    """The same for programs; lengths are whole seconds of working time."""
    over = promised.ended
    version = promised.contract
    return {
        "contract": None
        if version is None
        else {"id": version.contract_id, "revision": version.revision},
        "contract_ended": None
        if over is None or over.until is None
        else over.until.isoformat(),
        "clocks": [
            {
                "name": one.name,
                "until": one.until.value,
                "within": one.within,
                "unit": one.unit.value,
                "state": one.mark.value,
                "due": None if one.due is None else format_instant(one.due),
                "ended": None if one.ended is None else format_instant(one.ended),
                "used_s": one.used_us // 1_000_000,
                "left_s": one.left_us // 1_000_000,
            }
            for one in promised.clocks
        ],
    }
