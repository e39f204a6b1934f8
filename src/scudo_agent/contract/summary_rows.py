"""Uptime, maintenance, hours, clocks, requests and money of a contract, in words."""

from collections.abc import Iterator

from scudo_agent.contract.hours import span_text
from scudo_agent.contract.model import (
    Basis,
    CardBilling,
    Contract,
    Exclusions,
    HourlyBilling,
    OccasionalRule,
    Team,
    UnknownAs,
    UptimePromise,
)
from scudo_agent.contract.summary_words import (
    category_title,
    clock,
    day,
    listed,
    plain,
    spans,
    value,
    week,
    when,
    words,
)
from scudo_agent.instant import HOUR, MINUTE
from scudo_agent.text import TN, T, Text

Row = tuple[Text | None, Text]
"""A label (None: the same as above) and a sentence."""

_UNKNOWN = {
    UnknownAs.EXCLUDE: T("what was not measured is left out"),
    UnknownAs.UP: T("what was not measured counts as up"),
    UnknownAs.DOWN: T("what was not measured counts as down"),
}
_BASIS = {
    Basis.AGREED: T("excluded maintenance is left out of the year"),
    Basis.CALENDAR: T("excluded maintenance stays in the year, as up"),
}
_TEAM = {
    Team.OWN_ONLY: T("only the team that made the project"),
    Team.OWN_PREFERRED: T("the team that made the project if possible"),
    Team.ANY: T("any technician"),
}


def uptime_rows(uptime: UptimePromise, budget_us: int) -> Iterator[Row]:
    """Target, what may be lost, how it is counted."""
    yield (
        T("promised"),
        T("{target} of each contract year", target={"percent": str(uptime.target)}),
    )
    yield (
        T("may be lost"),
        T("{length} in this contract year", length={"duration": budget_us}),
    )
    yield T("counting"), _BASIS[uptime.basis]
    yield None, _UNKNOWN[uptime.unknown]


def exclusion_rows(exclusions: Exclusions) -> Iterator[Row]:
    """What each kind of window needs in order to be excluded."""
    nothing = T("never excluded")
    ordinary, upgrade = exclusions.ordinary, exclusions.upgrade
    yield (
        T("ordinary"),
        nothing
        if ordinary is None
        else TN(
            "announced at least {n} calendar day before",
            "announced at least {n} calendar days before",
            n=ordinary.notice_days,
        ),
    )
    yield (
        T("extraordinary"),
        T("with any notice, from the announcement on")
        if exclusions.extraordinary
        else nothing,
    )
    yield (
        T("upgrade"),
        nothing
        if upgrade is None
        else TN(
            "the first {n} minute, if the customer told of a peak before",
            "the first {n} minutes, if the customer told of a peak before",
            n=upgrade.max_us // MINUTE,
        ),
    )
    if upgrade is not None:
        yield (
            None,
            TN(
                "a peak told with fewer than {n} working day between is late",
                "a peak told with fewer than {n} working days between is late",
                n=upgrade.peak_notice_working_days,
            ),
        )
    occasional = exclusions.occasional
    yield T("occasional"), nothing if occasional is None else _permitted(occasional)


def _permitted(rule: OccasionalRule) -> Text:
    night, offset = span_text(rule.night), _offset(rule.offset_us)
    if not rule.holidays:
        return T(
            "declared, every day {night} (always {offset})", night=night, offset=offset
        )
    if rule.saturday_is_holiday:
        return T(
            "declared, all day on holidays, Saturdays and Sundays, else {night} "
            "(always {offset})",
            night=night,
            offset=offset,
        )
    return T(
        "declared, all day on holidays and Sundays, else {night} (always {offset})",
        night=night,
        offset=offset,
    )


def _offset(offset_us: int) -> str:
    hours, rest = divmod(abs(offset_us), HOUR)
    sign = "-" if offset_us < 0 else "+"
    return f"UTC{sign}{hours:02d}:{rest // MINUTE:02d}"


