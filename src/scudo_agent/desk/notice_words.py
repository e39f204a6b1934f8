"""What a notice says: its subject line, its first sentence and its rows.

Whole sentences for the catalogue; nothing here knows a language or a layout.
"""

from collections.abc import Iterator, Mapping

from scudo_agent.desk import own_words
from scudo_agent.instant import SECOND, Instant, parse_instant
from scudo_agent.model import Kind, State
from scudo_agent.text import TN, T, Text, Value
from scudo_agent.wire import Cost, Evidence, Outage, Stage

SEVERITY = {1: T("H blocking"), 2: T("M non-blocking"), 3: T("L report")}
"""The short labels of the severity codes (`domain.md` 5)."""

RULES = {
    "S1": T("1 – H, blocking: a contracted service is down"),
    "S2": T("2 – M, non-blocking: a contracted service is degraded"),
    "S3": T("2 – M, non-blocking: no contracted service depends on it alone"),
    "S4": T("3 – L, report: a warning, nothing is limited yet"),
    "S5": T("3 – L, report: a forecast, nothing is limited yet"),
}
"""Severity and why, by the rule that decided it."""

AGENT_ORIGIN = "AltecMonitor"
"""The origin of what an agent noticed (`domain.md` 5)."""

NOTICED = T(
    "{origin}: we noticed it ourselves, there is no need to call", origin=AGENT_ORIGIN
)


def inner(text: Text) -> Value:
    """A sentence as a value of another one."""
    return {"text": text.to_json()}


def warning(stage: Stage) -> bool:
    """Whether the incident is a warning or a forecast, which limits nothing yet."""
    return stage.subject_key.startswith(("warn:", "forecast:"))


def forecast(stage: Stage) -> bool:
    """Whether the incident is a forecast."""
    return stage.subject_key.startswith("forecast:")


def since(stage: Stage) -> Instant:
    """Since when it is bad: of a relapse the newest failure, not the first outage's."""
    bad = [one.since for one in stage.members if one.state is not State.UP]
    if stage.kind is Kind.REOPEN and bad:
        return max(map(parse_instant, bad))
    return parse_instant(stage.since)


def headline(stage: Stage, names: tuple[str, ...], site: str) -> Text:
    """What happened in a few words; `names` are the subject's or the services'."""
    if (about := own_words.own(stage)) is not None:
        return own_words.headline(about, own_words.place(stage, site))
    if forecast(stage):
        return T("Forecast: {subject}", subject=names[0])
    if stage.subject_key.startswith("warn:"):
        return T("Warning: {subject}", subject=names[0])
    more = len(names) - 1
    if _down(stage):
        if more:
            return TN(
                "{subject} and one more service down",
                "{subject} and {n} more services down",
                n=more,
                subject=names[0],
            )
        return T("{subject} down", subject=names[0])
    if more:
        return TN(
            "{subject} and one more service degraded",
            "{subject} and {n} more services degraded",
            n=more,
            subject=names[0],
        )
    return T("{subject} degraded", subject=names[0])


def _down(stage: Stage) -> bool:
    if stage.rule in ("S1", "S2"):
        return stage.rule == "S1"
    states = [member.state for member in stage.members]
    return State.DOWN in states or not states


def subject_line(
    stage: Stage,
    headline: Text,
    *,
    ref: str,
    names: tuple[str, ...],
    outage: Outage | None,
) -> Text:
    """The subject of the mail; `outage` is given when it is over."""
    values: dict[str, Value] = {"ref": ref, "headline": inner(headline)}
    if outage is not None:
        length: Value = {"duration": total_us(outage)}
        if stage.kind is Kind.RECOVER:
            if len(names) > 1:
                return T(
                    "[{ref}] Over after {length}: {headline}", length=length, **values
                )
            return _recovered_line(stage, ref=ref, name=names[0], length=length)
        values["length"] = length
        return T("[{ref}] {headline} for {length}, already over", **values)
    if stage.kind is Kind.RECOVER:
        return T("[{ref}] Over: {headline}", **values)
    if stage.severity is None:
        if stage.kind is Kind.REOPEN:
            return T("[{ref}] Again: {headline}", **values)
        return T("[{ref}] {headline}", **values)
    values |= {"severity": stage.severity, "label": inner(SEVERITY[stage.severity])}
    if stage.kind is Kind.RAISE:
        return T("[{ref}] {headline} – severity now {severity} ({label})", **values)
    if stage.kind is Kind.REOPEN:
        return T("[{ref}] Again: {headline} – severity {severity} ({label})", **values)
    return T("[{ref}] {headline} – severity {severity} ({label})", **values)


