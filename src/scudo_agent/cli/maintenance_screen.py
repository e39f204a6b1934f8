"""What `scudo-agent maintenance` prints: previews, lists, explanations."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from babel.dates import format_date

from scudo_agent.cli.maintenance import Case
from scudo_agent.contract.booking import (
    Plan,
    announce_by,
    assess,
    known_at,
    moved,
)
from scudo_agent.contract.model import Window, WindowKind
from scudo_agent.contract.recurring import Occurrence, Shift
from scudo_agent.contract.window_words import warnings, why
from scudo_agent.contract.windows import Assessment, Part, WindowRules
from scudo_agent.desk.window_words import KINDS, PHASES, clock
from scudo_agent.desk.windows import EVERY, Phase, phase, standing, window_of
from scudo_agent.instant import SECOND, Instant, format_instant, parse_instant, seconds
from scudo_agent.locale import Translator, translator
from scudo_agent.locale.formats import babel_locale, clean, local
from scudo_agent.statement.words import KIND_WORDS
from scudo_agent.text import T, Text, Value
from scudo_agent.wire_site import WindowState

_SHIFTS = {
    Shift.SHORTER: "shorter: the clock is put forward",
    Shift.LONGER: "longer: the clock is put back",
    Shift.GONE: "left out: the clock skips it",
}
_SERIES_SHOWN = 60

ALIVE = (Phase.PLANNED, Phase.OPEN)
"""A window that is still to be reckoned with."""


def preview(
    case: Case, planned: Sequence[Occurrence], plans: Sequence[Plan], *, each: bool
) -> None:
    """What an announcement made now would exclude."""
    zone, speaks = case.zone, translator("en")
    first = plans[0] if plans else None
    if first is not None:
        kind = speaks.render(KINDS[first.kind.value])
        print(f"{kind}: {_names(case, first.services)}   (times: {zone})")
    rules = None if case.contract is None else WindowRules(case.contract)
    if rules is None:
        print("no contract is known: what is excluded cannot be said")
    if len(planned) == 1 and first is not None:
        print(f"  {_span(first.start, first.end, zone)}")
        for line in _effect(rules, first, zone, speaks) if rules else ():
            print(f"  {line}")
        return
    by_start = {plan.start: plan for plan in plans}
    for one in planned[:_SERIES_SHOWN]:
        plan = by_start.get(one.start) if one.shift is not Shift.GONE else None
        print(f"  {_occurrence(one, plan, rules, zone, speaks)}")
    more = len(planned) - _SERIES_SHOWN
    if more > 0:
        print(f"  and {more} more until {planned[-1].day}")
    mails = f"{len(plans)} mails" if each else "one mail"
    print(f"{len(plans)} windows, {mails} to the customer")


def overlaps(
    case: Case, plans: Sequence[Plan], states: Sequence[WindowState], now: Instant
) -> None:
    """Hint at windows of the same services that a new one overlaps."""
    alive = [one for one in states if phase(window_of(one), now) in ALIVE]
    for state in sorted(alive, key=_begins):
        last = standing(window_of(state))
        if any(_meets(plan, last.start, last.end, state.services) for plan in plans):
            span = _span(last.start, last.end, case.zone)
            names = _names(case, state.services)
            print(f"  overlaps {state.id} ({state.kind}, {names}): {span}")


def _meets(plan: Plan, start: Instant, end: Instant, services: Sequence[str]) -> bool:
    alike = EVERY in services or EVERY in plan.services
    return (alike or bool(set(services) & set(plan.services))) and (
        plan.start < end and start < plan.end
    )


def _begins(state: WindowState) -> tuple[Instant, str]:
    """Lists are in the order of time."""
    return standing(window_of(state)).start, state.id


def moving(case: Case, state: WindowState, plan: Plan) -> None:
    """From which span to which, and what the window would then exclude."""
    window, zone = window_of(state), case.zone
    last = standing(window)
    print(f"{state.id}   (times: {zone})")
    print(f"  is    {_span(last.start, last.end, zone)}")
    print(f"  to be {_span(plan.start, plan.end, zone)}")
    if case.contract is None:
        print("  no contract is known: what is excluded cannot be said")
        return
    rules, then = WindowRules(case.contract), moved(window, plan)
    for line in _effect(rules, plan, zone, translator("en"), window=then):
        print(f"  {line}")


def listing(
    case: Case, states: Sequence[WindowState], now: Instant, *, hidden: int
) -> None:
    """One window a line."""
    zone = case.zone
    if states:
        when = f"WHEN ({zone})"
        print(f"{'WINDOW':12}  {'STATE':9}  {'KIND':13}  {when:35}  SERVICES")
    for state in sorted(states, key=_begins):
        last, where = standing(window_of(state)), phase(window_of(state), now)
        span = _span(last.start, last.end, zone)
        names = _names(case, state.services)
        marks = f"  [{state.series}]" if state.series else ""
        if state.corrections:
            marks += f"  ({len(state.corrections)} corrected)"
        facts = f"{state.id:12}  {where.value:9}  {state.kind:13}  {span:35}"
        print(f"{facts}  {names}{marks}")
    if not states:
        print("no windows are planned or open")
    if hidden:
        print(f"{hidden} over or cancelled; --all shows them")


def told(case: Case, states: Sequence[WindowState], what: str) -> None:
    """What the desk did; of a series in one line."""
    if len(states) > 1 and states[0].series:
        print(f"{states[0].series}  {what}: {len(states)} windows")
        return
    for state in states:
        last = standing(window_of(state))
        span = _span(last.start, last.end, case.zone)
        print(f"{state.id}  {what}: {span} ({case.zone})")


def explanation(case: Case, state: WindowState, now: Instant, language: str) -> None:
    """A window, each part of it with its reason, and what was corrected."""
    found, zone = explanation_json(case, state, now, language), case.zone
    speaks = translator(language)

    def say(text: Text) -> str:
        return speaks.render(text, zone=zone)

    where = say(PHASES[Phase(found["phase"])][1])
    kind = say(KIND_WORDS[WindowKind(state.kind)])
    times = say(T("times: {zone}", zone=zone))
    print(f"{state.id}  {where}  {kind}  {clean(state.reason)}   ({times})")
    for text in _told(state, zone, language):
        print(f"  {say(text)}")
    for text, parts in (
        (T("excluded"), found["excluded"]),
        (T("not excluded"), found["refused"]),
    ):
        for part in parts:
            print(f"  {say(text)}: {part['words']}")
    total: Value = {"duration": int(found["excluded_seconds"]) * SECOND}
    print(f"  {say(T('excluded in all: {length}', length=total))}")
    for warning in found["warnings"]:
        print(f"  {say(T('warning: {text}', text=warning))}")
    for one in state.corrections:
        text = T(
            "corrected {at} by {who}: {change} ({reason}); it changes no figure",
            at=_time(parse_instant(one.at), zone, language),
            who=clean(one.by),
            change=clean(one.change),
            reason=clean(one.reason),
        )
        print(f"  {say(text)}")


def _told(state: WindowState, zone: str, language: str) -> Iterator[Text]:
    """When the customer was told what, and of the cancellation."""
    for one in window_of(state).announcements:
        yield T(
            "told {at}: {span}",
            at=_time(one.announced, zone, language),
            span=_span(one.start, one.end, zone, language),
        )
    if state.cancelled is not None:
        at = _time(parse_instant(state.cancelled), zone, language)
        yield T("cancelled {at}", at=at)


def explanation_json(
    case: Case, state: WindowState, now: Instant, language: str
) -> dict[str, Any]:
    """The explanation for programs; seconds are exact."""
    assert case.contract is not None
    rules, window = WindowRules(case.contract), window_of(state)
    speaks = translator(language)
    found = rules.assess(window, at=now)
    granted: Sequence[Part] = () if found is None else found.granted
    refused: Sequence[Part] = () if found is None else found.refused

    def parts(some: Sequence[Part]) -> list[dict[str, Any]]:
        return [_part(rules, window, one, now, case.zone, speaks) for one in some]

    return {
        "window": state.model_dump(mode="json"),
        "at": format_instant(now),
        "phase": phase(window, now).value,
        "contract": case.contract.id,
        "excluded_seconds": seconds(sum(p.span[1] - p.span[0] for p in granted)),
        "excluded": parts(granted),
        "refused": parts(refused),
        "warnings": [
            speaks.render(text, zone=case.zone)
            for text in warnings([window], rules, at=now)
        ],
    }


def _part(
    rules: WindowRules,
    window: Window,
    part: Part,
    now: Instant,
    zone: str,
    speaks: Translator,
) -> dict[str, Any]:
    start, end = part.span
    text = why(rules, window, part.announcement, at=now, refusal=part.refusal)
    reason = speaks.render(text, zone=zone)
    length = _length(speaks, end - start)
    return {
        "start": format_instant(start),
        "end": format_instant(end),
        "seconds": seconds(end - start),
        "announced": format_instant(part.announcement.announced),
        "refusal": part.refusal,
        "why": reason,
        "words": f"{_span(start, end, zone, speaks.language)} ({length}): {reason}",
    }


def _effect(
    rules: WindowRules,
    plan: Plan,
    zone: str,
    speaks: Translator,
    *,
    window: Window | None = None,
) -> Iterator[str]:
    """What the plan would exclude if it were announced now, and until when it could.

    `window` is what it makes of a window that is there already.
    """
    window = window or plan.window()
    found, at = assess(rules, plan, window=window), known_at(plan)
    for word, parts in (("excluded", found.granted), ("counted ", found.refused)):
        for part in parts:
            start, end = part.span
            text = why(rules, window, part.announcement, at=at, refusal=part.refusal)
            reason = speaks.render(text, zone=zone)
            yield f"{word}  {_length(speaks, end - start)}: {reason}"
    for text in warnings([window], rules, at=at):
        yield f"warning: {speaks.render(text, zone=zone)}"
    last = announce_by(rules, plan)
    if last is None:
        yield "no announcement would make it exclude anything"
    elif last < plan.announced and found.refused:
        yield f"it should have been announced by {_time(last, zone)}"
    elif last >= plan.announced:
        yield f"announce by {_time(last, zone)}: later, less or nothing is excluded"


def _occurrence(
    one: Occurrence,
    plan: Plan | None,
    rules: WindowRules | None,
    zone: str,
    speaks: Translator,
) -> str:
    length = _length(speaks, one.end - one.start)
    line = f"{_span(one.start, one.end, zone):35}  {length:9}"
    if rules is not None and plan is not None:
        line += f"  excluded {_length(speaks, _excluded(assess(rules, plan)))}"
    if one.shift is not Shift.NONE:
        line += f"  <- {_SHIFTS[one.shift]}"
    return line.rstrip()


def _excluded(found: Assessment) -> int:
    return sum(part.span[1] - part.span[0] for part in found.granted)


def _length(speaks: Translator, value_us: int) -> str:
    """Cut to whole seconds, as `contract uptime` does: never more than there is."""
    return speaks.duration(value_us // SECOND * SECOND)


def _names(case: Case, services: Sequence[str]) -> str:
    if EVERY in services:
        return "all services"
    return ", ".join(services)


def _span(start: Instant, end: Instant, zone: str, language: str = "en") -> str:
    """`Sat 2026-12-05 22:00 - Sun 02:00`; the offsets where the clock changes."""
    begin, finish = local(start, zone), local(end, zone)
    until = clock(end, zone)
    days = (finish.date() - begin.date()).days
    if days >= 7:
        until = f"{_day(finish, language)} {finish:%Y-%m-%d} {until}"
    elif days:
        until = f"{_day(finish, language)} {until}"
    day = f"{_day(begin, language)} {begin:%Y-%m-%d}"
    line = f"{day} {clock(start, zone)} - {until}"
    if begin.utcoffset() != finish.utcoffset():
        line += f" ({begin:%z} → {finish:%z})"
    return line


def _time(at: Instant, zone: str, language: str = "en") -> str:
    where = local(at, zone)
    day = f"{_day(where, language)} {where:%Y-%m-%d}"
    return f"{day} {clock(Instant(at - at % SECOND), zone)}"


def _day(there: datetime, language: str) -> str:
    """`Sat`."""
    return str(format_date(there, "EEE", locale=babel_locale(language)))
