"""What a planned window would do, in words."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from scudo_agent.contract.window_words import why
from scudo_agent.statement.words import KIND_WORDS, Words, rest
from scudo_agent.text import T, Text

if TYPE_CHECKING:
    from scudo_agent.cli.contract_window import Answer


def show(answer: "Answer", language: str, *, known: bool) -> None:
    """Print it all; `known` tells whether there is a history."""
    console = Console(highlight=False, markup=False, emoji=False)
    contract = answer.rules.contract
    words = Words(language, contract.timezone)
    plan = answer.plan
    console.print(f"{contract.title} ({contract.id})")
    heading = T(
        "{kind}: {start} to {end}, told {announced}",
        kind=words.say(KIND_WORDS[plan.kind]),
        start=words.time(plan.start),
        end=words.time(plan.end),
        announced=words.time(plan.announced),
    )
    console.print(words.say(heading))
    console.print()
    console.print(_parts(answer, words))
    console.print()
    for text in (_announce(answer, words), _slot(answer, words)):
        console.print(words.say(text))
    if answer.effects:
        console.print()
        console.print(_budget(answer, words, known=known))


def _parts(answer: "Answer", words: Words) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in (T("from"), T("to")):
        table.add_column(words.say(name), no_wrap=True)
    table.add_column(words.say(T("length")), justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column(words.say(T("why")), ratio=1)
    found = answer.assessment
    parts = sorted((*found.granted, *found.refused), key=lambda part: part.span)
    for part in parts:
        said = why(
            answer.rules,
            found.window,
            part.announcement,
            at=max(answer.plan.announced, answer.plan.end),
            refusal=part.refusal,
        )
        start, end = (words.short(at) for at in part.span)
        state = T("excluded") if part.refusal is None else T("not excluded")
        length = words.length(part.span[1] - part.span[0])
        table.add_row(start, end, length, words.say(state), words.say(said))
    return table


def _announce(answer: "Answer", words: Words) -> Text:
    if answer.announce_by is None:
        return T("no announcement makes this window exclude anything")
    at = words.time(answer.announce_by)
    if answer.announce_by < answer.plan.announced:
        return T("it would have had to be announced by {at}", at=at)
    return T("announce it by {at}", at=at)


def _slot(answer: "Answer", words: Words) -> Text:
    if isinstance(answer.slot, Text):
        return answer.slot
    start, end = (words.time(at) for at in answer.slot)
    return T("next slot that is excluded whole: {start} to {end}", start=start, end=end)


def _budget(answer: "Answer", words: Words, *, known: bool) -> Table:
    title = T("budget of the contract year")
    if not known:
        title = T("budget of the contract year, without a history: nothing used")
    table = Table(
        title=words.say(title), title_justify="left", box=None, pad_edge=False
    )
    table.add_column(words.say(T("service")))
    heads = (
        T("used"),
        T("left now"),
        T("left with the window"),
        T("left if down throughout"),
    )
    for head in heads:
        table.add_column(words.say(head), justify="right")
    for one in answer.effects:
        table.add_row(
            one.before.service,
            words.length(one.before.budget.used),
            rest(one.before.budget.remaining, words),
            rest(one.after.budget.remaining, words),
            rest(one.remaining_if_down, words),
        )
    return table