def _recovered_line(stage: Stage, *, ref: str, name: str, length: Value) -> Text:
    if (about := own_words.own(stage)) is not None:
        return own_words.over_line(about, ref=ref, site=name, length=length)
    if forecast(stage):
        return T("[{ref}] Forecast over: {subject}", ref=ref, subject=name)
    if warning(stage):
        return T("[{ref}] Warning over: {subject}", ref=ref, subject=name)
    return T(
        "[{ref}] {subject} up again after {length}",
        ref=ref,
        subject=name,
        length=length,
    )


def lead(
    stage: Stage, *, ref: str, names: tuple[str, ...], before: int | None, over: bool
) -> Iterator[Text]:
    """The first sentences; `before` is the severity that was raised."""
    if stage.kind is Kind.RECOVER:
        yield _lead_recovered(stage, names)
    elif stage.kind is Kind.RAISE:
        now = stage.severity or 0
        if before is None:
            yield T("ticket {ref} has become more serious.", ref=ref)
        else:
            yield T(
                "ticket {ref} has become more serious: "
                "its severity goes from {before} to {now}.",
                ref=ref,
                before=before,
                now=now,
            )
    elif stage.kind is Kind.REOPEN:
        yield T("it is back, so we have re-opened ticket {ref}.", ref=ref)
    elif (about := own_words.own(stage)) is not None:
        yield T("we have opened ticket {ref}, which no customer sees.", ref=ref)
        yield own_words.lead(about, names[0])
    elif over:
        yield T(
            "we have opened ticket {ref} for something that is already over: "
            "the report reached us late.",
            ref=ref,
        )
    else:
        yield T("we have opened ticket {ref} for you.", ref=ref)


def turn_line(turn: str, stage: Stage, headline: Text, *, ref: str) -> Text:
    """The subject of a mail that the desk itself had reason for."""
    values: dict[str, Value] = {"ref": ref, "headline": inner(headline)}
    if stage.severity is None:
        return T("[{ref}] Still so: {headline}", **values)
    values |= {"severity": stage.severity, "label": inner(SEVERITY[stage.severity])}
    return T("[{ref}] Still so: {headline} – severity {severity} ({label})", **values)


def turn_lead(turn: str, *, ref: str, left: str, name: str) -> Iterator[Text]:
    """The first sentences of such a mail."""
    if turn == "moved":
        yield T(
            "{subject} was one of many faults at once, in ticket {left}. It still is "
            "blocked, so it goes on in a ticket of its own: {ref}.",
            subject=name,
            left=left,
            ref=ref,
        )
    elif turn == "seen_again":
        yield T(
            "one of the two agents that watch {subject} had been silent. It is heard "
            "again, and still sees the fault. So we have re-opened ticket {ref}.",
            subject=name,
            ref=ref,
        )
    else:
        yield T(
            "ticket {ref} was closed, but {subject} is still not up after four hours. "
            "So we have re-opened it.",
            ref=ref,
            subject=name,
        )


