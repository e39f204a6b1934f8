"""What a contract commits the provider to when a ticket opens, and by when.

`domain.md` 6: the clocks that ask nothing more of the ticket than is known of it when
it is opened, as due if nothing pauses them.
"""

from collections.abc import Iterator, Mapping

from scudo_agent.contract.calendar import Calendar
from scudo_agent.contract.clocks import applies, due, starts
from scudo_agent.contract.hours import TicketFacts
from scudo_agent.contract.model import Contract, Unit, Until
from scudo_agent.contract.summary_words import value
from scudo_agent.errors import InputError
from scudo_agent.instant import Instant
from scudo_agent.text import TN, T, Text

DEEDS: Mapping[Until, Text] = {
    Until.TAKEN: T("taken in charge"),
    Until.ANSWERED: T("answered"),
    Until.PROCESSED: T("processed"),
    Until.RESOLVED: T("solved"),
}
"""What a clock waits for."""


def commitments(
    contract: Contract, received: Instant, facts: TicketFacts
) -> Iterator[Text]:
    """One sentence a clock of a ticket of which so much is known at its receipt."""
    if not contract.clocks or not starts(contract, facts):
        return
    calendar = Calendar(contract)
    for rule in contract.clocks:
        if not applies(rule, facts):
            continue
        try:
            at = due(calendar, rule, received, facts)
        except InputError:  # no hours for such a ticket: nothing is promised
            continue
        same = calendar.local_day(received) == calendar.local_day(at)
        yield promise(rule.until, at, lasts(rule.unit, rule.within), same_day=same)


def lasts(unit: Unit, n: int) -> Text:
    """How long a clock runs: `4 working hours`."""
    if unit is Unit.HOURS:
        return TN("{n} working hour", "{n} working hours", n=n)
    return TN("{n} working day", "{n} working days", n=n)


def promise(until: Until, due: Instant, span: Text, *, same_day: bool) -> Text:
    """`taken in charge by 14:42 (4 working hours)`, with its day if it is another."""
    deed, time = value(DEEDS[until]), {"time": due}
    if same_day:
        return T("{deed} by {time} ({span})", deed=deed, time=time, span=value(span))
    return T(
        "{deed} by {time} on {day} ({span})",
        deed=deed,
        time=time,
        day={"day": due},
        span=value(span),
    )