def hours_rows(contract: Contract, carenza: tuple[int, int]) -> Iterator[Row]:
    """The week, half-days, extra hours, and days without cover."""
    hours = contract.service_hours
    label: Text | None = T("every week")
    for line in week(hours.weekly) or [T("none")]:
        yield label, line
        label = None
    if hours.half_days:
        days = value(listed(map(day, hours.half_days)))
        half = spans(hours.half_hours)
        yield T("half-days"), T("{days}: {hours}", days=days, hours=half)
    for extra in hours.extra:
        label = T("extra hours")
        for line in week(extra.weekly):
            yield label, line
            label = None
        only = when(extra.when, contract)
        if only is not None:
            yield None, T("only: {tickets}", tickets=value(only))
    declared, allowed = carenza
    if not allowed:
        yield T("without cover"), T("no day")
        return
    yield (
        T("without cover"),
        TN(
            "at most {n} day in this contract year; {declared} declared",
            "at most {n} days in this contract year; {declared} declared",
            n=allowed,
            declared=declared,
        ),
    )


def clock_rows(contract: Contract) -> Iterator[Row]:
    """Each clock; what starts them."""
    if not contract.clocks:
        yield None, T("no time is promised")
        return
    for rule in contract.clocks:
        text = clock(rule.until, rule.unit, rule.within)
        yield plain(rule.name), text
        only = when(rule.when, contract)
        if only is not None:
            yield None, T("only: {tickets}", tickets=value(only))
    if contract.requests.clocks_for:
        origins = ", ".join(sorted(contract.requests.clocks_for))
        yield T("started by"), T("only requests by {origins}", origins=origins)


def request_rows(contract: Contract) -> Iterator[Row]:
    """Channels, categories, what a complete request has, how tickets end."""
    requests = contract.requests
    yield (
        T("made by"),
        words(requests.channels) if requests.channels else T("any channel"),
    )
    label: Text | None = T("categories")
    for category in requests.categories:
        title = category_title(contract, category.id)
        if category.severity is not None:
            code = category.severity
            title = T("{title}: severity {code}", title=value(title), code=code)
        yield label, title
        label = None
    if requests.required:
        yield T("complete with"), words(requests.required)
    yield T("handled by"), _TEAM[requests.team]
    if requests.interventions:
        yield T("ways of help"), words(requests.interventions)
    if requests.closing:
        yield T("at the end"), words(requests.closing)
    tickets = contract.tickets
    yield (
        T("re-opened"),
        T("by a relapse within {length}", length={"duration": tickets.reopen_us}),
    )
    yield (
        T("closed"),
        T("by people")
        if tickets.close_after_us is None
        else T(
            "by people, or after {length} of quiet",
            length={"duration": tickets.close_after_us},
        ),
    )


def money_rows(contract: Contract) -> Iterator[Row]:
    """What an intervention costs."""
    billing = contract.billing
    if isinstance(billing, CardBilling):
        yield from _card_rows(contract, billing)
    elif isinstance(billing, HourlyBilling):
        yield from _hourly_rows(contract, billing)
    else:
        yield None, T("no work is billed by the hour")


def _card_rows(contract: Contract, card: CardBilling) -> Iterator[Row]:
    yield (
        T("card"),
        T(
            "{credits} credits, usable for {months} months from purchase",
            credits=card.credits,
            months=card.months,
        ),
    )
    yield (
        None,
        T(
            "1 credit a minute, at least {minimum} an intervention",
            minimum=card.card_minimum,
        ),
    )
    yield (
        T("without a card"),
        T(
            "{rate} an hour and VAT, by the minute, at least {minutes} minutes",
            rate={"euro": float(card.rate)},
            minutes=card.minimum_minutes,
        ),
    )
    if card.free:
        names = listed(category_title(contract, name) for name in sorted(card.free))
        yield T("free"), names


def _hourly_rows(contract: Contract, hourly: HourlyBilling) -> Iterator[Row]:
    yield (
        T("price"),
        T(
            "{rate} an hour and VAT: the first {first} minutes whole, then "
            "each started {step} minutes",
            rate={"euro": float(hourly.rate)},
            first=hourly.first_minutes,
            step=hourly.step_minutes,
        ),
    )
    label: Text | None = T("included")
    for limit in dict.fromkeys(hourly.included.values()):
        names = [name for name, most in hourly.included.items() if most == limit]
        titles = value(listed(category_title(contract, name) for name in names))
        if limit is None:
            yield label, T("without limit: {categories}", categories=titles)
        else:
            yield (
                label,
                TN(
                    "up to {n} minute an intervention: {categories}",
                    "up to {n} minutes an intervention: {categories}",
                    n=limit,
                    categories=titles,
                ),
            )
        label = None
