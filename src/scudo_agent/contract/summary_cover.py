"""For which systems a contract is, how long, and what is in its price, in words."""

from collections.abc import Iterator
from datetime import timedelta

from scudo_agent.contract.hours import add_months
from scudo_agent.contract.model import Contract, Term, TermStart, Warranty
from scudo_agent.contract.summary_rows import Row
from scudo_agent.contract.summary_words import words
from scudo_agent.text import T

_STARTS = {
    TermStart.SIGNATURE: T("the signature"),
    TermStart.FINAL_ACCEPTANCE: T("the final acceptance"),
}


def cover_rows(contract: Contract) -> Iterator[Row]:
    """Term, supply, cover, module, help at other hours, warranty."""
    if contract.term is None:
        yield T("lasts"), T("no end is written down")
    else:
        yield from _term_rows(contract, contract.term)
    if contract.supply:
        yield T("for"), words(contract.supply)
    if contract.module is not None:
        yield T("needs"), T("the module {module}", module=contract.module)
    if contract.covers:
        yield T("covers"), words(contract.covers)
    extra = contract.extra_time
    if extra is not None:
        hours = T("at any hour") if extra.h24 else T("evenings and week-ends")
        pin = T("by telephone with the contract's PIN")
        yield T("extra time"), hours
        if extra.pin:
            yield None, pin
    if contract.warranty is not None:
        yield from _warranty_rows(contract.warranty)


def _term_rows(contract: Contract, term: Term) -> Iterator[Row]:
    last = add_months(contract.year_start, term.months) - timedelta(days=1)
    yield (
        T("lasts"),
        T(
            "{months} months from {start}, {first} to {last}",
            months=term.months,
            start={"text": _STARTS[term.start].to_json()},
            first={"date": contract.year_start.isoformat()},
            last={"date": last.isoformat()},
        ),
    )
    if term.converts_to:
        ids = ", ".join(term.converts_to)
        yield T("then"), T("it may become {contracts}", contracts=ids)


def _warranty_rows(warranty: Warranty) -> Iterator[Row]:
    if warranty.extended is None:
        length = T("{months} months from purchase", months=warranty.months)
    else:
        length = T(
            "{months} months from purchase, {most} with the extension",
            months=warranty.months,
            most=warranty.extended,
        )
    yield T("warranty"), length
    if warranty.covers:
        yield T("it covers"), words(sorted(warranty.covers))
    if warranty.not_covered:
        yield T("it does not cover"), words(sorted(warranty.not_covered))
