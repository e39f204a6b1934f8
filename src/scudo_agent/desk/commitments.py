"""What a contract commits the provider to when a ticket opens, and by when.

`domain.md` 6: the clocks that ask nothing more of the ticket than is known of one that
an agent opened, as due if nothing pauses them.
"""

from collections.abc import Iterator

from scudo_agent.contract.calendar import Calendar
from scudo_agent.contract.clocks import applies, due, starts
from scudo_agent.contract.hours import TicketFacts
from scudo_agent.contract.model import Contract
from scudo_agent.contract.summary_words import clock
from scudo_agent.errors import InputError
from scudo_agent.instant import Instant
from scudo_agent.text import T, Text


def commitments(
    contract: Contract, received: Instant, *, severity: int | None, origin: str
) -> Iterator[Text]:
    """One sentence a clock; none for a ticket without a severity code."""
    facts = TicketFacts(severity=severity, origin=origin)
    if severity is None or not contract.clocks or not starts(contract, facts):
        return
    calendar = Calendar(contract)
    for rule in contract.clocks:
        if not applies(rule, facts):
            continue
        try:
            at = due(calendar, rule, received, facts)
        except InputError:  # no hours for such a ticket: nothing is promised
            continue
        yield T(
            "{promise}: by {due}",
            promise={"text": clock(rule.until, rule.unit, rule.within).to_json()},
            due={"instant": at},
        )