def _lead_recovered(stage: Stage, names: tuple[str, ...]) -> Text:
    if (about := own_words.own(stage)) is not None:
        return own_words.recovered(about, names[0])
    if forecast(stage):
        return T(
            "{subject} no longer heads for its limit: the forecast is over.",
            subject=names[0],
        )
    if warning(stage):
        return T("the warning on {subject} is over.", subject=names[0])
    if len(names) > 1:
        return TN(
            "{subject} and one more service are up again.",
            "{subject} and {n} more services are up again.",
            n=len(names) - 1,
            subject=names[0],
        )
    return T("{subject} is up again.", subject=names[0])


def ending(ref: str, closes_at: int | None, closed_at: int | None = None) -> Text:
    """What becomes of the ticket after a recovery."""
    if closed_at is not None:
        return T(
            "Ticket {ref} was closed on {when}, after it had stayed quiet.",
            ref=ref,
            when={"instant": closed_at},
        )
    if closes_at is None:
        return T("Ticket {ref} stays open until someone has found the cause.", ref=ref)
    return T(
        "If it stays quiet, ticket {ref} closes by itself on {when}.",
        ref=ref,
        when={"instant": closes_at},
    )


def amiss(stage: Stage, member: Evidence) -> bool:
    """Whether something else was expected of a member than what was seen last."""
    recovered = stage.kind is Kind.RECOVER and member in stage.members
    return not recovered and member.state is not State.UP


def foreseen(name: str, member: Evidence, seen: str) -> Text:
    """Where a value leads; `seen` as the reader reads it."""
    return T(
        "{subject} ({endpoint}): {forecast}",
        subject=name,
        endpoint=member.endpoint,
        forecast=seen,
    )


def fault(name: str, member: Evidence, seen: str, expected: str) -> Text:
    """What was seen where; `seen` and `expected` as the reader reads them."""
    values: Mapping[str, Value] = {"subject": name, "endpoint": member.endpoint}
    if seen and expected:
        return T(
            "{subject}: {endpoint} gave “{seen}” instead of “{expected}”",
            seen=seen,
            expected=expected,
            **values,
        )
    if seen:
        return T("{subject}: {endpoint} gave “{seen}”", seen=seen, **values)
    return T("{subject}: {endpoint}", **values)


def total_us(outage: Outage) -> int:
    """The whole length, from the first failure to the end."""
    parts = (outage.down_us, outage.degraded_us, outage.unknown_us, outage.up_us)
    return sum(parts)


def parts(outage: Outage) -> list[Text]:
    """What the length is made of, empty parts left out."""
    down, degraded = {"duration": outage.down_us}, {"duration": outage.degraded_us}
    unknown, up = {"duration": outage.unknown_us}, {"duration": outage.up_us}
    named = (
        (outage.down_us, T("{length} down", length=down)),
        (outage.degraded_us, T("{length} degraded", length=degraded)),
        (outage.unknown_us, T("{length} not measured", length=unknown)),
        (outage.up_us, T("{length} up in between", length=up)),
    )
    return [text for length, text in named if length]


def cost(budget: Cost, names: str) -> Text:
    """What an outage cost of the year's budgets; `names` are of several services.

    Lengths are cut towards zero: nothing left is overstated.
    """
    rest = budget.allowed_us - budget.used_us
    left: Value = {"duration": abs(rest) // SECOND * SECOND}
    values: dict[str, Value] = {"cost": {"duration": budget.cost_us}}
    if len(budget.services) == 1:
        if rest < 0:
            return T(
                "It cost {cost} of the year's budget, which is used up by {over} more "
                "than all.",
                over=left,
                **values,
            )
        if not budget.cost_us:
            return T("Nothing of it counts: {left} of the year's budget is left.",
                     left=left)  # fmt: skip
        return T("It cost {cost} of the year's budget: {left} is left.", left=left,
                 **values)  # fmt: skip
    values["services"] = names
    if rest < 0:
        return T(
            "It cost {cost} of the year's budgets of {services}, which are used up by "
            "{over} more than all.",
            over=left,
            **values,
        )
    return T("It cost {cost} of the year's budgets of {services}: {left} is left in "
             "all.", left=left, **values)  # fmt: skip
